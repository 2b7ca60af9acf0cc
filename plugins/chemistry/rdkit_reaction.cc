// rdkit_reaction.cc - reaction SMARTS run on molecules.
//
// A product is what RDKit makes of a template, sanitized, written and read again: what does not survive that, or still has an
// atom of no element, is none.  Outcomes are texts, since they are compared, sorted and shown more often than they react on.
#include "rdkit_molecule.hh"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#include <GraphMol/ChemReactions/Reaction.h>
#include <GraphMol/ChemReactions/ReactionParser.h>
#include <GraphMol/MolOps.h>
#include <GraphMol/SmilesParse/SmilesParse.h>
#include <GraphMol/SmilesParse/SmilesWrite.h>
#include <GraphMol/Substruct/SubstructMatch.h>

struct rdkit_reaction {
    std::unique_ptr<RDKit::ChemicalReaction> reaction;
    std::vector<std::uint64_t> elements; // that a molecule must have, of each reactant template
};

namespace
{

// Ways of one set of reactants to react, regioisomers and equal ones together; fewer of large molecules, whose products take some ms.
const unsigned MAX_WAYS = 400, MIN_WAYS = 20, WAYS_TIMES_ATOMS = 8000;

[[noreturn]] void invalid(const std::string &why)
{
    throw refusal(CORAX_E_ARGS, "invalid reaction SMARTS: " + why);
}

std::uint64_t element_bit(int atomic_number)
{
    return atomic_number > 0 && atomic_number < 64 ? std::uint64_t(1) << atomic_number : 0;
}

std::uint64_t elements_of(const RDKit::ROMol &mol)
{
    std::uint64_t bits = 0;

    for (const auto *atom : mol.atoms())
        bits |= element_bit(atom->getAtomicNum());
    return bits;
}

// Of a template: those atoms whose query asks for one element and nothing else, or for that element and more.
std::uint64_t elements_needed(const RDKit::ROMol &pattern)
{
    std::uint64_t bits = 0;

    for (const auto *atom : pattern.atoms()) {
        const auto *query = atom->getQuery();

        if (!query || query->getNegation())
            continue;
        if (query->getDescription() == "AtomAtomicNum" || query->getDescription() == "AtomType") {
            bits |= element_bit(atom->getAtomicNum());
            continue;
        }
        if (query->getDescription() != "AtomAnd")
            continue;
        for (auto part = query->beginChildren(); part != query->endChildren(); ++part)
            if (!(*part)->getNegation() &&
                ((*part)->getDescription() == "AtomAtomicNum" || (*part)->getDescription() == "AtomType"))
                bits |= element_bit(atom->getAtomicNum());
    }
    return bits;
}

bool may_match(const struct rdkit_reaction *reaction, unsigned i, const RDKit::ROMol &mol)
{
    return (reaction->elements[i] & ~elements_of(mol)) == 0;
}

bool has_dummy(const RDKit::ROMol &mol)
{
    for (const auto *atom : mol.atoms())
        if (atom->getAtomicNum() == 0)
            return true;
    return false;
}

Molecule parse(const std::string &smiles)
{
    RDKit::SmilesParserParams params;

    params.allowCXSMILES = false;
    params.parseName = false;
    return Molecule(RDKit::SmilesToMol(smiles, params));
}

// The canonical SMILES of what a template gave; empty: it is no molecule.
std::string product_text(const RDKit::ROMol &raw)
{
    RDKit::RWMol mol(raw);
    unsigned failed = 0;

    if (has_dummy(mol) || mol.getNumHeavyAtoms() > 2 * RDKIT_MAX_HEAVY_ATOMS)
        return "";
    try {
        for (auto *atom : mol.atoms()) {
            atom->setAtomMapNum(0);
            atom->setNumRadicalElectrons(0);
        }
        RDKit::MolOps::sanitizeMol(mol, failed, RDKit::MolOps::SANITIZE_ALL);
        RDKit::MolOps::assignStereochemistry(mol, true, true);
        const Molecule again = parse(RDKit::MolToSmiles(mol));
        return again && !has_dummy(*again) ? RDKit::MolToSmiles(*again) : "";
    } catch (const RDKit::MolSanitizeException &) {
        return "";
    }
}

std::string joined(std::vector<std::string> &parts)
{
    std::string all;

    std::sort(parts.begin(), parts.end());
    for (const auto &part : parts)
        all += (all.empty() ? "" : ".") + part;
    return all;
}

std::string outcome_text(const RDKit::MOL_SPTR_VECT &products)
{
    std::vector<std::string> parts;

    for (const auto &product : products) {
        const std::string text = product_text(*product);
        size_t from = 0, to;

        if (text.empty())
            return "";
        do {
            to = std::min(text.find('.', from), text.size());
            parts.push_back(text.substr(from, to - from));
            from = to + 1;
        } while (to < text.size());
    }
    return joined(parts);
}

void add(struct rdkit_outcomes *out, const std::string &text)
{
    if (rdkit_outcomes_add(out, text.c_str()) != CORAX_OK)
        throw std::bad_alloc();
}

} // namespace

