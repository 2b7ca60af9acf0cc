/*
 * Runs the scripts tests/agent/scenarios/NAME.scn: one task each, with a scripted model, tools and person around the real
 * planner and the real policy engine.  Then each script's events are folded again, cut after every single event: a fresh
 * planner must go on with the same commands and end with the same transcript.
 * Does not cover: the daemon's own way of carrying out a command; argument schemas.
 *
 * A script is lines of UTF-8.  `#` begins a comment line, empty lines are skipped.  In a text `\n` is a line break, `\\` a backslash,
 * `\x1b` a byte, `\s` a space and `\.` a dot; a `\` before anything else stands for itself.  Indented lines belong to the line before.
 * First comes what the task is given:
 *
 *     SCENARIO title
 *     PLANNER plan                                   without it react
 *     BUDGET max_steps=3 max_wall_ms=1000 ...        members of struct budget; the rest is as budget_default() has it
 *     PROVIDES math.calc [effects=read,net] [traits=destructive]       a tool; there may be several lines
 *     POLICY                                         indented lines of a policy file; without it policies/default.json
 *     POLICY as decided                              instead: what was decided, call by call, when the task was recorded:
 *       c1 allow default/pure-tools why              call, allow, ask or deny, and for the reader the rule and why
 *     SYSTEM text                                    what the model is told before all
 *     GOAL what the user wrote
 *       text ... | json ...                          further parts of it
 *
 * then what happens, and what is expected, in order:
 *
 *     MODEL [tokens=N] [cut-off]    a reply, its pieces indented below: `thought ...`, `answer ...`, `call NAME {...}`, or
 *                                   `call-text NAME ...`, whose name and arguments are texts as described above
 *     FAILED why                    the model gives no reply
 *     TOOL [c1] [tokens=N] ok|error|denied|json text       the result of the call that is open (and what another task spent for it); or its parts
 *                                   indented below: `text ...`, `json ...`, `data MIME`
 *     HUMAN yes|no|says text        approval of the call that is open, or the answer to ask_user
 *     NOTE text                     the daemon tells the model something besides
 *     SUMMARY [tokens=N] [text]     older steps are summed up; without a text the model gave none
 *     CLOCK ms                      the task has run so long
 *     AT ms                         so long when the next event happens
 *     CANCEL
 *     REFUSED event...              any of the events above, which the planner must refuse
 *     END                           the task goes on, the script does not
 *     EXPECT what                   the open command: `ask-model [attempt=N] [must-answer] [max_tokens=N]`,
 *                                   `call c1 NAME {...}`, `approval c1 NAME {...}`, `ask-human c1 question`,
 *                                   `finish answered|cancelled text`, `finish failed CODE text`
 *     EXPECT observation c1 [error] text      what the model sees of a call's result, and of notes behind it
 *     EXPECT result c1 [error] text           the same without the notes
 *     EXPECT back 1 why                       the planner went back, and one reply with calls is left on the way
 *     EXPECT lesson 1 text                        an attempt ended with this lesson
 *     EXPECT messages N                       so many are in the transcript
 *     EXPECT question text                    what it sees of the user's last message, and of notes behind it
 *     EXPECT thought text, EXPECT said text   what was kept of the last reply
 *     EXPECT wrote c2 NAME {...}              a call of the last reply, carried out or not
 *     EXPECT summarized 1-4                   these messages, the last not among them, gave way to a summary
 *
 * An expected text that ends with `...` is a beginning.  Calls of unknown tools and denied calls are answered by the
 * runner, as the daemon does.  Not so where POLICY is `as decided`: there each call has its result in the script.  That of a call with
 * `deny`, or with `ask` unless HUMAN yes, is TOOL denied, and no other is; that of a call without a decision (an unknown tool, arguments that
 * do not fit) is an error.  corax export writes such scripts of recorded tasks (cli/cmd_export.c).
 */
#include <ctype.h>
#include <glob.h>

#include "agent/planner.h"
#include "policies/policy.h"
#include "tests/tap.h"
#include "util/arena.h"
#include "util/file.h"

#define MAX_EVENTS 1024
#define MAX_TOOLS  64
#define MAX_CALLS  256
#define MAX_PARTS  64
#define COUNT(a)   (sizeof(a) / sizeof(*(a)))

struct tool {
    const char *provider, *name;
    unsigned effects, traits;
};

/* Of a recorded task: what became of a call. */
struct decided {
    const char *id;
    enum policy_decision decision;
    struct decided *next;
};

struct run {
    struct arena *arena; /* texts of events and rendered commands */
    char *next;          /* the rest of the script */
    int line;
    char why[600]; /* it failed; empty: not yet */

