// rdkit_crippen.cc - Wildman and Crippen's logP and molar refractivity, with RDKit's patterns and figures but several times as fast.
//
// RDKit looks for each of some 110 patterns in the whole molecule.  An atom's type is the first pattern in which it is the first atom, so here
// each atom tries the patterns of its element in turn until one fits.  The patterns are trees without recursion; one that is not is
// left to RDKit's search.
#include "rdkit_molecule.hh"

#include <algorithm>
#include <cstring>
#include <vector>

#include <GraphMol/Descriptors/Crippen.h>
#include <GraphMol/MolOps.h>
#include <GraphMol/Substruct/SubstructMatch.h>

namespace
{

const int ANY_ELEMENT = 0;

struct Step {
    const RDKit::Atom *atom;
    const RDKit::Bond *bond; // to the parent, an earlier step; of the first one nullptr
    unsigned parent;
};

struct Type {
    int element;
    std::vector<Step> steps; // empty: RDKit searches
    const RDKit::ROMol *pattern;
    double logp, refractivity;
};

// "C13", "CS" and "Cl": what comes before the number or the S of the last type of an element.
int element_of(const std::string &label)
{
    static const struct {
        const char *name;
        int element;
    } elements[] = { { "Cl", 17 },
                     { "Br", 35 },
                     { "Hal", ANY_ELEMENT },
                     { "Me", ANY_ELEMENT },
                     { "C", 6 },
                     { "H", 1 },
                     { "N", 7 },
                     { "O", 8 },
                     { "F", 9 },
                     { "I", 53 },
                     { "P", 15 },
                     { "S", 16 } };

    for (const auto &e : elements)
        if (label.compare(0, std::strlen(e.name), e.name) == 0)
            return e.element;
    return ANY_ELEMENT;
}

std::vector<Step> steps_of(const RDKit::ROMol &pattern, const std::string &smarts)
{
    std::vector<Step> out{ { pattern.getAtomWithIdx(0), nullptr, 0 } };

    if (smarts.find("$(") != std::string::npos || pattern.getNumBonds() + 1 != pattern.getNumAtoms())
        return {};
    for (unsigned i = 1; i < pattern.getNumAtoms(); i++) {
        const auto *atom = pattern.getAtomWithIdx(i);
        const RDKit::Bond *up = nullptr;

        for (const auto *bond : pattern.atomBonds(atom))
            if (bond->getOtherAtomIdx(i) < i)
                up = bond;
        if (up == nullptr)
            return {};
        out.push_back({ atom, up, up->getOtherAtomIdx(i) });
    }
    return out;
}

std::vector<Type> read_types()
{
    std::vector<Type> out;

    for (const auto &p : *RDKit::Descriptors::CrippenParamCollection::getParams())
        out.push_back({ element_of(p.label), steps_of(*p.dp_pattern, p.smarts), p.dp_pattern.get(), p.logp, p.mr });
    return out;
}

class Matcher
{
  public:
    Matcher(const RDKit::ROMol &mol_, const std::vector<Step> &steps_) : mol(mol_), steps(steps_)
    {
    }
    bool fits(const RDKit::Atom *first)
    {
        if (!steps[0].atom->Match(first))
            return false;
        chosen[0] = first;
        return steps.size() == 1 || (steps.size() <= MAX_STEPS && fits_from(1));
    }

  private:
    static const unsigned MAX_STEPS = 16;
    const RDKit::ROMol &mol;
    const std::vector<Step> &steps;
    const RDKit::Atom *chosen[MAX_STEPS];

    bool is_chosen(const RDKit::Atom *atom, unsigned n) const
    {
        return std::find(chosen, chosen + n, atom) != chosen + n;
    }
    bool fits_from(unsigned i)
    {
        const Step &step = steps[i];
        const RDKit::Atom *parent = chosen[step.parent];

        for (const auto *bond : mol.atomBonds(parent)) {
            const auto *atom = bond->getOtherAtom(parent);

            if (is_chosen(atom, i) || !step.bond->Match(bond) || !step.atom->Match(atom))
                continue;
            chosen[i] = atom;
            if (i + 1 == steps.size() || fits_from(i + 1))
                return true;
        }
        return false;
    }
};

// The atoms of mol without a type yet that are of this one.
void assign(const RDKit::ROMol &mol, const Type &type, std::vector<const RDKit::Atom *> &left, double &logp,
            double &refractivity)
{
    std::vector<char> found;
    Matcher matcher(mol, type.steps);

    if (type.steps.empty()) {
        std::vector<RDKit::MatchVectType> matches;

        found.resize(mol.getNumAtoms());
        RDKit::SubstructMatch(mol, *type.pattern, matches, false, true);
        for (const auto &match : matches)
            found[unsigned(match[0].second)] = true;
    }
    const auto is_of_it = [&](const RDKit::Atom *atom) {
        if (type.element != ANY_ELEMENT && atom->getAtomicNum() != type.element)
            return false;
        if (found.empty() ? !matcher.fits(atom) : !found[atom->getIdx()])
            return false;
        logp += type.logp;
        refractivity += type.refractivity;
        return true;
    };
    left.erase(std::remove_if(left.begin(), left.end(), is_of_it), left.end());
}

} // namespace

void crippen(const RDKit::ROMol &mol, double &logp, double &refractivity)
{
    static const std::vector<Type> types = read_types();
    const std::unique_ptr<RDKit::ROMol> with_hydrogens(RDKit::MolOps::addHs(mol));
    std::vector<const RDKit::Atom *> left(with_hydrogens->atoms().begin(), with_hydrogens->atoms().end());

    logp = refractivity = 0;
    for (const auto &type : types) {
        if (left.empty())
            break;
        assign(*with_hydrogens, type, left, logp, refractivity);
    }
}
