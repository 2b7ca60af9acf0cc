/*
 * tests/policies/random_policy.h - random policy sets of several layers, and random requests, the same in each run.
 *
 * Names, arguments and labels are of few kinds, so that entries and requests meet.  URLs and paths are those on which
 * tests/policies/reference.c reads alike with the engine: see there.
 */
#ifndef TESTS_POLICIES_RANDOM_POLICY_H
#define TESTS_POLICIES_RANDOM_POLICY_H

#include <stdio.h>
#include <string.h>

#include <corax/plugin.h>

#include "policies/policy.h"
#include "tests/policies/files.h"
#include "tests/policies/random.h"
#include "util/buf.h"
#include "util/json.h"

/* --- entries ---------------------------------------------------------------------------------------------------- */

enum section { RULES, LABELS, SINKS, LIMITS, CONTAINED, SCREENS, N_SECTIONS };

static const char *const section_names[N_SECTIONS] = { "rules", "labels", "sinks", "limits", "contained", "screens" };

#define MAX_ENTRIES   40 /* of a section of a file */
#define ENTRY_BYTES   900
#define MAX_SET_FILES 3
#define N_REDACTIONS  8

static inline void put_names(struct buf *b, const char *key, const char *const *words, size_t n)
{
    const char *comma = "";

    buf_addf(b, "\"%s\":[", key);
    for (size_t i = 0; i < n; i++)
        if (below(2)) {
            buf_addf(b, "%s\"%s\"", comma, words[i]);
            comma = ",";
        }
    buf_addf(b, "]");
}

static inline void put_bits(struct buf *b, const char *key, const char *const *words, size_t n)
{
    const unsigned which = below(3);

    buf_addf(b, "\"%s\":{", key);
    if (which != 1)
        put_names(b, "any", words, n);
    if (which == 2)
        buf_addc(b, ',');
    if (which != 0)
        put_names(b, "within", words, n);
    buf_addc(b, '}');
}

static inline void put_pattern(struct buf *b)
{
    static const char *const providers[] = { "*", "*", "a", "a*", "*b", "ab" };
    static const char *const tools[] = { "*", "*", "x", "x*", "*y", "x*y", "y.z", "*z*" };

    buf_addf(b, "\"%s.", PICK(providers));
    buf_addf(b, "%s\"", PICK(tools));
}

static inline void put_label(struct buf *b)
{
    static const char *const confidentialities[] = { "public", "internal", "secret" };
    const unsigned which = below(3);

    buf_addc(b, '{');
    if (which != 1)
        buf_addf(b, "\"integrity\":\"%strusted\"", below(2) ? "un" : "");
    if (which != 0)
        buf_addf(b, "%s\"confidentiality\":\"%s\"", which == 2 ? "," : "", PICK(confidentialities));
    buf_addc(b, '}');
}

static inline void put_args(struct buf *b)
{
    static const char *const args[] = {
        "\"n\":{\"min\":0}",
        "\"n\":{\"max\":5}",
        "\"n\":{\"min\":1,\"max\":5}",
        "\"n\":{\"enum\":[0,5]}",
        "\"n\":{\"enum\":[5,\"five\",null],\"min\":1}",
        "\"n\":{\"enum\":[\"five\",true]}",
        "\"s\":{\"max_length\":2}",
        "\"s\":{\"min_length\":1}",
        "\"s\":{\"enum\":[\"\",\"abc\"]}",
        "\"s\":{\"min_length\":1,\"max_length\":3},\"n\":{\"max\":1}",
        "\"s\":{\"enum\":[\"abc\",1],\"min_length\":2}",
        "\"p\":{\"path\":{\"beneath\":[\"docs\"]}}",
        "\"p\":{\"path\":{\"beneath\":[\"work/./out/\",\"docs/a\"]}}",
        "\"p\":{\"path\":{\"hidden\":true}}",
        "\"p\":{\"path\":{\"beneath\":[\"work\"],\"hidden\":false}}",
        "\"p\":{\"path\":{}}",
        "\"u\":{\"url\":{\"scheme\":[\"https\"]}}",
        "\"u\":{\"url\":{\"host\":[\"a.org\"]}}",
        "\"u\":{\"url\":{\"host\":[\"*.a.org\",\"8.8.8.8\"],\"port\":[443,8080]}}",
        "\"u\":{\"url\":{\"private\":true}}",
        "\"u\":{\"url\":{\"private\":false,\"max_query\":3}}",
        "\"u\":{\"url\":{\"beneath\":[\"/api\",\"/v1/\"]}}",
        "\"u\":{\"url\":{\"beneath\":[\"/\"],\"scheme\":[\"http\"]}}",
        "\"u\":{\"url\":{}}",
        "\"v\":{\"argv\":{\"program\":[\"ls\",\"git\"]}}",
        "\"v\":{\"argv\":{\"options\":[\"-l\",\"--all\"]}}",
        "\"v\":{\"argv\":{\"program\":[\"ls\"],\"options\":[\"-l\"],\"max\":3}}",
        "\"v\":{\"argv\":{\"max\":2}}",
        "\"v\":{\"argv\":{}}",
    };

    buf_addf(b, "\"args\":{%s}", PICK(args));
}

