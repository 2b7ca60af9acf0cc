#!/usr/bin/python3
"""Prints systematic names that are composed by chance from parents, prefixes and endings, each once: the names of names_systematic.tsv.
The seed is fixed, so that they are the same each time.  `names_generate.py COUNT [SEED]`"""

import random
import sys

R = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 20261128)
STEM = "meth eth prop but pent hex hept oct non dec undec dodec tridec tetradec pentadec hexadec heptadec octadec nonadec icos".split()
MULT = {1: "", 2: "di", 3: "tri", 4: "tetra"}
SIMPLE = ("fluoro chloro bromo iodo nitro amino hydroxy cyano methyl ethyl propyl butyl methoxy ethoxy propoxy phenyl benzyl isopropyl tert-butyl "
          "sec-butyl isobutyl phenoxy sulfanyl formyl acetyl carboxy vinyl allyl azido nitroso cyclopropyl cyclohexyl trifluoromethyl "
          "acetamido carbamoyl isocyanato benzoyl sulfo cyclopentyl pentyl hexyl").split()
COMPLEX = ("2-chloroethyl;propan-2-yl;2-methylpropyl;butan-2-yl;hydroxymethyl;aminomethyl;4-chlorophenyl;4-methoxyphenyl;dimethylamino;methylamino;"
           "methylsulfanyl;methylsulfonyl;2-hydroxyethyl;chloromethyl;prop-2-en-1-yl;prop-1-en-2-yl;propan-2-yloxy;benzyloxy;trimethylsilyl;"
           "pyridin-2-yl;furan-2-yl;thiophen-3-yl;piperidin-1-yl;morpholin-4-yl;naphthalen-2-yl;3,4-dimethoxyphenyl;diethylamino;methoxycarbonyl;"
           "ethoxycarbonyl;phenylmethoxy;2-methoxyethoxy;2,2,2-trifluoroethyl;cyclohexylmethyl;3-nitrophenyl;acetylamino;phenylsulfanyl;"
           "1H-indol-3-yl;1H-imidazol-1-yl;2-phenylethyl;cyclohex-1-en-1-yl;tert-butylamino;acetyloxy;phenyldiazenyl").split(";")
