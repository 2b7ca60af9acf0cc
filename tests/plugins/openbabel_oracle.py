"""InChI by Open Babel: SMILES, tab, InChI.  First the molecules of a file as they are, then stereoisomers of those that have some."""
import sys

from openbabel import openbabel as ob
from rdkit import Chem, RDLogger
from rdkit.Chem.EnumerateStereoisomers import EnumerateStereoisomers, StereoEnumerationOptions

RDLogger.DisableLog("rdApp.*")
ob.obErrorLog.SetOutputLevel(-1)
convert = ob.OBConversion()
convert.SetInAndOutFormats("smi", "inchi")


def say(smiles):
    mol = ob.OBMol()
    convert.ReadString(mol, smiles)
    print(smiles, convert.WriteString(mol).strip(), sep="\t")


molecules = [line.split()[0] for line in open(sys.argv[1]) if line.strip()]
for smiles in molecules:
    if "*" not in smiles:
        say(smiles)
for smiles in molecules:
    mol = Chem.MolFromSmiles(smiles)
    if "*" in smiles:
        continue
    for isomer in EnumerateStereoisomers(mol, StereoEnumerationOptions(maxIsomers=4, rand=1, onlyUnassigned=False)):
        written = Chem.MolToSmiles(isomer, doRandom=True)
        if "@" in written or "/" in written:
            say(written)