/* A list of one to three. */
static inline void put_some(struct buf *b, const char *key, const char *const *words, size_t n)
{
    buf_addf(b, "\"%s\":[%s", key, words[below((unsigned)n)]);
    for (unsigned i = below(3); i > 0; i--)
        buf_addf(b, ",%s", words[below((unsigned)n)]);
    buf_addc(b, ']');
}

/* Members with commas between them; of n, those that chance has; when chance has none, the braces are empty. */
struct members {
    struct buf *b;
    const char *comma;
};

static inline bool has_member(struct members *m, unsigned one_of)
{
    if (below(one_of))
        return false;
    buf_adds(m->b, m->comma);
    m->comma = ",";
    return true;
}

static inline void put_some_member(struct members *m, unsigned one_of, const char *key, const char *const *words, size_t n)
{
    if (has_member(m, one_of))
        put_some(m->b, key, words, n);
}

static inline void put_crowded_url(struct buf *b)
{
    static const char *const hosts[] = { "\"a.org\"", "\"*.a.org\"", "\"x.a.org\"", "\"*.x.a.org\"", "\"*.org\"", "\"xa.org\"",
                                         "\"b.org\"", "\"8.8.8.8\"" };
    static const char *const prefixes[] = { "\"/\"", "\"/api\"", "\"/api/\"", "\"/api/v\"", "\"/api/v/\"", "\"/api/v/w\"", "\"/apix\"",
                                            "\"/v1/\"" };
    static const char *const schemes[] = { "\"http\"", "\"https\"" }, *const ports[] = { "443", "80", "8080", "8443" };
    struct members m = { b, "" };

    buf_adds(b, "\"u\":{\"url\":{");
    put_some_member(&m, 2, "host", hosts, COUNT(hosts));
    put_some_member(&m, 2, "beneath", prefixes, COUNT(prefixes));
    put_some_member(&m, 5, "scheme", schemes, COUNT(schemes));
    put_some_member(&m, 5, "port", ports, COUNT(ports));
    if (has_member(&m, 3))
        buf_addf(b, "\"max_query\":%u", below(7));
    if (has_member(&m, 6))
        buf_addf(b, "\"private\":%s", below(2) ? "true" : "false");
    buf_adds(b, "}}");
}

static inline void put_crowded_path(struct buf *b)
{
    static const char *const folders[] = { "\"docs\"", "\"docs/a\"", "\"docs/a/b\"", "\"docs/a/b/c\"", "\"docs/.git\"", "\"docsx\"",
                                           "\"work\"", "\"work/out\"", "\"work/outer\"" };
    struct members m = { b, "" };

    buf_adds(b, "\"p\":{\"path\":{");
    put_some_member(&m, 1, "beneath", folders, COUNT(folders));
    if (has_member(&m, 3))
        buf_addf(b, "\"hidden\":%s", below(2) ? "true" : "false");
    buf_adds(b, "}}");
}

