/*
 * Which files of the folder the tokenizer is read from, and its metadata.
 *
 * tokenizer.model counts first: it is what the model was trained with.  Then tokenizer.json, vocab.json with merges.txt, and
 * RWKV's vocabulary.
 */
#include "infer/conversion_vocab.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infer/family.h"
#include "util/file.h"

#define MAX_FILE   ((size_t)256 << 20)
#define MAX_EXTRA  4096              /* added tokens that the embedding has no row for */
#define MAX_VALUES ((size_t)8 << 20) /* a vocabulary of 262,144 with its merges has about 2,000,000 */

/* --- files -------------------------------------------------------------------------------------------------------- */

int conversion_read_file(const struct conversion *c, const char *name, struct buf *out, struct err *err)
{
    char path[4096];
    struct err own = { 0 };

    if (snprintf(path, sizeof path, "%s/%s", c->folder, name) >= (int)sizeof path)
        return fail(err, CORAX_E_ARGS, "%.64s...: the path is too long", c->folder);
    if (file_read(path, out, &own) == 0)
        return 0;
    return own.status == CORAX_E_NOTFOUND ? 1 : fail(err, own.status, "%s", own.msg);
}

int conversion_read_json(const struct conversion *c, const char *name, struct buf *text, struct json **out,
                         struct err *err)
{
    int rc;

    *out = NULL;
    buf_init(text, MAX_FILE);
    rc = conversion_read_file(c, name, text, err);
    if (rc != 0)
        return rc < 0 ? -1 : 0;
    *out = json_parse_large(text->data, text->len, MAX_VALUES, err);
    return *out ? 0 : err_context(err, "%s/%s", c->folder, name);
}

/* --- the vocabulary ----------------------------------------------------------------------------------------------- */

static int grow(struct conversion_vocab *v, size_t n, struct err *err)
{
    size_t cap = v->cap ? v->cap : 4096;
    void *tokens, *types, *scores;

    while (cap < n)
        cap *= 2;
    if ((tokens = realloc(v->tokens, cap * sizeof *v->tokens)))
        v->tokens = tokens;
    if ((types = realloc(v->types, cap * sizeof *v->types)))
        v->types = types;
    if ((scores = realloc(v->scores, cap * sizeof *v->scores)))
        v->scores = scores;
    if (!tokens || !types || !scores)
        return fail(err, CORAX_E_LIMIT, "out of memory for %zu tokens", cap);
    v->cap = cap;
    return 0;
}

int conversion_vocab_set(struct conversion *c, struct conversion_vocab *v, int64_t id, const char *s, size_t len,
                         enum token_type type, struct err *err)
{
    const int64_t max = (int64_t)(c->n_vocab < FAMILY_MAX_VOCAB ? c->n_vocab : FAMILY_MAX_VOCAB) + MAX_EXTRA - 1;

    if (id < 0 || id > max)
        return fail(err, CORAX_E_ARGS, "token \"%.*s\" has the id %" PRId64 ", allowed are 0 to %" PRId64,
                    (int)(len < 32 ? len : 32), s, id, max);
    if ((size_t)id >= v->cap && grow(v, (size_t)id + 1, err) < 0)
        return -1;
    for (; v->n <= (size_t)id; v->n++) {
        v->tokens[v->n] = (struct gguf_string){ NULL, 0 };
        v->types[v->n] = TOKEN_UNUSED;
        v->scores[v->n] = 0;
    }
    v->tokens[id].s = arena_strndup(c->arena, s, len);
    v->tokens[id].len = len;
    v->types[id] = (int32_t)type;
    return v->tokens[id].s ? 0 : fail(err, CORAX_E_LIMIT, "out of memory for the vocabulary");
}

