#!/usr/bin/env python3
"""Write infer/jinja_table.h: what Python's str knows of characters, which templates ask it.

Needs a Python whose Unicode is that which the table names (its first line); with another one the table changes.  From the
top of the source, to write it anew or to see whether it is as it would be:

    build-aux/jinja-table.py
    build-aux/jinja-table.py --check
"""

import unicodedata
from table_file import INFER, array, put, ranges

# The bits of enum char_class in infer/jinja_unicode.h.
CLASSES = (str.isalpha, str.isdigit, str.isdecimal, str.isnumeric, str.isprintable, str.isspace)
CHARACTERS = [chr(c) for c in range(0x110000)]
# Below 0x80 the code needs no table.
OTHERS = CHARACTERS[0x80:]


def pairs(rows):
    return ["{" + ",".join(row) + "}," for row in rows]


def class_runs():
    """Where a set of classes begins, and its bits."""
    rows, before = [], None
    for c in CHARACTERS:
        classes = sum(1 << bit for bit, holds in enumerate(CLASSES) if holds(c))
        if classes != before:
            rows.append((hex(ord(c)), str(classes)))
        before = classes
    return pairs(rows)


def case_runs(change):
    """First, last, step 1 or 2, delta: characters that one other takes the place of, so far away."""
    runs = []
    for c in OTHERS:
        to = change(c)
        if len(to) != 1 or to == c:
            continue
        delta, code = ord(to) - ord(c), ord(c)
        last = runs[-1] if runs else None
        if last and last[3] == delta and code - last[1] in (1, 2) and last[2] in (None, code - last[1]):
            last[1], last[2] = code, code - last[1]
        else:
            runs.append([code, code, None, delta])
    return pairs((hex(first), hex(end), str(step or 1), str(delta)) for first, end, step, delta in runs)


def case_specials(change, is_special):
    return ["{" + hex(ord(c)) + ",{" + ",".join(hex(ord(x)) for x in change(c)) + "}}," for c in OTHERS if is_special(c)]


def only(has_case, change):
    """What has a case and no counterpart."""
    return pairs((hex(first), hex(last)) for first, last in ranges(c for c in OTHERS if has_case(c) and change(c) == c))


def main():
    special = "what becomes several characters in {} case, or has a title case of its own"
    body = f"""struct case_run {{
    uint32_t first, last;
    uint16_t step;
    int32_t delta;
}};

struct case_special {{
    uint32_t from, to[3];
}};

/* each run goes on to the next one's first character */
static const struct {{
    uint32_t first;
    uint8_t classes;
}} {array("class_runs[]", class_runs())}
/* first, last, step: the upper-case counterpart is delta away */
static const struct case_run {array("upper_runs[]", case_runs(str.upper))}
/* first, last, step: the lower-case counterpart is delta away */
static const struct case_run {array("lower_runs[]", case_runs(str.lower))}
/* {special.format("upper")} */
static const struct case_special {array("upper_special[]", case_specials(str.upper, lambda c: len(c.upper()) > 1))}
/* {special.format("title")} */
static const struct case_special {array("title_special[]", case_specials(
        str.title, lambda c: len(c.title()) > 1 or c.title() != c.upper()))}
/* {special.format("lower")} */
static const struct case_special {array("lower_special[]", case_specials(str.lower, lambda c: len(c.lower()) > 1))}
/* upper case without a counterpart: first, last */
static const uint32_t {array("upper_only[][2]", only(str.isupper, str.lower))}
/* lower case without a counterpart: first, last */
static const uint32_t {array("lower_only[][2]", only(str.islower, str.upper))}
static const uint32_t {array("title_letters[]", [hex(ord(c)) + "," for c in CHARACTERS if unicodedata.category(c) == "Lt"])}"""
    put(INFER / "jinja_table.h", f"what Python's str knows of characters (Unicode {unicodedata.unidata_version})", __file__, body)


if __name__ == "__main__":
    main()
