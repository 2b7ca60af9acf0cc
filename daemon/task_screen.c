#include "daemon/task_screen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/builtins.h"
#include "daemon/foreign.h"
#include "daemon/screening.h"
#include "util/id.h"

#define REMEMBERED 128 /* answers that a task keeps */
#define AT_ONCE    32  /* questions about later calls of a reply are asked only below that */

/* What one screening tool was asked about one call. */
struct asked {
    struct asked *next;
    struct task *t;
    char *by, *argument, *role;
    char call_id[32];
    unsigned char key[HASH_LEN]; /* of the call's tool and arguments */
    bool recovered;              /* from the trace, for the call of that id; it has no key */
    bool known;                  /* when it is done */
    struct host_call *host_call; /* NULL: it is done */
    size_t n_values, n;
    const char **findings; /* in one piece of memory with their texts; NULL: none */
    char why[200];         /* there is no answer */
};

struct task_screens {
    struct asked *asked; /* the newest first */
};

static void destroy(struct asked *a)
{
    if (a->host_call)
        host_cancel(a->host_call);
    free(a->by);
    free(a->argument);
    free(a->role);
    free(a->findings);
    free(a);
}

static void trim(struct task_screens *s)
{
    struct asked **at = &s->asked, *a;

    for (size_t n = 0; (a = *at) != NULL; n++) {
        if (n < REMEMBERED || a->host_call) {
            at = &a->next;
            continue;
        }
        *at = a->next;
        destroy(a);
    }
}

/* Takes out what was recovered: it is for a call that had been judged, and not for one that is begun. */
static void forget_recovered(struct task *t)
{
    struct asked **at, *a;

    if (t->screens == NULL)
        return;
    for (at = &t->screens->asked; (a = *at) != NULL;) {
        if (!a->recovered) {
            at = &a->next;
            continue;
        }
        *at = a->next;
        destroy(a);
    }
}

static struct asked *add(struct task *t, const struct screen *s, const char *call_id)
{
    struct asked *a = calloc(1, sizeof(*a));

    if (t->screens == NULL && (t->screens = calloc(1, sizeof(*t->screens))) == NULL)
        abort();
    if (a == NULL || (a->by = strdup(s->by)) == NULL || (a->argument = strdup(s->argument)) == NULL ||
        (a->role = strdup(s->role)) == NULL)
        abort();
    a->t = t;
    snprintf(a->call_id, sizeof(a->call_id), "%s", call_id);
    a->next = t->screens->asked;
    t->screens->asked = a;
    return a;
}

static void keep_findings(struct asked *a, const char *const *words, size_t n)
{
    const size_t size = sizeof(*a->findings) + SCREEN_MAX_WORD + 1;
    char *text;

    if (n == 0)
        return;
    if ((a->findings = calloc(n, size)) == NULL)
        abort();
    text = (char *)(a->findings + n);
    for (a->n = 0; a->n < n; a->n++, text += SCREEN_MAX_WORD + 1) {
        snprintf(text, SCREEN_MAX_WORD + 1, "%s", words[a->n]);
        a->findings[a->n] = text;
    }
}

/* --- what was answered ------------------------------------------------------------------------------------------- */

/* A tool that was declared anew may have other arguments of the role. */
static void make_key(const struct call *call, const struct tool *tool, unsigned char key[HASH_LEN])
{
    struct buf b;

    buf_init(&b, ENTRY_LIMIT);
    buf_add(&b, tool->definition, REGISTRY_HASH);
    buf_add(&b, call->args, call->args_len);
    if (b.failed)
        abort();
    hash_bytes(b.data, b.len, key);
    buf_finish(&b);
}

static const struct asked *find(const struct task *t, const struct screen *s, const struct call *call,
                                const unsigned char key[HASH_LEN])
{
    const char *id = call->id ? call->id : "";

    for (const struct asked *a = t->screens ? t->screens->asked : NULL; a; a = a->next) {
        const bool is_of_call = strcmp(a->call_id, id) == 0;

        if (strcmp(a->by, s->by) != 0 || strcmp(a->argument, s->argument) != 0 || strcmp(a->role, s->role) != 0)
            continue;
        if (a->recovered ? is_of_call : memcmp(a->key, key, HASH_LEN) == 0 && (a->host_call || a->known || is_of_call))
            return a;
    }
    return NULL;
}