    const struct planner_kind *kind;
    struct budget budget;
    const char *system; /* NULL: none */
    struct part goal[MAX_PARTS];
    size_t n_goal;
    struct policy *policy;
    bool as_decided;
    struct decided *decided;
    struct tool tools[MAX_TOOLS];
    size_t n_tools;

    struct planner *planner;
    struct plan_command open;
    bool approval; /* the open call waits for a person */
    bool denied;   /* as decided: its result is to be TOOL denied */
    bool unjudged; /* its result is to be an error */
    bool says_denied, ends; /* the result that was read; the script ends with END */
    int64_t at_ms; /* of the next event */
    struct plan_event events[MAX_EVENTS];
    const char *commands[MAX_EVENTS + 1]; /* the one that was open after n events */
    size_t n_events;
};

__attribute__((format(printf, 2, 3))) static bool complain(struct run *r, const char *fmt, ...)
{
    va_list ap;
    int n = snprintf(r->why, sizeof(r->why), "line %d: ", r->line);

    va_start(ap, fmt);
    vsnprintf(r->why + n, sizeof(r->why) - (size_t)n, fmt, ap);
    va_end(ap);
    return false;
}

/* --- reading ---------------------------------------------------------------------------------------------------- */

/* The next line that is not empty and no comment, without its newline; NULL at the end. */
static char *next_line(struct run *r)
{
    while (*r->next) {
        char *line = r->next, *end = line + strcspn(line, "\n");

        r->next = *end ? end + 1 : end;
        *end = '\0';
        r->line++;
        if (line[strspn(line, " ")] != '\0' && line[0] != '#')
            return line;
    }
    return NULL;
}

/* The next line if it is indented: a piece of what the line before began. */
static char *next_piece(struct run *r)
{
    char *line = *r->next == ' ' ? next_line(r) : NULL;

    return line ? line + strspn(line, " ") : NULL;
}

/* If *s begins with word, moves *s behind it and the space that follows. */
static bool take(char **s, const char *word)
{
    size_t n = strlen(word);

    if (strncmp(*s, word, n) != 0 || ((*s)[n] != '\0' && (*s)[n] != ' '))
        return false;
    *s += n + ((*s)[n] == ' ');
    return true;
}

/* Cuts the first word off *s. */
static char *take_word(char **s)
{
    char *word = *s;

    *s += strcspn(*s, " ");
    if (**s)
        *(*s)++ = '\0';
    return word;
}

static char *unescape(char *s)
{
    static const char written[] = "n\\s.", meant[] = "\n\\ .";
    char *out = s;

    for (char *in = s; *in; in++) {
        const char *at = in[0] == '\\' && in[1] ? strchr(written, in[1]) : NULL;
        unsigned byte = 0;

        if (in[0] == '\\' && in[1] == 'x' && isxdigit((unsigned char)in[2]) && isxdigit((unsigned char)in[3]) && sscanf(in + 2, "%2x", &byte) == 1 && byte > 0) {
            *out++ = (char)byte;
            in += 3;
        } else {
            *out++ = at ? meant[at - written] : *in;
            in += at != NULL;
        }
    }
    *out = '\0';
    return s;
}

/* Indented parts, behind those that are there. */
static bool read_parts(struct run *r, struct part *parts, size_t *n)
{
    char *piece;

    while ((piece = next_piece(r))) {
        struct part *part = &parts[*n];

        if (*n == MAX_PARTS)
            return complain(r, "at most %d parts", MAX_PARTS);
        if (take(&piece, "text"))
            *part = (struct part){ .mime = "text/plain", .data = unescape(piece) };
        else if (take(&piece, "json"))
            *part = (struct part){ .mime = "application/json", .data = unescape(piece) };
        else if (take(&piece, "data"))
            *part = (struct part){ .mime = unescape(piece), .data = "" };
        else
            return complain(r, "a part is text, json or data, not %s", piece);
        part->len = strlen(part->data);
        ++*n;
    }
    return true;
}