static inline void put_crowded_value(struct buf *b)
{
    static const char *const values[] = { "-1", "0", "1", "5", "5.5", "\"five\"", "true", "false", "null", "\"ab\"" };
    static const char *const texts[] = { "\"\"", "\"ab\"", "\"abc\"", "\"abcd\"", "\"\xc3\xa9\"", "1" };
    const unsigned at = below(8);

    if (below(2))
        put_some(b, "n\":{\"enum", values, COUNT(values));
    else
        buf_addf(b, "\"n\":{\"min\":%d,\"max\":%u", (int)at - 3, at + below(4));
    buf_adds(b, "},");
    if (below(2))
        put_some(b, "s\":{\"enum", texts, COUNT(texts));
    else
        buf_addf(b, "\"s\":{\"min_length\":%u,\"max_length\":%u", at / 2, at / 2 + below(3));
    buf_addc(b, '}');
}

static inline void put_crowded_line(struct buf *b)
{
    static const char *const programs[] = { "\"ls\"", "\"git\"", "\"rm\"", "\"/bin/ls\"", "\"cp\"" };
    static const char *const options[] = { "\"-l\"", "\"-x\"", "\"-la\"", "\"--all\"", "\"--almost\"", "\"--\"", "\"-\"" };
    struct members m = { b, "" };

    buf_adds(b, "\"v\":{\"argv\":{");
    put_some_member(&m, 2, "program", programs, COUNT(programs));
    put_some_member(&m, 2, "options", options, COUNT(options));
    if (has_member(&m, 3))
        buf_addf(b, "\"max\":%u", below(5));
    buf_adds(b, "}}");
}

/* What the rules of a crowded file are about: one argument, in many and nested ways. */
enum crowd { NO_CROWD, CROWD_URL, CROWD_PATH, CROWD_VALUE, CROWD_LINE, N_CROWDS };

static inline void put_crowded_args(struct buf *b, enum crowd crowd)
{
    static void (*const put[])(struct buf *) = { NULL, put_crowded_url, put_crowded_path, put_crowded_value, put_crowded_line };

    buf_adds(b, "\"args\":{");
    put[crowd](b);
    buf_addc(b, '}');
}

static const char *const findings[] = { "f-0", "f-1", "f-2", "f-3" };

/* Of a file's screens those that are numbered so; where it has none of that number, the rule does not load. */
static inline void put_screened(struct buf *b, bool allow)
{
    const unsigned first = 1 + (below(3) == 0);

    buf_adds(b, "\"screened\":{");
    for (unsigned i = first; i <= first + (below(4) == 0); i++) {
        buf_addf(b, "%s\"e%u\":{", i > first ? "," : "", i);
        put_names(b, allow ? "within" : "any", (const char *const[]){ "f-0", "f-1", "f-2", "f-3" }, COUNT(findings));
        buf_addc(b, '}');
    }
    buf_addc(b, '}');
}

/* A screen's members but for its id and why. */
static inline void put_screen(struct buf *b)
{
    static const char *const arguments[] = { "m", "list" };
    const unsigned more = below(3);

    buf_adds(b, more ? "\"of\":[" : "\"of\":");
    put_pattern(b);
    for (unsigned i = 1; i < more; i++) {
        buf_addc(b, ',');
        put_pattern(b);
    }
    buf_adds(b, more ? "]" : "");
    buf_addf(b, ",\"by\":\"q.check%u\",\"argument\":\"%s\",\"role\":\"molecule\"", below(2), PICK(arguments));
}

