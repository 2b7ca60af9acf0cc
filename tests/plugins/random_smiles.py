"""Rows of controlled.tsv (standard input) with three other SMILES of the same molecule each, by python3-rdkit."""
import sys

from rdkit import Chem, RDLogger

RDLogger.DisableLog('rdApp.*')
for line in sys.stdin:
    if line[0] == '#':
        continue
    row = line.rstrip('\n').split('\t')
    mol = Chem.MolFromSmiles(row[3])
    for i in range(3 if mol else 0):
        row[3] = Chem.MolToSmiles(mol, doRandom=True, allHsExplicit=i == 1)
        print('\t'.join(row))
