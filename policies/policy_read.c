/*
 * The sections of a policy file.  Everything that can be wrong with a file is found here; deciding cannot fail.
 */
#include <stdlib.h>
#include <string.h>

#include "policies/policy_parts.h"

#define MAX_SECONDS 31536000 /* a year */

static int no_memory(struct err *err)
{
    return fail(err, CORAX_E_INTERNAL, "no memory");
}

bool policy_is_id(const char *s)
{
    size_t n = s ? strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-_") : 0;

    return n > 0 && n <= POLICY_ID_MAX && s[n] == '\0';
}

int policy_find_decision(const char *key)
{
    for (int d = POLICY_ALLOW; d <= POLICY_DENY; d++)
        if (strcmp(key, policy_decision_name((enum policy_decision)d)) == 0)
            return d;
    return -1;
}

/* What an entry of a section has, while it is read. */
struct reading {
    struct policy *p;
    const char *file_id;
    const struct json *j;
};

static int name_it(const struct reading *r, struct statement *s, struct err *err)
{
    if (!s->why || s->why[0] == '\0')
        return fail(err, CORAX_E_ARGS, "why is missing: a sentence for people and for the model");
    s->name = arena_printf(r->p->arena, "%s/%s", r->file_id, s->id);
    return s->name ? 0 : no_memory(err);
}

/* --- rules ------------------------------------------------------------------------------------------------------ */

static int read_seconds(const struct json *j, int64_t *ms, struct err *err)
{
    const double s = json_number(j, -1);

    if (json_kind(j) != JSON_NUMBER || !(s >= 0.001 && s <= MAX_SECONDS))
        return fail(err, CORAX_E_ARGS, "must: %s is not a number of seconds, 0.001 to %d", json_key(j), MAX_SECONDS);
    *ms = (int64_t)(s * 1000);
    return 0;
}

static int read_redact(struct policy *p, const struct json *list, struct policy_duties *must, struct err *err)
{
    if (json_kind(list) != JSON_ARRAY || json_count(list) == 0)
        return fail(err, CORAX_E_ARGS, "must: redact is not a list of patterns");
    for (const struct json *j = json_first(list); j; j = json_next(j)) {
        if (!json_text(j) || json_text(j)[0] == '\0')
            return fail(err, CORAX_E_ARGS, "must: redact is not a list of patterns");
        if (p->n_redactions == POLICY_MAX_REDACTIONS)
            return fail(err, CORAX_E_LIMIT, "must: more than %d patterns to redact", POLICY_MAX_REDACTIONS);
        if (!(p->redactions[p->n_redactions] = redaction_compile(json_text(j), err)))
            return err_context(err, "must");
        must->redact[0] |= UINT64_C(1) << p->n_redactions++;
    }
    return 0;
}

static int read_doubt(const struct json *j, enum policy_doubt *doubt, struct err *err)
{
    *doubt = policy_doubt_find(json_text(j));
    return *doubt ? 0 : fail(err, CORAX_E_ARGS, "must: in_doubt is neither \"ask\" nor \"fail\"");
}

static int read_must(struct policy *p, const struct json *j, struct rule *r, struct err *err)
{
    struct policy_duties *must = &r->must;

    if (json_kind(j) != JSON_OBJECT || json_count(j) == 0)
        return fail(err, CORAX_E_ARGS, "must is not an object of duties");
    for (const struct json *m = json_first(j); m; m = json_next(m)) {
        const char *key = json_key(m);
        int bad = 0;

        if (strcmp(key, "timeout_s") == 0)
            bad = read_seconds(m, &must->timeout_ms, err);
        else if (strcmp(key, "approve_s") == 0)
            bad = read_seconds(m, &must->approve_ms, err);
        else if (strcmp(key, "redact") == 0)
            bad = read_redact(p, m, must, err);
        else if (strcmp(key, "result_bytes") == 0)
            bad = json_int(m, "must: result_bytes", &must->result_bytes, err) < 0 || must->result_bytes < 1
                      ? fail(err, CORAX_E_ARGS, "must: result_bytes is not a number from 1 on")
                      : 0;
        else if (strcmp(key, "fresh_host") == 0 && json_kind(m) == JSON_BOOL && json_bool(m, false))
            must->fresh_host = true;
        else if (strcmp(key, "fresh_host") == 0)
            bad = fail(err, CORAX_E_ARGS, "must: fresh_host is true or left out");
        else if (strcmp(key, "in_doubt") == 0)
            bad = read_doubt(m, &must->in_doubt, err);
        else
            bad = fail(err, CORAX_E_ARGS,
                       "must: key \"%.60s\" is unknown: timeout_s, approve_s, redact, result_bytes, fresh_host, in_doubt are known", key);
        if (bad)
            return -1;
    }
    r->has_duties = true;
    return 0;
}