static bool read_budget(struct run *r, char *rest)
{
    struct budget *b = &r->budget;

    while (*rest) {
        char *word = take_word(&rest), *value = strchr(word, '=');
        long long n = value ? atoll(value + 1) : -1;
        struct {
            const char *name;
            int *small;
            int64_t *large;
        } const members[] = {
            { "max_steps", &b->max_steps, NULL },
            { "max_tool_calls", &b->max_tool_calls, NULL },
            { "max_tokens", NULL, &b->max_tokens },
            { "max_wall_ms", NULL, &b->max_wall_ms },
            { "max_identical", &b->max_identical, NULL },
            { "max_reply_tokens", &b->max_reply_tokens, NULL },
            { "max_observation_bytes", &b->max_observation_bytes, NULL },
            { "max_depth", &b->max_depth, NULL },
            { "max_width", &b->max_width, NULL },
            { "max_attempts", &b->max_attempts, NULL },
        };
        size_t i = 0;

        while (value && i < COUNT(members) &&
               (strncmp(word, members[i].name, (size_t)(value - word)) != 0 || members[i].name[value - word] != '\0'))
            i++;
        if (!value || i == COUNT(members))
            return complain(r, "BUDGET has no %s", word);
        if (members[i].small)
            *members[i].small = (int)n;
        else
            *members[i].large = n;
    }
    return true;
}

static unsigned read_names(const char *list, const char *const *names, size_t n)
{
    unsigned bits = 0;

    for (size_t i = 0; i < n; i++)
        if (strstr(list, names[i]))
            bits |= 1u << i;
    return bits;
}

static bool read_tool(struct run *r, char *rest)
{
    static const char *const effects[] = { "read", "write", "exec", "net", "clock" };
    static const char *const traits[] = { "idempotent", "destructive" };
    struct tool *t = &r->tools[r->n_tools];
    char *name = take_word(&rest), *dot = strchr(name, '.');

    if (!dot || r->n_tools == MAX_TOOLS)
        return complain(r, "PROVIDES plugin.tool, at most %d times", MAX_TOOLS);
    *dot = '\0';
    *t = (struct tool){ .provider = name, .name = dot + 1 };
    while (*rest) {
        char *word = take_word(&rest);

        if (strncmp(word, "effects=", 8) == 0)
            t->effects = read_names(word + 8, effects, COUNT(effects));
        else if (strncmp(word, "traits=", 7) == 0)
            t->traits = read_names(word + 7, traits, COUNT(traits));
        else
            return complain(r, "PROVIDES: %s is neither effects= nor traits=", word);
    }
    r->n_tools++;
    return true;
}

/* c1 allow rule why */
static bool read_decided(struct run *r)
{
    static const char *const names[] = { "allow", "ask", "deny" };
    char *piece;

    r->as_decided = true;
    while ((piece = next_piece(r))) {
        struct decided *d = arena_alloc(r->arena, sizeof(*d));
        const char *id = take_word(&piece), *name = take_word(&piece);
        size_t i = 0;

        while (i < COUNT(names) && strcmp(name, names[i]) != 0)
            i++;
        if (i == COUNT(names))
            return complain(r, "%s was decided, but not %s", id, name);
        *d = (struct decided){ .id = id, .decision = (enum policy_decision)i, .next = r->decided };
        r->decided = d;
    }
    return true;
}

static bool read_policy(struct run *r)
{
    struct policy_file file = { .name = "POLICY" };
    struct err err = { 0 };
    struct buf text;
    char *piece;

    buf_init(&text, 1 << 16);
    while ((piece = next_piece(r)))
        buf_addf(&text, "%s\n", piece);
    file.text = text.data;
    file.len = text.len;
    r->policy = policy_load(&file, 1, POLICY_BASE, &err);
    buf_finish(&text);
    return r->policy ? true : complain(r, "%s", err.msg);
}

static bool load_default_policy(struct run *r)
{
    const char *srcdir = getenv("CORAX_SRCDIR");
    const char *path = arena_printf(r->arena, "%s/policies/default.json", srcdir ? srcdir : ".");
    struct policy_file file = { .name = "default.json" };
    struct err err = { 0 };
    struct buf text;

    buf_init(&text, POLICY_MAX_FILE_BYTES);
    if (file_read(path, &text, &err) == 0) {
        file.text = text.data;
        file.len = text.len;
        r->policy = policy_load(&file, 1, POLICY_BASE, &err);
    }
    buf_finish(&text);
    return r->policy ? true : complain(r, "%s", err.msg);
}

