// rdkit_query.cc - patterns (SMARTS) and where they match.
#include "rdkit_molecule.hh"

#include <cstdlib>

#include <GraphMol/SmilesParse/SmilesParse.h>
#include <GraphMol/Substruct/SubstructMatch.h>

struct rdkit_query {
    Molecule mol;
};

namespace
{

/* RDKit looks for all ways to match and then leaves out those with the same atoms: benzene matches c1ccccc1 in 12 ways. */
const unsigned MAX_WAYS = 100000;

[[noreturn]] void invalid(const std::string &why)
{
    throw refusal(CORAX_E_ARGS, "invalid SMARTS: " + why);
}

Molecule parse_smarts(const std::string &smarts)
{
    RDKit::SmartsParserParams params;
    Molecule mol;

    params.allowCXSMILES = false;
    params.parseName = false;
    try {
        mol.reset(RDKit::SmartsToMol(smarts, params));
    } catch (const RDKit::SmilesParseException &) {
        invalid("syntax error");
    }
    if (!mol)
        invalid("syntax error");
    return mol;
}

} // namespace

struct rdkit_query *rdkit_query_read(const char *smarts, size_t len, struct rdkit_err *err)
{
    struct rdkit_query *out = nullptr;

    guarded(err, [&] {
        Molecule mol = parse_smarts(trimmed(smarts, len, "SMARTS"));

        if (mol->getNumAtoms() == 0)
            invalid("it has no atoms");
        if (mol->getNumAtoms() > RDKIT_MAX_QUERY_ATOMS)
            throw refusal(CORAX_E_LIMIT, "the SMARTS has " + std::to_string(mol->getNumAtoms()) + " atoms, at most " +
                                             std::to_string(RDKIT_MAX_QUERY_ATOMS) + " are allowed");
        out = new rdkit_query{ std::move(mol) };
    });
    return out;
}

void rdkit_query_free(struct rdkit_query *query)
{
    delete query;
}

unsigned rdkit_query_atoms(const struct rdkit_query *query)
{
    return query->mol->getNumAtoms();
}

int rdkit_match(const struct rdkit_mol *m, const struct rdkit_query *query, unsigned max, struct rdkit_matches *out,
                struct rdkit_err *err)
{
    if (out)
        *out = {};
    return guarded(err, [&] {
        RDKit::SubstructMatchParameters params;

        params.useChirality = true;
        params.maxMatches = out ? MAX_WAYS : 1;
        const auto found = RDKit::SubstructMatch(*m->mol, *query->mol, params);

        if (!out) {
            if (found.empty())
                throw refusal(CORAX_E_NOTFOUND, "no match");
            return;
        }
        if (max > RDKIT_MAX_MATCHES)
            max = RDKIT_MAX_MATCHES;
        const unsigned n = unsigned(std::min<size_t>(found.size(), max)), n_atoms = rdkit_query_atoms(query);
        unsigned *atoms = static_cast<unsigned *>(std::calloc(size_t(n) * n_atoms + 1, sizeof *atoms));

        if (atoms == nullptr)
            throw std::bad_alloc();
        for (unsigned i = 0; i < n; i++)
            for (const auto &pair : found[i])
                atoms[i * n_atoms + unsigned(pair.first)] = unsigned(pair.second);
        *out = { n, n_atoms, atoms, found.size() > max };
    });
}

void rdkit_matches_finish(struct rdkit_matches *matches)
{
    std::free(matches->atoms);
    *matches = {};
}
