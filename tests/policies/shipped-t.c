/*
 * Covers: that each shipped set loads; that its inline tests hold every part of every entry: whatever is deleted, widened, narrowed or
 * moved by one is refused, by a test, or since a rule can never win any more or the file is malformed; and that unattended and readonly never ask.
 * Does not cover: mutants of two parts at a time; the sentences in "why" and "about".
 */
#include <string.h>

#include "policies/policy.h"
#include "tests/policies/files.h"
#include "tests/tap.h"
#include "util/json.h"

#include <corax/plugin.h>

/* Mutants that are no other policy, each with the reason; the test holds each against its set on calls of every kind. */
static const struct {
    const char *what, *because;
} equivalent[] = {
    { "unattended/fetches: with effects within write", "changes denies what writes; whom it excepts, fetches excepts too" },
    { "unattended/fetches: with effects within exec", "changes denies what starts programs; whom it excepts, fetches excepts too" },
    { "unattended/fetches: with effects any read", "read is not within" },
    { "unattended/fetches: with effects any write", "write is not within" },
    { "unattended/fetches: with effects any exec", "exec is not within" },
    { "unattended/fetches: with traits any destructive", "destroys denies what is destructive" },
    { "*/controlled: deny c*.*", "the screen is of chemistry's tools alone" },
    { "*/controlled: deny *e*.*", "the screen is of chemistry's tools alone" },
    { "*/explosive: deny c*.*", "the screen is of chemistry's tools alone" },
    { "*/explosive: deny *e*.*", "the screen is of chemistry's tools alone" },
};

/* Writes a set again with the one change whose number is asked for. */
struct mutation {
    long wanted, n;
    char what[480];
    const char *set, *entry; /* where the walk is */
};

static bool is_here(struct mutation *m, const char *what, const char *of)
{
    if (m->n++ != m->wanted)
        return false;
    snprintf(m->what, sizeof(m->what), "%.40s/%.64s: %.80s %.260s", m->set, m->entry, what, of);
    return true;
}

/* --- patterns --------------------------------------------------------------------------------------------------- */

/* Puts half of a pattern with its change number how to out; false: there is no such change. */
static bool change_half(const char *half, size_t len, unsigned how, char *out, size_t size)
{
    const bool star = len == 1 && *half == '*';
    int n = 0;

    if (star)
        n = how == 0 ? snprintf(out, size, "m*") : how == 1 ? snprintf(out, size, "c*") : how == 2 ? snprintf(out, size, "*e*") : -1;
    else if (how == 0)
        n = snprintf(out, size, "*");
    else if (how == 1)
        n = snprintf(out, size, "%.*s*", (int)len, half);
    else if (how == 2)
        n = snprintf(out, size, "*%.*s", (int)len, half);
    else if (how == 3)
        n = snprintf(out, size, "%.*s", (int)len - 1, half);
    else if (how == 4)
        n = snprintf(out, size, "%.*sx", (int)len, half);
    else
        n = -1;
    return n >= 0;
}

static void write_pattern(struct mutation *m, struct jsonw *w, const char *key, const char *pattern)
{
    const size_t dot = strcspn(pattern, ".");
    char half[128], all[260];

    for (unsigned how = 0; change_half(pattern, dot, how, half, sizeof(half)); how++) {
        snprintf(all, sizeof(all), "%s%s", half, pattern + dot);
        if (is_here(m, key ? key : "except", all)) {
            jsonw_text(w, key, all);
            return;
        }
    }
    for (unsigned how = 0; change_half(pattern + dot + 1, strlen(pattern + dot + 1), how, half, sizeof(half)); how++) {
        snprintf(all, sizeof(all), "%.*s.%s", (int)dot, pattern, half);
        if (is_here(m, key ? key : "except", all)) {
            jsonw_text(w, key, all);
            return;
        }
    }
    jsonw_text(w, key, pattern);
}

/* --- values ----------------------------------------------------------------------------------------------------- */

static const char *const effects[] = { "read", "write", "exec", "net", "clock" };
static const char *const traits[] = { "idempotent", "destructive" };
static const char *const integrities[] = { "trusted", "untrusted" };
static const char *const doubts[] = { "ask", "fail" };
static const char *const confidentialities[] = { "public", "internal", "secret" };

