#!/usr/bin/env python3
"""Write infer's tables of characters, as the references have them.

Needs, by pip, tokenizers and sacremoses, and a Python whose Unicode is 14, as that of PCRE2 10.42 is: characters that
came later are listed, so that any later PCRE2 cuts alike.  From the top of the source, to write them anew or to see whether they are as
they would be:

    build-aux/unicode-tables.py
    build-aux/unicode-tables.py --check

infer/nfc_table.h: what tokenizers' NFC does, whose tables are older than Python's.
infer/moses_table.h: the lists of sacremoses.
infer/class_table.h: what tokenizers takes for letters, numbers and punctuation, where that is not Unicode 14's.
"""

import sys
import unicodedata

import sacremoses
import sacremoses.indic
import tokenizers
from sacremoses.corpus import Perluniprops
from tokenizers import normalizers, pre_tokenizers

from table_file import INFER, array, put, ranges

CHARACTERS = [chr(c) for c in range(0x110000) if not 0xd800 <= c <= 0xdfff]


def header(name, what, body):
    put(INFER / name, what, __file__, body)


def table(comment, kind, name, rows):
    entries = ["{" + ",".join(row) + "}," for row in rows]
    return f"/* {comment} */\nstatic const struct {kind} {array(name + '[]', entries)}"


# --- form C -----------------------------------------------------------------------------------------------------------


def known_class(c, nfc):
    """The combining class of c, 0 where nfc does not sort it among others."""
    value = unicodedata.combining(c)
    if not value:
        return 0
    pair = c + "\u0334" if value > 1 else "\u0345" + c  # U+0334 is of class 1, U+0345 of 240
    return value if nfc(pair) != pair else 0


def write_nfc():
    nfc = normalizers.NFC().normalize_str
    decompositions, compositions, classes = [], [], []
    for c in CHARACTERS:
        parts = unicodedata.decomposition(c)
        if parts and "<" not in parts:
            a, b = ([int(p, 16) for p in parts.split()] + [0])[:2]
            whole = unicodedata.normalize("NFD", c)
            if nfc(whole) == unicodedata.normalize("NFC", whole):
                decompositions.append((ord(c), a, b))
                if b and nfc(whole) == c:
                    compositions.append((a, b, ord(c)))
        value = known_class(c, nfc)
        if not value:
            continue
        if classes and classes[-1][1] == ord(c) - 1 and classes[-1][2] == value:
            classes[-1][1] += 1
        else:
            classes.append([ord(c), ord(c), value])
    hexadecimal = lambda rows: [[hex(n) for n in row] for row in rows]
    header("nfc_table.h", "canonical decompositions, compositions and combining classes of Unicode 9",
           "struct nfc_entry {\n    uint32_t a, b, c;\n};\n\n" +
           table("a decomposes into b and, unless it is 0, c; sorted by a", "nfc_entry", "nfc_decompositions",
                 hexadecimal(decompositions)) + "\n" +
           table("a and b compose into c; sorted by both", "nfc_entry", "nfc_compositions",
                 hexadecimal(sorted(compositions))) + "\n" +
           table("the characters from a to b are of combining class c; all others of class 0", "nfc_entry",
                 "nfc_classes", [[hex(a), hex(b), str(c)] for a, b, c in classes]))


# --- Moses ------------------------------------------------------------------------------------------------------------


def write_moses():
    alpha, alnum, number, lower, currency = (set("".join(Perluniprops().chars(name))) - {"\n"} for name in (
        "IsAlpha", "IsAlnum", "IsN", "IsLower", "IsSc"))
    marks = set("".join(sacremoses.indic.VIRAMAS) + "".join(sacremoses.indic.NUKTAS))
    tables = [("letters", "alpha", alpha), ("what is alphanumeric and no letter", "digit", alnum - alpha),
              ("viramas and nuktas, which the tokenizer takes for letters and the detokenizer does not", "mark",
               marks - alpha), ("numbers", "number", number), ("lower-case letters", "lower", lower),
              ("currency symbols", "currency", currency)]
    header("moses_table.h", "the classes of characters that Moses' tokenizer has, as in sacremoses "
           f"{sacremoses.__version__}",
           "/* first and last character */\nstruct moses_range {\n    uint32_t first, last;\n};\n\n" + "\n".join(
               table(comment, "moses_range", "moses_" + name, [[hex(a), hex(b)] for a, b in ranges(characters)])
               for comment, name, characters in tables))


# --- letters, numbers, punctuation ------------------------------------------------------------------------------------


def matched(pre_tokenizer):
    """The characters that a pre-tokenizer cuts from the control character in front of them."""
    return {c for c in CHARACTERS if len(pre_tokenizer.pre_tokenize_str("\x01" + c)) == 2}


def expression(property_):
    return matched(pre_tokenizers.Split(tokenizers.Regex(property_), "isolated"))


def category(letter):
    return {c for c in CHARACTERS if unicodedata.category(c)[0] == letter}


def define(comment, name, characters):
    """A part of a class in a regular expression, as a C string."""
    bits = ["\\\\x{%x}" % a + ("-\\\\x{%x}" % b if b > a else "") for a, b in ranges(characters)]
    lines, line = [], ""
    for bit in bits:
        if len(line) + len(bit) > 110:
            lines.append(line)
            line = ""
        line += bit
    return f"/* {comment} */\n#define {name} \\\n" + " \\\n".join(f'    "{line}"' for line in lines + [line]) + "\n"


def write_classes():
    letters, numbers, punctuation = (category(name) for name in "LNP")
    now = {name: expression("\\p{%s}" % name) for name in "LNP"}
    older = matched(pre_tokenizers.Punctuation("contiguous")) - set("$+<=>^`|~")
    for name, set_ in zip("LNP", (letters, numbers, punctuation)):
        assert set_ <= now[name], name
    header("class_table.h", f"where tokenizers {tokenizers.__version__} and Unicode 14 differ, as parts of "
           "classes in regular expressions", "\n".join((
               define("letters since Unicode 14, up to 16", "NEW_LETTERS", now["L"] - letters),
               define("numbers, too", "NEW_NUMBERS", now["N"] - numbers),
               define("numbers of Unicode 17, which only the cutting of digits knows", "NEWER_NUMBERS",
                      matched(pre_tokenizers.Digits(True)) - now["N"]),
               define("punctuation since Unicode 14, up to 16", "NEW_PUNCTUATION", now["P"] - punctuation),
               define("what was punctuation in Unicode 8 only", "OLD_PUNCTUATION", older - now["P"]),
               define("punctuation since Unicode 8, up to 16", "PUNCTUATION_SINCE_8", now["P"] - older))))


def main():
    if unicodedata.unidata_version != "14.0.0":
        sys.exit(f"this needs a Python with Unicode 14, not {unicodedata.unidata_version}: Python 3.11 has it")
    write_nfc()
    write_moses()
    write_classes()


if __name__ == "__main__":
    main()
