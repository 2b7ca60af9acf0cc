#include "policies/match.h"

#include <string.h>

#include "util/effects.h"

/* --- reading ---------------------------------------------------------------------------------------------------- */

typedef int read_names(const struct json *list, const char *what, unsigned *bits, struct err *);

static int read_bits_condition(const struct json *j, read_names *read, struct bits_condition *c, struct err *err)
{
    const char *what = json_key(j);

    if (json_kind(j) != JSON_OBJECT || json_count(j) == 0)
        return fail(err, CORAX_E_ARGS, "%s needs \"any\" or \"within\"", what);
    for (const struct json *m = json_first(j); m; m = json_next(m)) {
        if (strcmp(json_key(m), "any") == 0) {
            if (read(m, what, &c->any, err) < 0)
                return -1;
            if (c->any == 0)
                return fail(err, CORAX_E_ARGS, "%s: an empty \"any\" can never match", what);
        } else if (strcmp(json_key(m), "within") == 0) {
            if (read(m, what, &c->within, err) < 0)
                return -1;
        } else {
            return fail(err, CORAX_E_ARGS, "%s: key \"%.60s\" is unknown: any and within are known", what, json_key(m));
        }
    }
    if (c->any != 0 && (c->any & c->within) == 0)
        return fail(err, CORAX_E_ARGS, "%s can never match: nothing of \"any\" is \"within\"", what);
    return 0;
}

static int read_args(struct match *m, struct arena *arena, const struct json *j, struct err *err)
{
    if (json_kind(j) != JSON_OBJECT || json_count(j) == 0)
        return fail(err, CORAX_E_ARGS, "args is not an object of conditions by argument");
    m->args = arena_alloc(arena, json_count(j) * sizeof(*m->args));
    if (!m->args)
        return fail(err, CORAX_E_INTERNAL, "no memory");
    for (const struct json *a = json_first(j); a; a = json_next(a))
        if (arg_read(a, &m->args[m->n_args++], arena, err) < 0)
            return -1;
    return 0;
}

#define NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