int conversion_vocab_merge(struct conversion *c, struct conversion_vocab *v, const char *s, size_t len, struct err *err)
{
    if (v->n_merges == v->merges_cap) {
        size_t cap = v->merges_cap ? 2 * v->merges_cap : 4096;
        struct gguf_string *merges = cap <= 4 * (size_t)FAMILY_MAX_VOCAB ? realloc(v->merges, cap * sizeof *merges) : NULL;

        if (!merges)
            return fail(err, CORAX_E_LIMIT, "more than %d merges, or out of memory", 4 * FAMILY_MAX_VOCAB);
        v->merges = merges;
        v->merges_cap = cap;
    }
    v->merges[v->n_merges].s = arena_strndup(c->arena, s, len);
    v->merges[v->n_merges].len = len;
    return v->merges[v->n_merges++].s ? 0 : fail(err, CORAX_E_LIMIT, "out of memory for the merges");
}

int32_t conversion_vocab_find(const struct conversion_vocab *v, const char *name)
{
    const size_t len = strlen(name);

    for (size_t i = 0; i < v->n; i++)
        if (v->tokens[i].s && v->tokens[i].len == len && memcmp(v->tokens[i].s, name, len) == 0)
            return (int32_t)i;
    return -1;
}

/* Those with text of their own are found in any text; special ones are not. */
static int add_one(struct conversion *c, struct conversion_vocab *v, int64_t id, const char *content, bool special,
                   struct err *err)
{
    const bool known = id >= 0 && (size_t)id < v->n && v->tokens[id].s;

    if (!content)
        return fail(err, CORAX_E_ARGS, "added token %" PRId64 " has no content", id);
    if (known && (v->types[id] == TOKEN_UNKNOWN || v->types[id] == TOKEN_BYTE))
        return 0;
    return conversion_vocab_set(c, v, id, content, strlen(content), special ? TOKEN_CONTROL : TOKEN_USER, err);
}

int conversion_added_tokens(struct conversion *c, struct conversion_vocab *v, const struct json *tokenizer,
                            const struct json *config, struct err *err)
{
    const struct json *list = json_get(tokenizer, "added_tokens"), *by_id = json_get(config, "added_tokens_decoder");

    for (const struct json *t = json_first(list); t; t = json_next(t)) {
        int64_t id;

        if (json_int(json_get(t, "id"), "the id of an added token", &id, err) < 0 ||
            add_one(c, v, id, json_text(json_get(t, "content")), json_bool(json_get(t, "special"), false), err) < 0)
            return -1;
    }
    if (list)
        return 0;
    if (json_kind(by_id) == JSON_ARRAY)
        return fail(err, CORAX_E_ARGS, "added_tokens_decoder is a list, it must be an object of tokens by id");
    for (const struct json *t = json_first(by_id); t; t = json_next(t)) {
        char *end;
        const long long id = strtoll(json_key(t), &end, 10);

        if (*end || add_one(c, v, id, json_text(json_get(t, "content")), json_bool(json_get(t, "special"), false), err) < 0)
            return *end ? fail(err, CORAX_E_ARGS, "added token \"%.32s\" has no number", json_key(t)) : -1;
    }
    return 0;
}

static bool is_added(int32_t type)
{
    return type == TOKEN_CONTROL || type == TOKEN_USER || type == TOKEN_UNUSED;
}

/*
 * A token for each row of the embedding.  Added tokens that the embedding has no row for cannot be evaluated and are left out;
 * the rows that no token has get names that are never matched.
 */
static int fit(struct conversion *c, struct conversion_vocab *v, struct err *err)
{
    char name[32];

    while (v->n > c->n_vocab && is_added(v->types[v->n - 1]))
        v->n--;
    if (v->n > c->n_vocab)
        return fail(err, CORAX_E_ARGS, "the vocabulary has %zu tokens, the embedding %zu rows", v->n, c->n_vocab);
    for (size_t i = 0; i < c->n_vocab; i++) {
        if (i < v->n && v->tokens[i].s)
            continue;
        snprintf(name, sizeof name, "[PAD%zu]", i);
        if (conversion_vocab_set(c, v, (int64_t)i, name, strlen(name), TOKEN_UNUSED, err) < 0)
            return -1;
    }
    return 0;
}

