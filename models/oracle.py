#!/usr/bin/python3
"""The tools as docs/tools.md describes them, for making training data and for evaluating without the daemon.

As a program: one JSON object a line in, {"name": ..., "arguments": {...}}; one out, {"error": bool, "text": ...}.
"""

import ast
import importlib.util
import json
import logging
import re
import resource
import subprocess
import sys
import tempfile
from datetime import datetime, timezone
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from math import isqrt
from pathlib import Path

from rdkit import Chem, DataStructs, rdBase
from rdkit.Chem import AllChem, Crippen, Descriptors, rdMolDescriptors


class ToolError(Exception):
    pass


class Complaints(logging.Handler):
    """What RDKit logs: the reason of a parse error is nowhere else"""

    def __init__(self):
        super().__init__()
        self.text = ""

    def emit(self, record):
        self.text += record.getMessage() + "\n"


rdBase.LogToPythonLogger()
complaints = Complaints()
logging.getLogger("rdkit").handlers = [complaints]
logging.getLogger("rdkit").propagate = False


# Argument names in the order of each tool's schema; "?" marks one that is not required.
SIGNATURES = {
    "calc": ["expression"],
    "canonical_smiles": ["smiles"],
    "convert": ["value", "from", "to"],
    "descriptors": ["smiles"],
    "formula": ["smiles"],
    "mol_weight": ["smiles"],
    "now": [],
    "run_python": ["code", "stdin?"],
    "search": ["query", "limit?"],
    "similarity": ["a", "b"],
}

_F = Fraction
UNITS = {
    "mass": {"kg": _F(1000), "g": _F(1), "mg": _F(1, 1000), "ug": _F(1, 10**6), "t": _F(10**6),
             "lb": _F("453.59237"), "oz": _F("28.349523125")},
    "length": {"m": _F(1), "km": _F(1000), "cm": _F(1, 100), "mm": _F(1, 1000), "um": _F(1, 10**6),
               "nm": _F(1, 10**9), "in": _F("0.0254"), "ft": _F("0.3048"), "mi": _F("1609.344")},
    "volume": {"L": _F(1), "mL": _F(1, 1000), "uL": _F(1, 10**6), "m3": _F(1000), "gal": _F("3.785411784")},
    "time": {"s": _F(1), "min": _F(60), "h": _F(3600), "d": _F(86400), "ms": _F(1, 1000)},
    "temperature": {"C": None, "F": None, "K": None},
    "energy": {"J": _F(1), "kJ": _F(1000), "cal": _F("4.184"), "kcal": _F(4184), "eV": _F("1.602176634e-19")},
    "pressure": {"Pa": _F(1), "kPa": _F(1000), "bar": _F(10**5), "atm": _F(101325),
                 "mmHg": _F("133.322387415"), "psi": _F("4.4482216152605") / _F("0.00064516")},
    "amount": {"mol": _F(1), "mmol": _F(1, 1000), "umol": _F(1, 10**6)},
}
DIMENSION = {unit: dim for dim, units in UNITS.items() for unit in units}


