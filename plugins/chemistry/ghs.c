/*
 * ghs.c - the tool safety_summary: hazard statements of common chemicals, with the pictograms and the signal word that follow.
 *
 * A molecule is looked up as it is drawn: a salt or an enantiomer has a classification of its own, and what is not in the table
 * is unknown.  Which pictogram leaves out which: CLP, Article 26.
 */
#include "tools.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "tool.h"

static const struct {
    const char *code, *pictograms, *signal, *text;
} statements[] = {
#define ROW(code, pictograms, signal, text) { code, pictograms, signal, text },
#include "ghs_statements_table.h"
#undef ROW
};

static const struct {
    const char *name, *cas, *smiles, *codes, *source;
} substances[] = {
#define ROW(name, cas, smiles, codes, source) { name, cas, smiles, codes, source },
#include "ghs_substances_table.h"
#undef ROW
};

#define N_SUBSTANCES (sizeof substances / sizeof *substances)
#define CANONICAL    200 /* bytes: none of the table's is longer */

static char canonical[N_SUBSTANCES][CANONICAL];
static struct rdkit_err load_err;
static pthread_once_t loaded = PTHREAD_ONCE_INIT;

static void load(void)
{
    for (size_t i = 0; i < N_SUBSTANCES; i++) {
        const char *smiles = substances[i].smiles;
        struct rdkit_mol *mol = rdkit_read(smiles, strlen(smiles), &load_err);
        char text[RDKIT_TEXT_SIZE];

        if (mol == NULL)
            return;
        if (rdkit_canonical(mol, text, &load_err) == CORAX_OK) {
            size_t len = strlen(text);

            memcpy(canonical[i], text, len < CANONICAL ? len : CANONICAL - 1);
        }
        rdkit_free(mol);
        if (load_err.status != CORAX_OK)
            return;
    }
}

/* --- the label --------------------------------------------------------------------------------------------------- */

#define EXCLAMATION 7
#define MAX_CODES   20

static const char *const pictogram_names[] = {
    "",
    "exploding bomb",
    "flame",
    "flame over circle",
    "gas cylinder",
    "corrosion",
    "skull and crossbones",
    "exclamation mark",
    "health hazard",
    "environment",
};

struct label {
    size_t n;
    size_t row[MAX_CODES]; /* of statements */
    bool pictogram[10];
    const char *signal; /* NULL: none */
};

static bool find_statement(const char *code, size_t len, size_t *row)
{
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        if (strlen(statements[i].code) == len && memcmp(statements[i].code, code, len) == 0) {
            *row = i;
            return true;
        }
    return false;
}

static bool has_code(const struct label *l, const char *code)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(statements[l->row[i]].code, code) == 0)
            return true;
    return false;
}

/* "GHS01 GHS02" */
static void add_pictograms(struct label *l, const char *text)
{
    for (; (text = strstr(text, "GHS0")) != NULL; text += 5)
        l->pictogram[text[4] - '0'] = true;
}

/* The exclamation mark stays where something else than what the others cover asks for it. */
static bool keeps_exclamation(const struct label *l)
{
    static const char *const irritants[] = { "H315", "H319" };
    const bool corrosive = has_code(l, "H314") || has_code(l, "H318"), sensitizer = has_code(l, "H334");

    if (l->pictogram[6])
        return false;
    for (size_t i = 0; i < l->n; i++) {
        const char *code = statements[l->row[i]].code;
        bool irritant = strcmp(code, irritants[0]) == 0 || strcmp(code, irritants[1]) == 0;

        if (strstr(statements[l->row[i]].pictograms, "GHS07") == NULL)
            continue;
        if (irritant ? corrosive || sensitizer : strcmp(code, "H317") == 0 && sensitizer)
            continue;
        return true;
    }
    return false;
}

static const char *signal_of(const struct label *l)
{
    bool warning = false, depends = false;

    for (size_t i = 0; i < l->n; i++) {
        const char *signal = statements[l->row[i]].signal;

        if (strcmp(signal, "Danger") == 0)
            return signal;
        warning = warning || strcmp(signal, "Warning") == 0;
        depends = depends || strcmp(signal, "?") == 0;
    }
    return depends ? "Danger or Warning (the category decides)" : warning ? "Warning" : NULL;
}

