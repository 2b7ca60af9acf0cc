#!/usr/bin/env python3
"""coraxd as the client that the official MCP conformance suite looks at.

    client.py URL      run by the suite, with MCP_CONFORMANCE_SCENARIO, …_PROTOCOL_VERSION and …_CONTEXT in the environment

Starts a private coraxd that has the suite's server in mcp_servers, lets it in where it wants a login (as a person would, with corax
login and something that opens the page), and runs a task in which a scripted model calls every tool that is offered.  What the model
says is scripted; all that goes to the server is coraxd's and corax-egress's own.
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

build = os.environ["CORAX_BUILDDIR"]
url = sys.argv[-1]
scenario = os.environ.get("MCP_CONFORMANCE_SCENARIO", "")
context = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT") or "{}")
version = os.environ.get("MCP_CONFORMANCE_PROTOCOL_VERSION", "auto")
folder = tempfile.mkdtemp(prefix="corax-conformance.")
sock = os.path.join(folder, "s.sock")
LOGINS = 3


def path(name):
    return os.path.join(folder, name)


def write(name, value):
    with open(path(name), "w", encoding="utf-8") as f:
        json.dump(value, f)


def corax(*args, **more):
    return subprocess.run([os.path.join(build, "corax"), *args, "--socket", sock, "--json"], capture_output=True, text=True, check=False, **more)


def api(method, where, body=None):
    command = ["curl", "-sS", "--max-time", "60", "-X", method, "--unix-socket", sock, "http://x" + where]
    if body is not None:
        command += ["--data-binary", json.dumps(body)]
    out = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return json.loads(out) if out else {}


def server():
    servers = api("GET", "/healthz").get("mcp_servers") or [{}]
    return servers[0]


def wait_for(*states, seconds=10):
    until = time.time() + seconds
    while time.time() < until:
        now = server()
        if now.get("state") in states or now.get("restarts", 0) >= 3:
            return now
        time.sleep(0.05)
    return server()


def open_page(page):
    """What a person's browser does: follows the server's redirects, in the end to corax login's port."""
    try:
        urllib.request.urlopen(page, timeout=10).read()
    except (urllib.error.URLError, OSError) as e:
        print("the page: %s" % e, file=sys.stderr)


def box():
    """The real one, where this machine can make one."""
    real = os.path.join(build, "corax-box")
    works = subprocess.run([real, "run", "--", "/bin/true"], capture_output=True, check=False).returncode == 0
    return real if works else os.path.join(build, "tests/daemon/scripted-box")


def login():
    p = subprocess.Popen([os.path.join(build, "corax"), "login", "suite", "--socket", sock], stdout=subprocess.PIPE, text=True)
    page = p.stdout.readline().strip()
    if page:
        open_page(page)
    try:
        return p.wait(timeout=20) == 0
    except subprocess.TimeoutExpired:
        p.kill()
        return False


def example(schema):
    """Arguments that a schema takes."""
    kind = schema.get("type")
    if "enum" in schema:
        return schema["enum"][0]
    if kind == "object" or "properties" in schema:
        wanted = schema.get("required", [])
        return {k: example(v) for k, v in schema.get("properties", {}).items() if k in wanted}
    return {"integer": 1, "number": 1.5, "boolean": True, "array": []}.get(kind, "x")


def calls(tools):
    given = {c["name"]: c["arguments"] for c in context.get("toolCalls", [])}
    made = []
    for t in tools:
        own = t["name"].split(".", 1)[1]
        args = given.get(own, example(t["parameters"]))
        if own == "json_schema_echo": # it wants to see another tool's schema as it arrived here
            args = {"schema": next(o["parameters"] for o in tools if o is not t)}
        # A null that the tool's own schema does not take is left out, as a model under a constraint would.
        made.append({"name": t["name"], "arguments": json.dumps({k: v for k, v in args.items() if v is not None})})
    # Once more, so that nothing of the first round is left over in the second.
    return made + made if scenario == "sep-2322-client-request-state" else made


def run_task(tools):
    made = calls(tools)
    write("script.json", {"go": [{"calls": [c]} for c in made] + [{"text": "done"}]})
    model = api("GET", "/healthz")["model"]["pid"]
    os.kill(model, signal.SIGKILL)
    until = time.time() + 10
    while time.time() < until and api("GET", "/healthz")["model"].get("pid") in (model, 0):
        time.sleep(0.05)
    task = api("POST", "/v1/tasks", {"input": "go", "budget": {"steps": 200, "tool_calls": 200, "identical": 100}})
    while True:
        done = api("GET", "/v1/tasks/%s?wait=40" % task["id"])
        asked = done.get("waiting_for")
        if done.get("state") != "waiting" or not asked or asked["kind"] != "approval":
            break
        # What a server has said is not trusted, so a person is asked before the next call that may do anything.
        api("POST", "/v1/tasks/%s/input" % task["id"], {"approve": asked["request_hash"]})
    print(json.dumps(done), file=sys.stderr)


def main():
    entry = {"url": url, "elicitation": "defaults", "start_ms": 10000, "call_ms": 20000,
             "protocol": version if version in ("2025-11-25", "2026-07-28") else "auto"}
    if "client_id" in context:
        entry["client_id"] = context["client_id"]
        if "issuer" in context:
            entry["issuer"] = context["issuer"]
        if "client_secret" in context:
            with open(path("secret"), "w", encoding="utf-8") as f:
                f.write(context["client_secret"])
            entry["client_secret_file"] = path("secret")
    if scenario == "auth/basic-cimd":
        entry["client_metadata_url"] = "https://conformance-test.local/client-metadata.json"
    write("script.json", {})
    write("policy.json", {"policy": 1, "id": "suite", "rules": [{"id": "all", "allow": "suite.*", "why": "it is what is looked at"}]})
    write("corax.conf", {
        "socket": sock, "state": path("state"), "model": path("script.json"), "plugins": [], "policies": [path("policy.json")],
        "infer": {"path": os.path.join(build, "tests/daemon/scripted-infer")},
        "box": {"path": box()},
        "egress": {"path": os.path.join(build, "corax-egress")}, "stop": {"seconds": 1}, "tool_retrieval": {"max_tools": 100},
        "mcp_servers": {"suite": entry}})
    daemon = subprocess.Popen([os.path.join(build, "coraxd"), "-d", "-c", path("corax.conf")])
    try:
        now = wait_for("ready", "unauthorized")
        logins = 0
        while True:
            while now.get("state") == "unauthorized" and logins < LOGINS:
                logins += 1
                if not login():
                    return 1
                now = wait_for("ready", "unauthorized")
            if now.get("state") != "ready":
                print("the server is %s" % now, file=sys.stderr)
                return 1
            tools = [t for t in api("GET", "/v1/tools")["tools"] if t["provider"] == "suite" and not t["disabled"]]
            if tools:
                run_task(tools)
            now = server()
            if "log in" not in (now.get("error") or "") or logins >= LOGINS:
                return 0
            logins += 1
            if not login():
                return 1
            now = wait_for("ready", "unauthorized")
    finally:
        daemon.terminate()
        daemon.wait(timeout=20)
        shutil.rmtree(folder, ignore_errors=True)


sys.exit(main())
