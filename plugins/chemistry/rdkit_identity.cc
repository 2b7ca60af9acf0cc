// rdkit_identity.cc - by what two molecules differ.
//
// Stereo, isotopes, salt form and tautomer are left out of both, as few of them as make their canonical SMILES equal.  The salt form is
// left out by taking bonds between metals and others apart, keeping the largest part that has carbon, and giving charged
// acids and bases their hydrogens back; without carbon nothing but charges is left out, as sodium chloride is no form of
// potassium chloride.  Tautomers are made one by RDKit's rules (Sitzmann et al. 2010), which take long for large molecules: only
// molecules with the same formula and the same atoms and bonds, whatever the bonds' orders, are tried.
#include "rdkit_molecule.hh"

#include <GraphMol/Descriptors/MolDescriptors.h>
#include <GraphMol/MolOps.h>
#include <GraphMol/MolStandardize/Charge.h>
#include <GraphMol/MolStandardize/Metal.h>
#include <GraphMol/MolStandardize/Tautomer.h>
#include <GraphMol/SmilesParse/SmilesParse.h>
#include <GraphMol/SmilesParse/SmilesWrite.h>

namespace
{

const unsigned MAX_TAUTOMERS = 200, MAX_TRANSFORMS = 200;

// As it is after being written and read: hydrogens, aromaticity and stereo come out as they would of a SMILES.
Molecule reread(const RDKit::ROMol &mol)
{
    Molecule out(RDKit::SmilesToMol(RDKit::MolToSmiles(mol)));

    if (!out)
        throw refusal(CORAX_E_INTERNAL, "a form of the molecule cannot be read");
    return out;
}

bool has_carbon(const RDKit::ROMol &mol)
{
    for (const auto *atom : mol.atoms())
        if (atom->getAtomicNum() == 6)
            return true;
    return false;
}

// The largest part; of parts of one size the one whose SMILES comes first.
Molecule organic_part(const RDKit::ROMol &mol)
{
    RDKit::ROMOL_SPTR best;
    std::string best_smiles;

    for (const auto &part : RDKit::MolOps::getMolFrags(mol)) {
        if (!has_carbon(*part) || (best && part->getNumAtoms() < best->getNumAtoms()))
            continue;
        const std::string smiles = RDKit::MolToSmiles(*part);

        if (best && part->getNumAtoms() == best->getNumAtoms() && smiles >= best_smiles)
            continue;
        best = part;
        best_smiles = smiles;
    }
    return Molecule(best ? new RDKit::RWMol(*best) : new RDKit::RWMol(mol));
}

Molecule without_salt(const RDKit::RWMol &mol)
{
    Molecule out(new RDKit::RWMol(mol));

    if (has_carbon(mol)) {
        RDKit::MolStandardize::MetalDisconnector().disconnect(*out);
        out = organic_part(*reread(*out));
    }
    const std::unique_ptr<RDKit::ROMol> neutral(RDKit::MolStandardize::Uncharger().uncharge(*out));
    return reread(*neutral);
}

Molecule without_isotopes(const RDKit::RWMol &mol)
{
    RDKit::RWMol out(mol);

    for (auto *atom : out.atoms())
        atom->setIsotope(0);
    return reread(out);
}

Molecule without_stereo(const RDKit::RWMol &mol)
{
    RDKit::RWMol out(mol);

    RDKit::MolOps::removeStereochemistry(out);
    return reread(out);
}

RDKit::MolStandardize::TautomerEnumerator tautomer_rules()
{
    RDKit::MolStandardize::TautomerEnumerator rules;

    rules.setMaxTautomers(MAX_TAUTOMERS);
    rules.setMaxTransforms(MAX_TRANSFORMS);
    rules.setRemoveSp3Stereo(false);
    rules.setRemoveBondStereo(false);
    rules.setRemoveIsotopicHs(false);
    return rules;
}

Molecule one_tautomer(const RDKit::RWMol &mol)
{
    static const RDKit::MolStandardize::TautomerEnumerator rules = tautomer_rules(); // reading them takes 5 ms

    const std::unique_ptr<RDKit::ROMol> out(rules.canonicalize(mol));
    return reread(*out);
}

// Without `what`, of enum rdkit_difference; a tautomer is made last.
Molecule without(const RDKit::RWMol &mol, unsigned what)
{
    Molecule out = reread(mol);

    if (what & RDKIT_SALT)
        out = without_salt(*out);
    if (what & RDKIT_ISOTOPES)
        out = without_isotopes(*out);
    if (what & RDKIT_STEREO)
        out = without_stereo(*out);
    if (what & RDKIT_TAUTOMER)
        out = one_tautomer(*out);
    return out;
}

// Elements and which of them are bound.
std::string skeleton(const RDKit::RWMol &mol)
{
    RDKit::RWMol out(mol);

    RDKit::MolOps::removeStereochemistry(out);
    for (auto *bond : out.bonds()) {
        bond->setBondType(RDKit::Bond::SINGLE);
        bond->setIsAromatic(false);
    }
    for (auto *atom : out.atoms()) {
        atom->setIsAromatic(false);
        atom->setFormalCharge(0);
        atom->setNoImplicit(true);
        atom->setNumExplicitHs(0);
        atom->setNumRadicalElectrons(0);
        atom->setIsotope(0);
    }
    out.updatePropertyCache(false);
    return RDKit::MolToSmiles(out);
}

bool may_be_tautomers(const RDKit::RWMol &a, const RDKit::RWMol &b)
{
    return RDKit::Descriptors::calcMolFormula(a) == RDKit::Descriptors::calcMolFormula(b) && skeleton(a) == skeleton(b);
}

bool equal_without(const RDKit::RWMol &a, const RDKit::RWMol &b, unsigned what, std::string &common)
{
    common = RDKit::MolToSmiles(*without(a, what));
    return common == RDKit::MolToSmiles(*without(b, what));
}

int difference(const RDKit::RWMol &a, const RDKit::RWMol &b, std::string &common)
{
    // Fewer first; without the tautomer first.
    static const unsigned order[] = { 0, 1, 2, 4, 3, 5, 6, 7 };
    const Molecule x = without(a, RDKIT_SALT | RDKIT_ISOTOPES | RDKIT_STEREO),
                   y = without(b, RDKIT_SALT | RDKIT_ISOTOPES | RDKIT_STEREO);

    if (RDKit::MolToSmiles(*x) == RDKit::MolToSmiles(*y)) {
        for (unsigned what : order)
            if (equal_without(a, b, what, common))
                return int(what);
    } else if (may_be_tautomers(*x, *y)) {
        for (unsigned what : order)
            if (equal_without(a, b, what | RDKIT_TAUTOMER, common))
                return int(what | RDKIT_TAUTOMER);
    }
    common.clear();
    return RDKIT_DIFFERENT;
}

unsigned stated(const RDKit::RWMol &mol)
{
    unsigned n = 0;

    for (const auto *atom : mol.atoms())
        n += atom->getChiralTag() != RDKit::Atom::CHI_UNSPECIFIED;
    for (const auto *bond : mol.bonds())
        n += bond->getStereo() > RDKit::Bond::STEREOANY;
    return n;
}

std::string mirrored(const RDKit::RWMol &mol)
{
    RDKit::RWMol out(mol);

    for (auto *atom : out.atoms())
        atom->invertChirality();
    return RDKit::MolToSmiles(*reread(out));
}

} // namespace

int rdkit_difference(const struct rdkit_mol *a, const struct rdkit_mol *b, int *out, char common[RDKIT_TEXT_SIZE],
                     struct rdkit_err *err)
{
    return guarded(err, [&] {
        std::string text;

        *out = difference(*a->mol, *b->mol, text);
        put_text(common, text);
    });
}

int rdkit_stereo_relation(const struct rdkit_mol *a, const struct rdkit_mol *b, enum rdkit_relation *out,
                          struct rdkit_err *err)
{
    return guarded(err, [&] {
        const Molecule one = reread(*a->mol), other = reread(*b->mol);
        const unsigned n = stated(*one), m = stated(*other);

        *out = n < m                                          ? RDKIT_SECOND_STATES_MORE
               : n > m                                        ? RDKIT_FIRST_STATES_MORE
               : mirrored(*one) == RDKit::MolToSmiles(*other) ? RDKIT_ENANTIOMERS
                                                              : RDKIT_DIASTEREOMERS;
    });
}
