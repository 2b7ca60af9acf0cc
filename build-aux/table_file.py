"""What the scripts that write infer's tables have in common."""

import sys
import textwrap
from itertools import zip_longest
from pathlib import Path

INFER = Path(__file__).resolve().parents[1] / "infer"

WIDTH = 117


def ranges(characters):
    """Sorted [first, last] of a set of characters."""
    result = []
    for c in sorted(map(ord, characters)):
        if result and result[-1][1] == c - 1:
            result[-1][1] = c
        else:
            result.append([c, c])
    return result


def lines(entries):
    return "\n".join(textwrap.wrap(" ".join(entries), WIDTH, initial_indent="    ", subsequent_indent="    ",
                                   break_long_words=False, break_on_hyphens=False))


def array(name, entries):
    """An array's declarator with its values, each with its comma."""
    return f"{name} = {{\n{lines(entries)}\n}};\n"


def put(path, what, script, body):
    """Write a header; with --check say where it is otherwise and leave with 1, or with 77 where it is of another version."""
    guard = "INFER_" + path.name.upper().replace(".", "_")
    include = "#include <stdint.h>\n\n" if "uint32_t" in body else ""
    text = f"""/*
 * infer/{path.name} - {what}.
 *
 * Written by build-aux/{Path(script).name}; do not edit.
 */
#ifndef {guard}
#define {guard}

{include}{body}
#endif
"""
    if sys.argv[1:] != ["--check"]:
        path.write_text(text, encoding="ascii")
        print(path)
        return
    for number, (there, here) in enumerate(zip_longest(path.read_text(encoding="ascii").splitlines(), text.splitlines()), 1):
        if there != here:
            print(f"{path}:{number}: is {there!r}, would be {here!r}")
            sys.exit(77 if number == 2 else 1)
