// rdkit_structure.cc - a molecule as libinchi takes it: atoms, bonds of whole orders, and the stereo that its SMILES states.
//
// Stereo is given as parities, not as a drawing: a drawing would also state what the SMILES left open (a double bond in a large ring has
// to be drawn either way).  RDKit keeps the configuration of a centre as the sense in which its bonds, in the order in which it keeps
// them, turn, seen from the first; an implicit hydrogen or a lone pair is the last.
//
// Reading a SMILES, RDKit draws perchlorate and its like with charges (Cl+3 and three O-); InChI knows them by double bonds, so these are
// put back.
#include "rdkit_molecule.hh"

#include <cstdlib>
#include <vector>

#include <GraphMol/MolOps.h>

namespace
{

bool is_halogen(const RDKit::Atom *atom)
{
    const int z = atom->getAtomicNum();

    return z == 17 || z == 35 || z == 53;
}

void neutralize_oxohalogens(RDKit::RWMol &mol)
{
    for (auto *atom : mol.atoms()) {
        if (!is_halogen(atom) || atom->getFormalCharge() <= 0)
            continue;
        for (auto *bond : mol.atomBonds(atom)) {
            auto *other = bond->getOtherAtom(atom);

            if (atom->getFormalCharge() > 0 && other->getAtomicNum() == 8 && other->getFormalCharge() == -1 &&
                other->getDegree() == 1 && bond->getBondType() == RDKit::Bond::SINGLE) {
                bond->setBondType(RDKit::Bond::DOUBLE);
                other->setFormalCharge(0);
                atom->setFormalCharge(atom->getFormalCharge() - 1);
            }
        }
    }
}

std::vector<rdkit_atom> atoms_of(const RDKit::ROMol &mol)
{
    std::vector<rdkit_atom> out;

    for (const auto *atom : mol.atoms()) {
        rdkit_atom a{};

        if (atom->getAtomicNum() == 0)
            throw refusal(CORAX_E_ARGS, "atom " + std::to_string(atom->getIdx() + 1) + " (*) is of no element");
        std::snprintf(a.symbol, sizeof a.symbol, "%s", atom->getSymbol().c_str());
        a.isotope = int(atom->getIsotope());
        a.charge = atom->getFormalCharge();
        a.n_hydrogens = int(atom->getTotalNumHs());
        a.n_radicals = int(atom->getNumRadicalElectrons());
        out.push_back(a);
    }
    return out;
}

unsigned order_of(const RDKit::Bond *bond)
{
    switch (bond->getBondType()) {
    case RDKit::Bond::SINGLE:
    case RDKit::Bond::DATIVE:
        return 1;
    case RDKit::Bond::DOUBLE:
        return 2;
    case RDKit::Bond::TRIPLE:
        return 3;
    default:
        throw refusal(CORAX_E_ARGS, "the bond between atoms " + std::to_string(bond->getBeginAtomIdx() + 1) + " and " +
                                        std::to_string(bond->getEndAtomIdx() + 1) + " is of no whole order");
    }
}

std::vector<rdkit_bond> bonds_of(const RDKit::ROMol &mol)
{
    std::vector<rdkit_bond> out;

    for (const auto *bond : mol.bonds())
        out.push_back({ bond->getBeginAtomIdx(), bond->getEndAtomIdx(), order_of(bond) });
    return out;
}

void add_centre(std::vector<rdkit_stereo> &out, const RDKit::ROMol &mol, const RDKit::Atom *atom)
{
    const auto tag = atom->getChiralTag();
    // What is no atom is RDKit's last neighbour; put first, it makes the sense turn round.
    rdkit_stereo s{ int(atom->getIdx()), {}, (tag == RDKit::Atom::CHI_TETRAHEDRAL_CW) == (atom->getDegree() == 4) };
    unsigned n = 0;

    if ((tag != RDKit::Atom::CHI_TETRAHEDRAL_CW && tag != RDKit::Atom::CHI_TETRAHEDRAL_CCW) || atom->getDegree() < 3 ||
        atom->getDegree() > 4)
        return;
    if (atom->getDegree() == 3)
        s.neighbour[n++] = atom->getIdx();
    for (const auto *bond : mol.atomBonds(atom))
        s.neighbour[n++] = bond->getOtherAtomIdx(atom->getIdx());
    out.push_back(s);
}

void add_double_bond(std::vector<rdkit_stereo> &out, const RDKit::Bond *bond)
{
    const auto &ends = bond->getStereoAtoms();

    if (bond->getStereo() <= RDKit::Bond::STEREOANY || ends.size() != 2)
        return;
    out.push_back({ -1,
                    { unsigned(ends[0]), bond->getBeginAtomIdx(), bond->getEndAtomIdx(), unsigned(ends[1]) },
                    bond->getStereo() == RDKit::Bond::STEREOE || bond->getStereo() == RDKit::Bond::STEREOTRANS });
}

std::vector<rdkit_stereo> stereo_of(const RDKit::ROMol &mol)
{
    std::vector<rdkit_stereo> out;

    for (const auto *atom : mol.atoms())
        add_centre(out, mol, atom);
    for (const auto *bond : mol.bonds())
        add_double_bond(out, bond);
    return out;
}

template <typename T> T *copy(const std::vector<T> &from)
{
    T *to = static_cast<T *>(std::calloc(from.size() + 1, sizeof(T)));

    if (to == nullptr)
        throw std::bad_alloc();
    std::copy(from.begin(), from.end(), to);
    return to;
}

} // namespace

int rdkit_structure_of(const struct rdkit_mol *m, struct rdkit_structure *out, struct rdkit_err *err)
{
    *out = {};
    int rc = guarded(err, [&] {
        RDKit::RWMol mol(*m->mol);

        RDKit::MolOps::Kekulize(mol);
        neutralize_oxohalogens(mol);
        const auto atoms = atoms_of(mol);
        const auto bonds = bonds_of(mol);
        const auto stereo = stereo_of(mol);

        out->n_atoms = unsigned(atoms.size());
        out->n_bonds = unsigned(bonds.size());
        out->n_stereo = unsigned(stereo.size());
        out->atoms = copy(atoms);
        out->bonds = copy(bonds);
        out->stereo = copy(stereo);
    });
    if (rc != CORAX_OK)
        rdkit_structure_finish(out);
    return rc;
}

void rdkit_structure_finish(struct rdkit_structure *s)
{
    std::free(s->atoms);
    std::free(s->bonds);
    std::free(s->stereo);
    *s = {};
}
