"""How fast the chemistry plugin answers through corax-host: first call, warm calls, and lists on two threads.

Molecules are those of Debian's rdkit-data (NCI), so the figures mean drug-like sizes.  Targets: 5 ms a warm call (median), 100 ms the first
call after a start, 10,000 masses and 4,000 sets of descriptors a second in lists.

usage: chemistry.py BUILD_DIR
"""
import json
import os
import statistics
import subprocess
import sys
import time

NCI = "/usr/share/RDKit/Data/NCI/first_5K.smi"
ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"
ONE = (
    "mol_weight formula canonical_smiles inchi inchikey descriptors functional_groups qed synthetic_accessibility lipinski alerts "
    "boiled_egg depict controlled_check explosive_check"
).split()


class Host:
    def __init__(self, build):
        plugin = build + "/.libs/chemistry.so"
        os.chmod(plugin, 0o755)
        self.child = subprocess.Popen([build + "/corax-host", plugin], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.id = 0

    def call(self, tool, **arguments):
        """Seconds, or None where the tool is not there or failed."""
        self.id += 1
        request = {"jsonrpc": "2.0", "id": self.id, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}
        line = json.dumps(request).encode() + b"\n"
        start = time.perf_counter()
        self.child.stdin.write(line)
        self.child.stdin.flush()
        while True:
            answer = self.child.stdout.readline()
            if b'"id":%d' % self.id in answer:
                break
        seconds = time.perf_counter() - start
        answer = json.loads(answer)
        return None if "error" in answer or answer["result"].get("isError") else seconds

    def end(self):
        self.child.stdin.close()
        self.child.wait()


def first_call(build, tool):
    """From the start of the process to the answer."""
    start = time.perf_counter()
    host = Host(build)
    seconds = host.call(tool, smiles=ASPIRIN)
    took = time.perf_counter() - start
    host.end()
    return seconds and took


def main(build):
    if not os.path.exists(NCI):
        print("chemistry: skipped: rdkit-data is not here")
        return
    host = Host(build)
    if host.call("formula", smiles="C") is None:
        print("chemistry: skipped: corax was built without RDKit")
        return
    molecules = [line.split()[0] for line in open(NCI) if line.strip()]
    print("chemistry         first call    warm median    worst of 300")
    for tool in ONE:
        first = first_call(build, tool)
        host.call(tool, smiles=ASPIRIN)
        times = [t for t in (host.call(tool, smiles=s) for s in molecules[::17][:300]) if t]
        if first and times:
            print("  %-24s %6.1f ms %9.2f ms %9.2f ms" % (tool, first * 1e3, statistics.median(times) * 1e3, max(times) * 1e3))
    for tool in ("mol_weight", "descriptors"):
        best = 0
        for _ in range(3):
            start = time.perf_counter()
            for i in range(0, len(molecules), 1000):
                host.call(tool, smiles=molecules[i : i + 1000])
            best = max(best, len(molecules) / (time.perf_counter() - start))
        print("  %-24s %6.0f a second in lists of 1,000" % (tool, best))
    host.end()


main(sys.argv[1])
