"""Druglikeness by python3-rdkit and its SA_Score: for each SMILES on standard input a line of the five answers, tabs between."""
import sys

from rdkit import Chem, RDConfig, RDLogger
from rdkit.Chem import QED, Crippen, Descriptors, Lipinski, rdMolDescriptors
from rdkit.Chem.FilterCatalog import FilterCatalog, FilterCatalogParams

RDLogger.DisableLog("rdApp.*")
sys.path.append(RDConfig.RDContribDir + "/SA_Score")
sys.path.append("/usr/share/RDKit/Contrib/SA_Score")
import sascorer  # noqa: E402

params = FilterCatalogParams()
for name in "PAINS_A PAINS_B PAINS_C BRENK".split():
    params.AddCatalog(getattr(FilterCatalogParams.FilterCatalogs, name))
catalog = FilterCatalog(params)

for line in sys.stdin:
    mol = Chem.MolFromSmiles(line.strip())
    mass, logp = Descriptors.MolWt(mol), Crippen.MolLogP(mol)
    donors, acceptors = rdMolDescriptors.CalcNumLipinskiHBD(mol), rdMolDescriptors.CalcNumLipinskiHBA(mol)
    alerts = []
    for entry in catalog.GetMatches(mol):
        for match in entry.GetFilterMatches(mol):
            atoms = " ".join(str(pair[1] + 1) for pair in match.atomPairs)
            alerts.append("%s %s (atoms %s)" % (entry.GetProp("FilterSet"), entry.GetDescription(), atoms))
    print(
        "QED %.3f" % QED.qed(mol),
        "synthetic accessibility %.2f (1 easy, 10 hard)" % sascorer.calculateScore(mol),
        "%d" % ((mass > 500) + (logp > 5) + (donors > 5) + (acceptors > 10)),
        ", ".join(alerts) or "no alert (PAINS A to C, Brenk)",
        "WLOGP %.2f, TPSA %.2f)" % (logp + 0 if abs(logp) >= 0.005 else 0, rdMolDescriptors.CalcTPSA(mol, includeSandP=True)),
        sep="\t",
    )