def plain(d):
    """Decimal as plain text without trailing zeros"""
    text = format(d, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def decimal_text(value, exact_digits, round_digits):
    """The value in full where its decimal expansion ends within exact_digits digits, counted from the first that is not 0 to
    the last; else rounded half-even to round_digits"""
    den = value.denominator
    twos = fives = 0
    while den % 2 == 0:
        den, twos = den // 2, twos + 1
    while den % 5 == 0:
        den, fives = den // 5, fives + 1
    if den == 1:
        places = max(twos, fives)
        whole = value.numerator * 10**places // value.denominator
        if len(str(abs(whole)).rstrip("0")) <= exact_digits:
            return plain(Decimal(whole).scaleb(-places, Context(prec=10000)))
    ctx = Context(prec=round_digits, rounding=ROUND_HALF_EVEN)
    return plain(ctx.divide(Decimal(value.numerator), Decimal(value.denominator)))


def convert(value, source, target):
    for unit, other in ((source, target), (target, source)):
        if unit not in DIMENSION:
            known = UNITS[DIMENSION[other]] if other in DIMENSION else DIMENSION
            raise ToolError(f'unknown unit "{unit}": use one of {", ".join(known)}')
    if DIMENSION[source] != DIMENSION[target]:
        raise ToolError(f"cannot convert {source} ({DIMENSION[source]}) to {target} ({DIMENSION[target]})")
    v = Fraction(str(value))
    if DIMENSION[source] == "temperature":
        kelvin = {"C": lambda x: x + _F("273.15"), "K": lambda x: x, "F": lambda x: (x + _F("459.67")) * 5 / 9}[source](v)
        if kelvin < 0:
            raise ToolError("the temperature is below absolute zero (0 K, -273.15 C, -459.67 F)")
        v = {"C": lambda x: x - _F("273.15"), "K": lambda x: x, "F": lambda x: x * 9 / 5 - _F("459.67")}[target](kelvin)
    else:
        units = UNITS[DIMENSION[source]]
        v = v * units[source] / units[target]
    return f"{decimal_text(v, 15, 10)} {target}"


def _root(v):
    """Exact where the root is a fraction, else to 60 digits"""
    if v < 0:
        raise ToolError("square root of a negative number")
    exact = Fraction(isqrt(v.numerator), isqrt(v.denominator))
    if exact * exact == v:
        return exact
    ctx = Context(prec=60)
    return Fraction(ctx.sqrt(Context(prec=150).divide(Decimal(v.numerator), Decimal(v.denominator))))


def _value(node):
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        return Fraction(node.value) if isinstance(node.value, int) else Fraction(str(node.value))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand)
    if isinstance(node, ast.BinOp):
        a, b = _value(node.left), _value(node.right)
        if isinstance(node.op, ast.Add):
            return a + b
        if isinstance(node.op, ast.Sub):
            return a - b
        if isinstance(node.op, ast.Mult):
            return a * b
        if isinstance(node.op, ast.Div):
            if b == 0:
                raise ToolError("division by zero")
            return a / b
        if isinstance(node.op, ast.Pow) and b.denominator == 1 and abs(b) <= 64:
            return a**int(b)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        args = [_value(a) for a in node.args]
        if node.func.id == "abs" and len(args) == 1:
            return abs(args[0])
        if node.func.id == "sqrt" and len(args) == 1:
            return _root(args[0])
        if node.func.id == "round" and len(args) == 2:
            return round(args[0], int(args[1]))
    raise ToolError("syntax error")


def calc(expression):
    try:
        tree = ast.parse(re.sub(r"(?<![\d.])0+(?=\d)", "", expression.replace("^", "**")), mode="eval").body
    except SyntaxError:
        raise ToolError("syntax error") from None
    return decimal_text(_value(tree), 40, 15)


def _molecule(smiles):
    complaints.text = ""
    mol = Chem.MolFromSmiles(smiles, sanitize=False) if smiles else None
    if mol is None:
        reason = re.search(r"SMILES Parse Error: (.*?)( while parsing| for input|\n)", complaints.text)
        raise ToolError(f"invalid SMILES: {reason.group(1) if reason and len(reason.group(1)) <= 100 else 'syntax error'}")
    mol.UpdatePropertyCache(strict=False)
    for problem in Chem.DetectChemistryProblems(mol):
        if problem.GetType() == "AtomValenceException":
            atom = mol.GetAtomWithIdx(problem.GetAtomIdx())
            raise ToolError(f"invalid SMILES: atom {atom.GetIdx() + 1} ({atom.GetSymbol()}) has too many bonds")
        index = problem.GetAtomIdx() if problem.GetType().startswith("Atom") else problem.GetAtomIndices()[0]
        raise ToolError(f"invalid SMILES: cannot kekulize atom {index + 1} ({mol.GetAtomWithIdx(index).GetSymbol()})")
    Chem.SanitizeMol(mol)
    return mol


def mol_weight(smiles):
    m = _molecule(smiles)
    return f"average {Descriptors.MolWt(m):.3f} g/mol, monoisotopic {Descriptors.ExactMolWt(m):.5f} Da"


def formula(smiles):
    return rdMolDescriptors.CalcMolFormula(_molecule(smiles))


def canonical_smiles(smiles):
    return Chem.MolToSmiles(_molecule(smiles))


def descriptors(smiles):
    m = _molecule(smiles)
    return (f"logP {Crippen.MolLogP(m):.2f}, TPSA {rdMolDescriptors.CalcTPSA(m):.2f}, HBD {rdMolDescriptors.CalcNumHBD(m)}, "
            f"HBA {rdMolDescriptors.CalcNumHBA(m)}, rotatable bonds {rdMolDescriptors.CalcNumRotatableBonds(m)}, "
            f"rings {rdMolDescriptors.CalcNumRings(m)}")


