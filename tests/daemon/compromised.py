#!/usr/bin/env python3
"""Plays the cases of tests/policies/compromised.json against a coraxd, for compromised.bats.

    compromised.py write CASES DIR POLICY NARROW    plugins, script and policy of the cases under these policies, to DIR
    compromised.py play CASES DIR POLICY NARROW     runs them as tasks; says what became of each that is not as it should be

NARROW is "-" for none.  Left out are cases that need what a daemon with scripted plugins has not: links, memory (remember.bats has that),
effects that a tool does not declare, hundreds of calls, and tools whose name another plugin has already taken.
"""
import http.client
import json
import re
import socket
import sys

command, cases, folder, policy, narrow = sys.argv[1:6]
suite = json.load(open(cases, encoding="utf-8"))


def offered():
    """The tools that one daemon can have: a tool's name belongs to the first plugin that has it."""
    plugins, taken = {}, set()
    # Of several tools of one name, those of files.
    for name, tool in sorted(suite["tools"].items(), key=lambda item: not item[0].startswith("files.")):
        provider, own = name.split(".", 1)
        if "corax." + own in suite["tools"] or own in taken or not re.fullmatch("[a-z0-9_-]+", provider + own):
            continue
        taken.add(own)
        plugins.setdefault(provider, {})[own] = tool
    return plugins


def is_playable(case, plugins):
    if case["policy"] != policy or case.get("narrow", "-") != narrow or case.get("links"):
        return False
    for step in case["steps"]:
        provider, own = step.get("call", ".").split(".", 1)
        if own not in plugins.get(provider, {}) or "effects" in step or "bytes" in step or step.get("times", 1) > 2:
            return False
    return True


def playable():
    plugins = offered()
    attacks = [c for c in suite["attacks"] if is_playable(c, plugins)]
    # An honest path must be there for the daemon to see where it leads.
    honest = [c for c in suite["benign"] if is_playable(c, plugins) and policy != "files"]
    return plugins, attacks, honest


def replies(case):
    made = []
    for step in case["steps"]:
        call = {"name": step["call"].split(".", 1)[1], "arguments": json.dumps(step.get("args", {}))}
        made += [{"calls": [call]}] * step.get("times", 1)
    return made + [{"text": "done"}]


def write():
    plugins, attacks, honest = playable()
    for provider, tools in plugins.items():
        listed = [{"name": own, "description": own, "inputSchema": {"type": "object"},
                   "_meta": {"corax/effects": tool["effects"], "corax/traits": tool["traits"]}} for own, tool in tools.items()]
        with open(f"{folder}/{provider}.so", "w", encoding="utf-8") as out:
            json.dump({"name": provider, "ledger": f"{folder}/ledger", "tools": listed}, out)
    with open(f"{folder}/script.json", "w", encoding="utf-8") as out:
        json.dump({case["id"]: replies(case) for case in attacks + honest}, out)
    for name, file in ((policy, "policy.json"), (narrow, "admin.json")):
        if name in suite["policies"]:
            with open(f"{folder}/{file}", "w", encoding="utf-8") as out:
                json.dump(suite["policies"][name], out)
    print('", "'.join(f"{folder}/{provider}.so" for provider in plugins))


class Daemon(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(f"{folder}/s.sock")

    def ask(self, method, path, body=None):
        self.request(method, path, json.dumps(body) if body else None)
        answer = self.getresponse()
        return json.loads(answer.read())


def decisions(daemon, case):
    task = daemon.ask("POST", "/v1/tasks", {"input": case["id"], "attended": False})
    daemon.ask("GET", f"/v1/tasks/{task['id']}?wait=60")
    events = daemon.ask("GET", f"/v1/tasks/{task['id']}/trace")["events"]
    return [(e["decision"], e["rule"]) for e in events if e["kind"] == "policy_decided"]


def play():
    _, attacks, honest = playable()
    daemon, wrong = Daemon("x"), 0
    for case in attacks + honest:
        calls = sum(step.get("times", 1) for step in case["steps"])
        want = ["allow"] * (calls - 1) + [case["want"]] if "want" in case else ["allow"] * calls
        got = decisions(daemon, case)
        # Of honest tasks some are asked about, on purpose.
        if [d for d, _ in got] != want and ("want" in case or all(d != "ask" for d, _ in got)):
            wrong += 1
            print(f"{case['id']}: {got}, not {want}")
    print(f"{len(attacks)} attacks, {len(honest)} honest tasks, {wrong} not as they should be")


if command == "write":
    write()
else:
    play()
