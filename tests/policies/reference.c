#include "tests/policies/reference.h"

#include <corax/plugin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- names ------------------------------------------------------------------------------------------------------ */

static bool like(const char *p, const char *s)
{
    if (*p == '*')
        return like(p + 1, s) || (*s && like(p, s + 1));
    return *p == *s && (*p == '\0' || like(p + 1, s + 1));
}

static bool is_tool(const char *pattern, const char *provider, const char *tool)
{
    char half[128];

    snprintf(half, sizeof(half), "%.*s", (int)strcspn(pattern, "."), pattern);
    return like(half, provider) && like(strchr(pattern, '.') + 1, tool);
}

static bool lists(const struct json *list, const char *text)
{
    for (const struct json *j = json_first(list); j; j = json_next(j))
        if (json_text(j) && strcmp(json_text(j), text) == 0)
            return true;
    return false;
}

static bool bits_match(const struct json *condition, const char *const *words, unsigned n, unsigned bits)
{
    const struct json *any = json_get(condition, "any"), *within = json_get(condition, "within");
    bool found = any == NULL;

    for (unsigned i = 0; i < n; i++) {
        if (!(bits >> i & 1))
            continue;
        if (lists(any, words[i]))
            found = true;
        if (within && !lists(within, words[i]))
            return false;
    }
    return found;
}

/* --- arguments: yes, no, or not to be told ---------------------------------------------------------------------- */

enum answer { NO, YES, UNCLEAR };

static bool equal(const struct json *a, const struct json *b)
{
    if (json_kind(a) != json_kind(b))
        return false;
    if (json_kind(a) == JSON_STRING)
        return strcmp(json_text(a), json_text(b)) == 0;
    if (json_kind(a) == JSON_NUMBER)
        return json_number(a, 0) == json_number(b, 0);
    return json_kind(a) == JSON_NULL || (json_kind(a) == JSON_BOOL && json_bool(a, 0) == json_bool(b, 0));
}

static int characters(const char *s)
{
    int n = 0;

    for (; *s; s++)
        n += (*s & 0xC0) != 0x80;
    return n;
}

static enum answer value_is(const struct json *condition, const struct json *value)
{
    const bool number = json_kind(value) == JSON_NUMBER;
    const bool huge = number && (json_number(value, 0) >= 9007199254740992.0 || json_number(value, 0) <= -9007199254740992.0);
    bool about_numbers = false, good = true;

    for (const struct json *j = json_first(condition); j; j = json_next(j)) {
        bool found = false;

        if (strcmp(json_key(j), "enum") == 0) {
            for (const struct json *e = json_first(j); e; e = json_next(e)) {
                found |= equal(e, value);
                about_numbers |= json_kind(e) == JSON_NUMBER;
            }
        } else if (strcmp(json_key(j), "min") == 0) {
            about_numbers = true;
            found = number && json_number(value, 0) >= json_number(j, 0);
        } else if (strcmp(json_key(j), "max") == 0) {
            about_numbers = true;
            found = number && json_number(value, 0) <= json_number(j, 0);
        } else if (strcmp(json_key(j), "min_length") == 0) {
            found = json_text(value) && characters(json_text(value)) >= (int)json_number(j, 0);
        } else {
            found = json_text(value) && characters(json_text(value)) <= (int)json_number(j, 0);
        }
        good &= found;
    }
    return huge && about_numbers ? UNCLEAR : good ? YES : NO;
}

/* "a//./b/" is "a/b"; false for what leads out. */
static bool plain_path(const char *text, char out[256])
{
    char copy[256], *part, *rest = copy;

    snprintf(copy, sizeof(copy), "%s", text);
    out[0] = '\0';
    if (*text == '/' || strchr(text, '\\'))
        return false;
    while ((part = strtok_r(rest, "/", &rest))) {
        if (strcmp(part, "..") == 0)
            return false;
        if (strcmp(part, ".") == 0)
            continue;
        if (*out)
            strcat(out, "/");
        strcat(out, part);
    }
    return *out != '\0';
}