RING = {  # locants that take a substituent; endings as "pyridin"
    "benzene": "1 2 3 4 5 6", "naphthalene": "1 2 3 4 5 6 7 8", "pyridine": "2 3 4 5 6", "pyrimidine": "2 4 5 6", "pyrazine": "2 3 5 6",
    "pyridazine": "3 4 5 6", "furan": "2 3 4 5", "thiophene": "2 3 4 5", "1H-pyrrole": "1 2 3 4 5", "1H-imidazole": "1 2 4 5",
    "1H-pyrazole": "1 3 4 5", "1H-indole": "1 2 3 4 5 6 7", "quinoline": "2 3 4 5 6 7 8", "isoquinoline": "1 3 4 5 6 7 8",
    "1,3-thiazole": "2 4 5", "1,3-oxazole": "2 4 5", "1,2-oxazole": "3 4 5", "1,3-benzothiazole": "2 4 5 6 7", "1-benzofuran": "2 3 4 5 6 7",
    "1H-benzimidazole": "1 2 4 5 6 7", "quinazoline": "2 4 5 6 7 8", "quinoxaline": "2 3 5 6 7 8", "anthracene": "1 2 3 4 5 6 7 8 9 10",
    "phenanthrene": "1 2 3 4 5 6 7 8 9 10", "9H-fluorene": "1 2 3 4 5 6 7 8 9", "9H-carbazole": "1 2 3 4 5 6 7 8 9", "acridine": "1 2 3 4 5 6 7 8 9",
    "pyrene": "1 2 3 4 5 6 7 8 9 10", "azulene": "1 2 3 4 5 6 7 8", "1H-indene": "1 2 3 4 5 6 7", "1,1'-biphenyl": "2 3 4 5 6 2' 3' 4' 5' 6'",
    "piperidine": "1 2 3 4 5 6", "pyrrolidine": "1 2 3 4 5", "morpholine": "2 3 4 5 6", "piperazine": "1 2 3 4 5 6", "oxolane": "2 3 4 5",
    "oxane": "2 3 4 5 6", "1,4-dioxane": "2 3 5 6", "1,3-dioxolane": "2 4 5", "azetidine": "1 2 3 4", "oxirane": "2 3", "azepane": "1 2 3 4 5 6 7",
    "cyclohexane": "1 2 3 4 5 6", "cyclopentane": "1 2 3 4 5", "cyclobutane": "1 2 3 4", "cycloheptane": "1 2 3 4 5 6 7", "cyclooctane": "1 2 3 4 5 6 7 8",
    "1,3,5-triazine": "2 4 6", "1H-1,2,4-triazole": "1 3 5", "1,8-naphthyridine": "2 3 4 5 6 7", "cinnoline": "3 4 5 6 7 8", "phthalazine": "1 4 5 6 7 8",
    "1H-indazole": "1 3 4 5 6 7", "9H-xanthene": "1 2 3 4 5 6 7 8 9", "10H-phenothiazine": "1 2 3 4 6 7 8 9 10", "dibenzofuran": "1 2 3 4 6 7 8 9",
    "adamantane": "1 2 3 4 5 6 7 8 9 10", "bicyclo[2.2.1]heptane": "1 2 3 4 5 6 7", "bicyclo[2.2.2]octane": "1 2 3 4 5 6 7 8",
    "spiro[4.5]decane": "1 2 3 4 6 7 8 9 10", "bicyclo[3.1.0]hexane": "1 2 3 4 5 6", "bicyclo[4.4.0]decane": "1 2 3 4 5 6 7 8 9 10",
    "1,10-phenanthroline": "2 3 4 5 6 7 8 9", "1,3-benzodioxole": "4 5 6 7", "4H-chromene": "2 3 4 5 6 7 8", "pteridine": "2 4 6 7",
    "9H-purine": "2 6 8 9", "thiane": "2 3 4 5 6", "1,3-dithiane": "2 4 5 6", "isoxazole": "3 4 5", "thiazole": "2 4 5",
    "toluene": "2 3 4 5 6", "phenol": "2 3 4 5 6", "aniline": "N 2 3 4 5 6", "anisole": "2 3 4 5 6", "benzoic acid": "2 3 4 5 6", "benzaldehyde": "2 3 4 5 6",
    "benzamide": "N 2 3 4 5 6", "benzonitrile": "2 3 4 5 6", "styrene": "2 3 4 5 6 alpha beta", "nicotinic acid": "2 4 5 6", "o-xylene": "3 4 5 6",
    "p-cresol": "2 3 5 6", "m-toluidine": "N 2 4 5 6", "acetic acid": "2", "acetamide": "N 2", "butyric acid": "2 3 4", "succinic acid": "2 3",
    "acrylic acid": "2 3", "urea": "1 3", "hydrazine": "1 2", "benzophenone": "2 3 4 4' 3'", "salicylic acid": "3 4 5 6", "glutaric acid": "2 3 4",
    "formamide": "N", "propionamide": "N 2 3", "phthalic acid": "3 4 5 6", "isonicotinamide": "N 2 3", "acetophenone": "4' 3' 2'"}
RETAINED = set(list(RING)[list(RING).index("toluene"):])
NITROGEN = {"1H-pyrrole": "1", "1H-imidazole": "1", "1H-pyrazole": "1", "1H-indole": "1", "1H-benzimidazole": "1", "9H-carbazole": "9", "piperidine": "1",
            "pyrrolidine": "1", "piperazine": "1 4", "azetidine": "1", "azepane": "1", "1H-1,2,4-triazole": "1", "1H-indazole": "1", "10H-phenothiazine": "10",
            "9H-purine": "9", "morpholine": "4"}
ENDING = ("ol thiol amine carboxylic~acid carboxamide carbonitrile carbaldehyde sulfonic~acid sulfonamide").split()


def key(text):
    return text.replace("(", "").replace("[", "").replace("tert-", "").replace("sec-", "").lstrip("0123456789,-'H")


def substituent():
    return "(" + R.choice(COMPLEX) + ")" if R.random() < .35 else R.choice(SIMPLE)


def multiplied(name, n):
    if n == 1:
        return name
    return {2: "bis", 3: "tris", 4: "tetrakis"}[n] + name if name[0] == "(" else MULT[n] + name


