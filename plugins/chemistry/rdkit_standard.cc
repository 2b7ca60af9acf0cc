// rdkit_standard.cc - plain forms of molecules, whether two are one compound, and families: two sections of rdkit.h.
//
// MolStandardize's chains of cleaning are made for registering compounds: they pick one fragment and drop the rest, and stop at
// what they do not know.  Here nothing may be lost, so the steps are taken one by one; only tautomers are MolStandardize's.
#include "rdkit_molecule.hh"

#include <algorithm>
#include <array>
#include <map>
#include <utility>
#include <vector>

#include <GraphMol/Descriptors/MolDescriptors.h>
#include <GraphMol/MolOps.h>
#include <GraphMol/SanitException.h>
#include <GraphMol/MolStandardize/Tautomer.h>
#include <GraphMol/SmilesParse/SmilesParse.h>
#include <GraphMol/SmilesParse/SmilesWrite.h>
#include <GraphMol/Substruct/SubstructMatch.h>

struct rdkit_parts {
    std::vector<rdkit_part> parts;
    std::vector<std::unique_ptr<rdkit_mol>> mols;
    std::vector<std::vector<unsigned>> atoms;
};

struct rdkit_family {
    Molecule query;
    std::map<int, int> sites; // map number -> atom of the query
};

namespace
{

const char given_index[] = "corax_index";

bool in(int z, std::initializer_list<int> set)
{
    return std::find(set.begin(), set.end(), z) != set.end();
}

bool alkali_or_earth(int z)
{
    return in(z, { 3, 4, 11, 12, 19, 20, 37, 38, 55, 56, 87, 88 });
}

bool is_metal(int z)
{
    return !in(z, { 0, 1, 2, 5, 6, 7, 8, 9, 10, 14, 15, 16, 17, 18, 32, 33, 34, 35, 36, 51, 52, 53, 54, 85, 86 });
}

// A metal that is drawn with bonds where there are ions: not permanganate's, which has double bonds.
bool salt_metal(const RDKit::ROMol &mol, const RDKit::Atom &atom)
{
    if (!is_metal(atom.getAtomicNum()))
        return false;
    for (const auto *bond : mol.atomBonds(&atom))
        if (bond->getBondType() == RDKit::Bond::DOUBLE)
            return false;
    return true;
}

// What lends an anion its charge.
bool nonmetal(int z)
{
    return in(z, { 7, 8, 9, 15, 16, 17, 34, 35, 52, 53 });
}

// Na-O, K-C#N, Pb-N=N=N: two ions each.  Bonds to a carbon are kept unless the metal is an alkali or earth metal.
bool ionic(const RDKit::Bond &bond, const RDKit::Atom &metal, const RDKit::Atom &other)
{
    return bond.getBondType() == RDKit::Bond::SINGLE && salt_metal(bond.getOwningMol(), metal) &&
           (nonmetal(other.getAtomicNum()) || (other.getAtomicNum() == 6 && alkali_or_earth(metal.getAtomicNum())));
}

// N->B, N(+)-B(-), O->Zn: two molecules each.
bool dative(const RDKit::Bond &bond)
{
    const auto *a = bond.getBeginAtom(), *b = bond.getEndAtom();

    if (in(bond.getBondType(), { RDKit::Bond::DATIVE, RDKit::Bond::ZERO, RDKit::Bond::DATIVEONE, RDKit::Bond::DATIVEL,
                                 RDKit::Bond::DATIVER, RDKit::Bond::UNSPECIFIED }))
        return true;
    if (b->getFormalCharge() > 0)
        std::swap(a, b);
    return bond.getBondType() == RDKit::Bond::SINGLE && a->getFormalCharge() > 0 && b->getFormalCharge() < 0 &&
           in(a->getAtomicNum(), { 7, 8, 15, 16 }) && in(b->getAtomicNum(), { 5, 13 });
}

void set_hydrogens(RDKit::Atom &atom, int n, int charge)
{
    atom.setNoImplicit(true);
    atom.setNumExplicitHs((unsigned)n);
    atom.setFormalCharge(charge);
}

bool cut_salts(RDKit::RWMol &mol)
{
    std::vector<std::array<unsigned, 3>> cut; // two atoms, and the electrons that go from the first to the second

    for (const auto *bond : mol.bonds()) {
        const auto *a = bond->getBeginAtom(), *b = bond->getEndAtom();

        if (ionic(*bond, *a, *b))
            cut.push_back({ a->getIdx(), b->getIdx(), 1 });
        else if (ionic(*bond, *b, *a))
            cut.push_back({ b->getIdx(), a->getIdx(), 1 });
        else if (dative(*bond) && a->getFormalCharge() < 0 && b->getFormalCharge() > 0)
            cut.push_back({ a->getIdx(), b->getIdx(), 1 });
        else if (dative(*bond) && a->getFormalCharge() > 0 && b->getFormalCharge() < 0)
            cut.push_back({ b->getIdx(), a->getIdx(), 1 });
        else if (dative(*bond))
            cut.push_back({ a->getIdx(), b->getIdx(), 0 });
    }
    for (const auto &[from, to, electrons] : cut) {
        auto *a = mol.getAtomWithIdx(from), *b = mol.getAtomWithIdx(to);

        mol.removeBond(from, to);
        set_hydrogens(*a, (int)a->getTotalNumHs(), a->getFormalCharge() + (int)electrons);
        set_hydrogens(*b, (int)b->getTotalNumHs(), b->getFormalCharge() - (int)electrons);
    }
    return !cut.empty();
}

bool beside(const RDKit::ROMol &mol, const RDKit::Atom &atom, int sign)
{
    for (const auto *other : mol.atomNeighbors(&atom))
        if (other->getFormalCharge() * sign > 0)
            return true;
    return false;
}

// Moves protons until as few atoms as possible are charged.
bool uncharge(RDKit::RWMol &mol)
{
    bool changed = false;

    for (auto *atom : mol.atoms()) {
        const int q = atom->getFormalCharge(), h = (int)atom->getTotalNumHs();

        if (q < 0 && (nonmetal(atom->getAtomicNum()) || atom->getAtomicNum() == 6) && !beside(mol, *atom, 1) &&
            !(atom->getAtomicNum() == 15 && atom->getDegree() > 4)) {
            set_hydrogens(*atom, h - q, 0);
            changed = true;
        } else if (q > 0 && h > 0 && in(atom->getAtomicNum(), { 7, 8, 15, 16, 34 }) && !beside(mol, *atom, -1)) {
            set_hydrogens(*atom, h - std::min(q, h), q - std::min(q, h));
            changed = true;
        }
    }
    return changed;
}

// P(+)-O(-) is written for P=O.
bool join_charges(RDKit::RWMol &mol)
{
    bool changed = false;

    for (auto *bond : mol.bonds()) {
        auto *plus = bond->getBeginAtom(), *minus = bond->getEndAtom();

        if (plus->getFormalCharge() < 0)
            std::swap(plus, minus);
        if (bond->getBondType() != RDKit::Bond::SINGLE || plus->getFormalCharge() <= 0 ||
            minus->getFormalCharge() >= 0 || !in(plus->getAtomicNum(), { 15, 16, 33, 34 }) ||
            !in(minus->getAtomicNum(), { 6, 7, 8, 16, 34 }))
            continue;
        bond->setBondType(RDKit::Bond::DOUBLE);
        set_hydrogens(*plus, (int)plus->getTotalNumHs(), plus->getFormalCharge() - 1);
        set_hydrogens(*minus, (int)minus->getTotalNumHs(), minus->getFormalCharge() + 1);
        changed = true;
    }
    return changed;
}

// [CH2] among other atoms is a methyl that lost a hydrogen in writing.
bool fill_radicals(RDKit::RWMol &mol)
{
    bool changed = false;

    for (auto *atom : mol.atoms()) {
        const unsigned radicals = atom->getNumRadicalElectrons();

        if (radicals && atom->getDegree() && in(atom->getAtomicNum(), { 6, 7, 8, 15, 16 }) &&
            atom->getFormalCharge() == 0) {
            set_hydrogens(*atom, (int)(atom->getTotalNumHs() + radicals), 0);
            atom->setNumRadicalElectrons(0);
            changed = true;
        }
    }
    return changed;
}

// P(=S)OH and P(=O)SH are one acid.
bool oxo_before_thio(RDKit::RWMol &mol)
{
    bool changed = false;

    for (auto *p : mol.atoms()) {
        RDKit::Bond *thio = nullptr, *hydroxy = nullptr;

        if (p->getAtomicNum() != 15)
            continue;
        for (auto *bond : mol.atomBonds(p)) {
            const auto *other = bond->getOtherAtom(p);

            if (bond->getBondType() == RDKit::Bond::DOUBLE && in(other->getAtomicNum(), { 16, 34 }))
                thio = bond;
            else if (bond->getBondType() == RDKit::Bond::SINGLE && other->getAtomicNum() == 8 &&
                     other->getFormalCharge() == 0 && other->getTotalNumHs() == 1)
                hydroxy = bond;
        }
        if (thio && hydroxy) {
            thio->setBondType(RDKit::Bond::SINGLE);
            hydroxy->setBondType(RDKit::Bond::DOUBLE);
            set_hydrogens(*thio->getOtherAtom(p), 1, 0);
            set_hydrogens(*hydroxy->getOtherAtom(p), 0, 0);
            changed = true;
        }
    }
    return changed;
}

unsigned forget_isotopes_and_stereo(RDKit::RWMol &mol)
{
    unsigned was = 0;

    for (auto *atom : mol.atoms()) {
        if (atom->getIsotope())
            was |= RDKIT_WAS_ISOTOPE;
        if (atom->getChiralTag() != RDKit::Atom::CHI_UNSPECIFIED)
            was |= RDKIT_WAS_STEREO;
        atom->setIsotope(0);
        atom->setAtomMapNum(0);
    }
    for (const auto *bond : mol.bonds())
        if (bond->getStereo() > RDKit::Bond::STEREOANY)
            was |= RDKIT_WAS_STEREO;
    RDKit::MolOps::removeStereochemistry(mol);
    return was;
}

// F[H-]F is FH and F(-).
void open_bridges(RDKit::RWMol &mol)
{
    for (auto *h : mol.atoms()) {
        if (h->getAtomicNum() != 1 || h->getDegree() != 2 || h->getFormalCharge() != -1)
            continue;
        auto *last = *mol.atomNeighbors(h).begin();

        mol.removeBond(h->getIdx(), last->getIdx());
        h->setFormalCharge(0);
        last->setFormalCharge(last->getFormalCharge() - 1);
    }
}

Molecule plain_form(const RDKit::ROMol &given, unsigned &was)
{
    Molecule mol(new RDKit::RWMol(given));

    for (auto *atom : mol->atoms()) {
        if (atom->getAtomicNum() == 0)
            throw refusal(CORAX_E_ARGS, "atom " + std::to_string(atom->getIdx() + 1) +
                                            " (*) may be anything: give the whole molecule");
        atom->setProp(given_index, atom->getIdx());
    }
    was = forget_isotopes_and_stereo(*mol);
    open_bridges(*mol);
    RDKit::MolOps::removeHs(*mol);
    RDKit::MolOps::Kekulize(*mol, true);
    if (cut_salts(*mol))
        was |= RDKIT_WAS_BONDED;
    if (fill_radicals(*mol))
        was |= RDKIT_WAS_RADICAL;
    if (join_charges(*mol))
        was |= RDKIT_WAS_CHARGED;
    mol->updatePropertyCache(false);
    return mol;
}

std::uint64_t mixed(std::uint64_t x)
{
    x += 0x9e3779b97f4a7c15U;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9U;
    x = (x ^ x >> 27) * 0x94d049bb133111ebU;
    return x ^ x >> 31;
}

void describe(rdkit_part &part, const RDKit::ROMol &mol)
{
    for (const auto *atom : mol.atoms()) {
        if (atom->getAtomicNum() == 1)
            part.protons++;
        else
            part.composition += mixed((unsigned)atom->getAtomicNum());
        part.protons += (int)atom->getTotalNumHs() - atom->getFormalCharge();
        part.carbons += atom->getAtomicNum() == 6;
    }
}

void add_part(rdkit_parts &all, const RDKit::ROMol &fragment, unsigned was)
{
    std::unique_ptr<rdkit_mol> out(new rdkit_mol{ Molecule(new RDKit::RWMol(fragment)) });
    RDKit::RWMol &mol = *out->mol;
    rdkit_part part = {};
    std::vector<unsigned> atoms;

    for (const auto *atom : mol.atoms())
        part.charge += atom->getFormalCharge();
    if (uncharge(mol))
        was |= RDKIT_WAS_CHARGED;
    mol.updatePropertyCache(false);
    if (oxo_before_thio(mol))
        was |= RDKIT_WAS_TAUTOMER;
    try {
        RDKit::MolOps::sanitizeMol(mol);
    } catch (const RDKit::MolSanitizeException &) { // odd, but not to be skipped: as it was drawn
        mol = RDKit::RWMol(fragment);
        RDKit::MolOps::sanitizeMol(mol);
    }
    RDKit::MolOps::assignStereochemistry(mol, true, true);
    describe(part, mol);
    for (const auto *atom : mol.atoms())
        atoms.push_back(atom->getProp<unsigned>(given_index));
    part.was = was;
    part.atoms = mol.getNumAtoms();
    all.parts.push_back(part);
    all.mols.push_back(std::move(out));
    all.atoms.push_back(std::move(atoms));
}

// Which atoms hang together how, whatever the bonds, charges and hydrogens.
std::string skeleton(const RDKit::ROMol &given)
{
    RDKit::RWMol mol(given);

    for (auto *bond : mol.bonds()) {
        bond->setBondType(RDKit::Bond::SINGLE);
        bond->setIsAromatic(false);
    }
    for (auto *atom : mol.atoms()) {
        set_hydrogens(*atom, 0, 0);
        atom->setIsAromatic(false);
        atom->setNumRadicalElectrons(0);
    }
    mol.updatePropertyCache(false);
    return RDKit::MolToSmiles(mol, false);
}

std::vector<int> charges(const RDKit::ROMol &mol)
{
    std::vector<int> out;

    for (const auto *atom : mol.atoms())
        if (atom->getFormalCharge())
            out.push_back(atom->getFormalCharge() * 1000 + atom->getAtomicNum());
    std::sort(out.begin(), out.end());
    return out;
}

// Limited by counts and not by the clock, so that the answer to a question is always the same.
enum rdkit_sameness same_tautomer(const RDKit::ROMol &a, const RDKit::ROMol &b)
{
    RDKit::MolStandardize::TautomerEnumerator tautomers;
    const auto completed = RDKit::MolStandardize::TautomerEnumeratorStatus::Completed;