/* The questions of the screens that are about a call, each once. */
static size_t find_questions(const struct policy *const *layers, size_t n_layers, const struct tool *tool,
                             struct screen out[SCREEN_MAX_QUESTIONS])
{
    const struct policy_request request = {
        .provider = tool->provider, .tool = tool->own_name, .effects = tool->effects, .traits = tool->traits
    };
    struct screen all[POLICY_MAX_LAYERS * POLICY_MAX_SCREENS];
    const size_t n = policy_screens(layers, n_layers, &request, all, POLICY_MAX_LAYERS * POLICY_MAX_SCREENS);
    size_t kept = 0;

    for (size_t i = 0; i < n && kept < SCREEN_MAX_QUESTIONS; i++) {
        const struct screen_answer as = { .by = all[i].by, .argument = all[i].argument, .role = all[i].role };
        size_t k = 0;

        while (k < kept && !screen_asks(&out[k], &as))
            k++;
        if (k == kept)
            out[kept++] = all[i];
    }
    return kept;
}

/* Likewise with what was answered, NULL where nothing is asked yet. */
static size_t find_asked(const struct task *t, const struct policy *const *layers, size_t n_layers,
                         const struct call *call, const struct tool *tool,
                         struct screen questions[SCREEN_MAX_QUESTIONS], const struct asked *out[SCREEN_MAX_QUESTIONS])
{
    const size_t n = find_questions(layers, n_layers, tool, questions);
    unsigned char key[HASH_LEN];

    if (n == 0)
        return 0;
    make_key(call, tool, key);
    for (size_t i = 0; i < n; i++)
        out[i] = find(t, &questions[i], call, key);
    return n;
}

size_t task_screen_answers(const struct task *t, const struct policy *const *layers, size_t n_layers,
                           const struct call *call, const struct tool *tool,
                           struct screen_answer out[SCREEN_MAX_QUESTIONS])
{
    struct screen questions[SCREEN_MAX_QUESTIONS];
    const struct asked *asked[SCREEN_MAX_QUESTIONS];
    const size_t n = find_asked(t, layers, n_layers, call, tool, questions, asked);

    for (size_t i = 0; i < n; i++) {
        const struct asked *a = asked[i] && !asked[i]->host_call ? asked[i] : NULL;

        out[i] = (struct screen_answer){ .by = questions[i].by,
                                         .argument = questions[i].argument,
                                         .role = questions[i].role };
        if (a && a->known) {
            out[i].known = true;
            out[i].n = a->n;
            out[i].findings = a->findings;
        }
    }
    return n;
}

/* --- the open call ------------------------------------------------------------------------------------------------ */

static size_t find_open(const struct task *t, struct screen questions[SCREEN_MAX_QUESTIONS],
                        const struct asked *out[SCREEN_MAX_QUESTIONS])
{
    const struct policy *layers[POLICY_MAX_LAYERS];
    const size_t n = task_layers(t, layers);

    return t->call.tool ? find_asked(t, layers, n, t->call.call, t->call.tool, questions, out) : 0;
}

static const char *why_unknown(const struct asked *a)
{
    return a ? a->why : "it was not asked";
}

static void write_answer(struct jsonw *w, const struct screen *s, const struct asked *a)
{
    jsonw_object(w, NULL);
    jsonw_text(w, "by", s->by);
    jsonw_text(w, "argument", s->argument);
    jsonw_text(w, "role", s->role);
    if (a && a->known) {
        jsonw_array(w, "findings");
        for (size_t i = 0; i < a->n; i++)
            jsonw_text(w, NULL, a->findings[i]);
        jsonw_end(w);
    } else {
        jsonw_text(w, "unknown", why_unknown(a));
    }
    jsonw_end(w);
}

void task_screen_record(const struct task *t, struct entry *e)
{
    struct screen questions[SCREEN_MAX_QUESTIONS];
    const struct asked *asked[SCREEN_MAX_QUESTIONS];
    const size_t n = find_open(t, questions, asked);
    size_t at;

    if (n == 0)
        return;
    at = entry_mark(e);
    jsonw_array(&e->w, "screened");
    for (size_t i = 0; i < n; i++)
        write_answer(&e->w, &questions[i], asked[i]);
    jsonw_end(&e->w);
    entry_seal(e, "screened", at);
}

void task_screen_hash(const struct task *t, struct buf *out)
{
    struct screen questions[SCREEN_MAX_QUESTIONS];
    const struct asked *asked[SCREEN_MAX_QUESTIONS];
    const size_t n = find_open(t, questions, asked);

    for (size_t i = 0; i < n; i++) {
        const struct asked *a = asked[i] && asked[i]->known ? asked[i] : NULL;

        buf_addf(out, "%s%c%s%c%s%c%d%c", questions[i].by, 0, questions[i].argument, 0, questions[i].role, 0,
                 a ? (int)a->n : -1, 0);
        for (size_t k = 0; a && k < a->n; k++)
            buf_addf(out, "%s%c", a->findings[k], 0);
    }
}