def prefixes(places, count):
    """count substituents on places, as text, and the places that are left."""
    found, places = {}, places[:]
    R.shuffle(places)
    for _ in range(count):
        if places:
            found.setdefault(substituent(), []).append(places.pop())
    parts = []
    for name in sorted(found, key=key):
        at = sorted(found[name], key=lambda x: (not x[0].isdigit(), len(x), x))
        text = multiplied(name, len(at))
        if name in ("trifluoromethyl", "tert-butyl", "sec-butyl") and len(at) > 1:
            text = {2: "bis", 3: "tris", 4: "tetrakis"}[len(at)] + "(" + name + ")" if name == "trifluoromethyl" else MULT[len(at)] + "-" + name
            if name != "trifluoromethyl":
                text = {2: "di", 3: "tri", 4: "tetra"}[len(at)] + name
        parts.append(",".join(at) + "-" + text)
    return "-".join(parts), places


def ring():
    name = R.choice(list(RING))
    places = RING[name].split()
    text, left = prefixes(places, R.choice([0, 1, 1, 2, 2, 3]))
    if name in RETAINED:
        return text + ("" if not text or text[-1].isalpha() or text[-1] == ")" else "-") + ("-" if text and name[1] == "-" else "") + name
    base = name[:-1] if name[-1] == "e" else name
    carbons = [p for p in left if p not in NITROGEN.get(name, "").split()]
    join = "-" if text and (name[0].isdigit()) else ""
    if R.random() < .6 and carbons:
        ending, n = R.choice(ENDING).replace("~", " "), R.choice([1, 1, 1, 2])
        n = min(n, len(carbons))
        at = sorted(carbons[:n], key=lambda x: (len(x), x))
        keep = "e" if (n > 1 or ending[0] not in "aeo") and name[-1] == "e" else ""
        return text + join + base + keep + "-" + ",".join(at) + "-" + MULT[n] + ending
    return text + join + name


