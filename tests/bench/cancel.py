#!/usr/bin/env python3
"""How long a cancelled task's processes live, and whether any outlives it.

    cancel.py BUILD-FOLDER [-n TASKS] [--json FILE]

Each task has the model run a Python program in a box, which starts five processes in sessions of their own that sleep for ten minutes.
When they are there, the task is cancelled over the API.  From just before the request is sent until the last of all processes that stood
below coraxd for the task (the launchers, the host, the program and its five) is gone: that is the figure.  What is still there after 5 s
is an orphan.  coraxd, corax-host, corax-box and python3 are the real ones; the model is tests/daemon/scripted-infer.
"""
import argparse
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

PROGRAM = """import os, time
for i in range(5):
    if os.fork() == 0:
        os.setsid()
        time.sleep(600)
time.sleep(600)
"""
N_PYTHONS = 6
TARGET_MS = 100
ORPHAN_S = 5


class Unix(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("x")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


class Daemon:
    def __init__(self, build, folder):
        self.socket = folder + "/s"
        policy, script, conf = folder + "/policy.json", folder + "/script.json", folder + "/corax.conf"
        code = build + "/.libs/code.so"
        os.chmod(code, 0o755)
        with open(policy, "w") as f:
            json.dump({"policy": 1, "id": "bench", "rules": [{"id": "all", "allow": "code.*", "why": "it is what is measured"}]}, f)
        with open(script, "w") as f:
            call = {"name": "run_python", "arguments": json.dumps({"code": PROGRAM})}
            json.dump({"go": [{"calls": [call]}, {"echo": True}]}, f)
        with open(conf, "w") as f:
            json.dump({"socket": self.socket, "state": folder + "/state", "model": script, "plugins": [code], "policies": [policy],
                       "infer": {"path": build + "/tests/daemon/scripted-infer"}, "host": {"path": build + "/corax-host"},
                       "box": {"path": build + "/corax-box"}}, f)
        os.chmod(policy, 0o644)
        self.log = open(folder + "/log", "w")
        self.process = subprocess.Popen([build + "/coraxd", "-c", conf], stderr=self.log)
        self.pid = self.process.pid
        for _ in range(200):
            try:
                if self.ask("GET", "/_ping", None)[0] == 200:
                    return
            except OSError:
                time.sleep(0.05)
        self.stop()
        sys.exit("cancel: coraxd does not start: see " + folder + "/log")

    def ask(self, method, path, body):
        c = Unix(self.socket)
        c.request(method, path, None if body is None else json.dumps(body))
        r = c.getresponse()
        status, text = r.status, r.read()
        c.close()
        return status, text

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.log.close()


def stat(pid):
    """(parent, start time, name) of a process, None when it is dead."""
    try:
        with open("/proc/%d/stat" % pid) as f:
            head, _, tail = f.read().rpartition(")")
    except OSError:
        return None
    fields = tail.split()
    return None if fields[0] in "ZX" else (int(fields[1]), fields[19], head.partition("(")[2])


def processes():
    """pid -> what stat says, of all that are not dead."""
    found = {int(name): stat(int(name)) for name in os.listdir("/proc") if name.isdigit()}
    return {pid: s for pid, s in found.items() if s}


def below(pid, all_of_them):
    found, more = set(), {pid}
    while more:
        more = {p for p, (parent, _, _) in all_of_them.items() if parent in more} - found
        found |= more
    return found


def n_pythons(pids, all_of_them):
    return sum(all_of_them[p][2].startswith("python") for p in pids)


def family(tree, all_of_them):
    """pid -> start time, of the host, the program, its five and the launchers above them: neither the model, which stays, nor a box that was got
    ready for the next program."""
    return {p: all_of_them[p][1] for p in tree
            if all_of_them[p][2].startswith(("python", "corax-host")) or n_pythons(below(p, all_of_them), all_of_them) >= N_PYTHONS}


def alive(which):
    return any((stat(pid) or (0, 0))[1] == start for pid, start in which.items())


def one(daemon):
    """Milliseconds, how many processes there were, and whether one outlived it."""
    status, text = daemon.ask("POST", "/v1/tasks", {"input": "go", "attended": False})
    if status != 201:
        sys.exit("cancel: %d %s" % (status, text[:300]))
    task = json.loads(text)["id"]
    ends = time.monotonic() + 30
    while True:
        now = processes()
        tree = below(daemon.pid, now)
        if n_pythons(tree, now) >= N_PYTHONS:
            break
        if time.monotonic() > ends:
            sys.exit("cancel: the program does not come up: " + str(daemon.ask("GET", "/v1/tasks/%s/trace" % task, None)[1][-600:]))
        time.sleep(0.002)
    which = family(tree, now)
    began = time.monotonic()
    status, text = daemon.ask("POST", "/v1/tasks/%s/cancel" % task, None)
    if status not in (200, 202):
        sys.exit("cancel: %d %s" % (status, text[:300]))
    while alive(which) and time.monotonic() - began < ORPHAN_S:
        time.sleep(0.0005)
    return (time.monotonic() - began) * 1000, len(which), alive(which)


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("build")
    p.add_argument("-n", type=int, default=200)
    p.add_argument("--json")
    args = p.parse_args()
    folder = tempfile.mkdtemp(prefix="corax-cancel.")
    os.chmod(folder, 0o711)
    daemon = Daemon(os.path.abspath(args.build), folder)
    ms, orphans, count = [], 0, 0
    try:
        for _ in range(args.n):
            t, count, left = one(daemon)
            ms.append(t)
            orphans += left
    finally:
        daemon.stop()
    shutil.rmtree(folder)
    ms.sort()
    at = lambda q: ms[min(len(ms) - 1, int(q * len(ms)))]
    print("cancelled %d tasks, each with %d processes: gone after %.1f ms p50, %.1f p99 (reach: %d), %.1f at most; orphans: %d"
          % (len(ms), count, at(0.5), at(0.99), TARGET_MS, ms[-1], orphans))
    if args.json:
        with open(args.json, "w") as f:
            json.dump({"n": len(ms), "p50_ms": at(0.5), "p99_ms": at(0.99), "max_ms": ms[-1], "orphans": orphans}, f)
    return 1 if orphans else 0


sys.exit(main())