static int read_rule_keys(const struct reading *in, struct rule *r, const char **pattern, const struct json **when,
                          struct err *err)
{
    for (const struct json *m = json_first(in->j); m; m = json_next(m)) {
        const char *key = json_key(m);
        int decision = policy_find_decision(key);

        if (decision >= 0) {
            if (*pattern)
                return fail(err, CORAX_E_ARGS, "a rule has one of allow, ask, deny, not two");
            if (!(*pattern = json_text(m)))
                return fail(err, CORAX_E_ARGS, "%s is not a pattern on \"plugin.tool\"", key);
            r->decision = (enum policy_decision)decision;
        } else if (strcmp(key, "why") == 0) {
            r->is.why = json_text(m);
        } else if (strcmp(key, "when") == 0) {
            *when = m;
        } else if (strcmp(key, "must") == 0) {
            if (read_must(in->p, m, r, err) < 0)
                return -1;
        } else if (strcmp(key, "id") != 0) {
            return fail(err, CORAX_E_ARGS, "key \"%.60s\" is unknown: id, allow, ask, deny, when, must, why are known", key);
        }
    }
    return *pattern ? 0 : fail(err, CORAX_E_ARGS, "allow, ask or deny is missing");
}

/* They are of the same file. */
static int name_screens(const struct reading *in, struct match *m, struct err *err)
{
    for (size_t i = 0; i < m->n_screened; i++)
        if (!(m->screened[i].name = arena_printf(in->p->arena, "%s/%s", in->file_id, m->screened[i].id)))
            return no_memory(err);
    return 0;
}

static int read_rule(const struct reading *in, void *out, struct err *err)
{
    struct rule *r = out;
    const char *pattern = NULL;
    const struct json *when = NULL;

    if (read_rule_keys(in, r, &pattern, &when, err) < 0)
        return -1;
    if (r->decision == POLICY_ALLOW && in->p->layer == POLICY_NARROWS)
        return fail(err, CORAX_E_ARGS, "this layer only narrows: deny or ask, with \"except\" for what stays allowed");
    if (match_read(&r->is.match, in->p->arena, pattern, when,
                   r->decision == POLICY_ALLOW ? MATCH_ALLOW : MATCH_AGAINST, err) < 0 ||
        name_it(in, &r->is, err) < 0 || name_screens(in, &r->is.match, err) < 0)
        return -1;
    r->must.in_doubt_rule = r->must.in_doubt ? r->is.name : NULL;
    return 0;
}

/* --- the other sections: each entry is "of" a pattern ------------------------------------------------------------ */

/* Reads id, of, when, why; other(key) takes what else there is: 1 taken, 0 unknown, -1 err. */
static int read_of(const struct reading *in, struct statement *s, enum match_use use,
                   int (*other)(const struct json *, void *, struct err *), void *arg, const char *known, struct err *err)
{
    const char *pattern = NULL;
    const struct json *when = NULL;

    for (const struct json *m = json_first(in->j); m; m = json_next(m)) {
        const char *key = json_key(m);
        int taken = 1;

        if (strcmp(key, "of") == 0)
            pattern = json_text(m);
        else if (strcmp(key, "when") == 0)
            when = m;
        else if (strcmp(key, "why") == 0)
            s->why = json_text(m);
        else if (strcmp(key, "id") != 0)
            taken = other ? other(m, arg, err) : 0;
        if (taken < 0)
            return -1;
        if (taken == 0)
            return fail(err, CORAX_E_ARGS, "key \"%.60s\" is unknown: id, of, when, why%s are known", key, known);
    }
    if (!pattern)
        return fail(err, CORAX_E_ARGS, "of is missing: a pattern on \"plugin.tool\"");
    if (match_read(&s->match, in->p->arena, pattern, when, use, err) < 0)
        return -1;
    return name_it(in, s, err);
}

static int take_label(const struct json *m, void *arg, struct err *err)
{
    struct label_rule *l = arg;

    return match_read_label_part(m, &l->label, err);
}

