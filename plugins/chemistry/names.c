/*
 * names.c - from names to structures and back, and CAS numbers.
 *
 * A name is looked for in the table of compounds (compound.h), then read as a systematic one (nomenclature.h).  What neither knows is
 * not found: a guess would be worse.
 */
#include "tools.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "compound.h"
#include "inchi.h"
#include "nomenclature.h"
#include "tool.h"

#define MAX_NAME 500 /* characters */

static int not_found(const struct tool *t, const char *name, size_t len, const char *why)
{
    const struct compound *near[COMPOUND_MAX_NEAR];
    char hint[320] = "";
    size_t n = compound_near(name, len, near), m = 0;

    for (size_t i = 0; i < n; i++) {
        int k = snprintf(hint + m, sizeof hint - m, "%s%s", i ? ", " : "Did you mean: ", near[i]->name);

        if (k < 0 || (size_t)k >= sizeof hint - m - 3)
            break;
        m += (size_t)k;
    }
    if (m > 0)
        memcpy(hint + m, "? ", 3);
    return tool_refuse(
        t, CORAX_E_NOTFOUND,
        "no structure found for \"%.*s\": it is not in the table, and %s. %sGive the systematic (IUPAC) name "
        "with all locants, a CAS number, or SMILES",
        len > 120 ? 120 : (int)len, name, why, hint);
}

static int answer_smiles(const struct tool *t, struct answer *a, const char *smiles, const char *source)
{
    char canonical[RDKIT_TEXT_SIZE];
    struct rdkit_err err;
    struct rdkit_mol *mol = rdkit_read(smiles, strlen(smiles), &err);
    int rc = mol ? rdkit_canonical(mol, canonical, &err) : err.status;

    rdkit_free(mol);
    if (rc != CORAX_OK)
        return tool_refuse_err(t, NULL, &err);
    answer_add(a, canonical);
    answer_string(a, "smiles", canonical);
    answer_string(a, "source", source);
    return CORAX_OK;
}

static int answer_compound(const struct tool *t, struct answer *a, const struct compound *c)
{
    answer_string(a, "name", c->name);
    answer_string(a, "inchikey", c->inchikey);
    if (c->cas[0])
        answer_string(a, "cas", c->cas);
    return answer_smiles(t, a, c->smiles, "table");
}

/* A systematic name: the structure, then the stereo that it states. */
static int answer_systematic(const struct tool *t, struct answer *a, const char *name, size_t len)
{
    struct nomenclature_result r;
    char smiles[RDKIT_TEXT_SIZE];
    struct rdkit_err err;
    struct rdkit_mol *mol;
    int rc;

    if (!nomenclature_read(name, len, &r))
        return not_found(t, name, len, r.why);
    mol = rdkit_read(r.smiles, strlen(r.smiles), &err);
    if (mol == NULL)
        return err.status == CORAX_E_UNAVAIL ? tool_refuse_err(t, NULL, &err)
                                             : not_found(t, name, len, "it names no possible structure");
    rc = r.n_stereo ? rdkit_with_stereo(mol, r.stereo, r.n_stereo, smiles, &err) : rdkit_canonical(mol, smiles, &err);
    rdkit_free(mol);
    if (rc == CORAX_E_NOTFOUND)
        return not_found(t, name, len, err.msg);
    return rc == CORAX_OK ? answer_smiles(t, a, smiles, "systematic name") : tool_refuse_err(t, NULL, &err);
}

static int name_to_smiles(const struct tool *t, struct answer *a)
{
    const struct compound *c;
    char cas[CAS_SIZE];
    const char *name;
    size_t len;
    int right;

    if (!tool_arg(t, "name", &name, &len))
        return tool_refuse(t, CORAX_E_ARGS, "name is missing: give a string");
    while (len > 0 && isspace((unsigned char)*name))
        name++, len--;
    while (len > 0 && isspace((unsigned char)name[len - 1]))
        len--;
    if (len == 0)
        return tool_refuse(t, CORAX_E_ARGS, "name is empty: give the name of a compound");
    if (len > MAX_NAME)
        return tool_refuse(t, CORAX_E_LIMIT, "the name has %zu bytes, at most %d are allowed", len, MAX_NAME);
    switch (cas_read(name, len, cas, &right)) {
    case CAS_BAD_DIGIT:
        return tool_refuse(t, CORAX_E_ARGS, "%s is no CAS number: its last digit would have to be %d", cas, right);
    case CAS_VALID:
        c = compound_by_cas(cas);
        if (c == NULL)
            return tool_refuse(t, CORAX_E_NOTFOUND,
                               "CAS number %s is of valid form, but not in the table: give the compound's name", cas);
        return answer_compound(t, a, c);
    case CAS_NONE:
        break;
    }
    c = compound_by_name(name, len);
    return c ? answer_compound(t, a, c) : answer_systematic(t, a, name, len);
}