static bool is_in(const struct json *list, const char *name)
{
    for (const struct json *j = json_first(list); j; j = json_next(j))
        if (json_text(j) && strcmp(json_text(j), name) == 0)
            return true;
    return false;
}

static void write_list(struct mutation *m, struct jsonw *w, const char *of, const struct json *list)
{
    const char *key = json_key(list);
    const char *const *names = strcmp(of, "effects") == 0 ? effects : strcmp(of, "traits") == 0 ? traits : NULL;
    const size_t n_names = names == effects ? COUNT(effects) : names ? COUNT(traits) : 0;
    char text[200];

    jsonw_array(w, key);
    for (const struct json *j = json_first(list); j; j = json_next(j)) {
        snprintf(text, sizeof(text), "%s %s %s", of, key, json_text(j) ? json_text(j) : json_digits(j));
        if (is_here(m, "without", text))
            continue;
        if (strcmp(key, "except") == 0 || strcmp(key, "of") == 0) {
            write_pattern(m, w, NULL, json_text(j));
        } else if (!names && json_text(j) && is_here(m, "misspelt", text)) {
            snprintf(text, sizeof(text), "%sx", json_text(j));
            jsonw_text(w, NULL, text);
        } else if (json_digits(j) && is_here(m, "one more", text)) {
            jsonw_number(w, NULL, json_number(j, 0) + 1);
        } else {
            jsonw_value(w, NULL, j);
        }
    }
    for (size_t i = 0; i < n_names; i++) {
        snprintf(text, sizeof(text), "%s %s %s", of, key, names[i]);
        if (!is_in(list, names[i]) && is_here(m, "with", text))
            jsonw_text(w, NULL, names[i]);
    }
    jsonw_end(w);
}

static void write_number(struct mutation *m, struct jsonw *w, const struct json *j)
{
    const double x = json_number(j, 0);

    jsonw_number(w, json_key(j), is_here(m, "one more", json_key(j)) ? x + 1 : is_here(m, "one less", json_key(j)) ? x - 1 : x);
}

static void write_word(struct mutation *m, struct jsonw *w, const struct json *j)
{
    static const struct {
        const char *key;
        const char *const *words;
        size_t n;
    } known[] = { { "integrity", integrities, COUNT(integrities) }, { "in_doubt", doubts, COUNT(doubts) } };
    static const char *const texts[] = { "by", "argument", "role" }; /* of a screen */
    const char *const *names = confidentialities, *word = json_text(j);
    size_t n = COUNT(confidentialities);
    char misspelt[120];

    for (size_t i = 0; i < COUNT(texts); i++)
        if (strcmp(json_key(j), texts[i]) == 0) {
            snprintf(misspelt, sizeof(misspelt), "%sx", word);
            jsonw_text(w, json_key(j), is_here(m, "misspelt", texts[i]) ? misspelt : word);
            return;
        }

    for (size_t i = 0; i < COUNT(known); i++)
        if (strcmp(json_key(j), known[i].key) == 0) {
            names = known[i].words;
            n = known[i].n;
        }
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], json_text(j)) != 0 && is_here(m, json_key(j), names[i]))
            word = names[i];
    jsonw_text(w, json_key(j), word);
}

static void write_object(struct mutation *m, struct jsonw *w, const struct json *object);

/* A member of an object of conditions or duties. */
static void write_member(struct mutation *m, struct jsonw *w, const char *of, const struct json *j)
{
    char name[120];

    switch (json_kind(j)) {
    case JSON_OBJECT:
        if ((strcmp(of, "args") == 0 && is_here(m, "another argument than", json_key(j))) ||
            (strcmp(of, "screened") == 0 && is_here(m, "another screen than", json_key(j)))) {
            snprintf(name, sizeof(name), "%sx", json_key(j));
            jsonw_value(w, name, j);
            break;
        }
        write_object(m, w, j);
        break;
    case JSON_ARRAY:
        write_list(m, w, of, j);
        break;
    case JSON_NUMBER:
        write_number(m, w, j);
        break;
    case JSON_BOOL:
        jsonw_bool(w, json_key(j), is_here(m, "turned", json_key(j)) ? !json_bool(j, false) : json_bool(j, false));
        break;
    case JSON_STRING:
        write_word(m, w, j);
        break;
    case JSON_NONE:
    case JSON_NULL:
        break;
    }
}

