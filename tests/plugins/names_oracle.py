#!/usr/bin/python3
"""What others say of names.  Structures are compared by Open Babel's InChIKey.

names_oracle.py table NAMES.tsv       holds the table against OPSIN (Debian's libopsin-java): for each entry its name, synonyms and
                                      systematic name; prints what differs, and a last line with counts; status 1 where that is not known
names_oracle.py structures            names of Debian's chemical-structures-data with the InChIKey of the structure stored with each
names_oracle.py systematic COUNT      what names_systematic.tsv is made of: names of names_generate.py with OPSIN's InChIKey
"""

import glob
import os
import re
import subprocess
import sys

from openbabel import openbabel

OPSIN = "/usr/share/java/opsin.jar"

# Names that OPSIN reads as another structure than chemists do.
KNOWN = {
    "cinnamaldehyde": "OPSIN leaves E open", "cinnamic acid": "OPSIN leaves E open", "anethole": "OPSIN leaves E open",
    "resveratrol": "OPSIN leaves E open", "farnesol": "OPSIN leaves E,E open", "adrenaline": "OPSIN leaves R open",
    "nicotine": "OPSIN leaves S open", "(-)-menthol": "OPSIN leaves the stereo open", "D-pantothenic acid": "OPSIN takes D for S",
    "fluorenone": "OPSIN reads fluoren-1-one", "dihydroxyacetone": "OPSIN reads 1,1-dihydroxy", "phenazone": "OPSIN reads a phenazine",
    "eicosapentaenoic acid": "OPSIN puts the double bonds at 2, 4, 6, 8, 10", "docosahexaenoic acid": "as before",
    "azidothymidine": "OPSIN puts the azide on carbon 1'", "diethyltoluamide": "OPSIN puts the ethyl groups on the ring",
    "cumene hydroperoxide": "OPSIN reads a salt", "diphenylphosphoryl azide": "OPSIN reads a phosphinyl azide",
    "oxygen": "OPSIN reads an atom", "nitrogen": "OPSIN reads an atom", "fluorine": "OPSIN reads an atom",
    "chlorine": "OPSIN reads an atom", "bromine": "OPSIN reads an atom", "iodine": "OPSIN reads an atom",
}

openbabel.obErrorLog.SetOutputLevel(0)


def inchikey(text, form="smi"):
    convert, mol = openbabel.OBConversion(), openbabel.OBMol()
    convert.SetInAndOutFormats(form, "inchikey")
    return convert.WriteString(mol).strip() if convert.ReadString(mol, text) else ""


def opsin(names):
    """One process for all names: starting it is what takes the time."""
    run = subprocess.run(["java", "-jar", OPSIN, "-osmi"], input="\n".join(names) + "\n", stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, text=True, check=True)
    return dict(zip(names, run.stdout.split("\n")))


def table(path):
    rows = [line.rstrip("\n").split("\t") for line in open(path, encoding="utf-8") if not line.startswith("#")]
    all_names = {}
    for name, synonyms, smiles, cas, key, systematic in rows:
        all_names[name] = [name] + [s for s in synonyms.split(";") if s] + ([systematic] if systematic not in ("", "known") else [])
    read = opsin(list(dict.fromkeys(n for names in all_names.values() for n in names)))
    bad = confirmed = unread = 0
    for name, synonyms, smiles, cas, key, systematic in rows:
        if inchikey(smiles) != key:
            print(f"{name}: its InChIKey is {inchikey(smiles)}")
            bad += 1
        good = 0
        for n in all_names[name]:
            if read[n] and inchikey(read[n]) == key:
                good += 1
            elif read[n] and n not in KNOWN:
                print(f"{name}: OPSIN reads {n} as {read[n]}")
                bad += 1
        confirmed += good > 0
        unread += good == 0
        if (good == 0) != (systematic == "known"):
            print(f"{name}: OPSIN reads {good} of its names")
            bad += 1
    print(f"{len(rows)} compounds, OPSIN confirms {confirmed}, reads none of the names of {unread}, {bad} differ")
    return bad > 0


def structures():
    for path in sorted(glob.glob("/usr/share/chemical-structures/*/*.cml")):
        text = open(path, encoding="utf-8").read()
        name = re.search(r"<name[^>]*>([^<]*)</name>", text)
        if name:
            print(name.group(1), inchikey(text, "cml"), sep="\t")
    return 0


def systematic(count):
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "names_generate.py")
    names = subprocess.run([sys.executable, script, count], stdout=subprocess.PIPE, text=True, check=True).stdout.split("\n")[:-1]
    read = opsin(names)
    print("# Systematic names composed by names_generate.py, each with the InChIKey of the structure that OPSIN 2.7.0 reads; 2026-11-28.")
    print(f"# made by: tests/plugins/names_oracle.py systematic {count}")
    for name in names:
        if read[name]:
            print(name, inchikey(read[name]), sep="\t")
    return 0


if __name__ == "__main__":
    sys.exit({"table": table, "structures": structures, "systematic": systematic}[sys.argv[1]](*sys.argv[2:]))