void task_screen_say(const struct task *t, struct buf *out)
{
    struct screen questions[SCREEN_MAX_QUESTIONS];
    const struct asked *asked[SCREEN_MAX_QUESTIONS];
    const size_t n = find_open(t, questions, asked);

    for (size_t i = 0; i < n; i++)
        if (!asked[i] || !asked[i]->known)
            buf_addf(out, "; %s gave no answer: %s", questions[i].by, why_unknown(asked[i]));
}

/* --- asking ------------------------------------------------------------------------------------------------------- */

static void set_unknown(struct asked *a, const struct err *why)
{
    a->host_call = NULL;
    a->known = false;
    snprintf(a->why, sizeof(a->why), "%.190s", why->msg);
}

static void set_known(struct asked *a, const struct screening_findings *f)
{
    const char *words[SCREEN_MAX_FINDINGS];

    for (size_t i = 0; i < f->n; i++)
        words[i] = f->words[i];
    keep_findings(a, words, f->n);
    a->host_call = NULL;
    a->known = true;
}

static bool is_asking(const struct task *t)
{
    for (const struct asked *a = t->screens ? t->screens->asked : NULL; a; a = a->next)
        if (a->host_call)
            return true;
    return false;
}

static void on_answer(void *arg, const struct tool_result *r, int64_t duration_us, const struct err *why)
{
    struct asked *a = arg;
    struct task *t = a->t;
    struct screening_findings found;
    struct err err = { 0 };

    (void)duration_us;
    if (r == NULL)
        set_unknown(a, why);
    else if (screening_read(r, a->n_values, &found, &err) < 0)
        set_unknown(a, &err);
    else
        set_known(a, &found);
    if (is_asking(t))
        return;
    t->phase = PHASE_READY;
    t->command_due = true;
    task_advance(t);
}

/* One that may be asked without a policy's word. */
static const struct tool *find_screening_tool(const struct task *t, const char *by, struct err *err)
{
    const char *dot = strchr(by, '.');
    const struct tool *tool = registry_find(t->d->registry, dot + 1);

    if (tool == NULL || strlen(tool->provider) != (size_t)(dot - by) ||
        strncmp(tool->provider, by, (size_t)(dot - by)) != 0) {
        fail(err, CORAX_E_NOTFOUND, "there is no such tool");
        return NULL;
    }
    if (builtin_of(tool) || foreign_has(t->d->foreign, tool->provider)) {
        fail(err, CORAX_E_DENIED, "it is no plugin's");
        return NULL;
    }
    if (!tool->declared || (tool->effects & ~(unsigned)(CORAX_FX_READ | CORAX_FX_CLOCK)) ||
        tool->traits != CORAX_TRAIT_IDEMPOTENT) {
        fail(err, CORAX_E_DENIED, "it is not idempotent, or has effects other than read and clock");
        return NULL;
    }
    return tool;
}

static int64_t deadline(const struct task *t)
{
    const int64_t left = t->budget.max_wall_ms - task_active_ms(t);

    return left < 1 ? 1 : left < TASK_SCREEN_MS ? left : TASK_SCREEN_MS;
}

static int check_arguments(const struct tool *tool, const struct buf *args, struct err *err)
{
    struct json *checked = registry_validate(tool, args->data, args->len, err);

    json_free(checked);
    return checked ? 0 : -1;
}

static void ask(struct task *t, struct asked *a, const struct screen *s, const struct tool *tool,
                const struct json *args)
{
    const struct host_terms terms = { .deadline_ms = deadline(t), .context = t->seen };
    const struct tool *by;
    struct err err = { 0 };
    struct buf given;

    buf_init(&given, SCREENING_MAX_BYTES);
    if ((by = find_screening_tool(t, s->by, &err)) == NULL ||
        screening_write(tool, s, args, &given, &a->n_values, &err) < 0)
        set_unknown(a, &err);
    else if (a->n_values == 0)
        set_known(a, &(struct screening_findings){ .n = 0 });
    else if (check_arguments(by, &given, &err) < 0 ||
             (a->host_call = hosts_call(t->d->hosts, by->provider, by->name, given.data, given.len, &terms, on_answer,
                                        a, &err)) == NULL)
        set_unknown(a, &err);
    buf_finish(&given);
}

