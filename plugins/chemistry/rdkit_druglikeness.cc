// rdkit_druglikeness.cc - what QED, synthetic accessibility, alerts and BOILED-Egg are computed from.
//
// The patterns of QED (acceptors, alerts) are those of RDKit's QED, a table made at build time.  Patterns and catalogues are read once,
// when first used, and shared by threads after that.
#undef VERSION // the build's; RDKit has a name of its own like that
#include "rdkit_molecule.hh"

#include <cstdlib>
#include <cstring>
#include <vector>

#include <GraphMol/ChemTransforms/ChemTransforms.h>
#include <GraphMol/Descriptors/Lipinski.h>
#include <GraphMol/Descriptors/MolDescriptors.h>
#include <GraphMol/Descriptors/MolSurf.h>
#include <GraphMol/FilterCatalog/FilterCatalog.h>
#include <GraphMol/Fingerprints/MorganFingerprints.h>
#include <GraphMol/MolOps.h>
#include <GraphMol/SmilesParse/SmilesParse.h>
#include <GraphMol/Substruct/SubstructMatch.h>

namespace
{

const struct {
    char kind; // 'A': acceptor, 'S': structural alert
    const char *smarts;
} qed_rows[] = {
#include "qed_table.h"
    { 0, "" }, // the table may be empty
};

struct Patterns {
    std::vector<Molecule> acceptors, alerts;
    Molecule aliphatic_ring;
};

Molecule pattern(const char *smarts)
{
    Molecule out(RDKit::SmartsToMol(smarts));

    if (!out)
        throw refusal(CORAX_E_INTERNAL, std::string("bad pattern ") + smarts);
    return out;
}

Patterns read_patterns()
{
    Patterns out;

    for (const auto &row : qed_rows)
        if (row.kind)
            (row.kind == 'A' ? out.acceptors : out.alerts).push_back(pattern(row.smarts));
    if (out.alerts.empty())
        throw refusal(CORAX_E_UNAVAIL, "unavailable: corax was built without the patterns of QED (python3-rdkit)");
    out.aliphatic_ring = pattern("[$([A;R][!a])]");
    return out;
}

const Patterns &patterns()
{
    static const Patterns all = read_patterns();

    return all;
}

// Rings of what is left without the ring atoms that have a neighbour out of aromatic rings.
unsigned aromatic_rings(const RDKit::ROMol &mol)
{
    const std::unique_ptr<RDKit::ROMol> rest(RDKit::deleteSubstructs(mol, *patterns().aliphatic_ring));

    return unsigned(RDKit::MolOps::findSSSR(*rest));
}

const RDKit::FilterCatalog &alert_catalog()
{
    static const RDKit::FilterCatalog all = [] {
        RDKit::FilterCatalogParams params;

        params.addCatalog(RDKit::FilterCatalogParams::PAINS_A);
        params.addCatalog(RDKit::FilterCatalogParams::PAINS_B);
        params.addCatalog(RDKit::FilterCatalogParams::PAINS_C);
        params.addCatalog(RDKit::FilterCatalogParams::BRENK);
        return RDKit::FilterCatalog(params);
    }();

    return all;
}

void add_match(std::vector<rdkit_alert> &out, const RDKit::FilterCatalogEntry &entry, const RDKit::FilterMatch &match)
{
    rdkit_alert a{};
    std::string set = "?";

    entry.getPropIfPresent("FilterSet", set);
    std::snprintf(a.set, sizeof a.set, "%s", set.c_str());
    std::snprintf(a.name, sizeof a.name, "%s", entry.getDescription().c_str());
    for (const auto &pair : match.atomPairs)
        if (a.n_atoms < RDKIT_ALERT_ATOMS)
            a.atoms[a.n_atoms++] = unsigned(pair.second);
    out.push_back(a);
}

} // namespace

