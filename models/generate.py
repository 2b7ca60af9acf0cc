#!/usr/bin/python3
"""Write training transcripts in the dialect corax-1, and the held-out evaluation sets.

Every observation is computed: by oracle.py, that of a program by Python itself; what search finds, corpus.py makes up.  A
line of the training file is a group: one head (system text and tools) and several conversations that share it, so that
the trainer evaluates the head once.  A conversation is a list of
[kind, text, learn]; learn is 0 for what the host writes and for mistaken calls, which are there to be corrected.

Training never sees: a seventh of the phrasings (phrases.is_held), a twelfth of the molecules and their names (held()).
"""

import argparse
import json
import random
import re
import sys
from pathlib import Path
from zlib import crc32

from rdkit import Chem

import oracle
import phrases as P
import programs
from corpus import HELD_SENTENCES, Corpus

HERE = Path(__file__).parent
NCI = Path("/usr/share/RDKit/Data/NCI/first_5K.smi")
CORE_TOOLS = [f"{n}({','.join(a)})" for n, a in oracle.SIGNATURES.items()]
# Digit-rich values (weights, formulas) are what answers copy; the regex picks them from the observation.
PICK = {"weight": r"average ([\d.]+)", "exact": r"monoisotopic ([\d.]+)", "formula": r"(.+)", "canonical": r"(.+)", "logp": r"logP (-?[\d.]+)",
        "tpsa": r"TPSA ([\d.]+)", "hbd": r"HBD (\d+)", "hba": r"HBA (\d+)", "rot": r"bonds (\d+)", "rings": r"rings (\d+)", "all": r"(.+)"}
LABEL = {"weight": ("molecular weight", "{} g/mol"), "exact": ("monoisotopic mass", "{} Da"), "formula": ("formula", "{}"),
         "canonical": ("canonical SMILES", "{}"), "logp": ("logP", "{}"), "tpsa": ("TPSA", "{} A^2"), "hbd": ("number of hydrogen bond donors", "{}"),
         "hba": ("number of hydrogen bond acceptors", "{}"), "rot": ("number of rotatable bonds", "{}"), "rings": ("number of rings", "{}"),
         "all": ("descriptors", "{}")}
THOUGHT = {"mol_weight": "I need the molecular weight.", "formula": "I need the formula.", "canonical_smiles": "I need the canonical SMILES.",
           "descriptors": "I need the descriptors.", "similarity": "I need the similarity.", "calc": "I need to calculate.",
           "convert": "I need to convert units.", "now": "I need the time.", "search": "I search for it.", "run_python": "I run it."}
DONE = "I have the answer."
FAILED = "That failed and I say why."
NO_CALL = "No tool is needed."
MISSING = "None of my tools can do that."


class Literal(str):
    """A JSON number with the digits of the question: "243" must not turn into 243.0."""


def arguments_text(arguments):
    parts = (json.dumps(k) + ":" + (v if isinstance(v, Literal) else json.dumps(v, ensure_ascii=False)) for k, v in arguments.items())
    return "{" + ",".join(parts) + "}"


def arguments_of(call):
    """The arguments of "NAME ARGUMENTS"; numbers keep their digits"""
    return json.loads(call.split(" ", 1)[1], parse_float=Literal, parse_int=Literal)


class Lexicon:
    """Molecules: (name or None, several SMILES forms); held-out ones apart."""

    def __init__(self, seed):
        self.train, self.held = [], []
        named = [line.split("\t") for line in (HERE / "molecules.tsv").read_text().splitlines()]
        rows = [(name, s) for name, s in named]
        rows += [(None, line.split()[0]) for line in NCI.read_text().splitlines() if line.strip()]
        seen = set()
        for i, (name, smiles) in enumerate(rows):
            mol = Chem.MolFromSmiles(smiles)
            if mol is None or not 1 <= mol.GetNumHeavyAtoms() <= 40:
                continue
            canonical = Chem.MolToSmiles(mol)
            if canonical in seen:
                continue
            seen.add(canonical)
            forms = [smiles] if name else []
            forms += [smiles, canonical] + Chem.MolToRandomSmilesVect(mol, 8, randomSeed=seed + i + 1)
            kekule = Chem.Mol(mol)
            Chem.Kekulize(kekule, clearAromaticFlags=True)
            forms.append(Chem.MolToSmiles(kekule, kekuleSmiles=True))
            forms = [f for f in forms if len(f) <= 80]
            if not forms:
                continue
            entry = (name, forms)
            if crc32(canonical.encode()) % 12 == 0:
                self.held.append(entry)
            else:
                self.train.append(entry)

    def pool(self, held):
        return self.held if held else self.train