/* The conditions that a section may have. */
static inline void put_when(struct buf *b, enum section section, bool allow, enum crowd crowd)
{
    static const char *const effects[] = { "read", "write", "exec", "net", "clock" };
    static const char *const traits[] = { "idempotent", "destructive" };
    struct members m = { b, "" };

    buf_adds(b, ",\"when\":{");
    if (crowd != NO_CROWD && has_member(&m, 1))
        put_crowded_args(b, crowd);
    if (has_member(&m, 2 + 6 * (crowd != NO_CROWD)))
        put_bits(b, "effects", effects, COUNT(effects));
    if (has_member(&m, 4))
        put_bits(b, "traits", traits, COUNT(traits));
    if (section != LIMITS && section != SCREENS && crowd == NO_CROWD && has_member(&m, 2))
        put_args(b);
    if (section == RULES && has_member(&m, 3)) {
        buf_addf(b, "\"context\":{\"%s\":", allow ? "at_most" : "at_least");
        put_label(b);
        buf_addc(b, '}');
    }
    if (section == RULES && has_member(&m, 2))
        put_screened(b, allow);
    if (has_member(&m, 4)) {
        buf_adds(b, "\"except\":[");
        put_pattern(b);
        buf_addc(b, ',');
        put_pattern(b);
        buf_addc(b, ']');
    }
    buf_addc(b, '}');
}

static inline void put_must(struct buf *b)
{
    struct members m = { b, "" };

    buf_adds(b, ",\"must\":{");
    if (has_member(&m, 2))
        buf_addf(b, "\"timeout_s\":%u", 1 + below(9));
    if (has_member(&m, 2))
        buf_addf(b, "\"approve_s\":%u.5", below(9));
    if (has_member(&m, 2))
        buf_addf(b, "\"result_bytes\":%u", 1 + below(9));
    if (has_member(&m, 2))
        buf_adds(b, "\"fresh_host\":true");
    if (has_member(&m, 2))
        buf_addf(b, "\"in_doubt\":\"%s\"", below(3) ? "ask" : "fail");
    if (has_member(&m, 2))
        buf_addf(b, "\"redact\":[\"q%u\",\"q%u\"]", below(N_REDACTIONS), below(N_REDACTIONS));
    buf_addc(b, '}');
}

/* One of a section, as text; now and then one that cannot be loaded.  decision: of a rule; NULL: any that the layer may have. */
static inline void crowded_entry(char out[ENTRY_BYTES], enum section section, unsigned number, enum policy_layer layer,
                                 const char *decision, enum crowd crowd)
{
    static const char *const base[] = { "allow", "allow", "allow", "ask", "deny" }, *const narrow[] = { "ask", "deny" };
    struct buf b;

    buf_init(&b, ENTRY_BYTES);
    if (!decision)
        decision = layer == POLICY_BASE ? PICK(base) : PICK(narrow);
    buf_addf(&b, "{\"id\":\"%c%u\",", "rlsmce"[section], number);
    if (section != SCREENS)
        buf_addf(&b, "\"%s\":", section == RULES ? decision : "of");
    if (section == SCREENS)
        put_screen(&b);
    else if (crowd != NO_CROWD && below(4))
        buf_adds(&b, below(3) ? "\"*.*\"" : "\"a.*\"");
    else
        put_pattern(&b);
    if (crowd != NO_CROWD || below(5) > 0)
        put_when(&b, section, strcmp(decision, "allow") == 0, crowd);
    if (section == RULES && below(4) == 0)
        put_must(&b);
    if (section == LABELS || section == SINKS) {
        struct buf label;

        /* The members of a label, without its braces. */
        buf_init(&label, 200);
        put_label(&label);
        if (section == SINKS) {
            static const char *const to[] = { "public", "internal", "secret" };

            buf_addf(&b, ",\"confidentiality\":\"%s\"", PICK(to));
        } else {
            buf_addf(&b, ",%.*s", (int)label.len - 2, label.data + 1);
        }
        buf_finish(&label);
    }
    if (section == LIMITS) {
        const unsigned which = below(3);

        if (which != 1)
            buf_addf(&b, ",\"calls\":%u", below(5));
        if (which != 0)
            buf_addf(&b, ",\"bytes\":%u", below(60));
    }
    buf_adds(&b, ",\"why\":\"w\"}");
    snprintf(out, ENTRY_BYTES, "%.*s", (int)b.len, b.failed ? "" : b.data);
    buf_finish(&b);
}