    tautomers.setMaxTautomers(100);
    tautomers.setMaxTransforms(200);
    if (charges(a) != charges(b)) // one bond more and two charges less: another picture of the same, or not
        return RDKIT_UNDECIDED;
    try {
        const auto of_a = tautomers.enumerate(a), of_b = tautomers.enumerate(b);

        for (const auto &smiles : of_a.smiles())
            if (of_b.smilesTautomerMap().count(smiles))
                return RDKIT_BY_TAUTOMER;
        return of_a.status() == completed && of_b.status() == completed ? RDKIT_OTHER : RDKIT_UNDECIDED;
    } catch (const std::exception &) {
        return RDKIT_UNDECIDED;
    }
}

// Walks what hangs on `site` at `first`, up to the matched atoms.
rdkit_branch walk(const RDKit::ROMol &mol, const std::vector<bool> &matched, unsigned site, unsigned first)
{
    std::vector<bool> seen(mol.getNumAtoms());
    std::vector<unsigned> todo{ first };
    rdkit_branch out = {};
    unsigned ends = 0;

    out.alkyl = mol.getBondBetweenAtoms(site, first)->getBondType() == RDKit::Bond::SINGLE;
    out.element = (unsigned char)mol.getAtomWithIdx(first)->getAtomicNum();
    seen[first] = true;
    while (!todo.empty()) {
        const auto *atom = mol.getAtomWithIdx(todo.back());
        const unsigned from = todo.back();

        todo.pop_back();
        out.atoms++;
        if (atom->getAtomicNum() != 6 || atom->getFormalCharge() != 0)
            out.alkyl = false;
        for (const auto *bond : mol.atomBonds(atom)) {
            const unsigned to = bond->getOtherAtomIdx(from);

            if (matched[to]) {
                if (!(from == first && to == site))
                    out.alkyl = false; // a ring through the pattern
                continue;
            }
            ends++;
            if (bond->getBondType() != RDKit::Bond::SINGLE)
                out.alkyl = false;
            if (!seen[to]) {
                seen[to] = true;
                todo.push_back(to);
            }
        }
    }
    out.ring = ends / 2 >= out.atoms;
    return out;
}

void look_at_site(const RDKit::ROMol &mol, const std::vector<bool> &matched, unsigned atom, rdkit_site &site)
{
    const auto *a = mol.getAtomWithIdx(atom);

    site.charge = a->getFormalCharge();
    site.hydrogens = a->getTotalNumHs();
    for (const auto *other : mol.atomNeighbors(a))
        if (!matched[other->getIdx()] && site.branches < RDKIT_MAX_BRANCHES)
            site.branch[site.branches++] = walk(mol, matched, atom, other->getIdx());
}

} // namespace