/* --- special tokens ----------------------------------------------------------------------------------------------- */

/* "bos_token" of tokenizer_config.json is a name, or an object with it; bos_token_id of config.json is a number or a list. */
static int32_t special_id(const struct conversion *c, const struct conversion_vocab *v, const struct json *config,
                          const char *what, int32_t otherwise)
{
    char key[32];
    const struct json *value, *own = json_get(config, what);
    const char *name = json_text(own) ? json_text(own) : json_get_text(own, "content", NULL);
    int32_t id = name ? conversion_vocab_find(v, name) : -1;
    double number;

    if (id >= 0)
        return id;
    snprintf(key, sizeof key, "%s_id", what);
    value = conversion_get(c, key);
    if (json_kind(value) == JSON_ARRAY)
        value = json_first(value);
    number = json_number(value, -1);
    return number >= 0 && number < (double)v->n ? (int32_t)number : otherwise;
}

/* The fast tokenizer's template is what is done; the flags of the slow one come second. */
static void read_template(struct conversion_vocab *v, const struct json *processor)
{
    const struct json *first = NULL, *last = NULL;

    if (json_get(processor, "processors"))
        for (const struct json *p = json_first(json_get(processor, "processors")); p; p = json_next(p))
            read_template(v, p);
    if (strcmp(json_get_text(processor, "type", ""), "TemplateProcessing") != 0)
        return;
    for (const struct json *part = json_first(json_get(processor, "single")); part; part = json_next(part)) {
        first = first ? first : part;
        last = part;
    }
    v->begin = json_get(first, "SpecialToken") ? END_YES : END_NO;
    v->end = last != first && json_get(last, "SpecialToken") ? END_YES : END_NO;
}

static void read_flag(enum conversion_end *end, const struct json *config, const char *name)
{
    const struct json *value = json_get(config, name);

    if (*end == END_UNSAID && json_kind(value) == JSON_BOOL)
        *end = json_bool(value, false) ? END_YES : END_NO;
}

static void find_special(const struct conversion *c, struct conversion_vocab *v, const struct json *tokenizer,
                         const struct json *config)
{
    if (!v->fixed_ids) {
        v->bos = special_id(c, v, config, "bos_token", v->bos);
        v->eos = special_id(c, v, config, "eos_token", v->eos);
        v->pad = special_id(c, v, config, "pad_token", v->pad);
    }
    read_template(v, json_get(tokenizer, "post_processor"));
    read_flag(&v->begin, config, "add_bos_token");
    read_flag(&v->end, config, "add_eos_token");
}

/* --- metadata ----------------------------------------------------------------------------------------------------- */

static void add_id(struct conversion *c, const struct conversion_vocab *v, const char *what, int32_t id)
{
    char key[64];

    snprintf(key, sizeof key, "tokenizer.ggml.%s", what);
    if (id >= 0 && (size_t)id < v->n)
        gguf_add_u32(c->writer, key, (uint32_t)id);
}