/* `*` is any run of characters.  After a mismatch only the last `*` needs to take one character more. */
static bool glob(const char *pattern, const char *s)
{
    const char *star = NULL, *resume = NULL;

    while (*s) {
        if (*pattern == '*') {
            star = pattern++;
            resume = s;
        } else if (*pattern == *s) {
            pattern++;
            s++;
        } else if (star) {
            pattern = star + 1;
            s = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

static bool is_star(const char *pattern)
{
    return pattern[0] == '*' && pattern[1] == '\0';
}

/* A pattern covers another, or a name, exactly if it matches its text: `*` stands for a character of no name. */
static bool pattern_covers(const struct tool_pattern *a, const struct tool_pattern *b)
{
    return (is_star(a->provider) || glob(a->provider, b->provider)) && (is_star(a->tool) || glob(a->tool, b->tool));
}

/* Neither half is empty.  The names of foreign servers' tools also hold dots, colons and slashes. */
static int read_pattern(struct tool_pattern *p, struct arena *arena, const char *pattern, struct err *err)
{
    size_t n = strspn(pattern, NAME_CHARS "*");
    const char *tool = pattern + n + 1;

    if (n == 0 || pattern[n] != '.' || *tool == '\0' || tool[strspn(tool, NAME_CHARS "*.:/")] != '\0')
        return fail(err, CORAX_E_ARGS, "pattern \"%.80s\" is not \"plugin.tool\" (* matches within either)", pattern);
    p->provider = arena_strndup(arena, pattern, n);
    p->tool = tool;
    return p->provider ? 0 : fail(err, CORAX_E_INTERNAL, "no memory");
}

static int read_except(struct match *m, struct arena *arena, const struct json *list, struct err *err)
{
    if (json_kind(list) != JSON_ARRAY || json_count(list) == 0)
        return fail(err, CORAX_E_ARGS, "except is not a list of patterns on \"plugin.tool\"");
    m->except = arena_alloc(arena, json_count(list) * sizeof(*m->except));
    if (!m->except)
        return fail(err, CORAX_E_INTERNAL, "no memory");
    for (const struct json *j = json_first(list); j; j = json_next(j)) {
        struct tool_pattern *p = &m->except[m->n_except++];

        if (read_pattern(p, arena, json_text(j) ? json_text(j) : "", err) < 0)
            return err_context(err, "except");
        if (pattern_covers(p, &m->pattern))
            return fail(err, CORAX_E_ARGS, "the rule can never match: except \"%.80s\" is all that it is about",
                        json_text(j));
    }
    return 0;
}

int match_read_label_part(const struct json *member, struct label *label, struct err *err)
{
    if (strcmp(json_key(member), "integrity") == 0)
        return integrity_find(json_text(member), &label->integrity)
                   ? 1
                   : fail(err, CORAX_E_ARGS, "integrity is neither trusted nor untrusted");
    if (strcmp(json_key(member), "confidentiality") == 0)
        return confidentiality_find(json_text(member), &label->confidentiality)
                   ? 1
                   : fail(err, CORAX_E_ARGS, "confidentiality is none of public, internal, secret");
    return 0;
}

int match_read_label(const struct json *j, const char *what, struct label *label, struct err *err)
{
    if (json_kind(j) != JSON_OBJECT || json_count(j) == 0)
        return fail(err, CORAX_E_ARGS, "%s has neither integrity nor confidentiality", what);
    for (const struct json *m = json_first(j); m; m = json_next(m)) {
        const int taken = match_read_label_part(m, label, err);

        if (taken < 0)
            return err_context(err, "%s", what);
        if (taken == 0)
            return fail(err, CORAX_E_ARGS, "%s: key \"%.60s\" is unknown: integrity and confidentiality are known", what,
                        json_key(m));
    }
    return 0;
}

static int read_context(struct match *m, const struct json *j, enum match_use use, struct err *err)
{
    const char *known = use == MATCH_ALLOW ? "at_most" : "at_least";
    const struct json *bound = json_get(j, known);

    if (json_kind(j) != JSON_OBJECT || json_count(j) != 1 || !bound)
        return fail(err, CORAX_E_ARGS, "context of %s is an object with \"%s\": worse data may only make it stricter",
                    use == MATCH_ALLOW ? "allow" : "ask and deny", known);
    if (match_read_label(bound, known, use == MATCH_ALLOW ? &m->to : &m->from, err) < 0)
        return err_context(err, "context");
    if (use == MATCH_ALLOW && label_is_within((struct label){ UNTRUSTED, SECRET }, m->to))
        return fail(err, CORAX_E_ARGS, "context: nothing is worse than that: leave it out");
    if (use == MATCH_AGAINST && label_is_within(m->from, (struct label){ 0 }))
        return fail(err, CORAX_E_ARGS, "context: everything is as bad as that: leave it out");
    return 0;
}

static int read_findings(struct screen_condition *c, struct arena *arena, const struct json *list, struct err *err)
{
    if (json_kind(list) != JSON_ARRAY)
        return fail(err, CORAX_E_ARGS, "screened.%.60s: %s is not a list of findings", c->id, json_key(list));
    c->words.at = arena_alloc(arena, (json_count(list) + 1) * sizeof(*c->words.at));
    if (!c->words.at)
        return fail(err, CORAX_E_INTERNAL, "no memory");
    for (const struct json *j = json_first(list); j; j = json_next(j)) {
        if (!screen_is_finding(json_text(j)))
            return fail(err, CORAX_E_ARGS, "screened.%.60s: a finding is 1 to %d of a-z 0-9 - _", c->id,
                        SCREEN_MAX_WORD);
        c->words.at[c->words.n++] = json_text(j);
    }
    return 0;
}

static int read_screened(struct match *m, struct arena *arena, const struct json *j, enum match_use use,
                         struct err *err)
{
    const char *known = use == MATCH_ALLOW ? "within" : "any";

    if (json_kind(j) != JSON_OBJECT || json_count(j) == 0)
        return fail(err, CORAX_E_ARGS, "screened is not an object of findings by screen");
    m->screened = arena_alloc(arena, json_count(j) * sizeof(*m->screened));
    if (!m->screened)
        return fail(err, CORAX_E_INTERNAL, "no memory");
    for (const struct json *s = json_first(j); s; s = json_next(s)) {
        struct screen_condition *c = &m->screened[m->n_screened++];
        const struct json *list = json_get(s, known);

        *c = (struct screen_condition){ .id = json_key(s) };
        if (json_kind(s) != JSON_OBJECT || json_count(s) != 1 || !list)
            return fail(err, CORAX_E_ARGS,
                        "screened.%.60s of %s is an object with \"%s\": more findings may only make it stricter", c->id,
                        use == MATCH_ALLOW ? "allow" : "ask and deny", known);
        if (read_findings(c, arena, list, err) < 0)
            return -1;
        if (use != MATCH_ALLOW && c->words.n == 0)
            return fail(err, CORAX_E_ARGS, "screened.%.60s: an empty \"any\" can never match", c->id);
    }
    return 0;
}

int match_read(struct match *m, struct arena *arena, const char *pattern, const struct json *when, enum match_use use,
               struct err *err)
{
    struct bits_condition unbound = { .any = 0, .within = ~0u };

    *m = (struct match){ .is_allow = use == MATCH_ALLOW, .effects = unbound, .traits = unbound, .to = { UNTRUSTED, SECRET } };
    if (read_pattern(&m->pattern, arena, pattern, err) < 0)
        return -1;
    if (!when)
        return 0;
    if (json_kind(when) != JSON_OBJECT)
        return fail(err, CORAX_E_ARGS, "when is not an object");
    for (const struct json *j = json_first(when); j; j = json_next(j)) {
        const char *key = json_key(j);
        int bad;

        if (strcmp(key, "effects") == 0)
            bad = read_bits_condition(j, effects_read, &m->effects, err);
        else if (strcmp(key, "traits") == 0)
            bad = read_bits_condition(j, traits_read, &m->traits, err);
        else if (strcmp(key, "args") == 0 && use != MATCH_TOOL)
            bad = read_args(m, arena, j, err);
        else if (strcmp(key, "context") == 0 && use <= MATCH_AGAINST)
            bad = read_context(m, j, use, err);
        else if (strcmp(key, "screened") == 0 && use <= MATCH_AGAINST)
            bad = read_screened(m, arena, j, use, err);
        else if (strcmp(key, "except") == 0)
            bad = read_except(m, arena, j, err);
        else
            bad = fail(err, CORAX_E_ARGS, "key \"%.60s\" is unknown: effects, traits, except%s%s are known", key,
                       use != MATCH_TOOL ? ", args" : "", use <= MATCH_AGAINST ? ", screened, context" : "");
        if (bad)
            return err_context(err, "when");
    }
    return 0;
}

/* --- matching --------------------------------------------------------------------------------------------------- */

/* FNV-1a, never 0. */
static uint32_t hash_name(const char *s)
{
    uint32_t h = 2166136261u;

    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * 16777619u;
    return h ? h : 1;
}

static struct name_key name_key(const char *s)
{
    const size_t known = strcspn(s, "*"), len = strlen(s);
    const char *star = strrchr(s, '*'), *last = star ? star + 1 : s;
    const size_t behind = len - (size_t)(last - s), n = behind < 8 ? behind : 8;
    struct name_key key = { .hash = star ? 0 : hash_name(s) };

    memcpy(&key.start, s, known < 8 ? known : 8);
    memset(&key.start_mask, 0xFF, !star || known > 8 ? 8 : known);
    memcpy((char *)&key.end + 8 - n, s + len - n, n);
    memset((char *)&key.end_mask + 8 - n, 0xFF, n);
    return key;
}

struct tool_key match_key_of(const char *provider, const char *tool)
{
    return (struct tool_key){ name_key(provider ? provider : ""), name_key(tool ? tool : "") };
}

struct match_key match_key(const struct match *m)
{
    return (struct match_key){ m->effects, m->traits, match_key_of(m->pattern.provider, m->pattern.tool) };
}

void match_memo_init(struct match_memo *memo)
{
    memo->policy = NULL;
    memo->known = memo->about = memo->answered = 0;
    arg_memo_init(&memo->args);
}

void match_memo_for(struct match_memo *memo, const void *policy)
{
    if (memo->policy != policy)
        memo->known = 0;
    memo->policy = policy;
}

void match_take_slots(struct match *m, const char **names, size_t *n)
{
    for (size_t i = 0; i < m->n_args; i++) {
        size_t slot = 0;

        while (slot < *n && strcmp(names[slot], m->args[i].name) != 0)
            slot++;
        if (slot == *n && *n < MATCH_SLOTS)
            names[(*n)++] = m->args[i].name;
        m->args[i].slot = slot < *n ? (int)slot : -1;
    }
}

const struct json *match_find_value(const struct arg_condition *c, const struct json *args, struct match_memo *memo)
{
    if (!memo || c->slot < 0)
        return json_get(args, c->name);
    if (!(memo->known >> c->slot & 1)) {
        memo->values[c->slot] = json_get(args, c->name);
        memo->known |= UINT64_C(1) << c->slot;
    }
    return memo->values[c->slot];
}

static bool args_hold(const struct match *m, const struct policy_request *r, struct match_memo *memo, bool against)
{
    struct arg_context x = { .resolve = r->resolve, .resolve_arg = r->resolve_arg, .against = against };
    struct arg_memo own;

    if (m->n_args == 0)
        return true;
    arg_memo_init(&own);
    x.memo = memo ? &memo->args : &own;
    for (size_t i = 0; i < m->n_args; i++)
        if (!arg_matches(&m->args[i], match_find_value(&m->args[i], r->args, memo), &x))
            return false;
    return true;
}

static bool has_word(const struct texts *list, const char *word)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->at[i], word) == 0)
            return true;
    return false;
}