static int read_label(const struct reading *in, void *out, struct err *err)
{
    struct label_rule *l = out;

    if (read_of(in, &l->is, MATCH_CALL, take_label, l, ", integrity, confidentiality", err) < 0)
        return -1;
    l->has_integrity = json_get(in->j, "integrity") != NULL;
    l->has_confidentiality = json_get(in->j, "confidentiality") != NULL;
    if (!l->has_integrity && !l->has_confidentiality)
        return fail(err, CORAX_E_ARGS, "integrity or confidentiality is missing");
    return 0;
}

static int take_sink(const struct json *m, void *arg, struct err *err)
{
    struct sink_rule *s = arg;
    struct label label = { TRUSTED, PUBLIC };

    if (strcmp(json_key(m), "confidentiality") != 0)
        return 0;
    if (match_read_label_part(m, &label, err) < 0)
        return -1;
    s->confidentiality = label.confidentiality;
    return 1;
}

static int read_sink(const struct reading *in, void *out, struct err *err)
{
    struct sink_rule *s = out;

    if (read_of(in, &s->is, MATCH_CALL, take_sink, s, ", confidentiality", err) < 0)
        return -1;
    return json_get(in->j, "confidentiality") ? 0 : fail(err, CORAX_E_ARGS, "confidentiality is missing");
}

static int take_limit(const struct json *m, void *arg, struct err *err)
{
    struct limit_rule *l = arg;
    int64_t *to = strcmp(json_key(m), "calls") == 0 ? &l->calls : strcmp(json_key(m), "bytes") == 0 ? &l->bytes : NULL;

    if (!to)
        return 0;
    if (json_int(m, json_key(m), to, err) < 0 || *to < 0)
        return fail(err, CORAX_E_ARGS, "%s is not a number from 0 on", json_key(m));
    return 1;
}

static int read_limit(const struct reading *in, void *out, struct err *err)
{
    struct limit_rule *l = out;

    l->calls = l->bytes = -1;
    if (read_of(in, &l->is, MATCH_TOOL, take_limit, l, ", calls, bytes", err) < 0)
        return -1;
    return l->calls >= 0 || l->bytes >= 0 ? 0 : fail(err, CORAX_E_ARGS, "calls or bytes is missing");
}

static int read_contained(const struct reading *in, void *out, struct err *err)
{
    struct contained_rule *c = out;

    if (in->p->layer == POLICY_NARROWS)
        return fail(err, CORAX_E_ARGS, "this layer only narrows: only the base says what is contained");
    return read_of(in, &c->is, MATCH_CALL, NULL, NULL, "", err);
}

/* "of" of a screen: a pattern or a list of them, each with the same conditions. */
static int read_screen_of(const struct reading *in, struct screen_rule *s, const struct json *of, const struct json *when, struct err *err)
{
    const bool is_list = json_kind(of) == JSON_ARRAY;
    const struct json *j = is_list ? json_first(of) : of;

    if (!j)
        return fail(err, CORAX_E_ARGS, "of is missing: a pattern on \"plugin.tool\", or a list of them");
    if (!(s->of = arena_alloc(in->p->arena, (is_list ? json_count(of) : 1) * sizeof(*s->of))))
        return no_memory(err);
    for (; j; j = is_list ? json_next(j) : NULL) {
        if (!json_text(j))
            return fail(err, CORAX_E_ARGS, "of is not a pattern on \"plugin.tool\", nor a list of them");
        if (match_read(&s->of[s->n_of++], in->p->arena, json_text(j), when, MATCH_TOOL, err) < 0)
            return -1;
    }
    s->is.match = s->of[0];
    return 0;
}

static bool is_tool_name(const char *s)
{
    const char *dot = s ? strchr(s, '.') : NULL;

    return dot && dot > s && dot[1] != '\0' && !strchr(s, '*');
}

static int read_screen(const struct reading *in, void *out, struct err *err)
{
    static const char *const known[] = { "id", "of", "when", "by", "argument", "role", "why", NULL };
    struct screen_rule *s = out;
    const struct json *j = in->j;

    for (const struct json *m = json_first(j); m; m = json_next(m)) {
        size_t i = 0;

        while (known[i] && strcmp(known[i], json_key(m)) != 0)
            i++;
        if (!known[i])
            return fail(err, CORAX_E_ARGS, "key \"%.60s\" is unknown: id, of, when, by, argument, role, why are known", json_key(m));
    }
    s->is.why = json_get_text(j, "why", NULL);
    s->asks = (struct screen){
        .by = json_get_text(j, "by", NULL), .argument = json_get_text(j, "argument", NULL), .role = json_get_text(j, "role", NULL)
    };
    if (!is_tool_name(s->asks.by))
        return fail(err, CORAX_E_ARGS, "by is not the \"plugin.tool\" that is asked");
    if (!s->asks.argument || !*s->asks.argument)
        return fail(err, CORAX_E_ARGS, "argument is missing: the one of %.80s that takes a list", s->asks.by);
    if (!s->asks.role || strcmp(s->asks.role, SCREEN_MOLECULE) != 0)
        return fail(err, CORAX_E_ARGS, "role is not \"" SCREEN_MOLECULE "\", the only one there is");
    if (read_screen_of(in, s, json_get(j, "of"), json_get(j, "when"), err) < 0 || name_it(in, &s->is, err) < 0)
        return -1;
    s->asks.name = s->is.name;
    return 0;
}

