#include "tests/bench/masks_replay.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/buf.h"
#include "util/clock.h"

enum { MAX_LINE_VALUES = 4 << 20 }; /* values of a line: each token of an instance is one */

/* Nanoseconds of one thing after another. */
struct times {
    int64_t *at;
    size_t n, cap;
};

struct replay {
    const struct mask_engine *engine;
    FILE *out;
    void *compiled;
    struct times masks, accepts;
};

static int times_add(struct times *t, int64_t ns, struct err *err)
{
    if (t->n == t->cap) {
        const size_t cap = t->cap ? 2 * t->cap : 4096;
        int64_t *at = realloc(t->at, cap * sizeof *at);

        if (!at)
            return fail(err, CORAX_E_LIMIT, "out of memory for %zu times", cap);
        *t = (struct times){ at, t->n, cap };
    }
    t->at[t->n++] = ns;
    return 0;
}

static void write_times(FILE *out, const char *key, const struct times *t)
{
    fprintf(out, ",\"%s\":[", key);
    for (size_t i = 0; i < t->n; i++)
        fprintf(out, "%s%" PRId64, i ? "," : "", t->at[i]);
    fputc(']', out);
}

static void write_text(FILE *out, const char *key, const char *text)
{
    struct buf b;
    struct jsonw w;

    buf_init(&b, (size_t)1 << 20);
    w = jsonw_start(&b);
    jsonw_text(&w, NULL, text);
    fprintf(out, "\"%s\":%.*s", key, (int)b.len, b.data);
    buf_finish(&b);
}

/* 1: the token is past; 0: it is not in the mask; -1: the engine gave up. */
static int step(struct replay *r, void *state, int32_t token, struct err *err)
{
    const int64_t start = clock_mono_ns();
    const uint32_t *bits = r->engine->mask(state);
    const int64_t computed = clock_mono_ns();
    int64_t before;
    bool accepted;

    if (times_add(&r->masks, computed - start, err) < 0 || !bits)
        return -1;
    if (!(bits[token / 32] >> token % 32 & 1))
        return 0;
    before = clock_mono_ns();
    accepted = r->engine->accept(state, token);
    return times_add(&r->accepts, clock_mono_ns() - before, err) == 0 && accepted ? 1 : -1;
}

static int run_test(struct replay *r, const struct json *test, struct err *err)
{
    const struct json *ids = json_get(test, "ids");
    void *state = r->engine->begin(r->engine->arg, r->compiled, err);
    size_t taken = 0;
    int result = 1;

    if (!state)
        return -1;
    for (const struct json *id = json_first(ids); id && result == 1; id = json_next(id)) {
        result = step(r, state, (int32_t)json_number(id, 0), err);
        taken += result == 1;
    }
    fprintf(r->out, "{\"valid\":%s,\"taken\":%zu,\"n\":%zu,\"ends\":%s,\"failed\":%s}",
            json_bool(json_get(test, "valid"), false) ? "true" : "false", taken, json_count(ids),
            result == 1 && r->engine->ends(state) ? "true" : "false", result < 0 ? "true" : "false");
    r->engine->leave(state);
    return 0;
}

/* Of a schema that nothing is tested with. */
static int only_first_mask(struct replay *r, int64_t *ns, struct err *err)
{
    void *state = r->engine->begin(r->engine->arg, r->compiled, err);
    int64_t start;

    if (!state)
        return -1;
    start = clock_mono_ns();
    r->engine->mask(state);
    *ns = clock_mono_ns() - start;
    r->engine->leave(state);
    return 0;
}

static int run_tests(struct replay *r, const struct json *line, int64_t compile_ns, struct err *err)
{
    const struct json *tests = json_get(line, "tests");
    int64_t first_ns;
    int result = 0;

    r->masks.n = r->accepts.n = 0;
    fprintf(r->out, ",\"error\":null,\"tests\":[");
    for (const struct json *t = json_first(tests); t && result == 0; t = json_next(t)) {
        if (t != json_first(tests))
            fputc(',', r->out);
        result = run_test(r, t, err);
    }
    if (r->masks.n)
        first_ns = r->masks.at[0];
    else if (result == 0)
        result = only_first_mask(r, &first_ns, err);
    if (result < 0)
        return -1;
    fprintf(r->out, "],\"compile_ns\":%" PRId64 ",\"first_ns\":%" PRId64, compile_ns, first_ns);
    write_times(r->out, "mask_ns", &r->masks);
    write_times(r->out, "accept_ns", &r->accepts);
    return 0;
}

static int run_schema(void *arg, const struct json *line, struct err *err)
{
    struct replay *r = arg;
    const char *schema = json_text(json_get(line, "schema"));
    struct err refused = { 0 };
    int64_t start;
    int result = 0;

    if (!schema)
        return fail(err, CORAX_E_ARGS, "a line has no schema");
    fputc('{', r->out);
    write_text(r->out, "name", json_get_text(line, "name", ""));
    start = clock_mono_ns();
    r->compiled = r->engine->compile(r->engine->arg, schema, strlen(schema), &refused);
    if (r->compiled) {
        result = run_tests(r, line, clock_mono_ns() - start, err);
        r->engine->destroy(r->compiled);
    } else {
        fputc(',', r->out);
        write_text(r->out, "error", refused.msg);
    }
    fputs("}\n", r->out);
    return result;
}

int masks_lines(const char *path, int (*each)(void *arg, const struct json *line, struct err *err), void *arg,
                struct err *err)
{
    FILE *in = fopen(path, "r");
    char *text = NULL;
    size_t cap = 0;
    ssize_t len;
    int result = in ? 0 : fail_sys(err, CORAX_E_IO, "%s", path);

    while (result == 0 && (len = getline(&text, &cap, in)) > 0) {
        struct json *line = json_parse_large(text, (size_t)len, MAX_LINE_VALUES, err);

        result = line ? each(arg, line, err) : -1;
        json_free(line);
    }
    free(text);
    if (in)
        fclose(in);
    return result;
}

int masks_replay(const struct mask_engine *engine, const char *in, const char *out, struct err *err)
{
    struct replay r = { .engine = engine, .out = fopen(out, "w") };
    int result;

    if (!r.out)
        return fail_sys(err, CORAX_E_IO, "%s", out);
    result = masks_lines(in, run_schema, &r, err);
    if (fclose(r.out) != 0 && result == 0)
        result = fail_sys(err, CORAX_E_IO, "%s", out);
    free(r.masks.at);
    free(r.accepts.at);
    return result;
}
