#!/usr/bin/env python3
"""The client of the package mcp, as it comes, against coraxd: mcp-client.py URL TOKEN, in each way of beginning that it has."""
import asyncio
import sys

import httpx2
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

URL, TOKEN = sys.argv[1:3]


async def main():
    for mode in ("auto", "legacy"):
        async with httpx2.AsyncClient(headers={"Authorization": "Bearer " + TOKEN}, timeout=20) as connection:
            async with Client(streamable_http_client(URL, http_client=connection), mode=mode) as client:
                tools = await client.list_tools()
                for tool in tools.tools:
                    print(mode, "tool", tool.name)
                result = await client.call_tool("echo", {"text": "hello"})
                print(mode, "result", result.content[0].text)


asyncio.run(main())
