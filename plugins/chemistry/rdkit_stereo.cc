// rdkit_stereo.cc - stereo that is stated by CIP labels: rdkit_with_stereo of rdkit.h.
//
// Neighbours are ranked by the sequence rules of Cahn, Ingold and Prelog (IUPAC 2013, P-92), of which the first, by atomic number, is all that is
// needed unless groups differ by isotopes or by stereo alone; those are refused.  RDKit's own labels are no help: the rules that this
// version has are short cuts, which fail for cannabidiol.  A rank is found in the tree of all paths from the centre: an atom that a path meets
// again, and the other end of a double bond, stand there as duplicates without neighbours.
#include "rdkit_molecule.hh"

#include <algorithm>
#include <vector>

#include <GraphMol/Chirality.h>
#include <GraphMol/MolOps.h>
#include <GraphMol/SmilesParse/SmilesParse.h>
#include <GraphMol/SmilesParse/SmilesWrite.h>

namespace
{

using Label = struct rdkit_stereo_label;

constexpr int MAX_NODES = 6000, MAX_SPHERES = 16;
constexpr size_t MAX_SET = 7; // neighbours and duplicates that an atom has

[[noreturn]] void impossible(const char *why)
{
    throw refusal(CORAX_E_NOTFOUND, why);
}

// --- ranks ----------------------------------------------------------------------------------------------------------

struct Node {
    double z; // atomic number; 0: a place without an atom
    int atom; // -1: a duplicate or a place without an atom
    int parent;
    std::vector<int> children;
};

class Tree
{
  public:
    // The paths from centre by way of first, that many spheres.
    Tree(const RDKit::ROMol &m, int centre, int neighbour, int spheres) : first(neighbour), mol(m)
    {
        nodes.push_back({ number(centre), centre, -1, {} });
        nodes.push_back({ number(first), first, 0, {} });
        grow(1, spheres);
        sort(1);
    }

    // < 0: a ranks below b.
    static int compare(const Tree &a, int from_a, const Tree &b, int from_b)
    {
        std::vector<int> x{ from_a }, y{ from_b }, u, v;

        while (!x.empty() || !y.empty()) {
            for (size_t i = 0; i < x.size() || i < y.size(); i++) {
                const double p = i < x.size() ? a.z(x[i]) : 0, q = i < y.size() ? b.z(y[i]) : 0;

                if (p < q - 1e-9 || p > q + 1e-9)
                    return p < q ? -1 : 1;
            }
            u.clear();
            v.clear();
            for (int i : x)
                a.put_set(i, u);
            for (int i : y)
                b.put_set(i, v);
            x.swap(u);
            y.swap(v);
        }
        return 0;
    }

    const int first;
    bool full = false; // there were too many paths

  private:
    const RDKit::ROMol &mol;
    std::vector<Node> nodes;

    double number(int atom) const
    {
        return mol.getAtomWithIdx(atom)->getAtomicNum();
    }

    double z(int node) const
    {
        return node < 0 ? 0 : nodes[node].z;
    }

    // With places that have no atom (-1), so that sets are compared with sets; what hangs on such a place is none.
    void put_set(int node, std::vector<int> &out) const
    {
        if (node < 0)
            return;
        const auto &children = nodes[node].children;

        out.insert(out.end(), children.begin(), children.end());
        if (children.size() < MAX_SET)
            out.insert(out.end(), MAX_SET - children.size(), -1);
    }

    int add(double z, int atom, int parent)
    {
        if (nodes.size() >= MAX_NODES) {
            full = true;
            return -1;
        }
        nodes.push_back({ z, atom, parent, {} });
        nodes[parent].children.push_back(static_cast<int>(nodes.size()) - 1);
        return nodes[parent].children.back();
    }

    // What the other end of a double bond counts in the ring of benzene and its like, where it may be either neighbour.
    double duplicate(const RDKit::Atom *atom, const RDKit::Atom *other) const
    {
        const auto *bond = mol.getBondBetweenAtoms(atom->getIdx(), other->getIdx());
        double sum = 0;
        int n = 0;

        if (!bond->getIsAromatic() || !mol.getRingInfo()->isAtomInRingOfSize(atom->getIdx(), 6))
            return other->getAtomicNum();
        for (const auto *b : mol.atomBonds(atom))
            if (b->getIsAromatic() && mol.getRingInfo()->isBondInRingOfSize(b->getIdx(), 6)) {
                sum += b->getOtherAtom(atom)->getAtomicNum();
                n++;
            }
        return n ? sum / n : other->getAtomicNum();
    }