def chain(low=1, high=20):
    n = R.choice([x for x in range(low, high + 1) for _ in range(1 + 40 // (x + 3))])
    stem = STEM[n - 1]
    places = [str(i) for i in range(1, n + 1)]
    kind = R.random()
    unsaturated = ""
    if n > 3 and R.random() < .35:
        order, k = R.choice(["en", "en", "yn"]), R.choice([1, 1, 2]) if n > 5 else 1
        at = sorted(R.sample(range(2, n - 1, 2), min(k, len(range(2, n - 1, 2)))))
        unsaturated = ("a" if len(at) > 1 else "") + "-" + ",".join(map(str, at)) + "-" + MULT[len(at)] + order
        places = [p for p in places if all(int(p) not in (a, a + 1) for a in at)]
    body = stem + (unsaturated or "an")
    text, left = prefixes(places[1:-1] if n > 2 else [], R.choice([0, 0, 1, 1, 2]))
    inner = [p for p in left]
    if kind < .2:
        return text + body + "e"
    if kind < .45 and n > 2 and inner:
        ending = R.choice(["ol", "amine", "one", "thiol"])
        return text + body + ("e" if ending == "thiol" else "") + "-" + R.choice(inner) + "-" + ending
    if kind < .55 and n > 1:
        return text + body + "e-1," + str(n) + "-" + R.choice(["diol", "diamine", "dithiol"]) if "1" in places else text + body + "e"
    return text + body + R.choice(["oic acid", "amide", "al", "enitrile", "oyl chloride", "oyl bromide"])


ALKYL = ("methyl ethyl propyl butyl pentyl hexyl octyl decyl dodecyl isopropyl tert-butyl isobutyl sec-butyl benzyl phenyl allyl vinyl cyclohexyl cyclopentyl "
         "propan-2-yl 2-chloroethyl 4-nitrophenyl 2-phenylethyl 2-methylpropyl prop-2-en-1-yl naphthalen-1-yl 2-hydroxyethyl 2,2,2-trichloroethyl "
         "pyridin-3-ylmethyl 4-methoxybenzyl butan-2-yl 3-methylbutyl hexadecyl prop-2-yn-1-yl cyclopropylmethyl 1-phenylethyl").split()
ACID = ("formate acetate propionate butyrate isobutyrate valerate pivalate benzoate acrylate methacrylate propanoate butanoate pentanoate hexanoate "
        "octanoate dodecanoate hexadecanoate cyclohexanecarboxylate nicotinate isonicotinate 4-nitrobenzoate 2-hydroxybenzoate 4-aminobenzoate "
        "2-chloropropanoate 3-oxobutanoate trichloroacetate trifluoroacetate chloroacetate 4-methylbenzenesulfonate methanesulfonate benzenesulfonate "
        "furan-2-carboxylate pyridine-2-carboxylate but-2-ynoate prop-2-enoate 3-phenylpropanoate palmitate stearate laurate lactate "
        "2-methylpropanoate 3,5-dinitrobenzoate carbamate 1H-indole-3-carboxylate 2-oxopropanoate").split()
DIACID = ("malonate succinate glutarate adipate oxalate phthalate terephthalate isophthalate hexanedioate propanedioate sebacate carbonate sulfate "
          "naphthalene-2,6-dicarboxylate 2-methylpropanedioate butanedioate").split()
METAL = "sodium potassium lithium caesium silver ammonium calcium magnesium barium".split()


def words():
    kind = R.random()
    a, b = R.choice(ALKYL), R.choice(ALKYL)
    if kind < .4:
        return a + " " + R.choice(ACID)
    if kind < .5:
        return R.choice([("di" + a) if a[0].isalpha() and "yl" == a[-2:] and "-" not in a else "bis(" + a + ")", a + " " + b]) + " " + R.choice(DIACID)
    if kind < .6:
        x = R.choice("ether sulfide ketone sulfone sulfoxide disulfide".split())
        return a + " " + b + " " + x if a != b else "dibutyl " + x
    if kind < .72:
        return a + " " + R.choice("chloride bromide iodide fluoride alcohol cyanide azide isocyanate isothiocyanate".split())
    if kind < .85:
        return R.choice(METAL) + " " + R.choice(ACID)
    if kind < .95:
        return R.choice("acetic benzoic propionic butyric hexanoic propanoic trifluoroacetic chloroacetic pivalic isobutyric 4-nitrobenzoic "
                        "methacrylic nicotinic".split()) + " anhydride"
    return R.choice(METAL) + " " + R.choice("chloride bromide iodide hydroxide sulfate nitrate carbonate cyanide phosphate azide".split())


def amine():
    a, b, c = (R.choice([x for x in ALKYL if "-" not in x]) for _ in range(3))
    kind = R.random()
    if kind < .3:
        return R.choice(["di", "tri", ""]) + a + "amine"
    if kind < .5:
        return "N-" + a + R.choice(["aniline", "acetamide", "benzamide", "formamide", "methanamine", "propan-2-amine", "butan-1-amine", "cyclohexanamine",
                                    "pyridin-2-amine", "benzenesulfonamide", "cyclopropanecarboxamide", "methanesulfonamide"])
    if kind < .75:
        x = R.choice(["aniline", "acetamide", "benzamide", "ethanamine", "hexan-1-amine", "pyridine-3-carboxamide", "cyclohexanecarboxamide", "propanamide",
                      "4-methylbenzenesulfonamide"])
        join = "-" if x[0].isdigit() else ""
        return "N,N-di" + a + join + x if a == b else "N-" + min(a, b, key=key) + "-N-" + max(a, b, key=key) + join + x
    return R.choice(["tetra" + a + "ammonium bromide", "tri" + a + "phosphane", "tetra" + a + "silane", "tri" + a + "borane", "1-" + a + "piperidine",
                     "4-" + a + "morpholine", "1,4-di" + a + "piperazine", "1-" + a + "-1H-imidazole", a + "boronic acid", a + "phosphonic acid",
                     "chlorotri" + a + "silane", "1,3-di" + a + "urea", a + "hydrazine", "tri" + a + " phosphate", "N,N'-di" + a + "urea"])


def stereo():
    n = R.randint(4, 12)
    stem = STEM[n - 1]
    if R.random() < .5:
        at = R.randint(2, n - 2)
        return "(" + str(at) + R.choice("EZ") + ")-" + stem + "-" + str(at) + "-en" + R.choice(["e", "oic acid", "-1-ol", "al", "amide"])
    at = R.randint(2, n - 1)
    if R.random() < .5:
        return "(" + str(at) + R.choice("RS") + ")-" + str(at) + "-" + R.choice(["chloro", "methyl", "amino", "hydroxy", "phenyl", "bromo"]) + stem + "anoic acid"
    two = sorted(R.sample(range(2, n), 2)) if n > 4 else [2, 3]
    return "(" + ",".join(str(x) + R.choice("RS") for x in two) + ")-" + stem + R.choice(["ane-", "anal-", "ane-"]).replace("al-", "e-") + \
        ",".join(map(str, two)) + "-" + R.choice(["diol", "diamine", "dithiol"])


seen = set()
while len(seen) < int(sys.argv[1]):
    name = R.choices([ring, chain, words, amine, stereo], [10, 7, 6, 3, 2])[0]()
    if name not in seen:
        seen.add(name)
        print(name)
