// rdkit_draw.cc - pictures of molecules and reactions, as SVG.
//
// Letters are SVG text, not outlines, so that a picture is small and needs no fonts here.
#undef VERSION // the build's; RDKit has a name of its own like that
#include "rdkit_molecule.hh"

#include <cstdlib>
#include <cstring>
#include <set>
#include <vector>

#include <GraphMol/ChemReactions/Reaction.h>
#include <GraphMol/Depictor/RDDepictor.h>
#include <GraphMol/MolDraw2D/MolDraw2DSVG.h>
#include <GraphMol/MolDraw2D/MolDraw2DUtils.h>
#include <GraphMol/MolOps.h>

namespace
{

char *copied(const std::string &text)
{
    char *out = strdup(text.c_str());

    if (out == nullptr)
        throw std::bad_alloc();
    return out;
}

// Between two atoms that are highlighted, as RDKit's users expect.
std::vector<int> bonds_between(const RDKit::ROMol &mol, const std::set<int> &atoms)
{
    std::vector<int> out;

    for (const auto *bond : mol.bonds())
        if (atoms.count(int(bond->getBeginAtomIdx())) && atoms.count(int(bond->getEndAtomIdx())))
            out.push_back(int(bond->getIdx()));
    return out;
}

std::string drawn(const RDKit::ROMol &mol, const rdkit_drawing &how)
{
    RDKit::MolDraw2DSVG drawer(int(how.width), int(how.height), -1, -1, true);
    const std::set<int> chosen(how.atoms, how.atoms + how.n_atoms);
    const std::vector<int> atoms(chosen.begin(), chosen.end()), bonds = bonds_between(mol, chosen);

    RDKit::MolDraw2DUtils::prepareAndDrawMolecule(drawer, mol, "", &atoms, &bonds);
    drawer.finishDrawing();
    return drawer.getDrawingText();
}

// The molecules of one side, "A.B"; which says the side in an error.
std::vector<RDKit::ROMOL_SPTR> side(const std::string &text, const char *which)
{
    struct rdkit_err err;

    if (text.empty())
        return {};
    const std::unique_ptr<rdkit_mol> mol(rdkit_read(text.data(), text.size(), &err));
    if (!mol)
        throw refusal(err.status, std::string(which) + ": " + err.msg);
    return RDKit::MolOps::getMolFrags(*mol->mol);
}

struct Sides {
    std::vector<RDKit::ROMOL_SPTR> reactants, agents, products;
};

Sides sides_of(const std::string &text)
{
    const size_t first = text.find('>'), second = first == std::string::npos ? first : text.find('>', first + 1);

    if (second == std::string::npos || text.find('>', second + 1) != std::string::npos)
        throw refusal(CORAX_E_ARGS,
                      "invalid reaction SMILES: it has the form reactants>agents>products, agents may be left out");
    Sides out{ side(text.substr(0, first), "reactants"), side(text.substr(first + 1, second - first - 1), "agents"),
               side(text.substr(second + 1), "products") };

    if (out.reactants.empty() || out.products.empty())
        throw refusal(CORAX_E_ARGS, "invalid reaction SMILES: reactants or products are missing");
    return out;
}

std::string drawn_reaction(const Sides &sides, unsigned width, unsigned height)
{
    RDKit::MolDraw2DSVG drawer(int(width), int(height), -1, -1, true);
    RDKit::ChemicalReaction reaction;

    for (const auto &mol : sides.reactants)
        reaction.addReactantTemplate(mol);
    for (const auto &mol : sides.agents)
        reaction.addAgentTemplate(mol);
    for (const auto &mol : sides.products)
        reaction.addProductTemplate(mol);
    drawer.drawReaction(reaction);
    drawer.finishDrawing();
    return drawer.getDrawingText();
}

} // namespace

int rdkit_draw(const struct rdkit_mol *m, const struct rdkit_drawing *how, char **svg, struct rdkit_err *err)
{
    *svg = nullptr;
    return guarded(err, [&] {
        for (unsigned i = 0; i < how->n_atoms; i++)
            if (how->atoms[i] >= m->mol->getNumAtoms())
                throw refusal(CORAX_E_ARGS, "there is no atom " + std::to_string(how->atoms[i] + 1) +
                                                ": the molecule has " + std::to_string(m->mol->getNumAtoms()));
        *svg = copied(drawn(*m->mol, *how));
    });
}

int rdkit_draw_reaction(const char *smiles, size_t len, const struct rdkit_drawing *how, char **svg,
                        struct rdkit_sides *count, struct rdkit_err *err)
{
    *svg = nullptr;
    return guarded(err, [&] {
        const Sides sides = sides_of(trimmed(smiles, len, "reaction SMILES"));

        *count = { unsigned(sides.reactants.size()), unsigned(sides.agents.size()), unsigned(sides.products.size()) };
        *svg = copied(drawn_reaction(sides, how->width, how->height));
    });
}

unsigned rdkit_atoms(const struct rdkit_mol *m)
{
    return m->mol->getNumAtoms();
}