class Maker:
    def __init__(self, lexicon, seed, held=False):
        self.lex, self.rng, self.held = lexicon, random.Random(seed), held
        self.named = [e for e in lexicon.pool(held) if e[0]]
        self.plain = [e for e in lexicon.pool(held) if not e[0]]
        self.cache, self.phrase_seen = {}, False
        self.corpus = Corpus(self.rng, [e[0] for e in self.named], held)

    # -- pieces ----------------------------------------------------------------------------------------------------

    def phrase(self, options):
        """A phrasing of this split.  A list too short to have a held-out member belongs to training only: write_held drops
        what was made from it."""
        mine = [o for o in options if P.is_held(o) == self.held]
        self.phrase_seen |= not mine
        return self.rng.choice(mine or options)

    def name(self):
        r = self.rng
        if r.random() < 0.3:
            kind = r.choice(["compound", "sample", "molecule", "substance", "ligand", "product", "lead", "batch"])
            tag = "".join(r.choice("ABCDEFGHKLMNPQRSTXYZ") for _ in range(r.randint(0, 3)))
            return f"{kind} {tag}{r.choice(['', '-']) if tag else ''}{r.randint(1, r.choice([9, 99, 999]))}"
        if r.random() < 0.25 and not self.held:
            # Invented names teach copying a name that was never seen.
            body = "".join(r.choice(["bra", "cor", "di", "fen", "gly", "lo", "met", "nor", "ox", "pra", "ri", "sul", "ta", "ver", "xi", "zo", "pi", "ka",
                                     "mo", "lu", "te", "ben", "cy", "ha", "pro"]) for _ in range(r.randint(2, 4)))
            return body + r.choice(["ol", "ine", "one", "ide", "ate", "in", "ane", "ene", "mab", "nib", "pril", "statin", "azole", "amide", "cillin"])
        return None

    def molecule(self, short=False):
        """(name or None, SMILES)"""
        r = self.rng
        for _ in range(50):
            if r.random() < 0.45:
                name, forms = r.choice(self.named)
            else:
                name, forms = r.choice(self.plain)
                name = self.name()
            smiles = r.choice(forms)
            if len(smiles) <= (34 if short else 80) and (len(smiles) <= 50 or r.random() < 0.25):
                return name, smiles
        return "ethanol", "CCO"

    def refer(self, mol):
        name, smiles = mol
        if name is None:
            return self.rng.choice(P.UNNAMED).format(s=smiles)
        shown = name.capitalize() if self.rng.random() < 0.1 and name.islower() else name
        return self.rng.choice(P.NAMED).format(n=shown, s=smiles)

    def shown(self, mol, text):
        """The name as the question spells it"""
        name = mol[0]
        if name is None:
            return None
        return name if re.search(rf"(?<![A-Za-z]){re.escape(name)}", text) else name.capitalize()

    def start(self, text):
        if text[0].isalpha() and self.rng.random() < 0.15 and re.match(r"[A-Za-z][a-z]* [a-z]", text):
            return text[0].lower() + text[1:]
        return text

    def fill(self, options, **parts):
        template = self.phrase(options)
        text = template
        for key, value in parts.items():
            text = text.replace("{" + key + "}", value)
        if template[0] == "{" and text[0].islower() and re.match(r"[a-z]+ [a-z]", text) and self.rng.random() < 0.6:
            text = text[0].upper() + text[1:]
        return self.start(text) if template[0] != "{" else text

    def number(self):
        r = self.rng
        kind = r.random()
        if kind < 0.35:
            return str(r.randint(1, r.choice([9, 20, 99, 999, 9999, 99999])))
        if kind < 0.9:
            places = r.randint(1, 4)
            return f"{r.uniform(0, r.choice([1, 10, 100, 1000])):.{places}f}" if r.random() < 0.7 else f"{r.randint(0, 99)}.{r.choice(['5', '25', '75', '05', '125'])}"
        return str(r.randint(1, 99) * 10 ** r.randint(1, 4))

    def run(self, name, **arguments):
        """Steps of one call, and its outcome"""
        key = (name, tuple(arguments.items()))
        if name == "now":
            r = self.rng
            failed, text = False, (f"20{r.randint(24, 38)}-{r.randint(1, 12):02}-{r.randint(1, 28):02}T{r.randint(0, 23):02}:{r.randint(0, 59):02}"
                                   f":{r.randint(0, 59):02}Z")
        elif key in self.cache:
            failed, text = self.cache[key]
        else:
            failed, text = oracle.call(name, arguments)
            if len(self.cache) < 200000:
                self.cache[key] = failed, text
        return failed, text

    @staticmethod
    def call_text(name, arguments):
        return name + " " + arguments_text(arguments)

    def steps(self, calls, learn=1):
        """[(name, arguments, thought), ...] to segments; also the outcomes"""
        out, results = [], []
        for name, arguments, thought in calls:
            failed, text = self.run(name, **arguments)
            results.append((failed, text))
            out += [["think", thought, learn], ["call", self.call_text(name, arguments), learn],
                    ["obs", ("error: " if failed else "") + text, 0]]
        return out, results

    @staticmethod
    def step(name, arguments, thought, observed):
        """Segments of one call whose outcome is known"""
        return [["think", thought, 1], ["call", Maker.call_text(name, arguments), 1], ["obs", observed, 0]]

    @staticmethod
    def answer(text, thought=DONE):
        return [["think", thought, 1], ["answer", text, 1], ["end", "", 1]]

    def finish(self, steps, results, text):
        """Ends with the answer, or with the error when the last call failed"""
        if results[-1][0]:
            return steps + self.answer(f"That did not work: {results[-1][1]}.", FAILED)
        return steps + self.answer(text)

    # -- kinds of questions: each returns (question, segments after it, expectation) --------------------------------

    def one_property(self, mol=None, ask=None, prop=None):
        r = self.rng
        mol = mol or self.molecule()
        prop = prop or r.choice(["weight"] * 5 + ["formula"] * 4 + ["canonical"] * 4 + ["exact", "logp", "logp", "tpsa", "hbd", "hba", "rot", "rings", "all", "all"])
        tool, names, whole = P.PROPERTIES[prop]
        if ask is None:
            if r.random() < 0.3 and any(P.is_held(w) == self.held for w in whole):
                ask = self.fill(whole, m=self.refer(mol))
            else:
                ask = self.fill(P.ASK, P=r.choice(names), m=self.refer(mol))
        steps, results = self.steps([(tool, {"smiles": mol[1]}, THOUGHT[tool])])
        value = None if results[0][0] else re.search(PICK[prop], results[0][1]).group(1)
        text = self.property_text(prop, self.shown(mol, ask), value)
        return ask, self.finish(steps, results, text), {"calls": [(tool, {"smiles": mol[1]})], "has": [self.expected(prop, value)]}

    @staticmethod
    def expected(prop, value):
        """What the answer must contain, with enough around it that no longer value fits.  One mole "weighs" so many g."""
        return f" {value} g" if prop == "weight" else value if prop == "all" else f"is {value}"

    @staticmethod
    def property_text(prop, name, value):
        label, unit = LABEL[prop]
        subject = f"The {label} of {name}" if name else f"The {label}"
        if prop == "canonical":
            return f"{subject} is {value}"
        if prop == "all":
            return f"{subject} are: {value}."
        return f"{subject} is {unit.format(value)}."

    def similarity(self):
        a, b = self.molecule(short=True), self.molecule(short=True)
        ask = self.fill(P.SIMILAR, a=self.refer(a), b=self.refer(b))
        arguments = {"a": a[1], "b": b[1]}
        steps, results = self.steps([("similarity", arguments, THOUGHT["similarity"])])
        value = re.search(r"Tanimoto ([\d.]+)", results[0][1]).group(1)
        na, nb = self.shown(a, ask), self.shown(b, ask)
        text = f"The Tanimoto similarity of {na} and {nb} is {value}." if na and nb else f"The Tanimoto similarity is {value}."
        return ask, self.finish(steps, results, text), {"calls": [("similarity", arguments)], "has": [value]}

    def expression(self):
        """(as asked, as the tool is given it)"""
        r, n = self.rng, self.number
        kind = r.random()
        if kind < 0.45:
            a, b, op = n(), n(), r.choice("+-*/")
            forms = {"+": ["{a} + {b}", "{a}+{b}", "{a} plus {b}", "the sum of {a} and {b}"],
                     "-": ["{a} - {b}", "{a}-{b}", "{a} minus {b}", "the difference of {a} and {b}"],
                     "*": ["{a} * {b}", "{a}*{b}", "{a} times {b}", "{a} × {b}", "{a} x {b}", "the product of {a} and {b}", "{a} multiplied by {b}"],
                     "/": ["{a} / {b}", "{a}/{b}", "{a} divided by {b}", "{a} ÷ {b}", "{a} over {b}"]}[op]
            return r.choice(forms).format(a=a, b=b), f"{a}{op}{b}"
        if kind < 0.55:
            a = n()
            return r.choice(["the square root of {a}", "sqrt({a})", "the root of {a}", "square root of {a}"]).format(a=a), f"sqrt({a})"
        if kind < 0.65:
            a, b = str(r.randint(2, 20)), str(r.randint(2, 9))
            form = r.choice(["{a}^{b}", "{a} ^ {b}", "{a} to the power of {b}", "{a} to the power {b}", "{a} raised to {b}"])
            return form.format(a=a, b=b), f"{a}^{b}"
        if kind < 0.7:
            a = n()
            return r.choice(["{a} squared", "the square of {a}"]).format(a=a), f"{a}^2"
        if kind < 0.78:
            a, b = str(r.randint(1, 99)), n()
            return r.choice(["{a} % of {b}", "{a}% of {b}", "{a} percent of {b}"]).format(a=a, b=b), f"{b}*{a}/100"
        if kind < 0.84:
            a, b = f"{r.uniform(0, 1000):.{r.randint(3, 6)}f}", str(r.randint(1, 2))
            return r.choice(["{a} rounded to {b} decimals", "round({a},{b})", "{a} rounded to {b} places"]).format(a=a, b=b), f"round({a},{b})"
        a, b, c, o, q = n(), n(), n(), r.choice("+-*/"), r.choice("+-*/")
        shape = r.choice(["({a} {o} {b}) {q} {c}", "{a} {o} {b} {q} {c}", "{a}{o}{b}{q}{c}", "{a} {o} ({b} {q} {c})", "({a}{o}{b}){q}{c}"])
        shown = shape.format(a=a, b=b, c=c, o=o, q=q)
        return shown, shown.replace(" ", "")

    def calc(self):
        shown, expression = self.expression()
        ask = self.fill(P.CALC, e=shown)
        steps, results = self.steps([("calc", {"expression": expression}, THOUGHT["calc"])])
        return ask, self.finish(steps, results, f"The result is {results[0][1]}."), {"calls": [("calc", {"expression": expression})], "has": [results[0][1]]}

    def unit(self, symbol):
        words = P.UNIT_WORDS[symbol]
        return symbol if self.rng.random() < 0.5 else self.rng.choice(words)

    def quantity(self):
        r = self.rng
        dim = r.choice(list(oracle.UNITS))
        source, target = r.sample(list(oracle.UNITS[dim]), 2)
        value = self.number()
        if dim == "temperature" and source != "K" and r.random() < 0.3:
            value = f"-{r.randint(1, 250)}" + r.choice(["", "", ".5", ".25", ".15"])
        return value, source, target

    def convert(self):
        value, source, target = self.quantity()
        f, t = self.unit(source), self.unit(target)
        ask = self.fill(P.CONVERT, v=value, f=f, t=t)
        arguments = {"value": Literal(value), "from": source, "to": target}
        steps, results = self.steps([("convert", arguments, THOUGHT["convert"])])
        text = f"{value} {source} is {results[0][1]}."
        return ask, self.finish(steps, results, text), {"calls": [("convert", arguments)], "has": [results[0][1]]}

    def now(self):
        ask = self.start(self.phrase(P.NOW))
        steps, results = self.steps([("now", {}, THOUGHT["now"])])
        day, clock = results[0][1][:10], results[0][1][11:19]
        return ask, steps + self.answer(f"It is {clock} UTC on {day}."), {"calls": [("now", {})], "has": ["UTC on 20"]}

    def two_properties(self):
        r = self.rng
        mol = self.molecule()
        while True:
            p, q = r.sample(["weight", "weight", "weight", "formula", "formula", "canonical", "logp", "tpsa", "rings", "exact"], 2)
            if P.PROPERTIES[p][0] != P.PROPERTIES[q][0]:
                break
        ask = self.fill(P.PAIR_P, P=r.choice(P.PROPERTIES[p][1]), Q=r.choice(P.PROPERTIES[q][1]), m=self.refer(mol))
        calls = [(P.PROPERTIES[x][0], {"smiles": mol[1]}) for x in (p, q)]
        steps, results = self.steps([(n, a, THOUGHT[n]) for n, a in calls])
        values = [re.search(PICK[x], res[1]).group(1) for x, res in zip((p, q), results)]
        first, second = (f"the {LABEL[x][0]} is {LABEL[x][1].format(v)}" for x, v in zip((p, q), values))
        who = self.shown(mol, ask)
        text = f"{'For ' + who + ', ' + first if who else first[0].upper() + first[1:]}; {second}."
        return ask, steps + self.answer(text), {"calls": calls, "has": [self.expected(x, v) for x, v in zip((p, q), values)]}

    def same_property_of_both(self):
        r = self.rng
        a, b = self.molecule(short=True), self.molecule(short=True)
        p = r.choice(["weight", "weight", "weight", "formula", "logp", "tpsa"])
        ask = self.fill(P.BOTH_M, P=r.choice(P.PROPERTIES[p][1]), a=self.refer(a), b=self.refer(b))
        tool = P.PROPERTIES[p][0]
        calls = [(tool, {"smiles": m[1]}) for m in (a, b)]
        steps, results = self.steps([(tool, calls[0][1], THOUGHT[tool]), (tool, calls[1][1], "Now the second one.")])
        values = [re.search(PICK[p], res[1]).group(1) for res in results]
        na, nb = self.shown(a, ask) or "first", self.shown(b, ask) or "second"
        unit = LABEL[p][1]
        text = f"The {LABEL[p][0]}: {na} {unit.format(values[0])}, {nb} {unit.format(values[1])}."
        return ask, steps + self.answer(text), {"calls": calls, "has": values}

    def heavier(self):
        a, b = self.molecule(short=True), self.molecule(short=True)
        ask = self.fill(P.HEAVIER, a=self.refer(a), b=self.refer(b))
        calls = [("mol_weight", {"smiles": m[1]}) for m in (a, b)]
        steps, results = self.steps([("mol_weight", calls[0][1], THOUGHT["mol_weight"]), ("mol_weight", calls[1][1], "Now the second one.")])
        wa, wb = (re.search(PICK["weight"], res[1]).group(1) for res in results)
        last = ("calc", {"expression": f"{wa}-{wb}"})
        more, difference = self.steps([(*last, "I need the difference.")])
        d = difference[0][1]
        na, nb = self.shown(a, ask) or "the first", self.shown(b, ask) or "the second"
        if d == "0":
            text = "Both have the same molecular weight."
        else:
            who = nb if d[0] == "-" else na
            text = f"{who[0].upper() + who[1:]} is heavier by {d.lstrip('-')} g/mol."
        return ask, steps + more + self.answer(text), {"calls": calls + [last], "has": [d.lstrip("-")]}

    def mass_of(self):
        mol, v = self.molecule(), self.number()
        ask = self.fill(P.MASS_OF, v=v, m=self.refer(mol))
        first = ("mol_weight", {"smiles": mol[1]})
        steps, results = self.steps([(*first, THOUGHT["mol_weight"])])
        second = ("calc", {"expression": f"{v}*{re.search(PICK['weight'], results[0][1]).group(1)}"})
        more, product = self.steps([(*second, "Now I multiply.")])
        who = self.shown(mol, ask)
        text = f"{v} mol{' of ' + who if who else ''} weighs {product[0][1]} g."
        return ask, steps + more + self.answer(text), {"calls": [first, second], "has": [product[0][1]]}

    def moles_in(self):
        mol, v = self.molecule(), self.number()
        ask = self.fill(P.MOLES_IN, v=v, m=self.refer(mol))
        first = ("mol_weight", {"smiles": mol[1]})
        steps, results = self.steps([(*first, THOUGHT["mol_weight"])])
        second = ("calc", {"expression": f"round({v}/{re.search(PICK['weight'], results[0][1]).group(1)},6)"})
        more, amount = self.steps([(*second, "Now I divide.")])
        who = self.shown(mol, ask)
        text = f"{v} g{' of ' + who if who else ''} is {amount[0][1]} mol."
        return ask, steps + more + self.answer(text), {"calls": [first, second], "has": [amount[0][1]]}

    def convert_then_calc(self):
        r = self.rng
        value, source, target = self.quantity()
        factor, op = str(r.randint(2, 50)), r.choice("*/")
        word = {"*": ["multiply by {n}", "multiply that by {n}", "multiply the result by {n}", "times {n}"],
                "/": ["divide by {n}", "divide that by {n}", "divide the result by {n}"]}[op]
        tail = r.choice(word).format(n=factor)
        ask = self.fill(["Convert {v} {f} to {t} and {x}.", "Convert {v} {f} into {t}, then {x}.", "Take {v} {f}, convert it to {t} and {x}.",
                         "{v} {f} in {t}, then {x}", "Please convert {v} {f} to {t} and then {x}.", "First convert {v} {f} to {t}, then {x}.",
                         "Express {v} {f} in {t} and {x}.", "What is {v} {f} in {t}? Then {x}.", "Turn {v} {f} into {t} and {x}."],
                        v=value, f=self.unit(source), t=self.unit(target), x=tail)
        first = ("convert", {"value": Literal(value), "from": source, "to": target})
        steps, results = self.steps([(*first, THOUGHT["convert"])])
        second = ("calc", {"expression": f"{results[0][1].split()[0]}{op}{factor}"})
        more, result = self.steps([(*second, "Now I multiply." if op == "*" else "Now I divide.")])
        return ask, steps + more + self.answer(f"The result is {result[0][1]} {target}."), {"calls": [first, second], "has": [result[0][1]]}

    # -- search ------------------------------------------------------------------------------------------------------

    def found(self, line, query):
        """(segments of a search whose best hit is the line, that hit)"""
        hits = self.corpus.hits(line, query)
        return self.step("search", {"query": query}, THOUGHT["search"], "\n".join(f"{p}:{n}: {t}" for p, n, t in hits)), hits[0]

    def search(self):
        r = self.rng
        topic = None
        while topic is None:
            line = self.corpus.line()
            topic = self.corpus.topic(line)
        asked, query = topic
        ask = self.fill(P.SEARCH, q=asked, w=r.choice(P.WHERE))
        if query.split()[0] not in ask:
            query = query if query in ask else query[0].lower() + query[1:] if query[0].lower() + query[1:] in ask else query[0].upper() + query[1:]
        calls = [("search", {"query": query})]
        if r.random() < 0.1:
            error = r.choice([f'nothing found for "{query}": try fewer or other words'] * 8 + [
                "there is nothing to search: corax.conf names no roots", "the query has no word to look for",
                f"there is nothing to search: no .txt, .md, .markdown, .rst or .org file in {r.choice(P.WHERE).split()[-1]}",
                f"the files are still being read ({r.randint(1, 9999)} so far): search again"])
            steps = self.step(*calls[0], THOUGHT["search"], "error: " + error)
            return ask, steps + self.answer(f"That did not work: {error}.", FAILED), {"calls": calls, "has": ["did not work", "nothing found"], "line": None}
        steps, (path, number, text) = self.found(line, query)
        return ask, steps + self.answer(f"{path} line {number} says: {text}"), {"calls": calls, "has": [], "line": text}

    def lookup_convert(self):
        r = self.rng
        value, source, target = self.quantity()
        what = r.choice(P.QUANTITIES[oracle.DIMENSION[source]])
        if r.random() < 0.4:
            what += " of " + (r.choice(self.named)[0] if r.random() < 0.6 else f"batch {self.corpus.code()}")
        ask = self.fill(P.LOOKUP_CONVERT, q=what, w=r.choice(P.WHERE), t=self.unit(target))
        line = self.phrase(P.MEASURED).format(q=what, Q=what[0].upper() + what[1:], v=value, u=source)
        query = what.replace(" of ", " ")
        steps, _ = self.found(line, query)
        arguments = {"value": Literal(value), "from": source, "to": target}
        more, results = self.steps([("convert", arguments, THOUGHT["convert"])])
        text = f"{value} {source} is {results[0][1]}."
        expect = {"calls": [("search", {"query": query}), ("convert", arguments)], "has": [results[0][1]], "line": line}
        return ask, steps + self.finish(more, results, text), expect

    def lookup_calc(self):
        r = self.rng
        what = r.choice(P.PRICES).format(n=r.choice(self.named)[0])
        value, factor = self.number(), str(r.randint(2, 50))
        word, op, thought = r.choice([("multiply it by {n}", "*", "Now I multiply."), ("divide it by {n}", "/", "Now I divide."), ("multiply that by {n}", "*", "Now I multiply."),
                                      ("multiply by {n}", "*", "Now I multiply."), ("add {n}", "+", "Now I add."), ("add {n} to it", "+", "Now I add."),
                                      ("divide by {n}", "/", "Now I divide.")])
        ask = self.fill(P.LOOKUP_CALC, q=what, w=r.choice(P.WHERE), x=word.format(n=factor))
        line = self.phrase(P.PRICED).format(q=what, Q=what[0].upper() + what[1:], v=value)
        query = " ".join(w for w in what.split() if w not in ("of", "the"))
        steps, _ = self.found(line, query)
        second = ("calc", {"expression": f"{value}{op}{factor}"})
        more, results = self.steps([(*second, thought)])
        return ask, steps + self.finish(more, results, f"The result is {results[0][1]}."), {"calls": [("search", {"query": query}), second], "has": [results[0][1]], "line": line}

    def lookup_smiles(self):
        """The way to a molecule whose name alone is known"""
        r = self.rng
        name, smiles = self.molecule(short=True)
        if not self.held:
            # A known name on another molecule: what the line says counts, not what is remembered.
            name = None
            while name is None:
                name = self.name() if r.random() < 0.5 else r.choice(self.named)[0]
        name = name or f"substance {self.corpus.code()}"
        prop = r.choice(["weight"] * 4 + ["formula", "formula", "logp", "tpsa", "rings", "canonical"])
        ask = self.fill(P.LOOKUP_SMILES, n=name, P=r.choice(P.PROPERTIES[prop][1]), w=r.choice(P.WHERE))
        line = self.phrase(P.SMILES_LINES).format(n=name, s=smiles)
        query = f"SMILES {name}"
        steps, _ = self.found(line, query)
        _, more, expect = self.one_property((name, smiles), ask, prop)
        return ask, steps + more, {"calls": [("search", {"query": query})] + expect["calls"], "has": expect["has"], "line": line}

    # -- programs ----------------------------------------------------------------------------------------------------

    def program_end(self, code, stdin, failed, text):
        arguments = {"code": code, "stdin": stdin} if stdin else {"code": code}
        if failed:
            return arguments, "error: " + text, f"That did not work: {text.splitlines()[0]}.", FAILED
        said = "The program printed nothing." if text == programs.NOTHING else f"The program printed:\n{text}" if "\n" in text else f"The program printed {text}."
        return arguments, text, said, DONE

    def own_program(self):
        """A program that the person gives: copied to the letter"""
        r = self.rng
        while True:
            code, stdin = programs.reads_input(r) if r.random() < 0.12 else (programs.pasted(r), "")
            if (crc32(code.encode()) % 7 == 0) != self.held:
                continue
            if r.random() < 0.012:
                code, failed, text = r.choice([("while True: pass", True, "the program ran longer than 10 s and was ended"),
                                               ("print('x'*10**6)", True, "the program printed more than 64 KiB"),
                                               ("x='a'*10**10", True, "the program needed more than 512 MiB of memory")])
                stdin = ""
            else:
                failed, text = programs.result_of(code, stdin)
            if len(text) <= 120:
                break
        ask = P.fill_in(self.phrase(programs.WITH_INPUT if stdin else programs.RUN_THIS), {"c": code, "i": stdin})
        ask = ask if ask.startswith(code) else self.start(ask)
        arguments, observed, said, thought = self.program_end(code, stdin, failed, text)
        has = ["did not work", text.splitlines()[0]] if failed else [said]
        return ask, self.step("run_python", arguments, THOUGHT["run_python"], observed) + self.answer(said, thought), {"calls": [("run_python", arguments)], "has": has}

    def wish(self):
        """A program from the stock of programs.py"""
        r = self.rng
        wishes, whole, make, program = programs.WISHES[r.choice(list(programs.WISHES))]
        parts = make(r)
        alone = [w for w in whole if P.is_held(w) == self.held]
        if alone and r.random() < 0.4:
            ask = self.start(P.fill_in(r.choice(alone), parts))
        else:
            # The combination is new to the held-out split where the frame is; wishes are too few to keep some out.
            wish = P.fill_in(r.choice(wishes), parts)
            ask = self.start(self.phrase(programs.ASK_PYTHON).replace("{x}", wish).replace("{X}", wish[0].upper() + wish[1:]))
        code = P.fill_in(program, parts)
        failed, text = programs.result_of(code)
        arguments, observed, said, thought = self.program_end(code, "", failed, text)
        if len(text) > 200:
            return self.wish()
        return ask, self.step("run_python", arguments, "I write a program.", observed) + self.answer(said, thought), {"calls": [("run_python", arguments)], "has": [said]}

    def no_smiles(self):
        """A structure is never recited from memory, however well known the name: the model asks for the SMILES."""
        r = self.rng
        name = None
        while name is None:
            name = self.name() if r.random() < 0.4 else r.choice(self.named)[0]
        _, names, whole = P.PROPERTIES[r.choice(list(P.PROPERTIES))]
        ask = self.fill(P.ASK, P=r.choice(names), m=name) if r.random() < 0.7 else self.fill(whole, m=name)
        return ask, self.answer(f"Please give me the SMILES of {self.shown((name, ''), ask)}.", "I need its SMILES."), {"calls": [], "has": ["SMILES of"]}

    def greet(self):
        reply = self.rng.choice(list(P.GREET))
        ask = self.phrase(P.GREET[reply])
        return ask, self.answer(reply, NO_CALL), {"calls": [], "has": [reply[:20]]}

    def no_tool(self):
        r = self.rng
        ask = self.fill(P.NO_TOOL, place=r.choice(P.PLACES), thing=r.choice(P.THINGS), topic=r.choice(P.TOPICS))
        return ask, self.answer(P.NO_TOOL_ANSWER, MISSING), {"calls": [], "has": ["no tool"]}

    def bad_smiles(self):
        r = self.rng
        prop = r.choice(["weight", "formula", "canonical", "logp", "all"])
        for _ in range(100):
            mol = self.molecule()
            s = mol[1]
            kind, i = r.random(), r.randrange(len(s))
            if kind < 0.3 and re.search(r"\d", s):
                digits = [m.start() for m in re.finditer(r"\d", s)]
                i = r.choice(digits)
                bad = s[:i] + s[i + 1:]
            elif kind < 0.6 and re.search(r"[()]", s):
                i = r.choice([m.start() for m in re.finditer(r"[()]", s)])
                bad = s[:i] + s[i + 1:]
            elif kind < 0.8:
                bad = re.sub(r"C(?=[A-Z(])", "C(C)(C)(C)(C)", s, count=1) if r.random() < 0.5 else s.replace("O", "F(C)", 1)
            else:
                bad = s[:i] + r.choice(["X", "Q", "?", "$", "(", "[", ")", "zz", "1", "J"]) + s[i:]
            if bad and len(bad) < 80 and oracle.call("formula", {"smiles": bad})[0]:
                ask, rest, expect = self.one_property((mol[0], bad), None, prop)
                return ask, rest, {"calls": expect["calls"], "has": ["did not work", "invalid SMILES"]}
        return self.bad_unit()

    def bad_unit(self):
        r = self.rng
        value, source, target = self.quantity()
        if r.random() < 0.5:
            other = r.choice([u for u, d in oracle.DIMENSION.items() if d != oracle.DIMENSION[source]])
            f, t, source, target = self.unit(source), self.unit(other), source, other
        else:
            odd = self.phrase(P.ODD_UNITS)
            if r.random() < 0.5:
                f, t, source = odd, self.unit(target), odd
            else:
                f, t, target = self.unit(source), odd, odd
        ask = self.fill(P.CONVERT, v=value, f=f, t=t)
        arguments = {"value": Literal(value), "from": source, "to": target}
        steps, results = self.steps([("convert", arguments, THOUGHT["convert"])])
        has = ["did not work", "cannot convert" if "cannot" in results[0][1] else "unknown unit"]
        return ask, self.finish(steps, results, ""), {"calls": [("convert", arguments)], "has": has}

    def bad_calc(self):
        r = self.rng
        if r.random() < 0.6:
            a = self.number()
            shown, expression = r.choice([(f"{a} / 0", f"{a}/0"), (f"{a} divided by 0", f"{a}/0"), (f"{a}/0", f"{a}/0"), (f"{a} ÷ 0", f"{a}/0")])
        else:
            a = "-" + self.number()
            shown, expression = r.choice([(f"the square root of {a}", f"sqrt({a})"), (f"sqrt({a})", f"sqrt({a})")])
        ask = self.fill(P.CALC, e=shown)
        steps, results = self.steps([("calc", {"expression": expression}, THOUGHT["calc"])])
        return ask, self.finish(steps, results, ""), {"calls": [("calc", {"expression": expression})], "has": ["did not work"]}

    def tool_trouble(self):
        """Any tool may fail for reasons that no other call would cure; the answer repeats the reason."""
        r = self.rng
        ask, rest, _ = r.choice([self.one_property, self.calc, self.convert, self.similarity, self.search, self.wish])()
        if len(rest) != 6:
            return ask, rest, None
        reason = r.choice(["timed out after {n} s", "denied by policy: rule {n}", "unavailable", "the plugin {w} is not running", "denied by the operator",
                           "the budget of {n} calls is used up", "out of memory", "host {w} ended with signal {n}", "cancelled", "RDKit is not built in",
                           "unavailable: there is no box", "unavailable: there is no python3", "not allowed by rule {w}",
                           "no result within {n} ms", "not allowed in profile {w}", "the SMILES has {n}00 characters, at most 1000 are allowed"])
        reason = reason.format(n=r.randint(1, 99), w=r.choice(["chemistry", "math", "time", "strict", "default", "units", "search", "code"]))
        rest = rest[:2] + [["obs", "error: " + reason, 0]] + self.answer(f"That did not work: {reason}.", FAILED)
        return ask, rest, None

    def corrected(self):
        """A mistaken call, masked in the loss, then the right one."""
        r = self.rng
        while True:
            kind = r.random()
            if kind < 0.45:
                ask, rest, _ = self.convert()
                name, arguments = "convert", arguments_of(rest[1][1])
                which = r.choice(["from", "to"])
                words = P.UNIT_WORDS[arguments[which]]
                wrong = {**arguments, which: r.choice(words)}
                thought = "I use the unit symbol."
            elif kind < 0.75:
                ask, rest, _ = self.one_property()
                name, arguments = rest[1][1].split(" ")[0], arguments_of(rest[1][1])
                s = arguments["smiles"]
                named = re.search(r"[a-z]{5,}", ask.replace(s, ""))
                wrong = {"smiles": named.group(0) if named and r.random() < 0.6 else s[:-1]}
                thought = "I copy the SMILES exactly."
            else:
                ask, rest, _ = r.choice([self.one_property, self.calc, self.convert, self.search, self.wish])()
                name, arguments = rest[1][1].split(" ")[0], arguments_of(rest[1][1])
                bad_name = r.choice(["weight", "molweight", "calculate", "unit_convert", "mass", "smiles", "chem", "math", "eval", "properties", "python", "find"])
                steps = [["think", rest[0][1], 0], ["call", self.call_text(bad_name, arguments), 0], ["obs", f'error: there is no tool "{bad_name}"', 0]]
                return ask, steps + [["think", "I use the right name.", 1]] + rest[1:], None
            failed, text = oracle.call(name, wrong)
            if failed and len(rest) == 6 and "error" not in rest[2][1]:
                steps = [["think", rest[0][1], 0], ["call", self.call_text(name, wrong), 0], ["obs", "error: " + text, 0]]
                return ask, steps + [["think", thought, 1]] + rest[1:], None

    def explicit(self, tools):
        """Any tool of the list may be asked for by name; strengthens copying of names and strings."""
        r = self.rng
        simple = [t for t in tools if re.fullmatch(r"\w+\(\w+(,\w+\??)?\)", t) and t not in CORE_TOOLS]
        if not simple:
            return self.calc()
        name, arguments = re.fullmatch(r"(\w+)\((.*)\)", r.choice(simple)).groups()
        first = arguments.split(",")[0]
        required = [a for a in arguments.split(",") if not a.endswith("?")]
        values = {a: self.random_string() for a in required}
        if len(values) == 1:
            v = values[first]
            ask = r.choice([f"Use {name} with {first} {v}", f"Call {name} with {first} {v}", f"Run {name} on {v}", f"{name} {v}", f"Use the tool {name} on {v}",
                            f'Please run {name} with "{v}"', f"Use {name} for {v}", f"Ask {name} about {v}", f"{name}: {v}", f"Apply {name} to '{v}'"])
        else:
            ask = r.choice([f"Use {name} with ", f"Call {name} with ", f"Run {name}: "]) + " and ".join(f"{a} {v}" for a, v in values.items())
        result = r.choice(["ok", "done", self.random_string(), self.random_string() + " " + self.random_string(), str(r.randint(0, 9999))])
        rest = [["think", f"I use {name}.", 1], ["call", self.call_text(name, values), 1], ["obs", result, 0]] + self.answer(f"The result is: {result}")
        return ask, rest, None

    def random_string(self):
        r = self.rng
        kind = r.random()
        if kind < 0.5:
            return "".join(r.choice("CCCCccccNnOoSF()12=[]#@+-") for _ in range(r.randint(4, 30)))
        if kind < 0.75:
            return "".join(r.choice("0123456789.-") for _ in range(r.randint(3, 14)))
        return "".join(r.choice("abcdefghijklmnopqrstuvwxyzABCDEFXYZ0123456789_./-:") for _ in range(r.randint(3, 18)))

    # -- conversations ----------------------------------------------------------------------------------------------

    def conversation(self, tools):
        r = self.rng
        kind = r.choices(["property", "similarity", "calc", "convert", "now", "two", "both", "heavier", "mass", "moles", "convcalc", "nosmiles", "greet",
                          "notool", "badsmiles", "badunit", "badcalc", "trouble", "corrected", "explicit", "search", "lookconvert", "lookcalc",
                          "looksmiles", "program", "wish"],
                         [27, 7, 9, 9, 2, 5, 3, 3, 5, 4, 3, 5.5, 2.5, 3, 2.5, 2.5, 0.8, 1.5, 3, 6, 29, 5, 4, 5, 22, 27])[0]
        made = {"property": self.one_property, "similarity": self.similarity, "calc": self.calc, "convert": self.convert, "now": self.now,
                "two": self.two_properties, "both": self.same_property_of_both, "heavier": self.heavier, "mass": self.mass_of, "moles": self.moles_in,
                "convcalc": self.convert_then_calc, "nosmiles": self.no_smiles, "greet": self.greet, "notool": self.no_tool,
                "badsmiles": self.bad_smiles, "badunit": self.bad_unit, "badcalc": self.bad_calc, "trouble": self.tool_trouble, "corrected": self.corrected,
                "search": self.search, "lookconvert": self.lookup_convert, "lookcalc": self.lookup_calc, "looksmiles": self.lookup_smiles,
                "program": self.own_program, "wish": self.wish, "explicit": lambda: self.explicit(tools)}[kind]()
        ask, rest, _ = made
        out = [["user", ask, 0]] + self.within(tools, rest)
        if kind in ("property", "calc", "convert") and r.random() < 0.08:
            out += self.follow_up(tools, kind, rest)
        return out

    def within(self, tools, rest):
        """When a needed tool is not in the list, the model says so instead of calling it."""
        names = {t.split("(")[0] for t in tools}
        for kind, text, learn in rest:
            if kind == "call" and learn and text.split(" ")[0] not in names:
                return self.answer(P.NO_TOOL_ANSWER, MISSING)
        return rest

    def follow_up(self, tools, kind, rest):
        r = self.rng
        if kind == "property" and not rest[2][1].startswith("error") and r.random() < 0.7:
            smiles = json.loads(rest[1][1].split(" ", 1)[1])["smiles"]
            prop = r.choice(list(P.PROPERTIES))
            ask = r.choice(["And its {P}?", "And the {P}?", "What about the {P}?", "What about its {P}?", "Now the {P}, please.", "And what is its {P}?",
                            "Thanks. And the {P}?", "Also its {P}.", "Give me its {P} too.", "What is its {P}?"]).format(P=r.choice(P.PROPERTIES[prop][1]))
            _, more, _ = self.one_property((None, smiles), ask, prop)
        else:
            ask, more, _ = r.choice([self.calc, self.convert, self.one_property, self.greet])()
        return [["user", ask, 0]] + self.within(tools, more)

    def head(self):
        r = self.rng
        tools = list(CORE_TOOLS)
        kind = r.random()
        if kind < 0.22:
            tools = r.sample(tools, r.randint(3, 9))
        if kind < 0.45:
            tools += r.sample(P.DISTRACTORS, r.randint(1, 5))
        head = []
        if r.random() < 0.12:
            head.append(["system", " ".join(r.sample(P.SYSTEM, r.randint(1, 3)))])
        tools.sort(key=lambda t: t.split("(")[0].encode())
        head.append(["tools", "".join(t + "\n" for t in tools)])
        return head, tools

    def group(self, size):
        head, tools = self.head()
        return {"head": head, "conversations": [self.conversation(tools) for _ in range(size)]}


