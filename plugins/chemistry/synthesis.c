/*
 * synthesis.c - how hard a molecule is to make: the synthetic accessibility score.
 *
 * P. Ertl and A. Schuffenhauer, J. Cheminformatics 1:8 (2009), as RDKit's contribution SA_Score computes it: what the fragments contribute,
 * which is how common they are in PubChem, less penalties for size, stereo centres, spiro and bridged rings and macrocycles, plus a term
 * for symmetry.  The contributions of 705,292 fragments are a table in the plugin (data/sa_fragments.py has its form).
 */
#include "tools.h"

#include <math.h>
#include <stdio.h>
#include <stdint.h>

#include "tool.h"

__asm__(".pushsection .rodata\n"
        ".balign 4\n"
        ".hidden sa_table\n"
        ".globl sa_table\n"
        "sa_table:\n"
        ".incbin \"" SA_TABLE "\"\n"
        ".popsection\n");
extern const uint8_t sa_table[] __attribute__((visibility("hidden")));

#define OFFSETS  4u
#define HALVES   (OFFSETS + 4u * 65537)
#define UNKNOWN  (-4.0) /* of a fragment that the table does not have */
#define HARDEST  (-4.0)
#define EASIEST  2.5
#define FLATTENS 8.0 /* from here to 10 the scale is logarithmic */

static uint32_t u16_at(size_t at)
{
    return sa_table[at] | (uint32_t)sa_table[at + 1] << 8;
}

static uint32_t u32_at(size_t at)
{
    return u16_at(at) | u16_at(at + 2) << 16;
}

static double contribution(uint32_t fragment)
{
    uint32_t n = u32_at(0), upper = fragment >> 16, lower = fragment & 0xffff;

    for (uint32_t i = u32_at(OFFSETS + 4 * upper); i < u32_at(OFFSETS + 4 * (upper + 1)); i++)
        if (u16_at(HALVES + 2 * i) == lower)
            return (int16_t)u16_at(HALVES + 2 * n + 2 * i) / 1e4;
    return UNKNOWN;
}

static double fragment_score(const struct rdkit_complexity *c)
{
    double sum = 0;
    unsigned n = 0;

    for (unsigned i = 0; i < c->n_fragments; i++) {
        sum += contribution(c->fragments[i].id) * c->fragments[i].count;
        n += c->fragments[i].count;
    }
    return n ? sum / n : 0;
}

static double penalty(const struct rdkit_complexity *c)
{
    return pow(c->atoms, 1.005) - c->atoms + log10(c->centres + 1.0) + log10(c->spiro + 1.0) +
           log10(c->bridgeheads + 1.0) + (c->macrocycles ? log10(2) : 0);
}

static double score(const struct rdkit_complexity *c)
{
    double symmetry = c->atoms > c->n_fragments ? 0.5 * log((double)c->atoms / c->n_fragments) : 0;
    double raw = fragment_score(c) - penalty(c) + symmetry;
    double scaled = 11 - (raw - HARDEST + 1) / (EASIEST - HARDEST) * 9;

    if (scaled > FLATTENS)
        scaled = FLATTENS + log(scaled + 1 - 9);
    return fmin(fmax(scaled, 1), 10);
}

static int synthetic_accessibility(const struct rdkit_mol *mol, struct answer *a, struct rdkit_err *err)
{
    struct rdkit_complexity c;
    int rc;

    if (u32_at(0) == 0) {
        snprintf(err->msg, sizeof err->msg,
                 "unavailable: corax was built without the fragments of the score (rdkit-data, python3)");
        return err->status = CORAX_E_UNAVAIL;
    }
    rc = rdkit_complexity_of(mol, &c, err);
    if (rc != CORAX_OK)
        return rc;
    answer_addf(a, "synthetic accessibility %.2f (1 easy, 10 hard)", score(&c));
    answer_number(a, "synthetic_accessibility", score(&c), 3);
    answer_number(a, "fragments", fragment_score(&c), 4);
    answer_number(a, "penalty", penalty(&c), 4);
    answer_number(a, "stereo_centres", c.centres, 0);
    answer_number(a, "spiro_atoms", c.spiro, 0);
    answer_number(a, "bridgeheads", c.bridgeheads, 0);
    answer_number(a, "macrocycles", c.macrocycles, 0);
    answer_define(a, "synthetic_accessibility",
                  "Ertl and Schuffenhauer 2009, as RDKit's SA_Score: from 1, easy to make, to 10");
    rdkit_complexity_finish(&c);
    return CORAX_OK;
}

static int synthetic_accessibility_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    return tool_each(h, c, synthetic_accessibility);
}

const struct corax_tool synthetic_accessibility_tool = {
    .size = sizeof synthetic_accessibility_tool,
    .traits = CORAX_TRAIT_IDEMPOTENT,
    .name = "synthetic_accessibility",
    .summary =
        "How hard a molecule given as SMILES is to make: the synthetic accessibility score, 1 (easy) to 10 (hard).",
    .args_schema = SMILES_OR_LIST_SCHEMA,
    .result_schema = ANSWER_SCHEMA,
    .call = synthetic_accessibility_call,
};
