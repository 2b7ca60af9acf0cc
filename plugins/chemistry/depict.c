/* depict.c - pictures of molecules and reactions for people; the model reads what was drawn. */
#include "tools.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

#define MOLECULE_WIDTH  400
#define REACTION_WIDTH  800
#define HEIGHT          300
#define MAX_HIGHLIGHTED 1000

struct chosen {
    unsigned atoms[MAX_HIGHLIGHTED], n;
};

static void choose(struct chosen *c, unsigned atom)
{
    for (unsigned i = 0; i < c->n; i++)
        if (c->atoms[i] == atom)
            return;
    if (c->n < MAX_HIGHLIGHTED)
        c->atoms[c->n++] = atom;
}

static int choose_matches(const struct tool *t, const struct rdkit_mol *mol, const char *smarts, size_t len,
                          struct chosen *c)
{
    struct rdkit_err err;
    struct rdkit_query *query = rdkit_query_read(smarts, len, &err);
    struct rdkit_matches m;
    int rc = query ? rdkit_match(mol, query, RDKIT_MAX_MATCHES, &m, &err) : err.status;

    rdkit_query_free(query);
    if (rc != CORAX_OK)
        return tool_refuse_err(t, "highlight", &err);
    for (unsigned i = 0; i < m.n * m.n_atoms; i++)
        choose(c, m.atoms[i]);
    if (m.n == 0)
        rc = tool_refuse(t, CORAX_E_NOTFOUND, "highlight: the SMARTS matches no atom");
    rdkit_matches_finish(&m);
    return rc;
}

/* "highlight" and "atoms" of the call. */
static int choose_atoms(const struct tool *t, const struct rdkit_mol *mol, struct chosen *c)
{
    const char *text;
    size_t len;

    for (int i = 0; i < MAX_HIGHLIGHTED; i++) {
        char name[32];

        snprintf(name, sizeof name, "atoms/%d", i);
        if (!tool_arg(t, name, &text, &len))
            break;
        choose(c, (unsigned)atoi(text) - 1);
    }
    return tool_arg(t, "highlight", &text, &len) ? choose_matches(t, mol, text, len, c) : CORAX_OK;
}

static unsigned size_of(const struct tool *t, const char *name, unsigned otherwise)
{
    const char *text;
    size_t len;

    return tool_arg(t, name, &text, &len) ? (unsigned)atoi(text) : otherwise;
}

static void say_size(struct answer *a, const struct rdkit_drawing *how)
{
    answer_addf(a, ", %u x %u pixels", how->width, how->height);
    answer_number(a, "width", how->width, 0);
    answer_number(a, "height", how->height, 0);
    answer_string(a, "picture", "image/svg+xml");
}

static int depict_molecule(const struct tool *t, struct answer *a)
{
    struct rdkit_drawing how = { .width = size_of(t, "width", MOLECULE_WIDTH), .height = size_of(t, "height", HEIGHT) };
    struct chosen c = { .n = 0 };
    char formula[RDKIT_TEXT_SIZE], *svg;
    struct rdkit_err err;
    struct rdkit_mol *mol;
    int rc;

    mol = tool_molecule(t, "smiles", &rc);
    if (mol == NULL)
        return rc;
    rc = choose_atoms(t, mol, &c);
    how.atoms = c.atoms;
    how.n_atoms = c.n;
    if (rc == CORAX_OK) {
        rc = rdkit_formula(mol, formula, &err);
        if (rc == CORAX_OK)
            rc = rdkit_draw(mol, &how, &svg, &err);
        if (rc != CORAX_OK)
            tool_refuse_err(t, NULL, &err);
    }
    if (rc == CORAX_OK) {
        answer_image(a, svg);
        answer_addf(a, "drew %s, %u atoms", formula, rdkit_atoms(mol));
        if (c.n)
            answer_addf(a, ", %u highlighted", c.n);
        say_size(a, &how);
        answer_string(a, "formula", formula);
        answer_number(a, "highlighted", c.n, 0);
    }
    rdkit_free(mol);
    return rc;
}

static int depict_reaction(const struct tool *t, struct answer *a, const char *smiles, size_t len)
{
    const struct rdkit_drawing how = { .width = size_of(t, "width", REACTION_WIDTH),
                                       .height = size_of(t, "height", HEIGHT) };
    struct rdkit_sides n;
    struct rdkit_err err;
    const char *text;
    size_t text_len;
    char *svg;

    if (tool_arg(t, "highlight", &text, &text_len) || tool_arg(t, "atoms/0", &text, &text_len))
        return tool_refuse(t, CORAX_E_ARGS, "atoms of a reaction cannot be highlighted: draw one of its molecules");
    if (rdkit_draw_reaction(smiles, len, &how, &svg, &n, &err) != CORAX_OK)
        return tool_refuse_err(t, NULL, &err);
    answer_image(a, svg);
    answer_addf(a, "drew a reaction of %u reactant%s to %u product%s", n.reactants, n.reactants == 1 ? "" : "s",
                n.products, n.products == 1 ? "" : "s");
    if (n.agents)
        answer_addf(a, " with %u agent%s", n.agents, n.agents == 1 ? "" : "s");
    say_size(a, &how);
    answer_number(a, "reactants", n.reactants, 0);
    answer_number(a, "agents", n.agents, 0);
    answer_number(a, "products", n.products, 0);
    return CORAX_OK;
}

static int depict(const struct tool *t, struct answer *a)
{
    const char *smiles;
    size_t len;

    return tool_arg(t, "smiles", &smiles, &len) && memchr(smiles, '>', len) ? depict_reaction(t, a, smiles, len)
                                                                            : depict_molecule(t, a);
}

static int depict_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    return tool_run(h, c, depict);
}

const struct corax_tool depict_tool = {
    .size = sizeof depict_tool,
    .traits = CORAX_TRAIT_IDEMPOTENT,
    .name = "depict",
    .summary = "Draws a molecule given as SMILES, or a reaction as reaction SMILES, as a picture for the user, some "
               "atoms highlighted.",
    .args_schema = "{\"type\":\"object\",\"properties\":{"
                   "\"smiles\":{\"type\":\"string\"," MOLECULE_ROLE ",\"description\":\"SMILES, or reactants>agents>products\"},"
                   "\"highlight\":{\"type\":\"string\",\"description\":\"SMARTS: what it matches is highlighted\"},"
                   "\"atoms\":{\"type\":\"array\",\"maxItems\":1000,\"items\":{\"type\":\"integer\",\"minimum\":1,"
                   "\"maximum\":1000},"
                   "\"description\":\"atoms to highlight, counted from 1\"},"
                   "\"width\":{\"type\":\"integer\",\"minimum\":100,\"maximum\":2000,\"description\":\"pixels\"},"
                   "\"height\":{\"type\":\"integer\",\"minimum\":100,\"maximum\":2000,\"description\":\"pixels\"}},"
                   "\"required\":[\"smiles\"],\"additionalProperties\":false}",
    .result_schema = ANSWER_SCHEMA,
    .call = depict_call,
};