struct rdkit_reaction *rdkit_reaction_read(const char *smarts, size_t len, struct rdkit_err *err)
{
    struct rdkit_reaction *out = nullptr;

    guarded(err, [&] {
        auto made = std::make_unique<rdkit_reaction>();
        unsigned n_warnings = 0, n_errors = 0;

        if (len > RDKIT_MAX_REACTION)
            throw refusal(CORAX_E_LIMIT, "the reaction SMARTS has " + std::to_string(len) + " characters, at most " +
                                             std::to_string(RDKIT_MAX_REACTION) + " are allowed");
        try {
            made->reaction.reset(RDKit::RxnSmartsToChemicalReaction(std::string(smarts, len), nullptr, false, false));
        } catch (const RDKit::ChemicalReactionParserException &e) {
            invalid(e.what());
        } catch (const RDKit::SmilesParseException &) {
            invalid("syntax error");
        }
        if (!made->reaction)
            invalid("syntax error");
        made->reaction->initReactantMatchers(true);
        if (!made->reaction->validate(n_warnings, n_errors, true) || n_errors > 0)
            invalid("its atom maps do not fit together");
        if (made->reaction->getNumReactantTemplates() < 1 ||
            made->reaction->getNumReactantTemplates() > RDKIT_MAX_TEMPLATES ||
            made->reaction->getNumProductTemplates() < 1)
            invalid("it needs 1 to " + std::to_string(RDKIT_MAX_TEMPLATES) + " reactants, and a product");
        for (const auto &pattern : made->reaction->getReactants())
            made->elements.push_back(elements_needed(*pattern));
        out = made.release();
    });
    return out;
}

void rdkit_reaction_free(struct rdkit_reaction *reaction)
{
    delete reaction;
}

unsigned rdkit_reaction_templates(const struct rdkit_reaction *reaction)
{
    return reaction->reaction->getNumReactantTemplates();
}

bool rdkit_reaction_matches(const struct rdkit_reaction *reaction, unsigned i, const struct rdkit_mol *m)
{
    struct rdkit_err err;
    bool found = false;

    if (!may_match(reaction, i, *m->mol))
        return false;
    guarded(&err, [&] {
        RDKit::SubstructMatchParameters params;

        params.maxMatches = 1;
        found = !RDKit::SubstructMatch(*m->mol, *reaction->reaction->getReactants()[i], params).empty();
    });
    return found;
}

int rdkit_reaction_run(const struct rdkit_reaction *reaction, const struct rdkit_mol *const *reactants,
                       struct rdkit_outcomes *out, struct rdkit_err *err)
{
    return guarded(err, [&] {
        RDKit::MOL_SPTR_VECT inputs;
        std::vector<std::string> found;

        for (unsigned i = 0; i < rdkit_reaction_templates(reaction); i++) {
            if (!may_match(reaction, i, *reactants[i]->mol))
                return;
            inputs.emplace_back(new RDKit::ROMol(*reactants[i]->mol));
        }
        unsigned atoms = 1;

        for (const auto &input : inputs)
            atoms += input->getNumAtoms();
        const unsigned most = std::min(MAX_WAYS, std::max(MIN_WAYS, WAYS_TIMES_ATOMS / atoms));
        const auto ways = reaction->reaction->runReactants(inputs, most);

        out->more = out->more || ways.size() >= most;
        for (const auto &products : ways) {
            if (out->stop && out->stop(out->ctx))
                throw refusal(CORAX_E_TIMEOUT, "there was no time for all rules: give smaller molecules");
            std::string text = outcome_text(products);

            if (!text.empty())
                found.push_back(std::move(text));
        }
        std::sort(found.begin(), found.end());
        for (const auto &text : found)
            add(out, text);
    });
}

int rdkit_split(const struct rdkit_mol *m, bool stereo, struct rdkit_outcomes *out, struct rdkit_err *err)
{
    return guarded(err, [&] {
        std::vector<boost::shared_ptr<RDKit::ROMol>> parts = RDKit::MolOps::getMolFrags(*m->mol);

        for (const auto &part : parts) {
            for (auto *atom : part->atoms())
                atom->setAtomMapNum(0);
            const Molecule again = parse(RDKit::MolToSmiles(*part, stereo));
            if (!again)
                throw refusal(CORAX_E_ARGS, "a part of it is no molecule");
            add(out, RDKit::MolToSmiles(*again, stereo));
        }
    });
}

unsigned rdkit_heavy_atoms(const struct rdkit_mol *m)
{
    return m->mol->getNumHeavyAtoms();
}
