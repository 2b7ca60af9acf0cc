#!/usr/bin/env python3
"""
What Python's jinja2 makes of templates, with the settings that chat templates are written for; and infer/jinja beside it.

    jinja_golden.py write                 fills in what vectors/jinja-snippets.json and vectors/jinja-conversations.json expect
    jinja_golden.py compare PROGRAM       the same templates by PROGRAM (make tests/infer/jinja-many), texts compared in full
    jinja_golden.py fuzz PROGRAM N SEED   N random templates; where the two differ, both are shown

Needs jinja2 (3.1.6 was used) and for the published templates CORAX_TEST_DATA.  Run it in the source folder.
The results for published templates are kept as checksum (FNV-1a, 64 bits) and length, since they are long.
"""
import datetime
import glob
import json
import os
import random
import subprocess
import sys
import warnings

import jinja2
import jinja2.ext
import jinja2.sandbox

HERE = os.path.dirname(os.path.abspath(__file__))
SNIPPETS = os.path.join(HERE, "vectors", "jinja-snippets.json")
CONVERSATIONS = os.path.join(HERE, "vectors", "jinja-conversations.json")
NOW = datetime.datetime(2024, 12, 5, 14, 30, 15)


class Generation(jinja2.ext.Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    def _body(self, caller):
        return caller()


class Raised(jinja2.exceptions.TemplateError):
    pass


class Namespace(jinja2.utils.Namespace):
    def __init__(*args, **kwargs):
        self, args = args[0], args[1:]
        values = dict(*args, **kwargs)
        for name in values:
            Namespace.check(name)
        jinja2.utils.Namespace.__init__(self, values)

    def __setitem__(self, name, value):
        Namespace.check(name)
        jinja2.utils.Namespace.__setitem__(self, name, value)

    @staticmethod
    def check(name):
        if isinstance(name, str) and name.startswith("_"):
            raise jinja2.exceptions.SecurityError("underscore")


def raise_exception(message):
    raise Raised(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def environment():
    env = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
    env.filters["tojson"] = tojson
    env.globals.update(raise_exception=raise_exception, strftime_now=NOW.strftime, namespace=Namespace,
                       dict=lambda *args, **kwargs: dict(*args, **kwargs))
    return env


ENV = environment()
warnings.simplefilter("ignore")


def reference(template, variables):
    """{"out": text}, {"raised": message} or {"error": what Python says}."""
    try:
        return {"out": ENV.from_string(template).render(**variables)}
    except Raised as e:
        return {"raised": str(e)}
    except Exception as e:  # whatever Python makes of it
        return {"error": f"{type(e).__name__}: {e}"}


class Ours:
    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def render(self, template, variables):
        line = json.dumps({"template": template, "globals": variables}, ensure_ascii=False)
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if answer.pop("raised", False):
            return {"raised": answer["error"]}
        return answer


def same(a, b):
    if "error" in a or "error" in b:
        return "error" in a and "error" in b
    if "raised" in a and "raised" in b:  # control characters are spaces in our errors, and they are cut
        return "".join(c if c >= " " and c != "\x7f" else " " for c in a["raised"])[:500] == b["raised"][:500]
    return a == b


def fnv(text):
    h = 0xCBF29CE484222325
    for byte in text.encode():
        h = (h ^ byte) * 0x100000001B3 % 2**64
    return f"{h:016x}"


def published():
    folder = os.path.join(os.environ.get("CORAX_TEST_DATA", "../shared/data"), "chat-templates")
    return {os.path.basename(p): open(p, encoding="utf-8", newline="").read() for p in sorted(glob.glob(folder + "/*.jinja"))}


def globals_of(conversations, one):
    return {**conversations["globals"], **one["globals"]}


def short(result):
    return f"{fnv(result['out'])} {len(result['out'].encode())}" if "out" in result else result.get("raised", "")


def save(path, value):
    with open(path, "w", encoding="utf-8") as f:
        json.dump(value, f, ensure_ascii=False, indent=1)
        f.write("\n")


def write():
    snippets = json.load(open(SNIPPETS, encoding="utf-8"))
    for s in snippets["snippets"]:
        result = reference(s["template"], snippets["globals"])
        for key in ("out", "raised", "error"):
            s.pop(key, None)
        s.update(result if "error" not in result else {"error": True})
    save(SNIPPETS, snippets)
    conversations = json.load(open(CONVERSATIONS, encoding="utf-8"))
    templates = published()
    for c in conversations["conversations"]:
        results = {name: reference(t, globals_of(conversations, c)) for name, t in templates.items()}
        c["expect"] = {name: short(r) if "error" not in r else False for name, r in results.items()}
    if templates:
        save(CONVERSATIONS, conversations)


def show(name, template, want, got):
    print(f"--- {name}\n{template!r}\n want {want}\n got  {got}")


def compare(program):
    ours, n, wrong = Ours(program), 0, 0
    snippets = json.load(open(SNIPPETS, encoding="utf-8"))
    for s in snippets["snippets"]:
        want, got = reference(s["template"], snippets["globals"]), ours.render(s["template"], snippets["globals"])
        n += 1
        if not same(want, got):
            wrong += 1
            show("snippet", s["template"], want, got)
    conversations = json.load(open(CONVERSATIONS, encoding="utf-8"))
    for name, template in published().items():
        for c in conversations["conversations"]:
            variables = globals_of(conversations, c)
            want, got = reference(template, variables), ours.render(template, variables)
            n += 1
            if not same(want, got):
                wrong += 1
                show(f"{name}, {c['name']}", "", want, got)
    print(f"{n} compared, {wrong} differ")
    return wrong


# --- random templates ------------------------------------------------------------------------------------------------

NAMES = ["messages", "tools", "text", "number", "real", "yes", "nothing", "table", "words", "nested", "missing", "x", "y"]
ATOMS = ["1", "0", "-3", "2.5", "'a b'", "'Hello, World'", "''", "'<b>&'", "true", "false", "none", "[]", "[3, 1, 2]", "{}",
         "{'a': 1, 'b': [2]}", "(1, 'x')", "'Äß ñ'", "[1, 'a', none]", "range(4)", "words", "text", "number", "table", "missing",
         "1e3", "0.1", "'a-b_c'", "'{}-{}'", "'%s and %s'", "messages[0]", "messages[-1].content", "table.a", "x", "y", "nested"]
FILTERS = ["abs", "attr('a')", "batch(2)|list", "batch(2, 'x')|list", "capitalize", "center(9)", "count", "d('D')", "d('D', true)",
           "default(1)", "dictsort", "dictsort(by='value')", "e", "escape", "first", "float", "float(1.5)", "forceescape",
           "format('q')", "format(1, 2)", "groupby('role')", "groupby(0)", "indent", "indent(2, true)", "indent('> ', true, true)",
           "int", "int(7)", "int(0, 16)", "items|list", "join", "join(', ')", "join('-', 0)", "last", "length", "list", "lower",
           "map('upper')|list", "map(attribute='role')|list", "map(attribute='role', default='?')|list", "map('length')|list",
           "max", "min", "reject|list", "reject('none')|list", "rejectattr('role')|list", "rejectattr('role', 'eq', 'user')|list",
           "replace('a', 'b')", "replace('', '.')", "replace('l', 'L', 1)", "reverse|list", "reverse", "round", "round(1)",
           "round(1, 'floor')", "round(0, 'ceil')", "round(-1)", "safe", "select|list", "select('string')|list",
           "select('gt', 1)|list", "selectattr('role')|list", "selectattr('role', 'in', ['user'])|list", "slice(2)|list",
           "slice(3, 'f')|list", "sort", "sort(reverse=true)", "sort(attribute='role')", "sort(true, true)", "string", "striptags",
           "sum", "sum(start=1)", "title", "tojson", "tojson(indent=2)", "tojson(sort_keys=true)", "tojson(ensure_ascii=true)",
           "tojson(separators=(',', ':'))", "trim", "trim('a')", "truncate(5)", "truncate(8, true)", "truncate(6, false, '~', 0)",
           "unique|list", "unique(true)|list", "upper", "urlencode", "wordcount", "wordwrap(5)", "wordwrap(4, false)", "xmlattr",
           "filesizeformat", "filesizeformat(true)"]
TESTS = ["defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "mapping", "sequence", "iterable",
         "callable", "eq 1", "ne 'a'", "lt 2", "le 2", "gt 1", "ge 1", "in [1, 'a']", "odd", "even", "divisibleby 3", "lower",
         "upper", "true", "false", "escaped", "sameas none", "filter", "test", "equalto(2)"]
METHODS = [".strip()", ".lstrip('H')", ".rstrip()", ".split()", ".split(' ')", ".split('l', 1)", ".rsplit('l', 1)", ".rsplit(none, 1)",
           ".splitlines()", ".startswith('H')", ".endswith(('d', 'b'))", ".replace('l', '')", ".upper()", ".lower()", ".title()",
           ".capitalize()", ".find('o')", ".rfind('o')", ".index('o')", ".count('l')", ".join(['1', '2'])", ".format(1, 'z')",
           ".removeprefix('He')", ".removesuffix('ld')", ".zfill(8)", ".ljust(7, '.')", ".rjust(14)", ".center(15, '*')",
           ".isdigit()", ".isalpha()", ".isalnum()", ".isspace()", ".islower()", ".isupper()", ".istitle()", ".swapcase()",
           ".partition('l')", ".rpartition(' ')", ".items()", ".keys()|list", ".values()|list", ".get('a')", ".get('z', 5)",
           ".role", ".content", ".a", ".index(1)", ".count(1)", ".append(1)", ".pop()", ".update({})", ".nope", "[0]", "[-1]",
           "[1:]", "[:-1]", "[::2]", "[::-1]", "[-3:2]", "['a']", "['role']", "[none]", "[1:3]", "[5]", ".expandtabs(3)", ".find('o', 5)"]
BINARY = ["+", "-", "*", "/", "//", "%", "~", "and", "or", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "**"]
SPACE = ["", " ", "\n", "  \n  ", "\n\n", "\t", "text", " a ", "x\n"]


def expression(r, depth):
    if depth <= 0 or r.random() < 0.2:
        return r.choice(ATOMS)
    kind = r.randrange(10)
    sub = lambda: expression(r, depth - 1)
    if kind < 3:
        return f"({sub()})|{r.choice(FILTERS)}"
    if kind < 5:
        return f"({sub()}){r.choice(METHODS)}"
    if kind == 5:
        return f"({sub()} {r.choice(BINARY)} {sub()})"
    if kind == 6:
        return f"({sub()} is {r.choice(['', 'not '])}{r.choice(TESTS)})"
    if kind == 7:
        return f"({sub()} if {sub()} else {sub()})"
    if kind == 8:
        return r.choice(["not ", "-", "+"]) + f"({sub()})"
    return r.choice([f"[{sub()}, {sub()}]", f"({sub()}, {sub()})", f"{{'a': {sub()}, 'k': {sub()}}}", f"({sub()} < {sub()} <= {sub()})",
                     f"dict(a={sub()})", f"range({sub()})|list", f"({sub()}) ~ ({sub()})", f"namespace(a={sub()}).a"])


def tag(r, body):
    return "{%" + r.choice(["", "-", "+", ""]) + " " + body + " " + r.choice(["", "-", "+", ""]) + "%}"


def statement(r, depth):
    e, s = lambda: expression(r, 2), lambda: template(r, depth - 1)
    kind = r.randrange(14) if depth > 0 else r.randrange(3)
    if kind < 2:
        return "{{" + r.choice(["", "-"]) + " " + e() + " " + r.choice(["", "-"]) + "}}"
    if kind == 2:
        return tag(r, f"set {r.choice(['x', 'y', 'x', 'x, y'])} = {e()}")
    if kind < 5:
        return tag(r, "if " + e()) + s() + tag(r, r.choice(["else", "elif " + e()])) + s() + tag(r, "endif")
    if kind < 8:
        target = r.choice(["x", "y", "x", "x, y"])
        loop = r.choice(["", "{{ loop.index }}", "{{ loop.last }}", "{{ loop.length }}", "{{ loop.previtem }}", "{{ loop.cycle(1, 2) }}",
                         "{{ loop.changed(x) }}", "{{ loop.revindex0 }}", "{% if loop.first %}{% continue %}{% endif %}", "{% break %}",
                         "{{ loop.nextitem is defined }}", "{{ loop }}"])
        other = tag(r, "else") + s() if r.random() < 0.3 else ""
        return tag(r, f"for {target} in {e()}" + r.choice(["", "", f" if {e()}"])) + loop + s() + other + tag(r, "endfor")
    if kind == 8:
        return tag(r, "set x" + r.choice(["", " | upper", " | trim | length"])) + s() + tag(r, "endset")
    if kind == 9:
        return (tag(r, f"macro m({r.choice(['', 'x', 'x, y=2', 'x=y'])})") + s() + r.choice(["", "{{ varargs }}", "{{ kwargs }}", "{{ caller() }}"])
                + tag(r, "endmacro") + r.choice(["{{ m() }}", "{{ m(1) }}", "{{ m(1, y=3) }}", "{% call m() %}c{% endcall %}", "{{ m(1, 2, 3) }}"]))
    if kind == 10:
        return tag(r, "filter " + r.choice(["upper", "trim", "replace('a', 'b')|title", "indent"])) + s() + tag(r, "endfilter")
    if kind == 11:
        return tag(r, f"with x = {e()}") + s() + tag(r, "endwith")
    if kind == 12:
        return tag(r, "raw") + r.choice(["{{ x }}", " {% if %} ", "\n"]) + tag(r, "endraw")
    return "{#" + r.choice(["", "-", "+"]) + " c " + r.choice(["", "-", "+"]) + "#}"


def template(r, depth):
    return "".join(r.choice(SPACE) + statement(r, depth) + r.choice(SPACE) for _ in range(r.randrange(1, 3)))


def is_known(want, got, source):
    """Differences that jinja.h names, and addresses in what Python prints."""
    text = json.dumps([want, got])
    return ("64 bits" in text or " at 0x" in text or "object at" in text or "Exceeds the limit" in text or "OverflowError" in text
            or "MemoryError" in text or "no attribute" in text and "real" in source or "complex number" in text or "many steps" in text
            or "built-in" in text or "<bound" in text or "iterator object" in text or "a width of" in text or "has no slices" in text or "'range object' has no attribute" in text)


def fuzz(program, n, seed):
    variables = json.load(open(SNIPPETS, encoding="utf-8"))["globals"]
    ours, r, wrong, good = Ours(program), random.Random(seed), 0, 0
    for _ in range(n):
        source = template(r, 2) if r.random() < 0.5 else "{{ " + expression(r, 3) + " }}"
        want = reference(source, variables)
        got = ours.render(source, variables)
        good += "out" in want
        if not same(want, got) and not is_known(want, got, source):
            wrong += 1
            if wrong < 25:
                show("random", source, want, got)
    print(f"{n} compared, {good} without an error, {wrong} differ")
    return wrong


if __name__ == "__main__":
    if sys.argv[1:2] == ["write"]:
        write()
    elif sys.argv[1:2] == ["compare"]:
        sys.exit(compare(sys.argv[2]) > 0)
    elif sys.argv[1:2] == ["fuzz"]:
        sys.exit(fuzz(sys.argv[2], int(sys.argv[3]), int(sys.argv[4])) > 0)
    else:
        sys.exit(__doc__)