static inline void random_entry(char out[ENTRY_BYTES], enum section section, unsigned number, enum policy_layer layer,
                                const char *decision)
{
    crowded_entry(out, section, number, layer, decision, NO_CROWD);
}

/* --- files and layers ------------------------------------------------------------------------------------------- */

struct random_file {
    char id[16];
    unsigned n[N_SECTIONS];
    char entries[N_SECTIONS][MAX_ENTRIES + 1][ENTRY_BYTES];
};

struct random_layer {
    enum policy_layer kind;
    unsigned n_files;
    struct random_file files[MAX_SET_FILES];
};

struct random_set {
    unsigned n_layers;
    struct random_layer layers[POLICY_MAX_LAYERS];
};

static inline void random_order(unsigned *order, unsigned n, bool shuffled)
{
    for (unsigned i = 0; i < n; i++)
        order[i] = i;
    for (unsigned i = n; shuffled && i > 1; i--) {
        const unsigned k = below(i), kept = order[i - 1];

        order[i - 1] = order[k];
        order[k] = kept;
    }
}

/* Appends the file's text and a NUL. */
static inline void write_random_file(const struct random_file *f, bool shuffled, struct buf *out)
{
    unsigned sections[N_SECTIONS], entries[MAX_ENTRIES + 1];

    random_order(sections, N_SECTIONS, shuffled);
    buf_addf(out, "{\"policy\":1,\"id\":\"%s\"", f->id);
    for (unsigned s = 0; s < N_SECTIONS; s++) {
        const unsigned section = sections[s];

        if (section != RULES && f->n[section] == 0)
            continue;
        buf_addf(out, ",\"%s\":[", section_names[section]);
        random_order(entries, f->n[section], shuffled);
        for (unsigned i = 0; i < f->n[section]; i++)
            buf_addf(out, "%s%s", i ? "," : "", f->entries[section][entries[i]]);
        buf_addc(out, ']');
    }
    buf_adds(out, "}");
    buf_addc(out, '\0');
}

static inline struct policy *load_random_layer(const struct random_layer *l, bool shuffled, struct err *err)
{
    struct policy_file files[MAX_SET_FILES];
    unsigned order[MAX_SET_FILES];
    size_t starts[MAX_SET_FILES];
    struct policy *p;
    struct buf text;

    buf_init(&text, 1u << 20);
    random_order(order, l->n_files, shuffled);
    for (unsigned i = 0; i < l->n_files; i++) {
        starts[i] = text.len;
        write_random_file(&l->files[order[i]], shuffled, &text);
    }
    for (unsigned i = 0; i < l->n_files; i++) {
        const char *from = text.data + starts[i];

        files[i] = (struct policy_file){ .name = "random", .text = from, .len = strlen(from) };
    }
    p = policy_load(files, l->n_files, l->kind, err);
    buf_finish(&text);
    return p;
}

/* Adds entries one by one, and keeps those that load.  Of some files the rules are many. */
static inline void fill_random_file(struct random_file *f, enum policy_layer kind, unsigned number)
{
    static const unsigned tries[N_SECTIONS] = { 9, 4, 4, 3, 3, 5 };
    static struct random_layer alone;
    const enum crowd crowd = below(5) ? NO_CROWD : (enum crowd)(1 + below(N_CROWDS - 1));

    memset(f, 0, sizeof(*f));
    snprintf(f->id, sizeof(f->id), "f%u", number);
    /* The screens come first, for rules are about them. */
    for (unsigned k = 0, s = SCREENS; k < N_SECTIONS; k++, s = k - 1)
        for (unsigned i = below(tries[s]) + (s != RULES ? 0 : crowd ? MAX_ENTRIES : kind == POLICY_BASE ? 2 : 0);
             i > 0 && f->n[s] < MAX_ENTRIES; i--) {
            struct policy *p;

            if (s == CONTAINED && kind == POLICY_NARROWS)
                break;
            crowded_entry(f->entries[s][f->n[s]++], (enum section)s, i, kind, NULL, s == RULES ? crowd : NO_CROWD);
            alone.kind = kind;
            alone.n_files = 1;
            alone.files[0] = *f;
            p = load_random_layer(&alone, false, NULL);
            f->n[s] -= p == NULL;
            policy_destroy(p);
        }
}

