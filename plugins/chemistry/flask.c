#include "flask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CONDITION 300 /* characters of one */

void reaction_clock_start(struct reaction_clock *c, const struct tool *t)
{
    *c = (struct reaction_clock){ .tool = t, .reserve_ms = t->host->remaining_ms(t->call) / 5 };
}

bool reaction_clock_over(void *clock)
{
    const struct reaction_clock *c = clock;

    return c->tool->host->remaining_ms(c->tool->call) <= c->reserve_ms;
}

void flask_init(struct flask *f, const struct tool *t)
{
    *f = (struct flask){ 0 };
    reaction_clock_start(&f->clock, t);
    f->reactants.stop = reaction_clock_over;
    f->reactants.ctx = &f->clock;
}

/* Has it carbon?  Of a canonical SMILES. */
static bool organic(const char *smiles)
{
    for (const char *p = smiles; *p; p++)
        if (*p == 'c' || (*p == 'C' && p[1] != 'l' && p[1] != 'u' && p[1] != 's' && p[1] != 'r' && p[1] != 'o'))
            return true;
    return false;
}

static int add_part(struct flask *f, const char *smiles, bool given, struct rdkit_err *err)
{
    const struct reagent *known = reagent_of_smiles(smiles);

    if (known)
        conditions_join(&f->have, &known->fulfils);
    if (known && !known->reacts && (!given || !organic(smiles)))
        return CORAX_OK;
    for (size_t i = 0; i < f->reactants.n; i++)
        if (strcmp(f->reactants.smiles[i], smiles) == 0)
            return CORAX_OK;
    return reactants_add_smiles(&f->reactants, smiles, err);
}

int flask_add_smiles(struct flask *f, const char *smiles, size_t len, bool given, struct rdkit_err *err)
{
    struct rdkit_mol *mol = rdkit_read(smiles, len, err);
    struct rdkit_outcomes parts = { 0 };
    int rc;

    if (mol == NULL)
        return err->status;
    rc = rdkit_split(mol, true, &parts, err);
    rdkit_free(mol);
    for (size_t i = 0; i < parts.n && rc == CORAX_OK; i++)
        rc = add_part(f, parts.smiles[i], given, err);
    if (given)
        f->reactants.n_given = f->reactants.n;
    rdkit_outcomes_finish(&parts);
    return rc;
}

/* --- conditions --------------------------------------------------------------------------------------------------- */

static int add_named(struct flask *f, const struct reagent *r, struct rdkit_err *err)
{
    size_t len = strcspn(r->smiles, " ");

    conditions_join(&f->have, &r->fulfils);
    return r->reacts && len > 0 ? flask_add_smiles(f, r->smiles, len, false, err) : CORAX_OK;
}

/* The name of a condition, as rules say it: "Pd complex". */
static bool add_kind(struct flask *f, const char *text, size_t len)
{
    char name[64];
    int kind;

    if (len >= sizeof name)
        return false;
    for (size_t i = 0; i < len; i++)
        name[i] = text[i] == ' ' ? '_' : text[i];
    kind = conditions_index(name, len);
    conditions_set(&f->have, kind);
    return kind >= 0;
}

static int not_understood(struct flask *f, const char *text, size_t len)
{
    char copy[MAX_CONDITION + 1];

    snprintf(copy, sizeof copy, "%.*s", (int)len, text);
    if (f->not_understood == NULL)
        f->not_understood = cJSON_CreateArray();
    return cJSON_AddItemToArray(f->not_understood, cJSON_CreateString(copy)) ? CORAX_OK : CORAX_E_LIMIT;
}

static void trim(const char **text, size_t *len)
{
    while (*len > 0 && strchr(" \t\r\n", **text))
        ++*text, --*len;
    while (*len > 0 && strchr(" \t\r\n.", (*text)[*len - 1]))
        --*len;
}

/* Where the first separator is that stands between two names; 0: nowhere. */
static size_t separator(const char *text, size_t len, size_t *width)
{
    static const char *const words[] = { ",", ";", " and ", " with ", " in ", " then ", " + ", " & " };
    size_t best = len;

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t n = strlen(words[i]);

        for (size_t at = 1; at + n < len && at < best; at++)
            if (memcmp(text + at, words[i], n) == 0) {
                best = at;
                *width = n;
            }
    }
    return best == len ? 0 : best;
}

int flask_add_condition(struct flask *f, const char *text, size_t len, struct rdkit_err *err)
{
    const struct reagent *known;
    size_t at, width = 0;
    struct rdkit_err unread;

    for (;;) {
        trim(&text, &len);
        if (len == 0)
            return CORAX_OK;
        if (len > MAX_CONDITION) {
            snprintf(err->msg, sizeof err->msg, "a condition has %zu characters, at most %d are allowed", len,
                     MAX_CONDITION);
            return err->status = CORAX_E_LIMIT;
        }
        known = reagent_named(text, len);
        if (known)
            return add_named(f, known, err);
        if (add_kind(f, text, len))
            return CORAX_OK;
        at = separator(text, len, &width);
        if (at == 0)
            break;
        if (flask_add_condition(f, text, at, err) != CORAX_OK)
            return err->status;
        text += at + width;
        len -= at + width;
    }
    if (flask_add_smiles(f, text, len, false, &unread) == CORAX_OK)
        return CORAX_OK;
    if (unread.status == CORAX_E_UNAVAIL || not_understood(f, text, len) != CORAX_OK) {
        *err = unread;
        return err->status;
    }
    return CORAX_OK;
}

/* --- arguments ---------------------------------------------------------------------------------------------------- */

typedef int add_text(struct flask *, const char *text, size_t len, struct rdkit_err *);

static int add_reactant(struct flask *f, const char *text, size_t len, struct rdkit_err *err)
{
    return flask_add_smiles(f, text, len, true, err);
}

static int each_text(const struct tool *t, const char *name, struct flask *f, add_text *add)
{
    char pointer[CORAX_NAME_MAX + 16];
    const char *text;
    size_t len;
    struct rdkit_err err;

    for (int i = 0;; i++) {
        snprintf(pointer, sizeof pointer, "%s/%d", name, i);
        if (!tool_arg(t, pointer, &text, &len)) {
            if (i > 0 || !tool_arg(t, name, &text, &len) || (len >= 2 && memcmp(text, "[]", 2) == 0))
                return CORAX_OK;
            return add(f, text, len, &err) == CORAX_OK ? CORAX_OK : tool_refuse_err(t, name, &err);
        }
        if (add(f, text, len, &err) != CORAX_OK)
            return tool_refuse_err(t, name, &err);
    }
}

int flask_read(const struct tool *t, struct flask *f)
{
    int rc = each_text(t, "reactants", f, add_reactant);

    return rc == CORAX_OK ? each_text(t, "conditions", f, flask_add_condition) : rc;
}

void flask_finish(struct flask *f)
{
    reactants_finish(&f->reactants);
    cJSON_Delete(f->not_understood);
}

void flask_needs_text(const struct rule *r, char *out, size_t size)
{
    size_t n = 0;

    for (const char *p = r->needs; *p && n + 8 < size; p++) {
        const char *text = *p == '+' ? " and " : *p == '|' ? ", or " : *p == '_' ? " " : NULL;

        if (text)
            n += (size_t)snprintf(out + n, size - n, "%s", text);
        else
            out[n++] = *p;
    }
    out[n < size ? n : size - 1] = '\0';
}
