#!/usr/bin/python3
"""What python3-rdkit says of each SMILES on standard input: five texts a line, separated by tabs, in the words of
docs/tools.md.  chemistry-t compares the plugin with it.  The library underneath is the same, so this proves arguments,
units, rounding and sentences, not the chemistry."""

import sys

from rdkit import Chem, DataStructs, RDLogger
from rdkit.Chem import AllChem, Crippen, Descriptors, Lipinski, rdMolDescriptors

RDLogger.DisableLog("rdApp.*")
aspirin = AllChem.GetMorganFingerprintAsBitVect(Chem.MolFromSmiles("CC(=O)Oc1ccccc1C(=O)O"), 2, nBits=2048)
for line in sys.stdin:
    m = Chem.MolFromSmiles(line.strip())
    logp = f"{Crippen.MolLogP(m):.2f}"
    fp = AllChem.GetMorganFingerprintAsBitVect(m, 2, nBits=2048)
    print(f"average {Descriptors.MolWt(m):.3f} g/mol, monoisotopic {Descriptors.ExactMolWt(m):.5f} Da",
          rdMolDescriptors.CalcMolFormula(m),
          Chem.MolToSmiles(m),
          f"logP {'0.00' if logp == '-0.00' else logp}, TPSA {rdMolDescriptors.CalcTPSA(m):.2f}, HBD {Lipinski.NumHDonors(m)}, "
          f"HBA {Lipinski.NumHAcceptors(m)}, rotatable bonds {rdMolDescriptors.CalcNumRotatableBonds(m)}, "
          f"rings {rdMolDescriptors.CalcNumRings(m)}",
          f"Tanimoto {DataStructs.TanimotoSimilarity(fp, aspirin):.3f} (Morgan radius 2, 2048 bits)", sep="\t")
