#!/usr/bin/env python3
"""Write infer/regex_unicode_table.h: the categories, scripts and properties of characters that patterns may ask for.

Needs, by pip, regex of the version that the table names (its first line): its Unicode is newer than Python's.  From the top of the
source, to write it anew or to see whether it is as it would be:

    build-aux/unicode-classes.py
    build-aux/unicode-classes.py --check
"""

import regex

from table_file import INFER, array, put, ranges

CATEGORIES = ("Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Sc", "Sk",
              "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Cn")
SCRIPTS = ("Arabic", "Armenian", "Bengali", "Cyrillic", "Devanagari", "Georgian", "Greek", "Han", "Hangul", "Hebrew", "Hiragana",
           "Katakana", "Latin", "Tamil", "Telugu", "Thai")
PROPERTIES = ("Alphabetic", "Emoji", "Emoji_Presentation", "Extended_Pictographic", "Ideographic", "Lowercase", "Uppercase", "White_Space")
ALL = "".join(map(chr, range(0x110000)))


def of_class(name):
    return ranges(regex.findall(r"\p{" + name + "}", ALL))


def category_runs():
    runs = sorted((first, index) for index, name in enumerate(CATEGORIES) for first, _ in of_class(f"Gc={name}"))
    return [hex(first << 5 | index) + "," for first, index in runs]


def main():
    names = [f"Script={name}" for name in SCRIPTS] + list(PROPERTIES)
    edges, begins = [], [0]
    for name in names:
        edges += [hex(edge) + "," for first, last in of_class(name) for edge in (first, last + 1)]
        begins.append(len(edges))
    quoted = "\n".join(f'    "{name}",' for name in SCRIPTS + PROPERTIES)
    categories = ", ".join(f'"{name}"' for name in CATEGORIES)
    body = f"""static const char category_names[][3] = {{
    {categories}
}};

/* Where a category begins, shifted by 5, and its index. */
static const uint32_t {array("category_runs[]", category_runs())}
#define N_SCRIPTS {len(SCRIPTS)}
/* Scripts, then properties. */
static const char *const class_names[] = {{
{quoted}
}};
/* Of each: where it begins, where it ends, where it begins again, and so on; and where that begins in class_edges. */
static const uint16_t class_first[] = {{ {", ".join(map(str, begins))} }};
static const uint32_t {array("class_edges[]", edges)}"""
    put(INFER / "regex_unicode_table.h", f"what characters are, by regex {regex.__version__}", __file__, body)


if __name__ == "__main__":
    main()