static enum answer path_is(const struct json *condition, const char *text, const struct policy_request *r)
{
    const struct json *beneath = json_get(condition, "beneath"), *hidden = json_get(condition, "hidden");
    bool under = beneath == NULL;
    struct path real;
    char path[256], folder[256];

    if (r->resolve) {
        if (!r->resolve(r->resolve_arg, text, &real))
            return UNCLEAR;
        snprintf(path, sizeof(path), "%.250s", real.text);
    } else if (!plain_path(text, path)) {
        return UNCLEAR;
    }
    for (const struct json *j = json_first(beneath); j; j = json_next(j)) {
        plain_path(json_text(j), folder);
        under |= strcmp(path, folder) == 0;
        strcat(folder, "/");
        under |= strncmp(path, folder, strlen(folder)) == 0;
    }
    if (!under)
        return NO;
    return !hidden || json_bool(hidden, false) == (path[0] == '.' || strstr(path, "/.")) ? YES : NO;
}

struct address {
    char scheme[8], host[80], path[80];
    int port;
    size_t query;
    bool is_private, is_plain;
};

static bool is_quad(const char *host)
{
    int a, b, c, d, end = 0;

    return sscanf(host, "%d.%d.%d.%d%n", &a, &b, &c, &d, &end) == 4 && host[end] == '\0';
}

static bool read_host(char *host, struct address *to)
{
    const char *last;

    if (host[0] == '[') {
        snprintf(to->host, sizeof(to->host), "%.*s", (int)strlen(host) - 2, host + 1);
        to->is_private = strcmp(to->host, "::1") == 0;
        return true;
    }
    if (*host && host[strlen(host) - 1] == '.')
        host[strlen(host) - 1] = '\0';
    for (char *p = host; *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p + 32);
    snprintf(to->host, sizeof(to->host), "%.79s", host);
    last = strrchr(host, '.') ? strrchr(host, '.') + 1 : host;
    if (*last >= '0' && *last <= '9') {
        to->is_private = strncmp(host, "10.", 3) == 0 || strncmp(host, "127.", 4) == 0;
        return is_quad(host);
    }
    to->is_private = !strchr(host, '.') || strcmp(last, "local") == 0;
    return *host != '\0';
}

static bool read_address(const char *text, struct address *to)
{
    char host[80], *colon;
    const char *rest = strstr(text, "://"), *end;

    memset(to, 0, sizeof(*to));
    if (!rest || rest - text > 5)
        return false;
    for (int i = 0; text + i < rest; i++)
        to->scheme[i] = (char)(text[i] | 32);
    if (strcmp(to->scheme, "http") != 0 && strcmp(to->scheme, "https") != 0)
        return false;
    rest += 3;
    end = rest + strcspn(rest, "/?#");
    snprintf(host, sizeof(host), "%.*s", (int)(end - rest), rest);
    if (strchr(host, '@'))
        return false;
    to->port = strcmp(to->scheme, "https") == 0 ? 443 : 80;
    colon = strrchr(host, ':');
    if (colon && !strchr(colon, ']')) {
        to->port = atoi(colon + 1);
        *colon = '\0';
    }
    snprintf(to->path, sizeof(to->path), "%.*s", (int)strcspn(end, "?#"), end);
    end += strcspn(end, "?#");
    to->query = *end ? strlen(end + 1) : 0;
    to->is_plain = !strstr(to->path, "//") && !strstr(to->path, "%61");
    if (!to->path[0])
        strcpy(to->path, "/");
    return to->port < 65536 && !strstr(to->path, "/../") && read_host(host, to);
}

static bool host_fits(const struct json *hosts, const char *host)
{
    for (const struct json *j = json_first(hosts); j; j = json_next(j))
        if (json_text(j)[0] == '*' ? like(json_text(j), host) && strlen(host) >= strlen(json_text(j))
                                   : strcmp(json_text(j), host) == 0)
            return true;
    return false;
}

static enum answer url_is(const struct json *c, const char *text)
{
    const struct json *beneath = json_get(c, "beneath"), *port = json_get(c, "port"), *is_private = json_get(c, "private");
    struct address a;
    bool under = beneath == NULL, port_fits = port == NULL;