static void fill_parts(rdkit_parts &all, const RDKit::ROMol &given)
{
    unsigned was;
    const Molecule plain = plain_form(given, was);
    const auto fragments = RDKit::MolOps::getMolFrags(*plain, false);

    if (fragments.size() > 1)
        was |= RDKIT_WAS_MIXED;
    for (const auto &fragment : fragments)
        add_part(all, *fragment, was);
    for (size_t i = 0; i < all.parts.size(); i++) {
        all.parts[i].mol = all.mols[i].get();
        all.parts[i].atom = all.atoms[i].data();
    }
}

struct rdkit_parts *rdkit_parts_of(const struct rdkit_mol *m, struct rdkit_err *err)
{
    std::unique_ptr<rdkit_parts> all(new rdkit_parts);
    const int rc = guarded(err, [&] {
        try {
            fill_parts(*all, *m->mol);
        } catch (const RDKit::MolSanitizeException &) { // of an aromatic ring the reader lets pass some
            throw refusal(CORAX_E_ARGS, "invalid SMILES: an atom of an aromatic ring has too many bonds");
        }
    });

    return rc == CORAX_OK ? all.release() : nullptr;
}

size_t rdkit_parts_count(const struct rdkit_parts *all)
{
    return all->parts.size();
}

const struct rdkit_part *rdkit_parts_at(const struct rdkit_parts *all, size_t i)
{
    return &all->parts[i];
}

