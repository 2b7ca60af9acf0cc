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


def processes():
    """pid -> (parent, start time), of all that are not dead already."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open("/proc/%s/stat" % name) as f:
                fields = f.read().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] not in "ZX":
            found[int(name)] = (int(fields[1]), fields[19])
    return found


def below(pid, all_of_them):
    found, more = set(), {pid}
    while more:
        more = {p for p, (parent, _) in all_of_them.items() if parent in more} - found
        found |= more
    return {(p, all_of_them[p][1]) for p in found}


def alive(which):
    for pid, start in which:
        try:
            with open("/proc/%d/stat" % pid) as f:
                fields = f.read().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[19] == start and fields[0] not in "ZX":
            return True
    return False


def names(which):
    for pid, _ in which:
        try:
            with open("/proc/%d/comm" % pid) as f:
                yield f.read().strip()
        except OSError:
            pass


def one(daemon):
    """Milliseconds, how many processes there were, and whether one outlived it."""
    status, text = daemon.ask("POST", "/v1/tasks", {"input": "go", "attended": False})
    if status != 201:
        sys.exit("cancel: %d %s" % (status, text[:300]))
    task = json.loads(text)["id"]
    ends = time.monotonic() + 30
    while True:
        tree = below(daemon.pid, processes())
        if sum(n.startswith("python") for n in names(tree)) >= 6:
            break
        if time.monotonic() > ends:
            sys.exit("cancel: the program does not come up: " + str(daemon.ask("GET", "/v1/tasks/%s/trace" % task, None)[1][-600:]))
        time.sleep(0.002)
    # The model stays; and a box that was got ready for the next program may.
    tree = {p for p in tree if not next(names([p]), "").startswith("scripted")}
    family = {p for p in tree if has_python(p[0], tree) or is_above(p[0], tree)}
    began = time.monotonic()
    status, text = daemon.ask("POST", "/v1/tasks/%s/cancel" % task, None)
    if status not in (200, 202):
        sys.exit("cancel: %d %s" % (status, text[:300]))
    while alive(family) and time.monotonic() - began < ORPHAN_S:
        time.sleep(0.0005)
    return (time.monotonic() - began) * 1000, len(family), alive(family)


def has_python(pid, tree):
    return next(names([(pid, None)]), "").startswith("python")


def is_above(pid, tree):
    mine = below(pid, processes())
    return sum(n.startswith("python") for n in names(mine)) >= 6 or next(names([(pid, None)]), "").startswith("corax-host")


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