/* Of allow: all that was found is among the words; else one is. */
static bool findings_hold(const struct screen_condition *c, const struct screen_answer *a, bool is_allow)
{
    for (size_t i = 0; i < a->n; i++)
        if (has_word(&c->words, a->findings[i]) != is_allow)
            return !is_allow;
    return is_allow;
}

static bool screened_hold(const struct match *m, const struct match_memo *memo)
{
    for (size_t i = 0; i < m->n_screened; i++) {
        const struct screen_condition *c = &m->screened[i];
        const uint64_t bit = UINT64_C(1) << c->screen;

        if (memo && !(memo->about & bit))
            return false;
        if (memo && (memo->answered & bit) ? !findings_hold(c, memo->answers[c->screen], m->is_allow) : m->is_allow)
            return false;
    }
    return true;
}

static bool is_about(const struct match *m, const struct policy_request *r, bool against)
{
    const struct tool_pattern tool = { r->provider ? r->provider : "", r->tool ? r->tool : "" };

    if (!bits_hold(&m->effects, r->effects) || !bits_hold(&m->traits, r->traits))
        return false;
    if (!label_is_within(r->context, m->to) || !label_is_within(m->from, r->context))
        return false;
    if (!pattern_covers(&m->pattern, &tool))
        return false;
    /* `*` is for every name there is, not for none. */
    if (!against && (tool.provider[0] == '\0' || tool.tool[0] == '\0'))
        return false;
    for (size_t i = 0; i < m->n_except; i++)
        if (pattern_covers(&m->except[i], &tool))
            return false;
    return true;
}

