"""The fragment contributions of the synthetic accessibility score, out of RDKit's fpscores.pkl.gz, as a binary table.

The score: P. Ertl, A. Schuffenhauer, J. Cheminformatics 1:8 (2009).  The pickle is a list of lists: a contribution, then the identifiers
of the fragments that have it.  The table, little-endian: the count n (u32); 65,537 offsets (u32), by the upper halves of the
identifiers; n lower halves (u16), sorted; n contributions (i16) in 1/10000.

usage: sa_fragments.py fpscores.pkl.gz TABLE
"""
import gzip
import pickle
import struct
import sys

scores = {}
for row in pickle.load(gzip.open(sys.argv[1])):
    for fragment in row[1:]:
        scores[fragment] = round(float(row[0]) * 10000)
fragments = sorted(scores)
offsets = [0] * 65537
for fragment in fragments:
    offsets[(fragment >> 16) + 1] += 1
for i in range(65536):
    offsets[i + 1] += offsets[i]
n = len(fragments)
with open(sys.argv[2], "wb") as out:
    out.write(struct.pack("<I65537I", n, *offsets))
    out.write(struct.pack("<%dH" % n, *(f & 0xFFFF for f in fragments)))
    out.write(struct.pack("<%dh" % n, *(scores[f] for f in fragments)))
