#!/usr/bin/env python3
"""A foreign MCP server over standard input and output, for foreign.bats.

    foreign-server.py [legacy|modern|old] [LEDGER]

Its tools do what their names say.  What it is asked to do is in LEDGER, a line each.
"""
import json
import os
import sys
import time

era = sys.argv[1] if len(sys.argv) > 1 else "modern"
ledger = sys.argv[2] if len(sys.argv) > 2 else os.devnull
VERSION = "2026-07-28"
pulled = False
parent = os.getppid()
waiting = {}


def note(text):
    with open(ledger, "a", encoding="utf-8") as f:
        f.write(text + "\n")


def send(message):
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def tool(name, description=None, schema=None, **more):
    return {"name": name, "description": description or name,
            "inputSchema": schema or {"type": "object", "properties": {"text": {"type": "string"}}}, **more}


def tools():
    names = ["echo", "env", "hang", "die", "garbage", "flood", "fail", "slow", "form", "parts", "pull", "network", "count"]
    result = [tool(n) for n in names]
    result.append(tool("look", annotations={"readOnlyHint": True, "openWorldHint": False}))
    result.append(tool("act", "acts, but now in another way" if pulled else "acts"))
    result.append(tool("broken", schema={"type": "object", "properties": {"a": {"$ref": "https://example.org/s.json"}}}))
    if os.environ.get("MANY"):
        result += [tool("many%d" % i) for i in range(int(os.environ["MANY"]))]
    return result


def text(s, **more):
    return {"resultType": "complete", "content": [{"type": "text", "text": s}], **more}


def call(ident, params):
    global pulled
    name, args = params["name"], params.get("arguments", {})
    note("call %s %s" % (name, args.get("text", "")))
    if name == "echo":
        send({"id": ident, "result": text(args.get("text", ""))})
    elif name == "env":
        send({"id": ident, "result": text(json.dumps({k: v for k, v in sorted(os.environ.items()) if k not in ("LC_CTYPE", "PWD", "SHLVL", "_")}))})
    elif name == "hang":
        while os.getppid() == parent: # but not beyond the test
            time.sleep(0.1)
        os._exit(1)
    elif name == "slow":
        send({"method": "notifications/progress", "params": {"progressToken": ident, "progress": 1, "message": "half"}})
        waiting[ident] = True
    elif name == "die":
        os._exit(3)
    elif name == "garbage":
        sys.stdout.write("this is no JSON\n")
        sys.stdout.flush()
    elif name == "flood":
        while True:
            sys.stdout.write("x" * 65536)
    elif name == "fail":
        send({"id": ident, "result": text("it did not work", isError=True)})
    elif name == "form":
        schema = {"type": "object", "properties": {"who": {"type": "string", "default": "Ada"}, "why": {"type": "string"}}}
        if era == "modern":
            if "inputResponses" not in params:
                send({"id": ident, "result": {"resultType": "input_required", "requestState": "s\u00e4 {1}",
                      "inputRequests": {"f": {"method": "elicitation/create", "params": {"message": "who?", "requestedSchema": schema}}}}})
            else:
                send({"id": ident, "result": text(json.dumps([params["inputResponses"]["f"], params["requestState"]]))})
        else:
            waiting["form"] = ident
            send({"id": "f1", "method": "elicitation/create", "params": {"message": "who?", "requestedSchema": schema}})
    elif name == "parts":
        send({"id": ident, "result": {"content": [{"type": "text", "text": "one"}, {"type": "image", "mimeType": "image/png", "data": "AAAA"},
              {"type": "resource_link", "uri": "file:///x", "name": "x"}], "structuredContent": {"n": 1}}})
    elif name == "pull":
        pulled = not pulled
        send({"method": "notifications/tools/list_changed"})
        send({"id": ident, "result": text("pulled")})
    elif name == "network":
        import socket
        try:
            socket.create_connection(("127.0.0.1", int(args["text"])), 2).close()
            said = "connected"
        except OSError as e:
            said = e.__class__.__name__
        send({"id": ident, "result": text(said)})
    elif name == "count":
        send({"id": ident, "result": text(str(os.getpid()))})
    else:
        send({"id": ident, "result": text("%s: %s" % (name, args.get("text", "")))})


def request(ident, method, params):
    if method == "server/discover" and era == "modern":
        send({"id": ident, "result": {"resultType": "complete", "supportedVersions": [VERSION], "capabilities": {"tools": {"listChanged": True}},
              "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "test", "version": "1"}}}})
    elif method == "initialize" and era != "modern":
        send({"id": ident, "result": {"protocolVersion": "2024-11-05" if era == "old" else "2025-11-25", "capabilities": {"tools": {"listChanged": True}},
              "serverInfo": {"name": "test", "version": "1"}}})
    elif method == "tools/list":
        every = tools()
        at = int(params.get("cursor", "0"))
        page = {"tools": every[at:at + 5]} if not os.environ.get("MANY") else {"tools": every[at:at + 2000]}
        if at + len(page["tools"]) < len(every):
            page["nextCursor"] = str(at + len(page["tools"]))
        note("list %s" % at)
        send({"id": ident, "result": {"resultType": "complete", **page}})
    elif method == "tools/call":
        call(ident, params)
    elif method == "ping":
        send({"id": ident, "result": {}})
    elif method == "subscriptions/listen":
        note("listen")
    else:
        if method == "server/discover" and era == "old":
            os._exit(1)
        send({"id": ident, "error": {"code": -32601, "message": "Method not found: " + method}})


for line in sys.stdin:
    message = json.loads(line)
    if "method" in message and "id" in message:
        request(message["id"], message["method"], message.get("params", {}))
    elif message.get("method") == "notifications/cancelled":
        ident = message["params"]["requestId"]
        note("cancelled" if waiting.pop(ident, None) else "cancelled something else")
    elif "result" in message and message["id"] == "f1":
        send({"id": waiting.pop("form"), "result": text(json.dumps(message["result"]))})
    elif "error" in message and message["id"] == "f1":
        send({"id": waiting.pop("form"), "result": text("refused: %d" % message["error"]["code"])})