static void make_label(struct label *l, const char *codes)
{
    *l = (struct label){ 0 };
    while (*codes && l->n < MAX_CODES) {
        size_t len = strcspn(codes, " ");

        if (find_statement(codes, len, &l->row[l->n])) {
            add_pictograms(l, statements[l->row[l->n]].pictograms);
            l->n++;
        }
        codes += len;
        codes += strspn(codes, " ");
    }
    l->pictogram[EXCLAMATION] = l->pictogram[EXCLAMATION] && keeps_exclamation(l);
    l->signal = signal_of(l);
}

/* --- the tool ---------------------------------------------------------------------------------------------------- */

static void add_label(struct answer *a, const struct label *l)
{
    cJSON *pictograms = cJSON_CreateArray(), *hazards = cJSON_CreateArray();

    answer_addf(a, "; %s", l->signal ? l->signal : "no signal word");
    for (int i = 1; i <= 9; i++)
        if (l->pictogram[i]) {
            char code[8];

            snprintf(code, sizeof code, "GHS0%d", i);
            answer_addf(a, ", %s %s", code, pictogram_names[i]);
            cJSON_AddItemToArray(pictograms, cJSON_CreateString(code));
        }
    for (size_t i = 0; i < l->n; i++) {
        cJSON *hazard = cJSON_CreateObject();

        answer_addf(a, "%s%s %s", i ? " " : "; ", statements[l->row[i]].code, statements[l->row[i]].text);
        cJSON_AddStringToObject(hazard, "code", statements[l->row[i]].code);
        cJSON_AddStringToObject(hazard, "text", statements[l->row[i]].text);
        cJSON_AddItemToArray(hazards, hazard);
    }
    answer_item(a, "pictograms", pictograms);
    answer_item(a, "hazards", hazards);
    if (l->signal)
        answer_string(a, "signal_word", l->signal);
}

static void answer_unknown(struct answer *a)
{
    answer_addf(a, "unknown: not among the %zu compounds of the table, which says nothing of its hazards",
                N_SUBSTANCES);
    answer_string(a, "status", "unknown");
}

static int safety_summary(const struct rdkit_mol *mol, struct answer *a, struct rdkit_err *err)
{
    char text[RDKIT_TEXT_SIZE];
    struct label label;
    int rc;

    pthread_once(&loaded, load);
    if (load_err.status != CORAX_OK) {
        *err = load_err;
        return err->status;
    }
    rc = rdkit_canonical(mol, text, err);
    if (rc != CORAX_OK)
        return rc;
    for (size_t i = 0; i < N_SUBSTANCES; i++) {
        if (strcmp(canonical[i], text) != 0)
            continue;
        make_label(&label, substances[i].codes);
        answer_addf(a, "%s, CAS %s", substances[i].name, substances[i].cas);
        answer_string(a, "name", substances[i].name);
        answer_string(a, "cas", substances[i].cas);
        answer_string(a, "source", substances[i].source);
        add_label(a, &label);
        answer_addf(a, " Source: %s (a minimum).", substances[i].source);
        answer_define(a, "hazards", "harmonised classification, a minimum: the supplier's data sheet may say more");
        return CORAX_OK;
    }
    answer_unknown(a);
    return CORAX_OK;
}

static int safety_summary_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    return tool_each(h, c, safety_summary);
}

const struct corax_tool safety_summary_tool = {
    .size = sizeof safety_summary_tool,
    .traits = CORAX_TRAIT_IDEMPOTENT,
    .name = "safety_summary",
    .summary =
        "GHS hazard statements, pictograms and signal word of a common chemical given as SMILES, from its harmonised "
        "classification; unknown for others.",
    .args_schema = SMILES_OR_LIST_SCHEMA,
    .result_schema = ANSWER_SCHEMA,
    .call = safety_summary_call,
};