static void write_vocab(struct conversion *c, const struct conversion_vocab *v)
{
    gguf_add_text(c->writer, "tokenizer.ggml.model", v->model);
    if (v->pre)
        gguf_add_text(c->writer, "tokenizer.ggml.pre", v->pre);
    gguf_add_strings(c->writer, "tokenizer.ggml.tokens", v->n, v->tokens);
    if (v->has_scores)
        gguf_add_array(c->writer, "tokenizer.ggml.scores", GGUF_F32, v->n, v->scores);
    gguf_add_array(c->writer, "tokenizer.ggml.token_type", GGUF_I32, v->n, v->types);
    if (v->n_merges)
        gguf_add_strings(c->writer, "tokenizer.ggml.merges", v->n_merges, v->merges);
    add_id(c, v, "bos_token_id", v->bos);
    add_id(c, v, "eos_token_id", v->eos);
    add_id(c, v, "unknown_token_id", v->unk);
    add_id(c, v, "padding_token_id", v->pad);
    add_id(c, v, "cls_token_id", v->cls);
    add_id(c, v, "seperator_token_id", v->sep); /* as other programs spell it */
    if (v->begin != END_UNSAID)
        gguf_add_bool(c->writer, "tokenizer.ggml.add_bos_token", v->begin == END_YES);
    if (v->end != END_UNSAID)
        gguf_add_bool(c->writer, "tokenizer.ggml.add_eos_token", v->end == END_YES);
    if (v->space_prefix != END_UNSAID)
        gguf_add_bool(c->writer, "tokenizer.ggml.add_space_prefix", v->space_prefix == END_YES);
    if (v->squeeze != END_UNSAID)
        gguf_add_bool(c->writer, "tokenizer.ggml.remove_extra_whitespaces", v->squeeze == END_YES);
    if (v->charsmap)
        gguf_add_array(c->writer, "tokenizer.ggml.precompiled_charsmap", GGUF_U8, v->charsmap_len, v->charsmap);
}

/* chat_template.jinja, or chat_template of tokenizer_config.json: a text, or a list in which one is called default. */
static int add_chat_template(struct conversion *c, const struct json *config, struct err *err)
{
    const struct json *value = json_get(config, "chat_template");
    const char *text = json_text(value);
    struct buf file;
    int rc;

    buf_init(&file, MAX_FILE);
    rc = conversion_read_file(c, "chat_template.jinja", &file, err);
    if (rc == 0)
        gguf_add_string(c->writer, "tokenizer.chat_template", file.data, file.len);
    buf_finish(&file);
    if (rc != 1)
        return rc;
    for (const struct json *t = json_first(value); t && !text; t = json_next(t))
        if (strcmp(json_get_text(t, "name", ""), "default") == 0)
            text = json_get_text(t, "template", NULL);
    if (text)
        gguf_add_text(c->writer, "tokenizer.chat_template", text);
    return 0;
}

/* 0 when one was found, 1 when there is none. */
static int read_vocab(struct conversion *c, struct conversion_vocab *v, const struct json *tokenizer,
                      const struct json *config, struct err *err)
{
    int rc = conversion_read_spm(c, v, tokenizer, config, err);

    if (rc == 1)
        rc = conversion_read_wordpiece(c, v, tokenizer, err);
    if (rc == 1)
        rc = conversion_read_bpe(c, v, tokenizer, err);
    if (rc == 1)
        rc = conversion_read_merges(c, v, err);
    if (rc == 1)
        rc = conversion_read_world(c, v, err);
    return rc;
}

int conversion_tokenizer(struct conversion *c, bool *found, struct err *err)
{
    struct conversion_vocab v = { .bos = -1, .eos = -1, .unk = -1, .pad = -1, .cls = -1, .sep = -1 };
    struct json *tokenizer = NULL, *config = NULL;
    struct buf text, config_text;
    int rc = -1;

    buf_init(&config_text, 0);
    if (conversion_read_json(c, "tokenizer.json", &text, &tokenizer, err) < 0 ||
        conversion_read_json(c, "tokenizer_config.json", &config_text, &config, err) < 0)
        goto out;
    rc = read_vocab(c, &v, tokenizer, config, err);
    *found = rc == 0;
    if (rc == 0) {
        if (!v.fixed)
            find_special(c, &v, tokenizer, config);
        rc = fit(c, &v, err);
    }
    if (rc == 0) {
        write_vocab(c, &v);
        rc = add_chat_template(c, config, err);
    }
    rc = rc == 1 ? 0 : rc;
out:
    json_free(tokenizer);
    json_free(config);
    buf_finish(&text);
    buf_finish(&config_text);
    free(v.tokens);
    free(v.types);
    free(v.scores);
    free(v.merges);
    return rc;
}