/* Reads the pieces of a reply into the event. */
static bool read_reply(struct run *r, char *rest, struct plan_event *ev)
{
    struct call *calls = arena_alloc(r->arena, MAX_CALLS * sizeof(*calls));
    char *piece;

    *ev = (struct plan_event){ .kind = PLAN_EV_MODEL_REPLIED, .n_tokens = 10, .calls = calls };
    while (*rest) {
        char *word = take_word(&rest);

        if (strncmp(word, "tokens=", 7) == 0)
            ev->n_tokens = atoll(word + 7);
        else if (strcmp(word, "cut-off") == 0)
            ev->cut_off = true;
        else
            return complain(r, "MODEL: %s is neither tokens= nor cut-off", word);
    }
    while ((piece = next_piece(r))) {
        if (take(&piece, "thought"))
            ev->reasoning = unescape(piece);
        else if (take(&piece, "answer"))
            ev->text = unescape(piece);
        else if (take(&piece, "call") && ev->n_calls < MAX_CALLS)
            calls[ev->n_calls++] = (struct call){ .id = "ignored", .name = take_word(&piece), .args = piece };
        else if (take(&piece, "call-text") && ev->n_calls < MAX_CALLS)
            calls[ev->n_calls++] = (struct call){ .id = "ignored", .name = unescape(take_word(&piece)), .args = unescape(piece) };
        else
            return complain(r, "MODEL: %s is no piece of a reply", piece);
    }
    for (size_t i = 0; i < ev->n_calls; i++)
        calls[i].args_len = strlen(calls[i].args);
    return true;
}

/* --- the daemon's part ------------------------------------------------------------------------------------------ */

static struct planner *create_planner(struct run *r)
{
    struct transcript *t = transcript_create();
    struct planner *p;

    if (r->system)
        transcript_add_text(t, ROLE_SYSTEM, r->system, strlen(r->system), NULL);
    transcript_add(t, &(struct message){ .role = ROLE_USER, .parts = r->goal, .n_parts = r->n_goal }, NULL);
    p = planner_create(r->kind, t, &r->budget);
    if (!p)
        transcript_destroy(t);
    return p;
}

/* As corax export does it: bytes that are more than text to a terminal; C1 controls are two bytes in UTF-8. */
static bool is_control(const char *s, size_t i)
{
    const unsigned char c = (unsigned char)s[i], next = (unsigned char)s[i + 1];

    return c < 0x20 || c == 0x7f || (c == 0xc2 && next >= 0x80 && next < 0xa0) ||
           (c >= 0x80 && c < 0xa0 && i > 0 && (unsigned char)s[i - 1] == 0xc2);
}

/* What unescape() reads, on one line.  Dots at the end are not a beginning's. */
static const char *escape(struct arena *arena, const char *s)
{
    const size_t len = strlen(s);
    const bool dots = len >= 3 && strcmp(s + len - 3, "...") == 0;
    struct buf out;
    const char *kept;

    buf_init(&out, 64u << 20);
    for (size_t i = 0; i < len - dots; i++)
        if (s[i] == '\n')
            buf_adds(&out, "\\n");
        else if (s[i] == '\\')
            buf_adds(&out, "\\\\");
        else if (is_control(s, i))
            buf_addf(&out, "\\x%02x", (unsigned char)s[i]);
        else
            buf_addc(&out, s[i]);
    buf_adds(&out, dots ? "\\." : "");
    kept = arena_strndup(arena, out.data, out.len);
    buf_finish(&out);
    return kept;
}

static const char *render(struct run *r, const struct plan_command *c)
{
    static const char *const outcomes[] = { "answered", "failed", "cancelled" };
    char options[96] = "";
    int n = 0;

    switch (c->kind) {
    case PLAN_WAIT:
        return "wait";
    case PLAN_ASK_MODEL:
        if (c->attempt)
            n += snprintf(options + n, sizeof(options) - (size_t)n, " attempt=%d", c->attempt);
        if (c->must_answer)
            n += snprintf(options + n, sizeof(options) - (size_t)n, " must-answer");
        if (c->max_tokens != r->budget.max_reply_tokens)
            snprintf(options + n, sizeof(options) - (size_t)n, " max_tokens=%d", c->max_tokens);
        return arena_printf(r->arena, "ask-model%s", options);
    case PLAN_CALL_TOOL:
        return arena_printf(r->arena, "call %s %s %s", c->call->id, escape(r->arena, c->call->name), escape(r->arena, c->call->args));
    case PLAN_ASK_HUMAN:
        return arena_printf(r->arena, "ask-human %s %s", c->call->id, escape(r->arena, c->question));
    case PLAN_FINISH:
        return arena_printf(r->arena, "finish %s%s%s %s", outcomes[c->outcome], c->code ? " " : "",
                            c->code ? c->code : "", escape(r->arena, c->text));
    case PLAN_SUMMARIZE:
        return arena_printf(r->arena, "summarize %zu-%zu", c->from, c->to);
    }
    return "?";
}

static bool apply(struct run *r, const struct plan_event *ev);