    if (!read_address(text, &a) || (beneath && !a.is_plain))
        return UNCLEAR;
    for (const struct json *j = json_first(beneath); j; j = json_next(j)) {
        const size_t n = strlen(json_text(j));

        under |= strncmp(a.path, json_text(j), n) == 0 &&
                 (json_text(j)[n - 1] == '/' || a.path[n] == '\0' || a.path[n] == '/');
    }
    for (const struct json *j = json_first(port); j; j = json_next(j))
        port_fits |= (int)json_number(j, 0) == a.port;
    return under && port_fits && (!json_get(c, "scheme") || lists(json_get(c, "scheme"), a.scheme)) &&
                   (!json_get(c, "host") || host_fits(json_get(c, "host"), a.host)) &&
                   (!json_get(c, "max_query") || (double)a.query <= json_number(json_get(c, "max_query"), 0)) &&
                   (!is_private || json_bool(is_private, false) == a.is_private)
               ? YES
               : NO;
}

/* Of one word that begins with -. */
static bool names_option(const struct json *options, const char *word, bool against)
{
    const bool is_long = strncmp(word, "--", 2) == 0;
    char name[64];

    snprintf(name, sizeof(name), "%.*s", is_long ? (int)strcspn(word, "=") : (int)strlen(word), word);
    for (const struct json *j = json_first(options); j; j = json_next(j)) {
        const char *option = json_text(j);

        if (strcmp(option, name) == 0 && !(against && strcmp(word, "--") == 0))
            return true;
        if (against && is_long && strlen(name) > 2 && strncmp(option, name, strlen(name)) == 0)
            return true;
        if (against && !is_long && strlen(option) == 2 && strchr(word + 1, option[1]))
            return true;
    }
    return false;
}

/* A line of words has no third answer: what cannot be told depends on who asks. */
static bool line_is(const struct json *c, const struct json *line, bool against)
{
    const struct json *program = json_get(c, "program"), *options = json_get(c, "options"), *max = json_get(c, "max");
    const struct json *first = json_first(line);
    bool one = false, each = true;
    const char *slash;

    if (json_kind(line) != JSON_ARRAY || !first)
        return false;
    for (const struct json *j = first; j; j = json_next(j)) {
        if (!json_text(j))
            return against;
        if (j == first || json_text(j)[0] != '-')
            continue;
        if (names_option(options, json_text(j), against))
            one = true;
        else
            each = false;
    }
    slash = strrchr(json_text(first), '/');
    if (program && !lists(program, json_text(first)) && !(against && slash && lists(program, slash + 1)))
        return false;
    if (max && (double)json_count(line) > json_number(max, 0))
        return false;
    return !options || (against ? one : each);
}

static enum answer text_is(const struct json *path, const struct json *url, const struct json *value, const struct policy_request *r)
{
    if (!json_text(value))
        return UNCLEAR;
    return path ? path_is(path, json_text(value), r) : url_is(url, json_text(value));
}

static bool arg_matches_too(const struct json *condition, const struct json *value, const struct policy_request *r, bool against)
{
    const struct json *path = json_get(condition, "path"), *url = json_get(condition, "url"), *argv = json_get(condition, "argv");
    enum answer answer;
    bool one = false, each = true;

    if (!value)
        return false;
    if (argv)
        return line_is(argv, value, against);
    if (!path && !url) {
        answer = value_is(condition, value);
        return answer == YES || (answer == UNCLEAR && against);
    }
    if (json_text(value)) {
        answer = text_is(path, url, value, r);
        return answer == YES || (answer == UNCLEAR && against);
    }
    if (json_kind(value) != JSON_ARRAY || json_count(value) == 0)
        return false;
    for (const struct json *j = json_first(value); j; j = json_next(j)) {
        answer = text_is(path, url, j, r);
        one |= answer != NO;
        each &= answer == YES;
    }
    return against ? one : each;
}

/* --- entries ---------------------------------------------------------------------------------------------------- */

static int level(const char *word)
{
    static const char *const words[] = { "public", "internal", "secret" };

    for (int i = 0; i < 3; i++)
        if (word && strcmp(word, words[i]) == 0)
            return i;
    return -1;
}

