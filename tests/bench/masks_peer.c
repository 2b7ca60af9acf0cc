/*
 * The masks of llguidance, for masks.py: a module that Python loads beside the library of that package, whose functions for C it
 * finds there.  So a mask costs what that library needs for it, and no crossing from Python is counted.
 *
 * As its own benchmark does it: a matcher is made once a schema and copied before each text, masks are of its default kind, and the
 * "slices" that it makes of the vocabulary beforehand are those that the caller names (its own list for JSON is the fastest).
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/masks_replay.h"
#include "util/buf.h"
#include "util/file.h"

enum { MAX_TOKENIZER = 256 << 20 }; /* bytes of a tokenizer.json; 128k tokens take about 10 MB */

struct peer_tokenizer_init { /* LlgTokenizerInit */
    uint32_t vocab_size, eos;
    const uint32_t *lengths;
    const uint8_t *bytes;
    const char *json; /* instead of the two */
    bool assumes_string;
    size_t (*tokenize)(const void *, const uint8_t *, size_t, uint32_t *, size_t);
    bool greedy;
    const void *tokenize_arg;
    const char *const *slices; /* ends with NULL */
};

struct peer_init { /* LlgConstraintInit */
    const void *tokenizer;
    uint32_t log_buffer_level, log_stderr_level;
    bool ff_tokens, backtrack;
    unsigned char limits[256]; /* filled in by the library; newer ones may have more of them */
};

struct peer {
    void *(*new_tokenizer)(const struct peer_tokenizer_init *, char *message, size_t size);
    void (*free_tokenizer)(void *);
    void (*set_defaults)(struct peer_init *, const void *tokenizer);
    void *(*new_matcher)(const struct peer_init *, const char *kind, const char *text);
    void *(*clone_matcher)(const void *);
    void (*free_matcher)(void *);
    const char *(*get_error)(void *);
    int32_t (*compute_mask)(void *);
    const uint32_t *(*get_mask)(void *);
    int32_t (*consume_token)(void *, uint32_t);
    bool (*is_accepting)(void *);
    void *tokenizer;
    struct peer_init init;
};

/* What the functions without an argument for it need. */
static struct peer peer;

static void *compile(void *arg, const char *schema, size_t len, struct err *err)
{
    void *matcher = peer.new_matcher(&peer.init, "json_schema", schema);
    const char *error = peer.get_error(matcher);

    (void)arg, (void)len;
    if (!error)
        return matcher;
    fail(err, CORAX_E_ARGS, "%s", error);
    peer.free_matcher(matcher);
    return NULL;
}

static void *begin(void *arg, void *compiled, struct err *err)
{
    (void)arg, (void)err;
    return peer.clone_matcher(compiled);
}

static const uint32_t *mask(void *state)
{
    return peer.compute_mask(state) == 0 ? peer.get_mask(state) : NULL;
}

static bool accept(void *state, int32_t token)
{
    return peer.consume_token(state, (uint32_t)token) == 0;
}

static bool ends(void *state)
{
    return peer.is_accepting(state);
}

static int find_all(const char *path, struct err *err)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const struct {
        const char *name;
        void *to;
    } all[] = {
        { "llg_new_tokenizer", &peer.new_tokenizer },
        { "llg_free_tokenizer", &peer.free_tokenizer },
        { "llg_constraint_init_set_defaults", &peer.set_defaults },
        { "llg_new_matcher", &peer.new_matcher },
        { "llg_clone_matcher", &peer.clone_matcher },
        { "llg_free_matcher", &peer.free_matcher },
        { "llg_matcher_get_error", &peer.get_error },
        { "llg_matcher_compute_mask", &peer.compute_mask },
        { "llg_matcher_get_mask", &peer.get_mask },
        { "llg_matcher_consume_token", &peer.consume_token },
        { "llg_matcher_is_accepting", &peer.is_accepting },
    };

    if (!library)
        return fail(err, CORAX_E_NOTFOUND, "%s", dlerror());
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        void *function = dlsym(library, all[i].name);

        if (!function)
            return fail(err, CORAX_E_NOTFOUND, "%s has no %s", path, all[i].name);
        memcpy(all[i].to, &function, sizeof function);
    }
    return 0;
}

static int load_tokenizer(const char *path, uint32_t eos, const char *const *slices, struct err *err)
{
    struct peer_tokenizer_init init = { .eos = eos, .greedy = true, .slices = slices };
    char message[256] = "";
    struct buf json;
    int result;

    buf_init(&json, MAX_TOKENIZER);
    result = file_read(path, &json, err);
    if (result == 0) {
        init.json = json.data;
        peer.tokenizer = peer.new_tokenizer(&init, message, sizeof message);
        if (!peer.tokenizer)
            result = fail(err, CORAX_E_ARGS, "%s: %s", path, message);
    }
    buf_finish(&json);
    return result;
}

/*
 * library     the package's shared object
 * tokenizer   tokenizer.json
 * eos         the id of its end token
 * slices      what to prepare of the vocabulary, ends with NULL; NULL: the library's default
 * in, out     as masks_replay() has them
 *
 * 0, or -1 with the reason in message[512].
 */
__attribute__((visibility("default"))) int masks_peer(const char *library, const char *tokenizer, uint32_t eos,
                                                      const char *const *slices, const char *in, const char *out,
                                                      char *message);

int masks_peer(const char *library, const char *tokenizer, uint32_t eos, const char *const *slices, const char *in,
               const char *out, char *message)
{
    struct err err = { 0 };
    int result = -1;

    if (find_all(library, &err) == 0 && load_tokenizer(tokenizer, eos, slices, &err) == 0) {
        const struct mask_engine engine = {
            NULL, compile, begin, mask, accept, ends, peer.free_matcher, peer.free_matcher
        };

        peer.set_defaults(&peer.init, peer.tokenizer);
        peer.init.log_buffer_level = peer.init.log_stderr_level = 0;
        result = masks_replay(&engine, in, out, &err);
        peer.free_tokenizer(peer.tokenizer);
    }
    snprintf(message, sizeof err.msg, "%s", result < 0 ? err.msg : "");
    return result;
}