int rdkit_qed_of(const struct rdkit_mol *m, struct rdkit_qed *out, struct rdkit_err *err)
{
    return guarded(err, [&] {
        const RDKit::ROMol &mol = *m->mol;
        double refractivity;

        patterns();
        *out = {};
        out->mass = RDKit::Descriptors::calcAMW(mol);
        crippen(mol, out->logp, refractivity);
        for (const auto &acceptor : patterns().acceptors)
            out->hba += unsigned(RDKit::SubstructMatch(mol, *acceptor).size());
        out->hbd = RDKit::Descriptors::calcNumHBD(mol);
        out->tpsa = RDKit::Descriptors::calcTPSA(mol);
        out->rotatable = RDKit::Descriptors::calcNumRotatableBonds(mol, RDKit::Descriptors::Strict);
        out->aromatic_rings = aromatic_rings(mol);
        for (const auto &alert : patterns().alerts) {
            RDKit::MatchVectType match;

            out->alerts += RDKit::SubstructMatch(mol, *alert, match);
        }
    });
}

int rdkit_complexity_of(const struct rdkit_mol *m, struct rdkit_complexity *out, struct rdkit_err *err)
{
    *out = {};
    return guarded(err, [&] {
        RDKit::RWMol mol(*m->mol);
        const std::unique_ptr<RDKit::SparseIntVect<std::uint32_t>> prints(
            RDKit::MorganFingerprints::getFingerprint(mol, 2));
        const auto &fragments = prints->getNonzeroElements();

        RDKit::MolOps::assignStereochemistry(mol, false, true, true);
        for (const auto *atom : mol.atoms())
            out->centres += atom->hasProp(RDKit::common_properties::_CIPCode) ||
                            atom->hasProp(RDKit::common_properties::_ChiralityPossible);
        out->atoms = mol.getNumAtoms();
        out->spiro = RDKit::Descriptors::calcNumSpiroAtoms(mol);
        out->bridgeheads = RDKit::Descriptors::calcNumBridgeheadAtoms(mol);
        for (const auto &ring : mol.getRingInfo()->atomRings())
            out->macrocycles += ring.size() > 8;
        out->fragments = static_cast<rdkit_fragment *>(std::calloc(fragments.size() + 1, sizeof *out->fragments));
        if (out->fragments == nullptr)
            throw std::bad_alloc();
        for (const auto &pair : fragments)
            out->fragments[out->n_fragments++] = { pair.first, unsigned(pair.second) };
    });
}

void rdkit_complexity_finish(struct rdkit_complexity *complexity)
{
    std::free(complexity->fragments);
    *complexity = {};
}

int rdkit_alerts(const struct rdkit_mol *m, struct rdkit_alert **out, unsigned *n, struct rdkit_err *err)
{
    *out = nullptr;
    *n = 0;
    return guarded(err, [&] {
        std::vector<rdkit_alert> found;

        for (const auto &entry : alert_catalog().getMatches(*m->mol)) {
            std::vector<RDKit::FilterMatch> matches;

            entry->getFilterMatches(*m->mol, matches);
            for (const auto &match : matches)
                add_match(found, *entry, match);
        }
        *out = static_cast<rdkit_alert *>(std::calloc(found.size() + 1, sizeof **out));
        if (*out == nullptr)
            throw std::bad_alloc();
        std::copy(found.begin(), found.end(), *out);
        *n = unsigned(found.size());
    });
}

int rdkit_lipinski_of(const struct rdkit_mol *m, struct rdkit_lipinski *out, struct rdkit_err *err)
{
    return guarded(err, [&] {
        double refractivity;

        out->mass = RDKit::Descriptors::calcAMW(*m->mol);
        crippen(*m->mol, out->logp, refractivity);
        out->donors = RDKit::Descriptors::calcLipinskiHBD(*m->mol);
        out->acceptors = RDKit::Descriptors::calcLipinskiHBA(*m->mol);
    });
}

int rdkit_permeation(const struct rdkit_mol *m, double *logp, double *tpsa, struct rdkit_err *err)
{
    return guarded(err, [&] {
        double refractivity;

        crippen(*m->mol, *logp, refractivity);
        *tpsa = RDKit::Descriptors::calcTPSA(*m->mol, true, true);
    });
}
