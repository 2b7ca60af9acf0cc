#!/usr/bin/python3
"""The tools as docs/tools.md describes them, for making training data and for evaluating without the daemon.

As a program: one JSON object a line in, {"name": ..., "arguments": {...}}; one out, {"error": bool, "text": ...}.
"""

import ast
import json
import re
import sys
from datetime import datetime, timezone
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from fractions import Fraction

from rdkit import Chem, DataStructs, RDLogger
from rdkit.Chem import AllChem, Crippen, Descriptors, rdMolDescriptors

RDLogger.DisableLog("rdApp.*")


class ToolError(Exception):
    pass


# Argument names in the order of each tool's schema; "?" marks one that is not required.
SIGNATURES = {
    "calc": ["expression"],
    "canonical_smiles": ["smiles"],
    "convert": ["value", "from", "to"],
    "descriptors": ["smiles"],
    "formula": ["smiles"],
    "mol_weight": ["smiles"],
    "now": [],
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


def rounded(fraction, digits):
    """Exact where the value has a finite decimal expansion of at most 30 places, else so many significant digits"""
    den = fraction.denominator
    twos = fives = 0
    while den % 2 == 0:
        den, twos = den // 2, twos + 1
    while den % 5 == 0:
        den, fives = den // 5, fives + 1
    places = max(twos, fives)
    if den == 1 and places <= 30:
        return plain(Decimal(fraction.numerator * 10**places // fraction.denominator).scaleb(-places, Context(prec=200)))
    ctx = Context(prec=digits, rounding=ROUND_HALF_EVEN)
    return plain(ctx.divide(Decimal(fraction.numerator), Decimal(fraction.denominator)))


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
    return f"{rounded(v, 10)} {target}"


def _value(node):
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        return Fraction(str(node.value)), True
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        v, exact = _value(node.operand)
        return -v, exact
    if isinstance(node, ast.BinOp):
        (a, ea), (b, eb) = _value(node.left), _value(node.right)
        exact = ea and eb
        if isinstance(node.op, ast.Add):
            return a + b, exact
        if isinstance(node.op, ast.Sub):
            return a - b, exact
        if isinstance(node.op, ast.Mult):
            return a * b, exact
        if isinstance(node.op, ast.Div):
            if b == 0:
                raise ToolError("division by zero")
            return a / b, False
        if isinstance(node.op, ast.Pow) and b.denominator == 1 and abs(b) <= 64:
            return a**int(b), exact and b >= 0
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        args = [_value(a) for a in node.args]
        if node.func.id == "abs" and len(args) == 1:
            return abs(args[0][0]), args[0][1]
        if node.func.id == "sqrt" and len(args) == 1:
            if args[0][0] < 0:
                raise ToolError("square root of a negative number")
            with localcontext() as ctx:
                ctx.prec = 40
                v = args[0][0]
                root = (Decimal(v.numerator) / Decimal(v.denominator)).sqrt()
            return Fraction(root), False
        if node.func.id == "round" and len(args) == 2:
            ctx = Context(prec=60, rounding=ROUND_HALF_EVEN)
            v = args[0][0]
            d = ctx.divide(Decimal(v.numerator), Decimal(v.denominator))
            return Fraction(d.quantize(Decimal(1).scaleb(-int(args[1][0])), context=ctx)), True
    raise ToolError("syntax error")


def calc(expression):
    try:
        tree = ast.parse(expression.replace("^", "**"), mode="eval").body
    except SyntaxError:
        raise ToolError("syntax error") from None
    value, exact = _value(tree)
    if exact:
        return rounded(value, 15)
    with localcontext() as ctx:
        ctx.prec, ctx.rounding = 15, ROUND_HALF_EVEN
        return plain(Decimal(value.numerator) / Decimal(value.denominator))


def _molecule(smiles):
    mol = Chem.MolFromSmiles(smiles, sanitize=False) if smiles else None
    if mol is None:
        if smiles and _rings_open(smiles):
            raise ToolError("invalid SMILES: unclosed ring")
        raise ToolError("invalid SMILES: syntax error")
    mol.UpdatePropertyCache(strict=False)
    for problem in Chem.DetectChemistryProblems(mol):
        if problem.GetType() == "AtomValenceException":
            atom = mol.GetAtomWithIdx(problem.GetAtomIdx())
            raise ToolError(f"invalid SMILES: atom {atom.GetIdx() + 1} ({atom.GetSymbol()}) has too many bonds")
        raise ToolError("invalid SMILES: cannot kekulize")
    Chem.SanitizeMol(mol)
    return mol


def _rings_open(smiles):
    outside = re.sub(r"\[[^\]]*\]", "", smiles)
    labels = re.findall(r"%\d\d|\d", outside)
    return any(labels.count(x) % 2 for x in labels)


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


def now():
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


TOOLS = {f.__name__: f for f in (mol_weight, formula, canonical_smiles, descriptors, similarity, calc, now)}
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