static void write_object(struct mutation *m, struct jsonw *w, const struct json *object)
{
    char what[480];

    jsonw_object(w, json_key(object));
    for (const struct json *j = json_first(object); j; j = json_next(j)) {
        snprintf(what, sizeof(what), "%s %s", json_key(object), json_key(j));
        if (!is_here(m, "without", what))
            write_member(m, w, json_key(object), j);
    }
    jsonw_end(w);
}

/* --- entries ---------------------------------------------------------------------------------------------------- */

static const char *const decisions[] = { "allow", "ask", "deny" };

static bool is_decision(const char *key)
{
    for (size_t i = 0; i < COUNT(decisions); i++)
        if (strcmp(decisions[i], key) == 0)
            return true;
    return false;
}

static void write_decision(struct mutation *m, struct jsonw *w, const struct json *j)
{
    for (size_t i = 0; i < COUNT(decisions); i++)
        if (strcmp(decisions[i], json_key(j)) != 0 && is_here(m, "decision", decisions[i])) {
            jsonw_text(w, decisions[i], json_text(j));
            return;
        }
    write_pattern(m, w, json_key(j), json_text(j));
}

static void write_entry(struct mutation *m, struct jsonw *w, const struct json *entry)
{
    m->entry = json_get_text(entry, "id", "?");
    if (is_here(m, "deleted", ""))
        return;
    jsonw_object(w, NULL);
    for (const struct json *j = json_first(entry); j; j = json_next(j)) {
        const char *key = json_key(j);

        if (strcmp(key, "id") == 0 || strcmp(key, "why") == 0)
            jsonw_value(w, key, j);
        else if (is_decision(key))
            write_decision(m, w, j);
        else if (strcmp(key, "of") == 0 && json_text(j))
            write_pattern(m, w, key, json_text(j));
        else if (!is_here(m, "without", key))
            write_member(m, w, "", j);
    }
    jsonw_end(w);
}

static void write_set(struct mutation *m, const struct json *root, struct buf *out)
{
    struct jsonw w = jsonw_start(out);

    jsonw_object(&w, NULL);
    for (const struct json *j = json_first(root); j; j = json_next(j)) {
        if (json_kind(j) != JSON_ARRAY || strcmp(json_key(j), "tests") == 0) {
            jsonw_value(&w, json_key(j), j);
            continue;
        }
        jsonw_array(&w, json_key(j));
        for (const struct json *e = json_first(j); e; e = json_next(e))
            write_entry(m, &w, e);
        jsonw_end(&w);
    }
    jsonw_end(&w);
}

/* --- calls of every kind ---------------------------------------------------------------------------------------- */

#define N_TOOLS 6
#define N_CALLS (N_TOOLS * 32 * 4 * 6) /* effects, traits, contexts */

/* Decides on calls of every kind; counts the decisions.  false: q decides otherwise than p. */
static bool decide_calls(const struct policy *p, const struct policy *q, unsigned decided[3])
{
    static const char *const tools[N_TOOLS][2] = {
        { "math", "calc" }, { "code", "run_python" }, { "corax", "memory_add" }, { "web", "fetch" }, { "foreign", "any" },
        { "chemistry", "retro_step" },
    };
    static const char *const args[] = { "{}", "{\"url\":\"https://a.org/x\"}", "{\"url\":\"http://a.org/\"}", "{\"url\":7}",
                                        "{\"url\":\"https://[::1]/\"}" };
    static const char *const found[] = { "controlled", "explosive" };
    bool alike = true;

    for (size_t a = 0; a < COUNT(args); a++) {
        /* Nothing known, nothing found, and one, the other or both found. */
        const struct screen_answer answers[] = {
            { "chemistry.controlled_check", "smiles", "molecule", a > 0, a == 2 || a == 4, &found[0] },
            { "chemistry.explosive_check", "smiles", "molecule", a > 0, a >= 3, &found[1] },
        };
        struct json *parsed = json_parse(args[a], strlen(args[a]), NULL);

        for (unsigned i = 0; i < N_CALLS; i++) {
            const unsigned rest = i / N_TOOLS;
            const struct policy_request r = {
                .provider = tools[i % N_TOOLS][0],
                .tool = tools[i % N_TOOLS][1],
                .args = parsed,
                .screened = answers,
                .n_screened = COUNT(answers),
                .effects = rest % 32,
                .traits = rest / 32 % 4,
                .context = { (enum integrity)(rest / 128 % 2), (enum confidentiality)(rest / 256 % 3) },
            };
            const enum policy_decision d = policy_decide(p, &r).decision;

            decided[d]++;
            alike &= d == policy_decide(q, &r).decision;
        }
        json_free(parsed);
    }
    return alike;
}

