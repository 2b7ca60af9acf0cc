/*
 * plugins/chemistry/rdkit_reaction.cc: the first line is a reaction SMARTS, each further one a reactant's SMILES.  Whatever they are, there is
 * an error with a sentence or a list of molecules that can be read again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <corax/plugin.h>

#include "plugins/chemistry/rdkit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
const char *__lsan_default_suppressions(void);

/* RDKit's parser of SMARTS loses some memory for each one that is wrong. */
const char *__lsan_default_suppressions(void)
{
    return "leak:libRDKit";
}

static void require(bool good)
{
    if (!good)
        abort();
}

/* The next line; false: there is none. */
static bool next_line(const char **text, size_t *left, const char **line, size_t *len)
{
    const char *end;

    if (*left == 0)
        return false;
    end = memchr(*text, '\n', *left);
    *line = *text;
    *len = end ? (size_t)(end - *text) : *left;
    *text += end ? *len + 1 : *len;
    *left -= end ? *len + 1 : *len;
    return true;
}

static struct rdkit_mol *read_molecule(const char *text, size_t len)
{
    struct rdkit_err err = { 0 };
    struct rdkit_outcomes parts = { 0 };
    struct rdkit_mol *mol = rdkit_read(text, len, &err);

    require(mol || (err.status != CORAX_OK && err.msg[0]));
    if (mol && rdkit_split(mol, true, &parts, &err) == CORAX_OK)
        require(parts.n > 0 && parts.n <= RDKIT_MAX_OUTCOMES);
    rdkit_outcomes_finish(&parts);
    return mol;
}

static void run(const struct rdkit_reaction *reaction, const struct rdkit_mol *const *mols, unsigned n)
{
    struct rdkit_outcomes outcomes = { 0 };
    struct rdkit_err err = { 0 };

    require(rdkit_reaction_templates(reaction) >= 1 && rdkit_reaction_templates(reaction) <= RDKIT_MAX_TEMPLATES);
    if (n == rdkit_reaction_templates(reaction) && rdkit_reaction_run(reaction, mols, &outcomes, &err) == CORAX_OK)
        for (size_t i = 0; i < outcomes.n; i++)
            require(outcomes.smiles[i][0] != '\0' && !strchr(outcomes.smiles[i], '*'));
    rdkit_outcomes_finish(&outcomes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const char *text = (const char *)data, *line;
    struct rdkit_reaction *reaction = NULL;
    struct rdkit_mol *mols[RDKIT_MAX_TEMPLATES];
    struct rdkit_err err = { 0 };
    size_t n = 0, line_len;

    if (len > 600)
        return 0;
    if (next_line(&text, &len, &line, &line_len)) {
        reaction = rdkit_reaction_read(line, line_len, &err);
        require(reaction || (err.status != CORAX_OK && err.msg[0]));
    }
    while (n < RDKIT_MAX_TEMPLATES && next_line(&text, &len, &line, &line_len)) {
        mols[n] = read_molecule(line, line_len);
        if (mols[n] == NULL)
            break;
        n++;
    }
    if (reaction)
        run(reaction, (const struct rdkit_mol *const *)mols, (unsigned)n);
    rdkit_reaction_free(reaction);
    while (n > 0)
        rdkit_free(mols[--n]);
    return 0;
}
