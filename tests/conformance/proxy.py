#!/usr/bin/env python3
"""Between the conformance suite, which sends no token, and coraxd, which wants one: adds it to each request.

    proxy.py PORT TOKENFILE PROMPTS PID     prints the port it listens on

Everything else goes through as it is, Host and Origin above all.  When it sees a call of test_trigger_prompt_change it adds a prompt to
the folder PROMPTS and has the daemon PID reload, which is what an operator would do.
"""
import asyncio
import json
import os
import signal
import sys

PORT, TOKEN_FILE, PROMPTS, PID = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
with open(TOKEN_FILE, encoding="ascii") as f:
    TOKEN = f.read().strip()
added = 0


def change_prompts():
    global added
    added += 1
    with open(os.path.join(PROMPTS, f"added-{added}.json"), "w", encoding="ascii") as out:
        json.dump({"name": f"added_{added}", "description": "Added by the test.",
                   "messages": [{"role": "user", "content": {"type": "text", "text": "Hello"}}]}, out)
    os.kill(PID, signal.SIGHUP)


async def pump(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def serve(reader, writer):
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = [line for line in head.decode("latin-1").split("\r\n")[:-2] if not line.lower().startswith("connection:")]
        length = next((int(line.split(":")[1]) for line in lines if line.lower().startswith("content-length:")), 0)
        body = await reader.readexactly(length)
        if b"test_trigger_prompt_change" in body:
            change_prompts()
        lines[1:1] = ["Authorization: Bearer " + TOKEN, "Connection: close"]
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", PORT)
        up_writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body)
        answer = asyncio.create_task(pump(up_reader, writer))
        gone = asyncio.create_task(reader.read(1))  # the client closes: so do we
        await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
        answer.cancel()
        gone.cancel()
        up_writer.close()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