struct kills {
    unsigned by_test, never_wins, malformed, equivalent, survived;
};

/* Of any set, where it begins with a *. */
static bool is_equivalent(const char *what)
{
    for (size_t i = 0; i < COUNT(equivalent); i++)
        if (strcmp(equivalent[i].what, what) == 0 ||
            (equivalent[i].what[0] == '*' && strcmp(equivalent[i].what + 1, strchr(what, '/')) == 0))
            return true;
    return false;
}

static void try_mutant(const struct mutation *m, const struct buf *text, const struct policy *set, struct kills *kills)
{
    struct err err = { 0 };
    struct policy *p = load_buf(text, POLICY_BASE, &err);
    unsigned decided[3] = { 0 };

    if (p && is_equivalent(m->what) && decide_calls(p, set, decided)) {
        kills->equivalent++;
    } else if (p) {
        kills->survived++;
        diag("survives: %s", m->what);
    } else if (strstr(err.msg, "test ")) {
        kills->by_test++;
    } else if (strstr(err.msg, "can never")) {
        kills->never_wins++;
    } else {
        kills->malformed++;
    }
    policy_destroy(p);
}

static void test_mutants(const char *set, struct kills *kills)
{
    struct buf text, other;
    struct json *root;
    struct err err = { 0 };
    struct policy *p, *again;
    struct mutation m = { .set = set };

    buf_init(&text, POLICY_MAX_FILE_BYTES);
    buf_init(&other, POLICY_MAX_FILE_BYTES);
    read_shipped(set, &text);
    p = load_buf(&text, POLICY_BASE, &err);
    if (!ok(p, "%s loads, its tests pass", set))
        diag("%s", err.msg);
    if (p && (root = json_parse(text.data, text.len, NULL))) {
        for (m.wanted = -1;; m.wanted++) {
            m.n = 0;
            buf_reset(&other);
            write_set(&m, root, &other);
            if (m.wanted >= m.n)
                break;
            if (m.wanted < 0) {
                again = load_buf(&other, POLICY_BASE, NULL);
                ok(again, "%s loads when it is written again unchanged", set);
                policy_destroy(again);
            } else {
                try_mutant(&m, &other, p, kills);
            }
        }
        json_free(root);
    }
    policy_destroy(p);
    buf_finish(&text);
    buf_finish(&other);
}

/* --- nothing is asked ------------------------------------------------------------------------------------------- */

static void test_never_asks(const char *set)
{
    struct buf text;
    struct policy *p;
    unsigned decided[3] = { 0 };

    buf_init(&text, POLICY_MAX_FILE_BYTES);
    read_shipped(set, &text);
    p = load_buf(&text, POLICY_BASE, NULL);
    if (ok(p, "%s loads", set))
        decide_calls(p, p, decided);
    ok(decided[POLICY_ASK] == 0 && decided[POLICY_ALLOW] > 0, "%s asks about none of its calls, denies %u and allows %u", set,
       decided[POLICY_DENY], decided[POLICY_ALLOW]);
    policy_destroy(p);
    buf_finish(&text);
}

int main(void)
{
    struct kills kills = { 0 };

    plan_later();
    for (size_t i = 0; i < COUNT(shipped_names); i++)
        test_mutants(shipped_names[i], &kills);
    diag("%u mutants: a test fails %u, a rule can never win %u, malformed %u, equivalent %u, survive %u",
         kills.by_test + kills.never_wins + kills.malformed + kills.equivalent + kills.survived, kills.by_test, kills.never_wins,
         kills.malformed, kills.equivalent, kills.survived);
    is_int(kills.survived, 0, "no mutant of a shipped set is accepted");
    ok(kills.by_test > 300, "most are refused by a test");
    test_never_asks("unattended");
    test_never_asks("readonly");
    done();
    return tap_status();
}