void rdkit_parts_free(struct rdkit_parts *all)
{
    delete all;
}

int rdkit_same_compound(const struct rdkit_part *a, const struct rdkit_part *b, enum rdkit_sameness *out,
                        struct rdkit_err *err)
{
    return guarded(err, [&] {
        *out = RDKIT_OTHER;
        if (a->composition != b->composition || a->protons != b->protons || a->atoms != b->atoms)
            return;
        if (RDKit::MolToSmiles(*a->mol->mol) == RDKit::MolToSmiles(*b->mol->mol))
            *out = RDKIT_EQUAL;
        else if (skeleton(*a->mol->mol) == skeleton(*b->mol->mol))
            *out = same_tautomer(*a->mol->mol, *b->mol->mol);
    });
}

int rdkit_count(const struct rdkit_mol *m, struct rdkit_counts *out, struct rdkit_err *err)
{
    return guarded(err, [&] {
        *out = {};
        for (const auto *atom : m->mol->atoms()) {
            const int z = atom->getAtomicNum();

            out->carbon += z == 6;
            out->oxygen += z == 8;
            out->hydrogen += (z == 1) + atom->getTotalNumHs();
            out->metal +=
                !in(z, { 0, 1, 2, 5, 6, 7, 8, 9, 10, 14, 15, 16, 17, 18, 33, 34, 35, 36, 52, 53, 54, 85, 86 });
        }
        out->mass = RDKit::Descriptors::calcAMW(*m->mol);
    });
}