static inline void fill_random_layer(struct random_layer *l, enum policy_layer kind)
{
    l->kind = kind;
    l->n_files = 1 + below(kind == POLICY_BASE ? MAX_SET_FILES : 2);
    for (unsigned i = 0; i < l->n_files; i++)
        fill_random_file(&l->files[i], kind, i);
}

static inline void fill_random_set(struct random_set *s)
{
    s->n_layers = 1 + below(3);
    for (unsigned i = 0; i < s->n_layers; i++)
        fill_random_layer(&s->layers[i], i == 0 ? POLICY_BASE : POLICY_NARROWS);
}

/* --- requests --------------------------------------------------------------------------------------------------- */

#define MAX_RANDOM_PAST 6

#define N_RANDOM_ANSWERS 4

struct random_request {
    struct json *args;
    struct screen_answer answers[N_RANDOM_ANSWERS];
    const char *found[N_RANDOM_ANSWERS][COUNT(findings)];
    struct policy_past past[2 * MAX_RANDOM_PAST];
    struct policy_request request;
};

/* Where links lead: of a host that has two, one out of the root. */
static inline bool resolve_links(void *arg, const char *text, struct path *out)
{
    const char *to = strcmp(text, "docs/link") == 0 ? "work/secret" : text;

    (void)arg;
    if (strcmp(text, "work/link") == 0 || *to == '/' || *to == '\0' || strstr(to, ".."))
        return false;
    snprintf(out->text, sizeof(out->text), "%s", to);
    return true;
}

static inline void put_value(struct buf *b, const char *name, const char *const *values, size_t n, bool list)
{
    if (below(4) == 0)
        return;
    if (!list || below(3)) {
        buf_addf(b, ",\"%s\":%s", name, values[below((unsigned)n)]);
        return;
    }
    buf_addf(b, ",\"%s\":[", name);
    for (unsigned i = below(3); i > 0; i--)
        buf_addf(b, "%s,", values[below((unsigned)n)]);
    buf_addf(b, "%s]", values[below((unsigned)n)]);
}

static inline struct policy_past random_past(void)
{
    static const char *const providers[] = { "a", "ab", "b" }, *const tools[] = { "x", "xy", "y.z", "q" };

    return (struct policy_past){
        .provider = PICK(providers), .tool = PICK(tools), .effects = below(32), .traits = below(4), .bytes = below(30)
    };
}

static inline struct label random_label(void)
{
    return (struct label){ (enum integrity)below(2), (enum confidentiality)below(3) };
}

/* To each question of put_screen that, or the next, or none. */
static inline void random_answers(struct random_request *r)
{
    static const char *const by[] = { "q.check0", "q.check1" }, *const arguments[] = { "m", "list" };

    for (unsigned i = 0; i < N_RANDOM_ANSWERS; i++) {
        struct screen_answer *a = &r->answers[i];

        *a = (struct screen_answer){ by[i / 2], arguments[i % 2], "molecule", below(4) > 0, 0, r->found[i] };
        for (unsigned f = 0; f < COUNT(findings); f++)
            if (a->known && below(4) == 0)
                r->found[i][a->n++] = findings[f];
    }
}