def write_training(path, lexicon, seed, groups, held=False):
    maker = Maker(lexicon, seed, held)
    with open(path, "w") as f:
        for _ in range(groups):
            f.write(json.dumps(maker.group(6), ensure_ascii=False) + "\n")


def write_rows(path, kind, rows):
    with open(path, "w") as f:
        for i, (ask, expect) in enumerate(rows, 1):
            calls = [{"name": name, "arguments": arguments_text(a)} for name, a in expect["calls"]]
            f.write(json.dumps({"id": f"{kind}-{i:03}", "question": ask, "calls": calls, "answer_has": expect["has"]}, ensure_ascii=False) + "\n")


def write_held(folder, lexicon, seed):
    """Unseen phrasings, molecules and names, with what a right run calls and what its answer contains"""
    m = Maker(lexicon, seed, held=True)
    kinds = {
        "one_call": (200, [m.one_property] * 5 + [m.similarity] + [m.calc] * 2 + [m.convert] * 2),
        "two_call": (60, [m.two_properties, m.same_property_of_both, m.mass_of, m.moles_in, m.convert_then_calc, m.heavier]),
        "no_call": (40, [m.greet, m.no_tool, m.no_smiles]),
        "repair": (30, [m.bad_smiles, m.bad_unit, m.bad_calc]),
        "python": (60, [m.own_program, m.wish]),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for kind, (n, makers) in kinds.items():
        if kind == "python":
            # A stream of its own: the kinds before it stay what they were when it changes.
            m.rng.seed(seed + 1)
        seen, rows = set(), []
        for i in range(100 * n):
            make = m.now if kind == "one_call" and i < 8 else makers[i % len(makers)]
            m.phrase_seen = False
            ask, _, expect = make()
            failed = any(oracle.call(name, a)[0] for name, a in expect["calls"] if name != "run_python")
            if ask in seen or len(rows) == n or m.phrase_seen or failed != (kind == "repair"):
                continue
            seen.add(ask)
            rows.append((ask, expect))
        write_rows(folder / f"{kind}.jsonl", kind, rows)
    write_held_search(folder, lexicon, seed + 2)


HELD_FILES = ["bench/residues.md", "bench/crystals.txt", "house/rules.md", "house/deliveries.rst", "manual/chiller.md", "manual/remote/panel.org", "service/limits.md",
              "service/transport.txt", "almanac/coast.md", "almanac/orchard.markdown"]


def write_held_search(folder, lexicon, seed):
    """Questions about folders that nobody has seen, and the folders themselves: every line is a paragraph of its own, and
    only the line meant has all the words, so that the best hit does not hang on how hits are ranked"""
    m = Maker(lexicon, seed, held=True)
    m.corpus.sentences += HELD_SENTENCES
    # How many to keep, and how many to try for that.
    wanted = {m.search: (34, 110), m.lookup_convert: (6, 14), m.lookup_calc: (5, 10), m.lookup_smiles: (6, 12)}
    rows, lines = [], []
    for make, (_, n) in wanted.items():
        made = 0
        while made < n:
            m.phrase_seen = False
            ask, _, expect = make()
            line = expect["line"]
            if line is None or m.phrase_seen and make != m.lookup_smiles or "…" in line or line.startswith(("#", ">", "=", "-", "|")) or line in lines:
                continue
            lines.append(line)
            rows.append((make, ask, expect))
            made += 1
    m.rng.shuffle(lines)
    places, texts = {}, {name: [] for name in HELD_FILES}
    for i, line in enumerate(lines):
        text = texts[HELD_FILES[i % len(HELD_FILES)]]
        text += [line, ""]
        places[line] = (HELD_FILES[i % len(HELD_FILES)], len(text) - 1)
    for name, text in texts.items():
        (folder / "corpus" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "corpus" / name).write_text("\n".join(text))
    oracle.CORPUS = folder / "corpus"
    kept, counts = [], dict.fromkeys(wanted, 0)
    for make, ask, expect in rows:
        path, number = places[expect["line"]]
        query = expect["calls"][0][1]["query"]
        found = oracle.search(query, 2).splitlines()
        if counts[make] < wanted[make][0] and found[0].startswith(f"{path}:{number}: ") and (len(found) == 1 or not oracle.has_all(found[1], query)):
            kept.append((ask, {**expect, "has": expect["has"] or [f"{path} line {number} says: {expect['line']}"]}))
            counts[make] += 1
    while len(kept) < 60:
        m.phrase_seen = False
        ask, _, expect = m.search()
        if expect["line"] is None and not m.phrase_seen and oracle.call("search", expect["calls"][0][1])[0]:
            kept.append((ask, expect))
    write_rows(folder / "search.jsonl", "search", kept)


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("--out", type=Path, help="training files go here")
    ap.add_argument("--shards", type=int, default=6)
    ap.add_argument("--first", type=int, default=0, help="number of the first shard")
    ap.add_argument("--groups", type=int, default=4000, help="groups of six conversations in a shard")
    ap.add_argument("--seed", type=int, default=20)
    ap.add_argument("--dev", type=Path, help="write held-out transcripts into this file, for metrics while training")
    ap.add_argument("--held", type=Path, help="write the evaluation sets into this folder")
    args = ap.parse_args()
    lexicon = Lexicon(args.seed)
    print(len(lexicon.train), "molecules to train on,", len(lexicon.held), "held out", file=sys.stderr)
    if args.held:
        write_held(args.held, lexicon, args.seed + 1000)
    if args.dev:
        args.dev.parent.mkdir(parents=True, exist_ok=True)
        write_training(args.dev, lexicon, args.seed + 2000, 40, held=True)
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
        for i in range(args.first, args.first + args.shards):
            write_training(args.out / f"train-{i:02}.jsonl", lexicon, args.seed + i, args.groups)


if __name__ == "__main__":
    main()