def similarity(a, b):
    fp = [AllChem.GetMorganFingerprintAsBitVect(_molecule(s), 2, nBits=2048) for s in (a, b)]
    return f"Tanimoto {DataStructs.TanimotoSimilarity(*fp):.3f} (Morgan radius 2, 2048 bits)"


CORPUS = Path(__file__).parent / "eval" / "corpus"


def _words(text):
    """Lower case, English endings off: what FTS5's porter stemmer does to the words that occur here"""
    return [re.sub(r"(?<=\w\w\w)(ing|ed|es|s|e)$", "", w) for w in re.findall(r"[^\W_]+", text.lower())]


def has_all(line, query):
    return set(_words(query)) <= set(_words(line))


def search(query, limit=3):
    """The folders of the evaluation; every line is a paragraph of its own there.  Ranks more plainly than the plugin does"""
    wanted = set(_words(query))
    if not wanted:
        raise ToolError("the query has no word to look for")
    found = []
    for file in sorted(f for f in CORPUS.rglob("*.*") if f.is_file()):
        name = file.relative_to(CORPUS)
        for number, line in enumerate(file.read_text().splitlines(), 1):
            have = wanted & set(_words(line) + _words(name.stem))
            if line.strip() and have & set(_words(line)):
                found.append((-len(have), len(line), f"{name}:{number}: {line.strip()}"))
    whole = [f for f in found if -f[0] == len(wanted)]
    if not found:
        raise ToolError(f'nothing found for "{query}": try fewer or other words')
    return "\n".join(text for _, _, text in sorted(whole or found)[:int(limit)])


MODULES = {"math", "statistics", "calendar", "datetime", "itertools", "functools", "collections", "string", "sys", "re", "random", "fractions", "decimal"}
REFUSED = {"open", "exec", "eval", "compile", "breakpoint", "globals", "vars", "getattr", "setattr", "delattr", "help"}


def _harmless(code):
    """There is no box around the oracle, so it runs only what plainly computes; a program that does not parse fails by itself"""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError):
        return True
    for node in ast.walk(tree):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        if any(n.split(".")[0] not in MODULES and importlib.util.find_spec(n.split(".")[0]) for n in names):
            return False
        word = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
        if word in REFUSED or word.startswith("_") and word != "_" or word in ("modules", "stdout", "stderr", "settrace"):
            return False
    return True


def run_python(code, stdin=""):
    if not _harmless(code):
        raise ToolError("unavailable: without a box only plain computing is run")
    limit = lambda: (resource.setrlimit(resource.RLIMIT_AS, (2**29, 2**29)), resource.setrlimit(resource.RLIMIT_CPU, (10, 10)))
    try:
        with tempfile.TemporaryDirectory() as empty:
            done = subprocess.run([sys.executable, "-I", "-c", code], input=stdin, capture_output=True, text=True, timeout=10, cwd=empty, preexec_fn=limit)
    except subprocess.TimeoutExpired:
        raise ToolError("the program ran longer than 10 s and was ended") from None
    if len(done.stdout) > 65536:
        raise ToolError("the program printed more than 64 KiB")
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [""])[-1]
        raise ToolError(f"exit status {done.returncode}: {last}" + ("\n" + done.stdout.rstrip("\n") if done.stdout else ""))
    text = done.stdout[:-1] if done.stdout.endswith("\n") else done.stdout
    return text or "(no output)"


def now():
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


TOOLS = {f.__name__: f for f in (mol_weight, formula, canonical_smiles, descriptors, similarity, calc, search, run_python, now)}
TOOLS["convert"] = lambda **kw: convert(kw["value"], kw["from"], kw["to"])


def call(name, arguments):
    """(failed, text the model reads)"""
    if name not in TOOLS:
        return True, f'there is no tool "{name}"'
    try:
        return False, TOOLS[name](**arguments)
    except ToolError as e:
        return True, str(e)
    except (TypeError, KeyError, ValueError, OverflowError) as e:
        return True, f"bad arguments: {e}"


if __name__ == "__main__":
    for line in sys.stdin:
        ask = json.loads(line)
        failed, text = call(ask["name"], ask["arguments"])
        print(json.dumps({"error": failed, "text": text}), flush=True)