static inline void random_request(struct random_request *r)
{
    static const char *const providers[] = { "a", "a", "ab", "b", "c" };
    static const char *const tools[] = { "x", "xy", "xzy", "y.z", "q" };
    static const char *const numbers[] = { "-1", "0", "1", "5", "5.5", "1e15", "9007199254740993", "-1e20", "\"five\"", "true",
                                           "null", "[5]" };
    static const char *const strings[] = { "\"\"", "\"\xc3\xa9\"", "\"ab\"", "\"abc\"", "\"abcd\"", "1", "{}" };
    static const char *const paths[] = { "\"docs\"", "\"docs/a\"", "\"docs/a/b\"", "\"docsx/a\"", "\"./docs//a/.\"", "\"docs/.git/a\"",
                                         "\".x\"", "\"/docs\"", "\"docs/../work\"", "\"\"", "\".\"", "\"work/out/c\"", "\"work/outer\"",
                                         "\"docs/link\"", "\"work/link\"", "\"do\\\\cs\"", "7", "\"work/a..b\"", "\"docs/a/b/c/d\"",
                                         "\"docs/a/bc\"" };
    static const char *const urls[] = {
        "\"https://a.org/\"", "\"http://a.org\"", "\"HTTPS://A.Org./api\"", "\"https://x.a.org/api/v\"", "\"https://xa.org:8080/apix\"",
        "\"http://8.8.8.8:8080/v1\"", "\"http://8.8.8.8/v1/?abc\"", "\"https://a.org/api?abcd\"", "\"https://a.org#frag\"",
        "\"http://127.0.0.1/\"", "\"http://10.1.2.3:443/api\"", "\"http://localhost/\"", "\"https://printer.local/api\"",
        "\"http://[::1]/api\"", "\"http://[2606:4700::1111]:8080/\"", "\"http://u@a.org/\"", "\"http://0x7f.1/\"", "\"http://1.2.3/\"",
        "\"https://a.org/%61pi\"", "\"https://a.org//api\"", "\"https://a.org/x/../api\"", "\"ftp://a.org/\"", "\"a.org\"", "\"\"", "7",
        "\"https://a.org:99999/\"", "\"https://a.org/api/%C3%A9\"", "\"https://y.x.a.org/api/v/w/z\"", "\"http://b.org:8080/api/vw?abcdef\"",
        "\"https://x.a.org/%61pi/v\"", "\"https://b.org:8443/v1/api/\"",
    };
    static const char *const lines[] = { "[\"ls\"]", "[\"ls\",\"-l\"]", "[\"/bin/ls\",\"-l\",\"a\"]", "[\"git\",\"--all=x\"]",
                                         "[\"git\",\"--al\"]", "[\"ls\",\"-la\",\"b\"]", "[\"ls\",\"-x\",\"-l\",\"c\"]", "[]", "[7]",
                                         "[\"ls\",7]", "\"ls\"", "[\"rm\",\"-\",\"--\"]", "[\"-l\"]",
                                         "[\"/usr/bin/git\",\"--al=x\",\"a\",\"b\"]", "[\"cp\",\"-xa\"]",
                                         "[\"git\",\"--almost-all\"]", "[\"git\",\"--a\"]" };
    struct buf b;

    buf_init(&b, 4096);
    buf_adds(&b, "{\"other\":0");
    put_value(&b, "n", numbers, COUNT(numbers), false);
    put_value(&b, "s", strings, COUNT(strings), false);
    put_value(&b, "p", paths, COUNT(paths), true);
    put_value(&b, "u", urls, COUNT(urls), true);
    put_value(&b, "v", lines, COUNT(lines), false);
    buf_addc(&b, '}');
    r->args = json_parse(b.data, b.len, NULL);
    buf_finish(&b);
    for (unsigned i = 0; i < 2 * MAX_RANDOM_PAST; i++)
        r->past[i] = random_past();
    random_answers(r);
    r->request = (struct policy_request){ .provider = PICK(providers),
                                          .tool = PICK(tools),
                                          .effects = below(4) ? below(32) : 0,
                                          .traits = below(3) ? below(2) : below(4),
                                          .args = below(9) ? r->args : NULL,
                                          .bytes = below(30),
                                          .context = below(2) ? random_label() : (struct label){ TRUSTED, PUBLIC },
                                          .n_past = below(2) ? below(MAX_RANDOM_PAST + 1) : 0,
                                          .past = r->past,
                                          .n_screened = below(4) ? N_RANDOM_ANSWERS : below(N_RANDOM_ANSWERS),
                                          .screened = r->answers,
                                          .resolve = below(3) ? NULL : resolve_links };
}

#endif