/* --- sections --------------------------------------------------------------------------------------------------- */

struct section {
    const char *key, *what;
    size_t max, size;
    int (*read)(const struct reading *, void *out, struct err *);
};

/* Reads all entries of a section behind the *n that *array has; each begins with a struct statement. */
static int read_section(struct policy *p, const char *file_id, const struct json *root, const struct section *s,
                        void **array, size_t *n, struct err *err)
{
    const struct json *list = json_get(root, s->key);
    struct reading in = { .p = p, .file_id = file_id };
    const size_t count = json_count(list), first = *n;
    char *grown;

    if (!list)
        return 0;
    if (json_kind(list) != JSON_ARRAY)
        return fail(err, CORAX_E_ARGS, "%s is not a list", s->key);
    if (count > s->max)
        return fail(err, CORAX_E_LIMIT, "%zu %s: a file has at most %zu", count, s->key, s->max);
    if (count == 0)
        return 0;
    if (!(grown = realloc(*array, (first + count) * s->size)))
        return no_memory(err);
    *array = grown;
    for (in.j = json_first(list); in.j; in.j = json_next(in.j)) {
        struct statement *is = (struct statement *)(void *)(grown + *n * s->size);

        memset(is, 0, s->size);
        is->id = json_get_text(in.j, "id", NULL);
        if (json_kind(in.j) != JSON_OBJECT || !policy_is_id(is->id))
            return fail(err, CORAX_E_ARGS, "%s %zu: id is not 1 to %d of a-z 0-9 - _", s->what, *n - first + 1, POLICY_ID_MAX);
        if (s->read(&in, is, err) < 0)
            return err_context(err, "%s %s", s->what, is->id);
        ++*n;
    }
    return 0;
}

/* --- what entries are to each other ------------------------------------------------------------------------------ */

static int compare_rules(const void *a, const void *b)
{
    const struct rule *x = a, *y = b;

    if (x->decision != y->decision)
        return x->decision > y->decision ? -1 : 1;
    return strcmp(x->is.name, y->is.name);
}

/* Of entries that all have their say, the order is that in which they are named. */
static int compare_statements(const void *a, const void *b)
{
    const struct statement *x = a, *y = b;

    return strcmp(x->name, y->name);
}

static void give_slots(struct policy *p)
{
    const char *names[MATCH_SLOTS];
    size_t n = 0;

    for (size_t i = 0; i < p->n_rules; i++)
        match_take_slots(&p->rules[i].is.match, names, &n);
    for (size_t i = 0; i < p->n_labels; i++)
        match_take_slots(&p->labels[i].is.match, names, &n);
    for (size_t i = 0; i < p->n_sinks; i++)
        match_take_slots(&p->sinks[i].is.match, names, &n);
    for (size_t i = 0; i < p->n_contained; i++)
        match_take_slots(&p->contained[i].is.match, names, &n);
}

/* The screens that a rule is about. */
static int number_screens(const struct policy *p, struct rule *r, struct err *err)
{
    for (size_t i = 0; i < r->is.match.n_screened; i++) {
        struct screen_condition *c = &r->is.match.screened[i];

        c->screen = 0;
        while (c->screen < p->n_screens && strcmp(p->screens[c->screen].is.name, c->name) != 0)
            c->screen++;
        if (c->screen == p->n_screens)
            return fail(err, CORAX_E_ARGS, "rule %s: screened: the file has no screen %.64s", r->is.id, c->id);
    }
    return 0;
}