static bool tool_done(struct run *r, bool error, const char *mime, const char *text)
{
    struct part *part = arena_alloc(r->arena, sizeof(*part));
    struct plan_event ev = { .kind = PLAN_EV_TOOL_DONE, .error = error, .n_parts = 1, .parts = part };

    ev.call_id = arena_strndup(r->arena, r->open.call->id, strlen(r->open.call->id));
    *part = (struct part){ .mime = mime, .data = text, .len = strlen(text) };
    return apply(r, &ev);
}

static const struct tool *find_tool(const struct run *r, const char *name)
{
    for (size_t i = 0; i < r->n_tools; i++)
        if (strcmp(r->tools[i].name, name) == 0)
            return &r->tools[i];
    return NULL;
}

/* Of a recorded task: what result the call may have. */
static void settle_as_decided(struct run *r)
{
    const struct decided *d = r->decided;
    const char *id = r->open.call->id;

    while (d && strcmp(d->id, id) != 0)
        d = d->next;
    r->unjudged = d == NULL;
    r->approval = d && d->decision == POLICY_ASK;
    r->denied = d && d->decision == POLICY_DENY;
}

/* Looks the tool up and asks the policy; what must not be called gets its result at once. */
static bool settle(struct run *r)
{
    struct policy_request request = { 0 };
    struct policy_verdict v;
    const struct tool *t;
    struct json *args;

    r->approval = r->denied = r->unjudged = false;
    if (r->open.kind != PLAN_CALL_TOOL)
        return true;
    if (r->as_decided) {
        settle_as_decided(r);
        return true;
    }
    t = find_tool(r, r->open.call->name);
    if (t == NULL)
        return tool_done(r, true, "text/plain",
                         arena_printf(r->arena, "there is no tool \"%s\"; there is %s", r->open.call->name,
                                      r->n_tools ? r->tools[0].name : "none"));
    args = json_parse(r->open.call->args, r->open.call->args_len, NULL);
    request = (struct policy_request){ t->provider, t->name, t->effects, t->traits, args };
    v = policy_decide(r->policy, &request);
    json_free(args);
    if (v.decision == POLICY_DENY)
        return tool_done(r, true, "text/plain", arena_printf(r->arena, "denied by policy: %s", v.why));
    r->approval = v.decision == POLICY_ASK;
    return true;
}

static bool apply(struct run *r, const struct plan_event *ev)
{
    struct err err = { 0 };
    struct plan_command next;

    if (r->n_events == MAX_EVENTS)
        return complain(r, "more than %d events", MAX_EVENTS);
    if (planner_apply(r->planner, ev, &err) < 0)
        return complain(r, "the planner refused: %s", err.msg);
    r->events[r->n_events++] = *ev;
    next = planner_next(r->planner);
    if (planner_next(r->planner).kind != PLAN_WAIT)
        return complain(r, "the planner hands out a command twice");
    if (next.kind == PLAN_WAIT) {
        r->commands[r->n_events] = r->commands[r->n_events - 1];
        return ev->kind == PLAN_EV_CLOCK ? true : complain(r, "the event opened no command");
    }
    r->open = next;
    r->commands[r->n_events] = render(r, &next);
    return settle(r);
}

/* --- events of the script --------------------------------------------------------------------------------------- */

/* As the daemon says it of a call that was made: an effect that cannot be repeated. */
static bool is_binding(const struct run *r)
{
    const struct tool *t = r->open.call && !r->denied && !r->unjudged ? find_tool(r, r->open.call->name) : NULL;

    return t && !r->says_denied && (t->effects & (CORAX_FX_WRITE | CORAX_FX_EXEC | CORAX_FX_NET)) && !(t->traits & CORAX_TRAIT_IDEMPOTENT);
}

/* TOOL [c1] [tokens=N] ok|error|denied|json text */
static bool read_result(struct run *r, char *rest, struct plan_event *ev)
{
    struct part *parts = arena_alloc(r->arena, MAX_PARTS * sizeof(*parts));
    const char *id = r->open.call ? r->open.call->id : "none";

    if (rest[0] == 'c' && isdigit((unsigned char)rest[1]))
        id = take_word(&rest);
    *ev = (struct plan_event){ .kind = PLAN_EV_TOOL_DONE, .parts = parts };
    if (strncmp(rest, "tokens=", 7) == 0)
        ev->n_tokens = atoll(take_word(&rest) + 7);
    ev->call_id = arena_strndup(r->arena, id, strlen(id));
    parts[0].mime = "text/plain";
    r->says_denied = take(&rest, "denied");
    ev->error = r->says_denied || take(&rest, "error");
    if (!ev->error && take(&rest, "json"))
        parts[0].mime = "application/json";
    else if (!ev->error && !take(&rest, "ok"))
        return complain(r, "TOOL is followed by ok, error, denied or json");
    ev->binding = is_binding(r);
    parts[0].data = unescape(rest);
    parts[0].len = strlen(rest);
    ev->n_parts = rest[0] != '\0' || *r->next != ' ';
    return read_parts(r, parts, &ev->n_parts);
}

