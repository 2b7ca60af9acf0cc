/*
 * Checkpoints of BERT, and its vocabulary.
 *
 * How the vector of a text is made stands in a folder of its own, 1_Pooling, where sentence-transformers has written the checkpoint.  The layer
 * that classifies texts (pooler, cls) is left out.
 *
 * Source: transformers 5.24, model bert; sentence-transformers' folders; GGUF files with general.architecture bert.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infer/conversion_vocab.h"
#include "infer/family.h"
#include "infer/pooling.h"
#include "util/file.h"

#define MAX_FILE ((size_t)16 << 20)
#define MARK     "\xe2\x96\x81" /* U+2581: a piece that begins a word */

static const struct conversion_name names[] = {
    { "embeddings.word_embeddings", "token_embd" },
    { "embeddings.position_embeddings", "position_embd", .f32 = true },
    { "embeddings.token_type_embeddings", "token_types", .f32 = true },
    { "embeddings.LayerNorm", "token_embd_norm" },
    { "embeddings.position_ids", NULL },
    { "encoder.layer.%.attention.self.query", "blk.%.attn_q" },
    { "encoder.layer.%.attention.self.key", "blk.%.attn_k" },
    { "encoder.layer.%.attention.self.value", "blk.%.attn_v" },
    { "encoder.layer.%.attention.output.dense", "blk.%.attn_output" },
    { "encoder.layer.%.attention.output.LayerNorm", "blk.%.attn_output_norm" },
    { "encoder.layer.%.intermediate.dense", "blk.%.ffn_up" },
    { "encoder.layer.%.output.dense", "blk.%.ffn_down" },
    { "encoder.layer.%.output.LayerNorm", "blk.%.layer_output_norm" },
    { "pooler.dense", NULL },
};

/* 1_Pooling/config.json; without it nothing is said. */
static int add_pooling(struct conversion *c, struct err *err)
{
    struct json *config;
    struct buf text;
    int rc;

    if (conversion_read_json(c, "1_Pooling/config.json", &text, &config, err) < 0) {
        buf_finish(&text);
        return -1;
    }
    rc = 0;
    if (json_bool(json_get(config, "pooling_mode_cls_token"), false))
        conversion_add_size(c, "pooling_type", POOLING_FIRST);
    else if (json_bool(json_get(config, "pooling_mode_mean_tokens"), false))
        conversion_add_size(c, "pooling_type", POOLING_MEAN);
    else if (json_bool(json_get(config, "pooling_mode_lasttoken"), false))
        conversion_add_size(c, "pooling_type", POOLING_LAST);
    else if (config)
        rc = fail(err, CORAX_E_ARGS, "%s/1_Pooling/config.json: this program pools by cls_token, mean_tokens or lasttoken", c->folder);
    json_free(config);
    buf_finish(&text);
    return rc;
}

static int keys(struct conversion *c, struct err *err)
{
    const char *activation = conversion_get_text(c, "hidden_act", "gelu"), *positions = conversion_get_text(c, "position_embedding_type", "absolute");

    if (strcmp(activation, "gelu") != 0)
        return fail(err, CORAX_E_ARGS, "hidden_act \"%.32s\" is not supported, gelu is", activation);
    if (strcmp(positions, "absolute") != 0)
        return fail(err, CORAX_E_ARGS, "position_embedding_type \"%.32s\" is not supported, absolute is", positions);
    if (conversion_get_bool(c, "is_decoder", false))
        return fail(err, CORAX_E_ARGS, "is_decoder true is not supported");
    if (conversion_sizes(c, 0, err) < 0)
        return -1;
    conversion_eps(c, true, "layer_norm_eps", 1e-12);
    gguf_add_bool(c->writer, "bert.attention.causal", false);
    return add_pooling(c, err);
}

const struct conversion_family conversion_bert = {
    .model_types = " bert ",
    .arch = "bert",
    .prefixes = " bert. ",
    .others = " cls. ",
    .names = names,
    .n_names = sizeof names / sizeof names[0],
    .keys = keys,
};

/* --- the vocabulary ----------------------------------------------------------------------------------------------- */

/* As vocab.txt has it: ## goes on with a word, what stands in brackets is none. */
static int add_piece(struct conversion *c, struct conversion_vocab *v, int64_t id, const char *s, size_t len, struct err *err)
{
    static const char *const control[] = { "[CLS]", "[SEP]", "[PAD]", "[MASK]" };
    char name[1024 + sizeof MARK];

    if (len > 1024)
        return fail(err, CORAX_E_ARGS, "token %lld has %zu bytes, at most 1024 are allowed", (long long)id, len);
    if (len == 5 && memcmp(s, "[UNK]", len) == 0)
        return conversion_vocab_set(c, v, id, s, len, TOKEN_UNKNOWN, err);
    for (size_t i = 0; i < sizeof control / sizeof control[0]; i++)
        if (len == strlen(control[i]) && memcmp(s, control[i], len) == 0)
            return conversion_vocab_set(c, v, id, s, len, TOKEN_CONTROL, err);
    if (len > 2 && memcmp(s, "##", 2) == 0)
        return conversion_vocab_set(c, v, id, s + 2, len - 2, TOKEN_NORMAL, err);
    memcpy(name, MARK, sizeof MARK - 1);
    memcpy(name + sizeof MARK - 1, s, len);
    return conversion_vocab_set(c, v, id, name, sizeof MARK - 1 + len, TOKEN_NORMAL, err);
}

/* A token a line, the first has the id 0. */
static int read_lines(struct conversion *c, struct conversion_vocab *v, const char *text, struct err *err)
{
    int64_t id = 0;

    for (const char *line = text; *line; id++) {
        const size_t n = strcspn(line, "\n"), len = n > 0 && line[n - 1] == '\r' ? n - 1 : n;

        if (add_piece(c, v, id, line, len, err) < 0)
            return -1;
        line += n + (line[n] == '\n');
    }
    return 0;
}

int conversion_read_wordpiece(struct conversion *c, struct conversion_vocab *v, const struct json *tokenizer, struct err *err)
{
    const struct json *model = json_get(tokenizer, "model"), *vocab = json_get(model, "vocab");
    struct buf text;
    int rc = 1;

    if (strcmp(c->family->arch, "bert") != 0)
        return 1;
    buf_init(&text, MAX_FILE);
    if (strcmp(json_get_text(model, "type", ""), "WordPiece") == 0 && json_kind(vocab) == JSON_OBJECT) {
        rc = 0;
        for (const struct json *t = json_first(vocab); t && rc == 0; t = json_next(t)) {
            int64_t id;

            rc = json_int(t, "the id of a token", &id, err) < 0 ? -1 : add_piece(c, v, id, json_key(t), strlen(json_key(t)), err);
        }
    } else if ((rc = conversion_read_file(c, "vocab.txt", &text, err)) == 0) {
        rc = read_lines(c, v, text.data, err);
    }
    buf_finish(&text);
    if (rc != 0)
        return rc;
    v->model = "bert";
    v->unk = conversion_vocab_find(v, "[UNK]");
    v->pad = conversion_vocab_find(v, "[PAD]");
    v->cls = conversion_vocab_find(v, "[CLS]");
    v->sep = conversion_vocab_find(v, "[SEP]");
    if (v->unk < 0 || v->cls < 0 || v->sep < 0)
        return fail(err, CORAX_E_ARGS, "the vocabulary lacks [UNK], [CLS] or [SEP]");
    v->fixed = true; /* begin and end are its own */
    return 0;
}