/* As bad as, or no worse than, each part that the label names. */
static bool compares(const struct json *label, struct label l, bool at_least)
{
    const char *integrity = json_get_text(label, "integrity", NULL);
    const int i = integrity ? strcmp(integrity, "untrusted") == 0 : -1, c = level(json_get_text(label, "confidentiality", NULL));

    if (i >= 0 && (at_least ? (int)l.integrity < i : (int)l.integrity > i))
        return false;
    return c < 0 || (at_least ? (int)l.confidentiality >= c : (int)l.confidentiality <= c);
}

static bool entry_matches(const struct json *entry, const char *pattern, const struct policy_request *r, bool against)
{
    static const char *const effects[] = { "read", "write", "exec", "net", "clock" }, *const traits[] = { "idempotent", "destructive" };
    const struct json *when = json_get(entry, "when"), *context = json_get(when, "context");
    const struct json *args = json_get(when, "args"), *except = json_get(when, "except");

    if (!is_tool(pattern, r->provider, r->tool))
        return false;
    if (json_get(when, "effects") && !bits_match(json_get(when, "effects"), effects, 5, r->effects))
        return false;
    if (json_get(when, "traits") && !bits_match(json_get(when, "traits"), traits, 2, r->traits))
        return false;
    for (const struct json *e = json_first(except); e; e = json_next(e))
        if (is_tool(json_text(e), r->provider, r->tool))
            return false;
    if (json_get(context, "at_least") && !compares(json_get(context, "at_least"), r->context, true))
        return false;
    if (json_get(context, "at_most") && !compares(json_get(context, "at_most"), r->context, false))
        return false;
    for (const struct json *a = json_first(args); a; a = json_next(a))
        if (!arg_matches_too(a, json_get(r->args, json_key(a)), r, against))
            return false;
    return true;
}

/* --- screens ---------------------------------------------------------------------------------------------------- */

static bool is_screened(const struct json *screen, const struct policy_request *r)
{
    const struct json *of = json_get(screen, "of");

    if (json_text(of))
        return entry_matches(screen, json_text(of), r, true);
    for (const struct json *j = json_first(of); j; j = json_next(j))
        if (entry_matches(screen, json_text(j), r, true))
            return true;
    return false;
}

static const struct screen_answer *answer_to(const struct json *screen, const struct policy_request *r)
{
    for (size_t i = 0; i < r->n_screened; i++)
        if (strcmp(r->screened[i].by, json_get_text(screen, "by", "")) == 0 &&
            strcmp(r->screened[i].argument, json_get_text(screen, "argument", "")) == 0 &&
            strcmp(r->screened[i].role, json_get_text(screen, "role", "")) == 0)
            return &r->screened[i];
    return NULL;
}

static bool found_fits(const struct json *condition, const struct screen_answer *a)
{
    const struct json *any = json_get(condition, "any"), *within = json_get(condition, "within");
    bool one = any == NULL;

    for (size_t i = 0; i < a->n; i++) {
        one |= lists(any, a->findings[i]);
        if (within && !lists(within, a->findings[i]))
            return false;
    }
    return one;
}

static bool screened_matches(const struct json *root, const struct json *rule, const struct policy_request *r,
                             bool against)
{
    for (const struct json *c = json_first(json_get(json_get(rule, "when"), "screened")); c; c = json_next(c)) {
        const struct json *screen = json_first(json_get(root, "screens"));
        const struct screen_answer *a;

        while (strcmp(json_get_text(screen, "id", ""), json_key(c)) != 0)
            screen = json_next(screen);
        if (!is_screened(screen, r))
            return false;
        a = answer_to(screen, r);
        if (a && a->known ? !found_fits(c, a) : !against)
            return false;
    }
    return true;
}

static bool of_matches(const struct json *entry, const struct policy_request *r, bool against)
{
    return entry_matches(entry, json_get_text(entry, "of", "?.?"), r, against);
}