/* 1: an event was read, 0: the line is none, -1: it is a bad one. */
static int read_event(struct run *r, char *line, struct plan_event *ev)
{
    if (take(&line, "MODEL"))
        return read_reply(r, line, ev) ? 1 : -1;
    if (take(&line, "TOOL"))
        return read_result(r, line, ev) ? 1 : -1;
    *ev = (struct plan_event){ 0 };
    if (take(&line, "FAILED")) {
        ev->kind = PLAN_EV_MODEL_FAILED;
        ev->said = unescape(line);
    } else if (take(&line, "HUMAN") && take(&line, "says")) {
        ev->kind = PLAN_EV_HUMAN_SAID;
        ev->said = unescape(line);
    } else if (take(&line, "NOTE")) {
        ev->kind = PLAN_EV_NOTE;
        ev->said = unescape(line);
    } else if (take(&line, "CLOCK")) {
        ev->kind = PLAN_EV_CLOCK;
        ev->active_ms = atoll(line);
    } else if (take(&line, "CANCEL")) {
        ev->kind = PLAN_EV_CANCELED;
    } else {
        return 0;
    }
    return 1;
}

/* Whether the open call may have such a result. */
static bool fits(struct run *r, const struct plan_event *ev)
{
    const bool denied = r->denied || r->approval; /* of one that waits, when nobody is there */

    if (r->says_denied && !(r->as_decided && denied))
        return complain(r, "the call was not denied");
    if (denied && !r->says_denied)
        return complain(r, r->denied ? "a result, but the call was denied" : "a result, but the call waits for approval");
    if (r->unjudged && !ev->error)
        return complain(r, "a call that was not made has a result");
    return true;
}

static bool happen(struct run *r, struct plan_event *ev)
{
    if (ev->kind == PLAN_EV_TOOL_DONE && !fits(r, ev))
        return false;
    if (r->at_ms > 0)
        ev->active_ms = r->at_ms;
    r->at_ms = 0;
    return apply(r, ev);
}

/* SUMMARY [tokens=N] [text]: two events, with nothing between them but the model's work. */
static bool summarize(struct run *r, char *rest)
{
    struct plan_event ev = { .kind = PLAN_EV_COMPACT };

    if (!happen(r, &ev))
        return false;
    ev = (struct plan_event){ .kind = PLAN_EV_SUMMARIZED };
    if (strncmp(rest, "tokens=", 7) == 0)
        ev.n_tokens = atoll(take_word(&rest) + 7);
    ev.said = *rest ? unescape(rest) : NULL;
    return happen(r, &ev);
}

/* HUMAN yes, HUMAN no: an approval is the daemon's business, the planner learns of it by the result. */
static bool approve(struct run *r, bool yes)
{
    if (!r->approval)
        return complain(r, "no call waits for approval");
    r->approval = false;
    r->denied = !yes;
    return yes || r->as_decided ? true : tool_done(r, true, "text/plain", "denied: the person said no");
}

static bool refused(struct run *r, char *line)
{
    struct spent before = planner_spent(r->planner), after;
    size_t n = transcript_count(planner_transcript(r->planner));
    struct plan_event ev;
    struct err err = { 0 };

    if (read_event(r, line, &ev) != 1)
        return r->why[0] ? false : complain(r, "REFUSED is followed by an event");
    if (planner_apply(r->planner, &ev, &err) == 0 || err.status != CORAX_E_ARGS)
        return complain(r, "the planner took the event");
    after = planner_spent(r->planner);
    if (planner_next(r->planner).kind != PLAN_WAIT || transcript_count(planner_transcript(r->planner)) != n ||
        before.n_steps != after.n_steps || before.n_tool_calls != after.n_tool_calls ||
        before.n_tokens != after.n_tokens || before.active_ms != after.active_ms)
        return complain(r, "the refused event changed the state");
    return true;
}

/* --- expectations ----------------------------------------------------------------------------------------------- */

static bool agrees(const char *got, const char *want)
{
    size_t n = strlen(want);

    if (n >= 3 && strcmp(want + n - 3, "...") == 0)
        return strncmp(got, want, n - 3) == 0;
    return strcmp(got, want) == 0;
}