bool match_is_about(const struct match *m, const struct policy_request *r)
{
    return is_about(m, r, true);
}

bool match_holds(const struct match *m, const struct policy_request *r, struct match_memo *memo, bool against)
{
    return is_about(m, r, against) && screened_hold(m, memo) && args_hold(m, r, memo, against);
}

/* --- covering --------------------------------------------------------------------------------------------------- */

static bool bits_cover(const struct bits_condition *a, const struct bits_condition *b)
{
    unsigned b_any = b->any & b->within; /* not empty when any is not: match_read refuses that */

    if ((b->within & ~a->within) != 0)
        return false;
    return a->any == 0 || (b->any != 0 && (b_any & ~a->any) == 0);
}

static const struct arg_condition *find_arg(const struct match *m, const char *name)
{
    for (size_t i = 0; i < m->n_args; i++)
        if (strcmp(m->args[i].name, name) == 0)
            return &m->args[i];
    return NULL;
}

/* Whatever findings fulfil b's condition on a screen fulfil a's: a rule that allows says what there may be, another what is enough. */
static bool screened_cover(const struct match *a, const struct match *b)
{
    for (size_t i = 0; i < a->n_screened; i++) {
        const struct screen_condition *c = &a->screened[i], *d = NULL;

        for (size_t k = 0; k < b->n_screened && !d; k++)
            d = strcmp(b->screened[k].id, c->id) == 0 ? &b->screened[k] : NULL;
        if (!d || a->is_allow != b->is_allow)
            return false;
        for (size_t k = 0; k < d->words.n; k++)
            if (!has_word(&c->words, d->words.at[k]))
                return false;
    }
    return true;
}

/* Is there no call that b matches and this exception of a takes out? */
static bool is_clear_of(const struct tool_pattern *e, const struct match *b)
{
    for (size_t i = 0; i < b->n_except; i++)
        if (pattern_covers(&b->except[i], e))
            return true;
    return !strchr(e->provider, '*') && !strchr(e->tool, '*') && !pattern_covers(&b->pattern, e);
}

bool match_covers(const struct match *a, const struct match *b)
{
    if (!pattern_covers(&a->pattern, &b->pattern))
        return false;
    for (size_t i = 0; i < a->n_except; i++)
        if (!is_clear_of(&a->except[i], b))
            return false;
    if (!bits_cover(&a->effects, &b->effects) || !bits_cover(&a->traits, &b->traits))
        return false;
    if (!label_is_within(a->from, b->from) || !label_is_within(b->to, a->to))
        return false;
    if (!screened_cover(a, b))
        return false;
    for (size_t i = 0; i < a->n_args; i++) {
        const struct arg_condition *c = find_arg(b, a->args[i].name);

        if (!c || !arg_covers(&a->args[i], c, a->is_allow == b->is_allow))
            return false;
    }
    return true;
}