    void grow(int node, int spheres)
    {
        const int at = nodes[node].atom;

        if (spheres == 0 || at < 0 || full)
            return;
        const RDKit::Atom *atom = mol.getAtomWithIdx(at);
        const int came_from = nodes[nodes[node].parent].atom;

        for (const auto *bond : mol.atomBonds(atom)) {
            const RDKit::Atom *other = bond->getOtherAtom(atom);
            const int to = static_cast<int>(other->getIdx());
            const int order = bond->getBondType() == RDKit::Bond::DOUBLE   ? 2
                              : bond->getBondType() == RDKit::Bond::TRIPLE ? 3
                                                                           : 1;
            bool met = false;

            for (int i = 1; i < order; i++)
                add(duplicate(atom, other), -1, node);
            if (to == came_from)
                continue;
            for (int i = node; i >= 0 && !met; i = nodes[i].parent)
                met = nodes[i].atom == to;
            add(other->getAtomicNum(), met ? -1 : to, node);
        }
        for (size_t i = 0; i < nodes[node].children.size(); i++)
            grow(nodes[node].children[i], spheres - 1);
    }

    void sort(int node)
    {
        auto children = nodes[node].children;

        for (int i : children)
            sort(i);
        std::sort(children.begin(), children.end(), [this](int a, int b) { return compare(*this, a, *this, b) > 0; });
        nodes[node].children = children;
    }
};

// The neighbours of an atom but for one, the highest first; false: two of them rank alike.
bool rank(const RDKit::ROMol &mol, int centre, int without, std::vector<int> &out)
{
    out.clear();
    for (const auto *n : mol.atomNeighbors(mol.getAtomWithIdx(centre)))
        if (static_cast<int>(n->getIdx()) != without)
            out.push_back(static_cast<int>(n->getIdx()));
    for (int spheres = 2; spheres <= MAX_SPHERES; spheres += spheres < 6 ? 2 : 5) {
        std::vector<std::unique_ptr<Tree>> trees;
        bool tie = false;

        for (int n : out) {
            trees.push_back(std::make_unique<Tree>(mol, centre, n, spheres));
            if (trees.back()->full)
                return false;
        }
        std::sort(trees.begin(), trees.end(),
                  [](const auto &a, const auto &b) { return Tree::compare(*a, 1, *b, 1) > 0; });
        for (size_t i = 1; i < trees.size(); i++)
            tie = tie || Tree::compare(*trees[i - 1], 1, *trees[i], 1) == 0;
        if (!tie) {
            for (size_t i = 0; i < out.size(); i++)
                out[i] = trees[i]->first;
            return true;
        }
    }
    return false;
}

// --- labels ---------------------------------------------------------------------------------------------------------

// The atoms that a label without locant means: the only possible ones.
void find_places(const RDKit::ROMol &mol, std::vector<Label> &labels)
{
    RDKit::ROMol copy(mol);
    const auto possible = RDKit::Chirality::findPotentialStereo(copy);

    for (auto &l : labels) {
        const auto wanted = l.kind == 'R' || l.kind == 'S' ? RDKit::Chirality::StereoType::Atom_Tetrahedral
                                                           : RDKit::Chirality::StereoType::Bond_Double;
        unsigned n = 0, at = 0;
        bool there = false;

        for (const auto &p : possible) {
            if (p.type != wanted)
                continue;
            n++;
            at = p.centeredOn;
            if (l.b < 0)
                there = there || static_cast<int>(p.centeredOn) == l.a;
            else
                there = there || mol.getBondBetweenAtoms(l.a, l.b) == mol.getBondWithIdx(p.centeredOn);
        }
        if (l.a < 0) {
            if (n != 1)
                impossible("it does not say which atom its stereo descriptor is for");
            l.a = static_cast<int>(at);
        } else if (!there) {
            impossible("it has a stereo descriptor where no stereo is possible");
        }
    }
}

void set_centre(RDKit::RWMol &mol, const RDKit::ROMol &kekule, const Label &l)
{
    RDKit::Atom *atom = mol.getAtomWithIdx(l.a);
    std::vector<int> ranked, order;
    bool odd = false;

    if (!rank(kekule, l.a, -1, ranked) || ranked.size() != 4)
        impossible("its stereo descriptors could not be decided");
    // Seen from the lowest, the others from the highest on are counterclockwise for R.
    std::rotate(ranked.begin(), ranked.end() - 1, ranked.end());
    for (const auto *n : mol.atomNeighbors(atom))
        order.push_back(
            static_cast<int>(std::find(ranked.begin(), ranked.end(), static_cast<int>(n->getIdx())) - ranked.begin()));
    for (size_t i = 0; i < order.size(); i++)
        for (size_t k = i + 1; k < order.size(); k++)
            odd ^= order[i] > order[k];
    atom->setChiralTag((l.kind == 'R') != odd ? RDKit::Atom::CHI_TETRAHEDRAL_CCW : RDKit::Atom::CHI_TETRAHEDRAL_CW);
}

void set_bond(RDKit::RWMol &mol, const RDKit::ROMol &kekule, const Label &l)
{
    auto *bond = mol.getBondBetweenAtoms(l.a, l.b);
    const int ends[2] = { static_cast<int>(bond->getBeginAtomIdx()), static_cast<int>(bond->getEndAtomIdx()) };
    std::vector<int> ranked;
    int high[2];

    for (int i = 0; i < 2; i++) {
        if (!rank(kekule, ends[i], ends[1 - i], ranked) || ranked.empty())
            impossible("its stereo descriptors could not be decided");
        high[i] = ranked[0];
        if ((l.kind == 'c' || l.kind == 't') &&
            (ranked.size() != 2 || kekule.getAtomWithIdx(ranked[1])->getAtomicNum() != 1))
            impossible("cis and trans do not say enough here, E or Z would");
    }
    bond->setStereoAtoms(high[0], high[1]);
    bond->setStereo(l.kind == 'E' || l.kind == 't' ? RDKit::Bond::STEREOTRANS : RDKit::Bond::STEREOCIS);
}

unsigned count_stereo(const RDKit::ROMol &mol)
{
    unsigned n = 0;

    for (const auto *a : mol.atoms())
        n += a->getChiralTag() != RDKit::Atom::CHI_UNSPECIFIED;
    for (const auto *b : mol.bonds())
        n += b->getStereo() > RDKit::Bond::STEREOANY;
    return n;
}

std::string with_stereo(const RDKit::ROMol &in, std::vector<Label> labels)
{
    find_places(in, labels);
    for (size_t i = 0; i < labels.size(); i++)
        for (size_t k = 0; k < i; k++)
            if (labels[i].a == labels[k].a && labels[i].b == labels[k].b)
                impossible("it has two stereo descriptors for one place");

    const std::unique_ptr<RDKit::ROMol> all(
        RDKit::MolOps::addHs(in)); // hydrogens come behind: atoms keep their numbers
    RDKit::RWMol mol(*all), kekule(*all);

    RDKit::MolOps::Kekulize(kekule, false);
    for (const auto &l : labels)
        if (l.kind == 'R' || l.kind == 'S')
            set_centre(mol, kekule, l);
    RDKit::MolOps::removeHs(mol);
    RDKit::MolOps::assignStereochemistry(mol); // now: when it is written it would take double bonds for unknown
    for (const auto &l : labels)
        if (l.kind != 'R' && l.kind != 'S')
            set_bond(mol, kekule, l);
    const Molecule again(RDKit::SmilesToMol(RDKit::MolToSmiles(mol)));

    // What is written must have all of it when it is read again.
    if (!again || count_stereo(*again) != labels.size())
        impossible("it has a stereo descriptor where no stereo is possible");
    return RDKit::MolToSmiles(*again);
}

} // namespace

int rdkit_with_stereo(const struct rdkit_mol *m, const struct rdkit_stereo_label *labels, size_t n,
                      char out[RDKIT_TEXT_SIZE], struct rdkit_err *err)
{
    return guarded(err, [&] { put_text(out, with_stereo(*m->mol, std::vector<Label>(labels, labels + n))); });
}
