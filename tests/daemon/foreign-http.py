#!/usr/bin/env python3
"""A foreign MCP server over HTTP, for foreign_http.bats: prints its port, and what it was asked into LEDGER, a line each.

    foreign-http.py LEDGER

Paths: /json and /events answer in the modern revision, /legacy in the one before, with a session; /token wants the bearer token "t0k";
/oauth wants a login at the authorization server that is here as well; /redirect, /huge, /html and /status503 do what their names say;
/elsewhere is where /redirect points to.
"""
import base64
import hashlib
import http.server
import json
import socketserver
import sys
import time
import urllib.parse

ledger = sys.argv[1]
VERSION = "2026-07-28"
state = {"token": 0, "session": 0, "ended": False, "changes": 0, "broken": None}


def note(text):
    with open(ledger, "a", encoding="utf-8") as f:
        f.write(text + "\n")


def tool(name, **properties):
    return {"name": name, "description": name, "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}, **properties}}}


def tools():
    names = ["echo", "huge", "slow", "break", "change", "forget", "form", "nothing", "expire", "forge"]
    return [tool(n) for n in names + (["late"] if state["changes"] else [])] + [
        tool("marked", where={"type": "string", "x-mcp-header": "Where"}), tool("mismarked", where={"type": "array", "x-mcp-header": "Where"})]


def text(s):
    return {"resultType": "complete", "content": [{"type": "text", "text": s}]}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16 # an answer is one packet

    def log_message(self, *args):
        pass

    def reply(self, status, body=b"", kind="application/json", **headers):
        body = json.dumps(body).encode() if not isinstance(body, bytes) else body
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for k, v in headers.items():
            self.send_header(k.replace("_", "-"), v)
        self.end_headers()
        self.wfile.write(body)

    def events(self, **headers):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        for k, v in headers.items():
            self.send_header(k.replace("_", "-"), v)
        self.end_headers()
        self.wfile.flush()
        self.close_connection = True

    def event(self, message, ident=None, retry=None):
        out = ": a comment\r\n" + ("id: %s\r\n" % ident if ident else "") + ("retry: %d\n" % retry if retry is not None else "")
        out += "data: %s\n\n" % (json.dumps(message) if message is not None else "")
        self.wfile.write(out.encode())
        self.wfile.flush()

    def answer(self, ident, result, **headers):
        if self.path == "/events":
            self.events()
            self.event({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": ident, "progress": 1}})
            self.event({"jsonrpc": "2.0", "id": "never asked", "result": {}})
            self.event({"jsonrpc": "2.0", "id": ident, "result": result})
            time.sleep(1) # whoever has its answer need not wait for the end
        else:
            self.reply(200, {"jsonrpc": "2.0", "id": ident, "result": result}, **headers)

    def here(self, path=""):
        return "http://127.0.0.1:%d%s" % (self.server.server_port, path)

    def authorize(self):
        query = urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query)
        state["challenge"] = query["code_challenge"][0]
        note("authorize resource=%s scope=%s" % (query["resource"][0], query.get("scope")))
        answer = {"code": "c0de", "state": query["state"][0], "iss": self.here("/wrong" if state.get("forge") else "")}
        self.reply(302, b"", Location=query["redirect_uri"][0] + "?" + urllib.parse.urlencode(answer))

    def tokens(self, body):
        form = urllib.parse.parse_qs(body.decode())
        kind = form["grant_type"][0]
        proof = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", [""])[0].encode()).digest()).rstrip(b"=").decode()
        good = form["refresh_token"] == ["r%d" % (state["token"] % 1000)] if kind == "refresh_token" else proof == state["challenge"]
        note("token %s %s" % (kind, good))
        if not good:
            self.reply(400, {"error": "invalid_grant"})
            return
        state["token"] = state["token"] % 1000 + 1
        self.reply(200, {"access_token": "t%d" % state["token"], "refresh_token": "r%d" % state["token"], "token_type": "Bearer", "scope": "use"})

    def well_known(self):
        if self.path == "/.well-known/oauth-protected-resource/oauth":
            return {"resource": self.here("/oauth"), "authorization_servers": [self.here()], "scopes_supported": ["use"]}
        if self.path == "/.well-known/oauth-authorization-server":
            return {"issuer": self.here(), "authorization_endpoint": self.here("/authorize"), "token_endpoint": self.here("/tokens"),
                    "registration_endpoint": self.here("/register"), "code_challenge_methods_supported": ["S256"],
                    "token_endpoint_auth_methods_supported": ["none"], "authorization_response_iss_parameter_supported": True}
        return None

    def do_GET(self):
        if self.path.startswith("/authorize?"):
            self.authorize()
            return
        if self.well_known():
            self.reply(200, self.well_known())
            return
        note("GET %s last=%s session=%s" % (self.path, self.headers.get("Last-Event-ID"), self.headers.get("Mcp-Session-Id")))
        if self.path == "/elsewhere":
            self.reply(200, b"{}")
        elif self.path != "/legacy":
            self.reply(405)
        elif self.headers.get("Last-Event-ID") == "e1":
            self.events()
            self.event({"jsonrpc": "2.0", "id": state["broken"], "result": text("taken up again")}, "e2")
        else:
            self.events()
            seen = state["changes"]
            for _ in range(200):
                time.sleep(0.05)
                if state["changes"] > seen:
                    seen = state["changes"]
                    self.event({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.path == "/tokens":
            self.tokens(body)
            return
        message = json.loads(body)
        if self.path == "/register":
            note("register %s" % message["application_type"])
            self.reply(201, {"client_id": "c1"})
            return
        method, ident, params = message.get("method", "(answer)"), message.get("id"), message.get("params", {})
        note("POST %s %s version=%s method=%s name=%s where=%s auth=%s custom=%s" % (
            self.path, method, self.headers.get("MCP-Protocol-Version"), self.headers.get("Mcp-Method"), self.headers.get("Mcp-Name"),
            self.headers.get("Mcp-Param-Where"), self.headers.get("Authorization"), self.headers.get("X-Custom")))
        if self.path == "/redirect":
            self.reply(307, b"", Location="http://127.0.0.1:%d/elsewhere" % self.server.server_port)
        elif self.path == "/html":
            self.reply(200, b"<html>hello</html>", "text/html")
        elif self.path == "/status503":
            self.reply(503, b"go away", "text/plain")
        elif self.path == "/huge":
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.close_connection = True
            try:
                while True:
                    self.wfile.write(b" " * 65536)
            except OSError:
                note("huge was cut off")
        elif self.path == "/token" and self.headers.get("Authorization") != "Bearer t0k":
            self.reply(401, b"", WWW_Authenticate='Bearer error="invalid_token"')
        elif self.path == "/oauth" and (state["token"] == 0 or self.headers.get("Authorization") != "Bearer t%d" % state["token"]):
            self.reply(401, b"", WWW_Authenticate='Bearer scope="use"')
        elif "id" not in message or method == "(answer)":
            self.reply(202)
            if method == "(answer)":
                note("answered %s" % json.dumps(message.get("result", message.get("error"))))
        elif self.path == "/legacy":
            self.legacy(method, ident, params)
        elif method == "server/discover":
            self.answer(ident, {"resultType": "complete", "supportedVersions": [VERSION], "capabilities": {"tools": {}}})
        else:
            self.common(method, ident, params)

    def legacy(self, method, ident, params):
        if method == "initialize":
            state["session"] += 1
            state["ended"] = False
            self.answer(ident, {"protocolVersion": "2025-11-25", "capabilities": {"tools": {"listChanged": True}},
                        "serverInfo": {"name": "old", "version": "1"}}, Mcp_Session_Id="s%d" % state["session"])
        elif method == "server/discover":
            self.reply(400, {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "no session"}})
        elif self.headers.get("Mcp-Session-Id") != "s%d" % state["session"] or state["ended"]:
            self.reply(404)
        else:
            self.common(method, ident, params)

    def common(self, method, ident, params):
        name, said = params.get("name"), params.get("arguments", {}).get("text", "")
        if method == "tools/list":
            self.answer(ident, {"resultType": "complete", "tools": tools()})
        elif name == "huge":
            self.answer(ident, text("x" * 3000000))
        elif name == "slow":
            self.events()
            try:
                for i in range(200):
                    time.sleep(0.05)
                    self.event({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": ident, "progress": i}})
            except OSError:
                note("slow was cut off")
        elif name == "break":
            state["broken"] = ident
            self.events()
            self.event(None, "e1", 100)
        elif name == "nothing":
            self.events()
        elif name == "change":
            state["changes"] += 1
            self.answer(ident, text("changed"))
        elif name == "expire":
            self.answer(ident, text("expired"))
            state["token"] += 1000
        elif name == "forge":
            state["forge"] = True
            self.answer(ident, text("forged"))
        elif name == "forget":
            state["ended"] = True
            self.answer(ident, text("forgotten"))
        elif name == "form":
            self.events()
            self.event({"jsonrpc": "2.0", "id": 77, "method": "elicitation/create", "params": {"message": "?", "requestedSchema": {
                "type": "object", "properties": {"who": {"type": "string", "default": "Ada"}}}}})
            self.event({"jsonrpc": "2.0", "id": ident, "result": text("asked")})
        else:
            self.answer(ident, text("%s: %s" % (name, said)))


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


s = Server(("127.0.0.1", 0), Handler)
print(s.server_port, flush=True)
s.serve_forever()
