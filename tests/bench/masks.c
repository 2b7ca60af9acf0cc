/*
 * Our masks, for masks.py:
 *
 *     masks VOCABULARY.gguf IN OUT [cold]
 *
 * IN and OUT are as masks_replay.h has them, and a test in IN has its text beside its ids: that our tokenizer gives the same ids is
 * looked at first, so that both sides walk over the same tokens.  One thread; what a vocabulary needs once is counted apart, on
 * standard output.  What has been worked out for the languages of one schema is there for the next, as in a process that
 * serves; with "cold" it is not.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infer/matcher.h"
#include "infer/tokenizer.h"
#include "tests/bench/masks_replay.h"
#include "util/clock.h"

struct ours {
    struct tokenizer *tokenizer;
    struct mask_vocabulary *vocabulary;
    uint32_t *bits; /* one mask */
    bool cold;
};

/* A schema, compiled: a matcher is a place in it, too. */
struct compiled {
    struct jsonschema *schema;
    struct matcher *matcher;
    uint32_t *bits;
};

/* The functions of the engine, each used here and nowhere else. */

static int open_vocabulary(struct ours *o, struct err *err)
{
    o->vocabulary = mask_vocabulary_create(o->tokenizer, err);
    return o->vocabulary ? mask_vocabulary_prepare(o->vocabulary, err) : -1;
}

static void destroy(void *compiled)
{
    struct compiled *c = compiled;

    if (!c)
        return;
    matcher_destroy(c->matcher);
    jsonschema_destroy(c->schema);
    free(c);
}

/* White space as anywhere in JSON, members in any order, any escapes: what a validator accepts. */
static void *compile(void *arg, const char *schema, size_t len, struct err *err)
{
    static const struct json_style style = { .blanks = UINT32_MAX, .escapes = true };
    const struct ours *o = arg;
    struct compiled *c;

    if (o->cold) {
        mask_cache_release(o->vocabulary->cache);
        o->vocabulary->cache = NULL;
    }
    c = calloc(1, sizeof *c);

    if (!c) {
        fail(err, CORAX_E_LIMIT, "out of memory");
        return NULL;
    }
    c->bits = o->bits;
    c->schema = jsonschema_compile(schema, len, NULL, err);
    c->matcher = c->schema ? matcher_create_json(o->vocabulary, jsonschema_root(c->schema), &style, NULL, err) : NULL;
    if (c->matcher)
        return c;
    destroy(c);
    return NULL;
}

static void *begin(void *arg, void *compiled, struct err *err)
{
    struct compiled *c = compiled;

    (void)arg, (void)err;
    matcher_restart(c->matcher);
    return c;
}

static const uint32_t *mask(void *state)
{
    struct compiled *c = state;

    return matcher_mask(c->matcher, c->bits) ? c->bits : NULL;
}

static bool accept(void *state, int32_t token)
{
    struct compiled *c = state;

    return matcher_read_token(c->matcher, token);
}

static bool ends(void *state)
{
    struct compiled *c = state;

    return matcher_is_done(c->matcher);
}

static void leave(void *state)
{
    (void)state; /* the next text begins it anew */
}

/* From here on nothing knows which functions the engine has. */

static int open_all(struct ours *o, const char *path, struct err *err)
{
    struct gguf *g = gguf_open(path, err);
    int64_t start;

    o->tokenizer = g ? tokenizer_create(g, err) : NULL;
    gguf_close(g);
    if (!o->tokenizer)
        return -1;
    o->bits = calloc((tokenizer_n_tokens(o->tokenizer) + 31) / 32, sizeof *o->bits);
    if (!o->bits)
        return fail(err, CORAX_E_LIMIT, "out of memory");
    start = clock_mono_ns();
    if (open_vocabulary(o, err) < 0)
        return -1;
    printf("{\"vocabulary_ms\":%.1f}\n", (double)(clock_mono_ns() - start) / 1e6);
    return 0;
}

static void close_all(struct ours *o)
{
    mask_vocabulary_destroy(o->vocabulary);
    tokenizer_destroy(o->tokenizer);
    free(o->bits);
}

static int check_test(const struct ours *o, const struct json *test, const char *name, struct err *err)
{
    const char *text = json_get_text(test, "text", "");
    const struct json *id = json_first(json_get(test, "ids"));
    struct tokens tokens = { 0 };
    int result = tokenizer_encode(o->tokenizer, text, strlen(text), &tokens, err);

    for (size_t i = 0; i < tokens.n && result == 0; i++, id = json_next(id))
        if (!id || (int32_t)json_number(id, -1) != tokens.ids[i])
            result = fail(err, CORAX_E_ARGS, "%s: token %zu of a text is another one here", name, i);
    if (id && result == 0)
        result = fail(err, CORAX_E_ARGS, "%s: a text has fewer tokens here", name);
    tokens_finish(&tokens);
    return result;
}

static int check_line(void *arg, const struct json *line, struct err *err)
{
    const struct ours *o = arg;
    int result = 0;

    for (const struct json *t = json_first(json_get(line, "tests")); t && result == 0; t = json_next(t))
        result = check_test(o, t, json_get_text(line, "name", ""), err);
    return result;
}

int main(int argc, char **argv)
{
    struct ours ours = { 0 };
    struct err err = { 0 };
    int result;

    if (argc != 4 && !(argc == 5 && strcmp(argv[4], "cold") == 0)) {
        fprintf(stderr, "usage: masks VOCABULARY.gguf IN OUT [cold]\n");
        return 2;
    }
    ours.cold = argc == 5;
    result = open_all(&ours, argv[1], &err);
    if (result == 0)
        result = masks_lines(argv[2], check_line, &ours, &err);
    if (result == 0) {
        const struct mask_engine engine = { &ours, compile, begin, mask, accept, ends, leave, destroy };

        result = masks_replay(&engine, argv[2], argv[3], &err);
    }
    close_all(&ours);
    if (result < 0)
        fprintf(stderr, "masks: %s\n", err.msg);
    return result < 0;
}