static const char *decision_of(const struct json *rule, enum policy_decision *d)
{
    static const char *const words[] = { "allow", "ask", "deny" };

    for (int i = 0; i < 3; i++)
        if (json_get_text(rule, words[i], NULL)) {
            *d = (enum policy_decision)i;
            return json_get_text(rule, words[i], NULL);
        }
    return "?.?";
}

/* --- answers ---------------------------------------------------------------------------------------------------- */

static void say(struct reference_answer *a, enum policy_decision d, const char *file, const char *id)
{
    char name[140];

    snprintf(name, sizeof(name), "%s%s%s", file, *file ? "/" : "", id);
    if (d > a->decision || (d == a->decision && (strcmp(a->rule, "none") == 0 || (strcmp(name, "none") != 0 && strcmp(name, a->rule) < 0)))) {
        a->decision = d;
        snprintf(a->rule, sizeof(a->rule), "%s", name);
    }
}

static void least(int64_t *a, const struct json *j, double unit)
{
    const int64_t b = (int64_t)(json_number(j, 0) * unit);

    if (j && (*a == 0 || b < *a))
        *a = b;
}

static void doubt(struct reference_answer *a, const char *what, const char *file, const char *id)
{
    char name[140];

    snprintf(name, sizeof(name), "%s/%s", file, id);
    if (!a->in_doubt || strcmp(what, a->in_doubt) > 0 || (strcmp(what, a->in_doubt) == 0 && strcmp(name, a->in_doubt_rule) < 0)) {
        a->in_doubt = what; /* "fail" is behind "ask" in the alphabet, too */
        strcpy(a->in_doubt_rule, name);
    }
}

static void oblige(struct reference_answer *a, const struct json *rule, const char *file)
{
    const struct json *must = json_get(rule, "must");

    if (json_get(must, "in_doubt"))
        doubt(a, json_get_text(must, "in_doubt", "?"), file, json_get_text(rule, "id", "?"));
    least(&a->timeout_ms, json_get(must, "timeout_s"), 1000);
    least(&a->approve_ms, json_get(must, "approve_s"), 1000);
    least(&a->result_bytes, json_get(must, "result_bytes"), 1);
    a->fresh_host |= json_get(must, "fresh_host") != NULL;
    for (const struct json *j = json_first(json_get(must, "redact")); j; j = json_next(j))
        a->redact |= 1u << atoi(json_text(j) + 1);
}

static void ask_rules(const struct reference_layer *l, bool base, const struct policy_request *r, struct reference_answer *a)
{
    bool one = false;

    for (size_t f = 0; f < l->n; f++)
        for (const struct json *rule = json_first(json_get(l->roots[f], "rules")); rule; rule = json_next(rule)) {
            enum policy_decision d = POLICY_DENY;
            const char *pattern = decision_of(rule, &d);

            if (!entry_matches(rule, pattern, r, d != POLICY_ALLOW) ||
                !screened_matches(l->roots[f], rule, r, d != POLICY_ALLOW))
                continue;
            if (d != POLICY_ASK ||
                !(json_get(json_get(rule, "when"), "context") || json_get(json_get(rule, "when"), "screened")))
                one = true;
            say(a, d, json_get_text(l->roots[f], "id", "?"), json_get_text(rule, "id", "?"));
            oblige(a, rule, json_get_text(l->roots[f], "id", "?"));
        }
    if (base && !one)
        say(a, POLICY_DENY, "", "none");
}

static void ask_limits(const struct reference_layer *l, const struct policy_request *r, struct reference_answer *a)
{
    for (size_t f = 0; f < l->n; f++)
        for (const struct json *e = json_first(json_get(l->roots[f], "limits")); e; e = json_next(e)) {
            double calls = 1, bytes = (double)r->bytes;

            if (!of_matches(e, r, true))
                continue;
            for (size_t i = 0; i < r->n_past; i++) {
                const struct policy_request then = { .provider = r->past[i].provider, .tool = r->past[i].tool,
                                                     .effects = r->past[i].effects, .traits = r->past[i].traits };

                if (of_matches(e, &then, true)) {
                    calls++;
                    bytes += (double)r->past[i].bytes;
                }
            }
            if (calls > json_number(json_get(e, "calls"), 1e9) || bytes > json_number(json_get(e, "bytes"), 1e9))
                say(a, POLICY_DENY, json_get_text(l->roots[f], "id", "?"), json_get_text(e, "id", "?"));
        }
}