static int smiles_to_name(const struct rdkit_mol *mol, struct answer *a, struct rdkit_err *err)
{
    const struct compound *c;
    char key[INCHI_KEY_SIZE];
    int rc = inchi_of(mol, NULL, 0, key, err);

    if (rc != CORAX_OK)
        return rc;
    answer_string(a, "inchikey", key);
    answer_define(
        a, "name",
        "of the compound with the same standard InChIKey: salts and stereoisomers are others, tautomers mostly not");
    c = compound_by_inchikey(key);
    if (c == NULL) {
        answer_string(a, "status", "not_found");
        answer_add(a, "no name in the table");
        return CORAX_OK;
    }
    answer_add(a, c->name);
    answer_string(a, "name", c->name);
    if (c->synonyms[0])
        answer_string(a, "synonyms", c->synonyms);
    if (c->cas[0])
        answer_string(a, "cas", c->cas);
    return CORAX_OK;
}

static int cas_check(const struct tool *t, struct answer *a)
{
    const struct compound *c = NULL;
    char cas[CAS_SIZE];
    const char *text;
    enum cas_form form;
    size_t len;
    int right = 0;

    if (!tool_arg(t, "cas", &text, &len))
        return tool_refuse(t, CORAX_E_ARGS, "cas is missing: give a string");
    form = cas_read(text, len, cas, &right);
    if (form == CAS_NONE)
        return tool_refuse(
            t, CORAX_E_ARGS,
            "\"%.*s\" is not of the form of a CAS number: 2 to 7 digits, 2 digits and 1 digit, as 64-17-5",
            len > 40 ? 40 : (int)len, text);
    answer_string(a, "cas", cas);
    answer_bool(a, "valid", form == CAS_VALID);
    answer_define(a, "valid",
                  "the last digit is the sum of the others, each times its place from the right, modulo 10");
    if (form == CAS_BAD_DIGIT) {
        answer_addf(a, "%s: invalid, its last digit would have to be %d", cas, right);
        return CORAX_OK;
    }
    c = compound_by_cas(cas);
    if (c == NULL) {
        answer_string(a, "status", "not_found");
        answer_addf(a, "%s: valid form, not in the table", cas);
        return CORAX_OK;
    }
    answer_addf(a, "%s: valid, %s, %s", cas, c->name, c->smiles);
    answer_string(a, "name", c->name);
    answer_string(a, "smiles", c->smiles);
    answer_string(a, "inchikey", c->inchikey);
    return CORAX_OK;
}

static int name_to_smiles_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    return tool_run(h, c, name_to_smiles);
}

static int smiles_to_name_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    return tool_each(h, c, smiles_to_name);
}

static int cas_check_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    return tool_run(h, c, cas_check);
}

const struct corax_tool name_to_smiles_tool = {
    .size = sizeof name_to_smiles_tool,
    .traits = CORAX_TRAIT_IDEMPOTENT,
    .name = "name_to_smiles",
    .summary =
        "SMILES of a compound given by its common name, systematic (IUPAC) name or CAS number; ask it before any tool "
        "that takes SMILES.",
    .args_schema =
        "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\",\"description\":\"name or CAS number, for "
        "example aspirin or 2-methylpropan-1-ol\"}},\"required\":[\"name\"],\"additionalProperties\":false}",
    .result_schema = ANSWER_SCHEMA,
    .call = name_to_smiles_call,
};

const struct corax_tool smiles_to_name_tool = {
    .size = sizeof smiles_to_name_tool,
    .traits = CORAX_TRAIT_IDEMPOTENT,
    .name = "smiles_to_name",
    .summary = "Common name of a molecule given as SMILES, if it is one of about a thousand known compounds.",
    .args_schema = SMILES_OR_LIST_SCHEMA,
    .result_schema = ANSWER_SCHEMA,
    .call = smiles_to_name_call,
};

const struct corax_tool cas_check_tool = {
    .size = sizeof cas_check_tool,
    .traits = CORAX_TRAIT_IDEMPOTENT,
    .name = "cas_check",
    .summary = "Whether a CAS registry number is valid (check digit), and which compound of the table has it.",
    .args_schema = "{\"type\":\"object\",\"properties\":{\"cas\":{\"type\":\"string\",\"description\":\"for example "
                   "50-78-2\"}},\"required\":[\"cas\"],\"additionalProperties\":false}",
    .result_schema = ANSWER_SCHEMA,
    .call = cas_check_call,
};