/* The first parts of a message, one behind the other. */
static const char *message_text(struct run *r, const struct message *m, size_t n_parts)
{
    const char *text = m->error ? "error " : "";

    for (size_t i = 0; i < m->n_parts && i < n_parts; i++)
        text = arena_printf(r->arena, "%s%s", text, escape(r->arena, m->parts[i].data));
    return text;
}

/* Of the tool message for this call, or with NULL of the last user message. */
static const char *find_message(struct run *r, const char *id, size_t n_parts)
{
    const struct transcript *t = planner_transcript(r->planner);

    for (size_t i = transcript_count(t); i-- > 0;) {
        const struct message *m = transcript_at(t, i);

        if (id ? m->role == ROLE_TOOL && strcmp(m->call_id, id) == 0 : m->role == ROLE_USER)
            return message_text(r, m, n_parts);
    }
    return "(none)";
}

/* Of the last reply the call whose id the text begins with. */
static const char *find_call(struct run *r, const char *want)
{
    const struct message *reply = planner_reply(r->planner);
    const size_t len = strcspn(want, " ");

    for (size_t i = 0; reply && i < reply->n_calls; i++) {
        const struct call *c = &reply->calls[i];

        if (strlen(c->id) == len && strncmp(c->id, want, len) == 0)
            return arena_printf(r->arena, "%s %s %s", c->id, escape(r->arena, c->name), escape(r->arena, c->args));
    }
    return "(none)";
}

static bool expect(struct run *r, char *want)
{
    const char *got = r->commands[r->n_events];
    const struct message *reply = planner_reply(r->planner);

    if (take(&want, "observation")) {
        const char *id = take_word(&want);

        got = find_message(r, id, SIZE_MAX);
    } else if (take(&want, "result")) {
        const char *id = take_word(&want);

        got = find_message(r, id, 1);
    } else if (take(&want, "question")) {
        got = find_message(r, NULL, SIZE_MAX);
    } else if (take(&want, "thought")) {
        got = reply && reply->reasoning ? escape(r->arena, reply->reasoning) : "(none)";
    } else if (take(&want, "said")) {
        got = reply && reply->n_parts ? message_text(r, reply, SIZE_MAX) : "(none)";
    } else if (take(&want, "messages")) {
        got = arena_printf(r->arena, "%zu", transcript_count(planner_transcript(r->planner)));
    } else if (take(&want, "wrote")) {
        got = find_call(r, want);
    } else if (take(&want, "summarized")) {
        struct plan_compacted c;

        got = planner_compacted(r->planner, &c) ? arena_printf(r->arena, "%zu-%zu", c.from, c.to) : "(nothing)";
    } else if (take(&want, "back")) {
        struct plan_back back;

        got = planner_went_back(r->planner, &back) ? arena_printf(r->arena, "%d %s", back.depth, back.why) : "(did not)";
    } else if (take(&want, "lesson")) {
        struct plan_lesson lesson;

        got = planner_lesson(r->planner, &lesson) ? arena_printf(r->arena, "%d %s", lesson.attempt, escape(r->arena, lesson.text)) : "(none)";
    } else if (r->approval) {
        got = arena_printf(r->arena, "approval%s", got + strlen("call"));
    }
    return agrees(got, want) ? true : complain(r, "got \"%s\", want \"%s\"", got, want);
}

/* --- a script --------------------------------------------------------------------------------------------------- */

static bool step(struct run *r, char *line)
{
    struct plan_event ev;
    int is_event;

    if (take(&line, "EXPECT"))
        return expect(r, line);
    if (take(&line, "REFUSED"))
        return refused(r, line);
    if (strcmp(line, "HUMAN yes") == 0 || strcmp(line, "HUMAN no") == 0)
        return approve(r, line[6] == 'y');
    if (take(&line, "AT")) {
        r->at_ms = atoll(line);
        return true;
    }
    if (take(&line, "SUMMARY"))
        return summarize(r, line);
    if (strcmp(line, "END") == 0) {
        r->ends = true;
        return true;
    }
    is_event = read_event(r, line, &ev);
    if (is_event < 0)
        return false;
    return is_event ? happen(r, &ev) : complain(r, "%s is no line of a script", line);
}