static void ask_labels(const struct reference_layer *layers, size_t n, const struct policy_request *r, struct reference_answer *a)
{
    int integrity = 0, confidentiality = 0;
    bool says_integrity = false, says_confidentiality = false;

    for (size_t l = 0; l < n; l++)
        for (size_t f = 0; f < layers[l].n; f++)
            for (const struct json *e = json_first(json_get(layers[l].roots[f], "labels")); e; e = json_next(e)) {
                const char *i = json_get_text(e, "integrity", NULL), *c = json_get_text(e, "confidentiality", NULL);

                if (!of_matches(e, r, true))
                    continue;
                if (i && strcmp(i, "untrusted") == 0)
                    integrity = 1;
                if (level(c) > confidentiality)
                    confidentiality = level(c);
                if (l == 0 && of_matches(e, r, false)) {
                    says_integrity |= i != NULL;
                    says_confidentiality |= c != NULL;
                }
            }
    if (!says_integrity && (r->effects & CORAX_FX_NET))
        integrity = 1;
    if (!says_confidentiality && (r->effects & CORAX_FX_READ) && confidentiality < 1)
        confidentiality = 1;
    a->result = (struct label){ (enum integrity)integrity, (enum confidentiality)confidentiality };
}

static bool is_contained_too(const struct reference_layer *base, const struct policy_request *r)
{
    for (size_t f = 0; f < base->n; f++)
        for (const struct json *e = json_first(json_get(base->roots[f], "contained")); e; e = json_next(e))
            if (of_matches(e, r, false))
                return true;
    return false;
}

static int sink_of(const struct reference_layer *layers, size_t n, const struct policy_request *r, bool contained)
{
    int sink = 3; /* nobody */
    bool base_says = false;

    for (size_t l = 0; l < n; l++)
        for (size_t f = 0; f < layers[l].n; f++)
            for (const struct json *e = json_first(json_get(layers[l].roots[f], "sinks")); e; e = json_next(e)) {
                const int to = level(json_get_text(e, "confidentiality", NULL));

                if (!of_matches(e, r, true))
                    continue;
                sink = to < sink ? to : sink;
                base_says |= l == 0 && of_matches(e, r, false);
            }
    if (base_says || contained)
        return sink;
    if (r->effects & CORAX_FX_NET)
        return 0;
    return (r->effects & (CORAX_FX_WRITE | CORAX_FX_EXEC)) && sink > 1 ? 1 : sink;
}

static void ask_built_in(const struct reference_layer *layers, size_t n, const struct policy_request *r, struct reference_answer *a)
{
    const bool contained = is_contained_too(&layers[0], r);
    const bool changes = !contained && ((r->effects & CORAX_FX_WRITE) || (r->effects & CORAX_FX_EXEC) ||
                                        (r->traits & CORAX_TRAIT_DESTRUCTIVE));
    const bool tells = !contained && (r->effects & CORAX_FX_NET);
    const int seen = (int)r->context.confidentiality;

    if (seen > sink_of(layers, n, r, contained))
        say(a, seen == 2 ? POLICY_DENY : POLICY_ASK, "built-in", "flow");
    if (r->context.integrity == UNTRUSTED && changes)
        say(a, POLICY_ASK, "built-in", "trusted-context");
    if (r->context.integrity == UNTRUSTED && seen > 0 && (changes || tells))
        say(a, POLICY_ASK, "built-in", "rule-of-two");
}

void reference_decide(const struct reference_layer *layers, size_t n, const struct policy_request *r, struct reference_answer *a)
{
    memset(a, 0, sizeof(*a));
    strcpy(a->rule, "none");
    for (size_t l = 0; l < n; l++) {
        ask_rules(&layers[l], l == 0, r, a);
        ask_limits(&layers[l], r, a);
    }
    ask_built_in(layers, n, r, a);
    ask_labels(layers, n, r, a);
}