int policy_sort(struct policy *p, struct err *err)
{
    struct match_key *keys = realloc(p->keys, (p->n_rules + 1) * sizeof(*keys));

    if (!keys)
        return no_memory(err);
    p->keys = keys;
    if (p->n_rules > 0)
        qsort(p->rules, p->n_rules, sizeof(*p->rules), compare_rules);
    for (size_t i = 0; i < p->n_rules; i++)
        keys[i] = match_key(&p->rules[i].is.match);
    if (p->n_limits > 0)
        qsort(p->limits, p->n_limits, sizeof(*p->limits), compare_statements);
    if (p->n_labels > 0)
        qsort(p->labels, p->n_labels, sizeof(*p->labels), compare_statements);
    if (p->n_sinks > 0)
        qsort(p->sinks, p->n_sinks, sizeof(*p->sinks), compare_statements);
    if (p->n_contained > 0)
        qsort(p->contained, p->n_contained, sizeof(*p->contained), compare_statements);
    if (p->n_screens > 0)
        qsort(p->screens, p->n_screens, sizeof(*p->screens), compare_statements);
    give_slots(p);
    for (size_t i = 0; i < p->n_rules; i++)
        if (number_screens(p, &p->rules[i], err) < 0)
            return -1;
    return policy_index_create(p, err);
}

static int check_pair(const struct rule *a, const struct rule *b, struct err *err)
{
    if (a->decision >= b->decision && !b->has_duties && match_covers(&a->is.match, &b->is.match))
        return fail(err, CORAX_E_ARGS, "rule %s can never win: rule %s (%s) matches whatever it matches", b->is.id, a->is.id,
                    policy_decision_name(a->decision));
    return 0;
}

static int check_rules(const struct rule *rules, size_t n, struct err *err)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++)
            if (i != k && check_pair(&rules[i], &rules[k], err) < 0)
                return -1;
    return 0;
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static size_t add_ids(const struct json *list, const char **ids)
{
    size_t n = 0;

    for (const struct json *j = json_first(list); j; j = json_next(j))
        ids[n++] = json_get_text(j, "id", "");
    return n;
}

static int check_ids(const struct json *root, const struct section *sections, size_t n_sections, struct err *err)
{
    const char **ids;
    size_t n = 0;
    int result = 0;

    for (size_t i = 0; i < n_sections; i++)
        n += json_count(json_get(root, sections[i].key));
    if (!(ids = calloc(n + 1, sizeof(*ids))))
        return no_memory(err);
    n = 0;
    for (size_t i = 0; i < n_sections; i++)
        n += add_ids(json_get(root, sections[i].key), ids + n);
    qsort(ids, n, sizeof(*ids), compare_ids);
    for (size_t i = 1; i < n && result == 0; i++)
        if (strcmp(ids[i - 1], ids[i]) == 0)
            result = fail(err, CORAX_E_ARGS, "%s: this id is there twice", ids[i]);
    free(ids);
    return result;
}

int policy_read_file(struct policy *p, const char *id, const struct json *root, struct err *err)
{
    static const struct section sections[] = {
        { "rules", "rule", POLICY_MAX_RULES, sizeof(struct rule), read_rule },
        { "labels", "label", POLICY_MAX_ENTRIES, sizeof(struct label_rule), read_label },
        { "sinks", "sink", POLICY_MAX_ENTRIES, sizeof(struct sink_rule), read_sink },
        { "limits", "limit", POLICY_MAX_ENTRIES, sizeof(struct limit_rule), read_limit },
        { "contained", "contained", POLICY_MAX_ENTRIES, sizeof(struct contained_rule), read_contained },
        { "screens", "screen", POLICY_MAX_SCREENS, sizeof(struct screen_rule), read_screen },
    };
    void *arrays[] = { p->rules, p->labels, p->sinks, p->limits, p->contained, p->screens };
    size_t counts[] = { p->n_rules, p->n_labels, p->n_sinks, p->n_limits, p->n_contained, p->n_screens };
    int result = 0;

    if (json_kind(json_get(root, "rules")) != JSON_ARRAY && p->layer == POLICY_BASE)
        return fail(err, CORAX_E_ARGS, "rules is missing or not a list");
    for (size_t i = 0; i < sizeof(sections) / sizeof(*sections) && result == 0; i++)
        result = read_section(p, id, root, &sections[i], &arrays[i], &counts[i], err);
    p->rules = arrays[0], p->labels = arrays[1], p->sinks = arrays[2], p->limits = arrays[3], p->contained = arrays[4];
    p->screens = arrays[5];
    p->n_rules = counts[0], p->n_labels = counts[1], p->n_sinks = counts[2], p->n_limits = counts[3];
    p->n_contained = counts[4], p->n_screens = counts[5];
    if (result < 0 || check_ids(root, sections, sizeof(sections) / sizeof(*sections), err) < 0)
        return -1;
    return check_rules(p->rules, p->n_rules, err);
}