/* Reads up to GOAL. */
static bool begin(struct run *r, const char **title)
{
    char *line;

    r->budget = budget_default();
    r->kind = planner_kind_find("react");
    while ((line = next_line(r))) {
        bool good = true;

        if (take(&line, "SCENARIO"))
            *title = line;
        else if (take(&line, "BUDGET"))
            good = read_budget(r, line);
        else if (take(&line, "PLANNER"))
            good = (r->kind = planner_kind_find(line)) || complain(r, "there is no planner %s", line);
        else if (take(&line, "PROVIDES"))
            good = read_tool(r, line);
        else if (take(&line, "POLICY"))
            good = strcmp(line, "as decided") == 0 ? read_decided(r) : read_policy(r);
        else if (take(&line, "SYSTEM"))
            r->system = unescape(line);
        else if (take(&line, "GOAL"))
            break;
        else
            good = complain(r, "%s before GOAL", line);
        if (!good)
            return false;
    }
    if (!line || !*title)
        return complain(r, "a script has SCENARIO and GOAL");
    r->goal[0] = (struct part){ .mime = "text/plain", .data = unescape(line) };
    r->goal[0].len = strlen(line);
    r->n_goal = *line != '\0';
    if (!read_parts(r, r->goal, &r->n_goal) || (!r->policy && !r->as_decided && !load_default_policy(r)))
        return false;
    r->planner = create_planner(r);
    if (!r->planner)
        return complain(r, "no planner");
    r->open = planner_next(r->planner);
    r->commands[0] = render(r, &r->open);
    return true;
}

static const char *write_transcript(struct run *r, const struct planner *p)
{
    struct buf out;
    struct jsonw w;
    const char *kept;

    buf_init(&out, 64u << 20);
    w = jsonw_start(&out);
    jsonw_object(&w, NULL);
    transcript_write(planner_transcript(p), &w, "messages");
    jsonw_end(&w);
    kept = arena_strndup(r->arena, out.data, out.len);
    buf_finish(&out);
    return kept;
}

/* A fresh planner gets the first n events in silence, as after a restart, and then goes on. */
static bool resume_after(struct run *r, size_t n)
{
    struct planner *p = create_planner(r);
    struct plan_command open = { .kind = PLAN_WAIT };
    bool good = p != NULL;

    for (size_t i = 0; i <= r->n_events && good; i++) {
        struct plan_command next;
        struct err err = { 0 };

        if (i > 0 && planner_apply(p, &r->events[i - 1], &err) < 0)
            good = complain(r, "resumed after %zu events: event %zu: %s", n, i, err.msg);
        if (i < n || !good)
            continue;
        next = planner_next(p);
        if (next.kind != PLAN_WAIT)
            open = next;
        if (strcmp(render(r, &open), r->commands[i]) != 0)
            good = complain(r, "resumed after %zu events: after event %zu \"%s\" instead of \"%s\"", n, i,
                            render(r, &open), r->commands[i]);
    }
    if (good && strcmp(write_transcript(r, p), write_transcript(r, r->planner)) != 0)
        good = complain(r, "resumed after %zu events: another transcript", n);
    planner_destroy(p);
    return good;
}

static void run_script(const char *path)
{
    const char *file = strrchr(path, '/') ? strrchr(path, '/') + 1 : path, *title = NULL;
    static struct run r;
    struct err err = { 0 };
    struct buf text;
    bool good;
    char *line;

    r = (struct run){ .arena = arena_create(64u << 20) };
    buf_init(&text, 16u << 20);
    good = file_read(path, &text, &err) == 0 ? true : complain(&r, "%s", err.msg);
    r.next = text.data;
    good = good && begin(&r, &title);
    while (good && (line = next_line(&r)))
        good = step(&r, line);
    if (good && r.open.kind != PLAN_FINISH && !r.ends)
        good = complain(&r, "the script ends before the task does");
    if (!ok(good, "%s: %s", file, title ? title : ""))
        diag("%s", r.why);
    for (size_t i = 0; i <= r.n_events && good; i++)
        good = resume_after(&r, i);
    if (!ok(good, "%s: resumed after each of its %zu events", file, r.n_events))
        diag("%s", r.why);
    planner_destroy(r.planner);
    policy_destroy(r.policy);
    buf_finish(&text);
    arena_destroy(r.arena);
}

int main(int argc, char **argv)
{
    const char *srcdir = getenv("CORAX_SRCDIR");
    char pattern[4096];
    glob_t found;

    plan_later();
    for (int i = 1; i < argc; i++) /* by hand: only these */
        run_script(argv[i]);
    if (argc == 1) {
        snprintf(pattern, sizeof(pattern), "%s/tests/agent/scenarios/*.scn", srcdir ? srcdir : ".");
        if (ok(glob(pattern, 0, NULL, &found) == 0, "there are scripts: %s", pattern)) {
            for (size_t i = 0; i < found.gl_pathc; i++)
                run_script(found.gl_pathv[i]);
            globfree(&found);
        }
    }
    done();
    return tap_status();
}