bool rdkit_is_carbon(const struct rdkit_mol *m, unsigned atom)
{
    return m->mol->getAtomWithIdx(atom)->getAtomicNum() == 6;
}

struct rdkit_family *rdkit_family_new(const char *smarts, struct rdkit_err *err)
{
    std::unique_ptr<rdkit_family> out(new rdkit_family);
    const int rc = guarded(err, [&] {
        out->query.reset(RDKit::SmartsToMol(smarts));
        if (!out->query || out->query->getNumAtoms() == 0)
            throw refusal(CORAX_E_ARGS, "invalid SMARTS");
        for (auto *atom : out->query->atoms()) {
            if (atom->getAtomMapNum())
                out->sites[atom->getAtomMapNum()] = (int)atom->getIdx();
            atom->setAtomMapNum(0);
        }
        if (out->sites.size() > RDKIT_MAX_SITES || out->query->getNumAtoms() > RDKIT_MAX_MATCHED)
            throw refusal(CORAX_E_LIMIT, "the SMARTS is too large");
    });

    return rc == CORAX_OK ? out.release() : nullptr;
}

void rdkit_family_free(struct rdkit_family *family)
{
    delete family;
}

int rdkit_family_find(const struct rdkit_family *family, const struct rdkit_mol *m, rdkit_family_accept *accept,
                      void *ctx, bool *found, struct rdkit_err *err)
{
    return guarded(err, [&] {
        RDKit::SubstructMatchParameters params;

        *found = false;
        params.uniquify = false; // one set of atoms may fit in one way and not in another
        params.maxMatches = RDKIT_MAX_MATCHES;
        for (const auto &pairs : RDKit::SubstructMatch(*m->mol, *family->query, params)) {
            std::vector<bool> matched(m->mol->getNumAtoms());
            rdkit_member match = {};

            for (const auto &[query, atom] : pairs) {
                matched[(size_t)atom] = true;
                match.atom[match.atoms++] = (unsigned)atom;
            }
            for (const auto &[number, query] : family->sites) {
                rdkit_site &site = match.site[match.sites++];

                site.number = number;
                look_at_site(*m->mol, matched, (unsigned)pairs[(size_t)query].second, site);
            }
            if (accept(&match, ctx)) {
                *found = true;
                return;
            }
        }
    });
}