/* Asks what is not asked yet about a call; not what is wrong with it already. */
static void ask_about(struct task *t, const struct policy *const *layers, size_t n_layers, const struct call *call)
{
    const struct tool *tool = task_find_tool(t, call->name);
    struct screen questions[SCREEN_MAX_QUESTIONS];
    const struct asked *asked[SCREEN_MAX_QUESTIONS];
    size_t n = tool ? find_asked(t, layers, n_layers, call, tool, questions, asked) : 0;
    struct json *args = n > 0 ? registry_validate(tool, call->args, call->args_len, NULL) : NULL;

    for (size_t i = 0; i < n && args; i++) {
        struct asked *a;

        if (asked[i])
            continue;
        a = add(t, &questions[i], call->id);
        make_key(call, tool, a->key);
        ask(t, a, &questions[i], tool, args);
    }
    json_free(args);
}

static size_t count_asking(const struct task *t)
{
    size_t n = 0;

    for (const struct asked *a = t->screens ? t->screens->asked : NULL; a; a = a->next)
        n += a->host_call != NULL;
    return n;
}

bool task_screen_waits(struct task *t, const struct call *call)
{
    const struct message *m = planner_reply(t->planner);
    const struct policy *layers[POLICY_MAX_LAYERS];
    const size_t n = policies_layers(t->d->policies, t->row.uid, t->policy, layers);
    size_t i = 0, last;

    if (t->offline)
        return false;
    forget_recovered(t);
    if (t->screens)
        trim(t->screens);
    ask_about(t, layers, n, call);
    while (m && i < m->n_calls && (!m->calls[i].id || strcmp(m->calls[i].id, call->id) != 0))
        i++;
    last = i + TASK_MAX_AHEAD;
    for (i++; m && i < m->n_calls && i <= last && count_asking(t) < AT_ONCE; i++)
        if (m->calls[i].id)
            ask_about(t, layers, n, &m->calls[i]);
    if (!is_asking(t))
        return false;
    t->phase = PHASE_SCREEN;
    return true;
}

void task_screen_stop(struct task *t)
{
    struct asked **at, *a;

    if (t->screens == NULL)
        return;
    for (at = &t->screens->asked; (a = *at) != NULL;) {
        if (a->host_call == NULL) {
            at = &a->next;
            continue;
        }
        *at = a->next;
        destroy(a);
    }
}

void task_screen_destroy(struct task *t)
{
    struct asked *a;

    while (t->screens && (a = t->screens->asked) != NULL) {
        t->screens->asked = a->next;
        destroy(a);
    }
    free(t->screens);
    t->screens = NULL;
}

/* --- the trace ---------------------------------------------------------------------------------------------------- */

size_t task_screen_read(const struct json *decision, struct screen_answers *out)
{
    out->n = 0;
    for (const struct json *j = json_first(json_get(decision, "screened")); j && out->n < SCREEN_MAX_QUESTIONS;
         j = json_next(j)) {
        const struct json *list = json_get(j, "findings");
        struct screen_answer *a = &out->at[out->n];

        *a = (struct screen_answer){ .by = json_get_text(j, "by", ""),
                                     .argument = json_get_text(j, "argument", ""),
                                     .role = json_get_text(j, "role", ""),
                                     .known = json_kind(list) == JSON_ARRAY && json_count(list) <= SCREEN_MAX_FINDINGS,
                                     .findings = out->words[out->n] };
        for (const struct json *w = a->known ? json_first(list) : NULL; w && a->known; w = json_next(w)) {
            a->known = screen_is_finding(json_text(w));
            out->words[out->n][a->n++] = json_text(w);
        }
        out->n++;
    }
    return out->n;
}

void task_screen_recover(struct task *t, const struct json *decision)
{
    const char *call_id = json_get_text(decision, "call_id", "");
    struct screen_answers answers;

    forget_recovered(t);
    if (json_count(json_get(decision, "screened")) == 0)
        return;
    task_screen_read(decision, &answers);
    for (size_t i = 0; i < answers.n; i++) {
        const struct screen_answer *from = &answers.at[i];
        struct asked *a =
            add(t, &(struct screen){ .by = from->by, .argument = from->argument, .role = from->role }, call_id);

        a->recovered = true;
        a->known = from->known;
        if (a->known)
            keep_findings(a, from->findings, from->n);
        else
            snprintf(a->why, sizeof(a->why), "none was recorded");
    }
}
