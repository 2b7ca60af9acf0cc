/* tokenizer.model: SentencePiece's BPE ("llama") and unigram ("t5"), with the tokens that were added to it. */
#include "infer/conversion_vocab.h"

#include <stdlib.h>
#include <string.h>

#include "infer/sentencepiece.h"
#include "util/file.h"

#define MAX_FILE ((size_t)64 << 20)

static int take(struct conversion *c, struct conversion_vocab *v, const struct sentencepiece *s, struct err *err)
{
    if (s->kind != SENTENCEPIECE_BPE && s->kind != SENTENCEPIECE_UNIGRAM)
        return fail(err, CORAX_E_ARGS, "its model_type is neither BPE nor unigram");
    for (size_t i = 0; i < s->n; i++) {
        const struct sentencepiece_piece *p = &s->pieces[i];

        if (conversion_vocab_set(c, v, (int64_t)i, p->s, p->len, (enum token_type)p->type, err) < 0)
            return -1;
        v->scores[i] = p->score;
    }
    v->model = s->kind == SENTENCEPIECE_BPE ? "llama" : "t5";
    v->has_scores = true;
    v->bos = s->bos_id;
    v->eos = s->eos_id;
    v->unk = s->unk_id;
    v->pad = s->pad_id;
    v->space_prefix = s->add_space_prefix ? END_YES : END_NO;
    v->squeeze = s->remove_extra_whitespaces ? END_YES : END_NO;
    if (!s->charsmap)
        return 0;
    v->charsmap = arena_alloc(c->arena, s->charsmap_len);
    if (!v->charsmap)
        return fail(err, CORAX_E_LIMIT, "out of memory");
    memcpy(v->charsmap, s->charsmap, s->charsmap_len);
    v->charsmap_len = s->charsmap_len;
    return 0;
}

/* {"<pad>": 32000}: what the first tokenizers had, without any types. */
static int read_added_file(struct conversion *c, struct conversion_vocab *v, struct err *err)
{
    struct json *added;
    struct buf text;
    int rc = conversion_read_json(c, "added_tokens.json", &text, &added, err);

    if (rc == 0 && json_kind(added) == JSON_ARRAY)
        rc = fail(err, CORAX_E_ARGS, "%s/added_tokens.json is a list, it must be an object of ids by token", c->folder);
    for (const struct json *t = json_first(added); t && rc == 0; t = json_next(t)) {
        int64_t id;

        rc = json_int(t, "the id of an added token", &id, err);
        if (rc == 0)
            rc = conversion_vocab_set(c, v, id, json_key(t), strlen(json_key(t)), TOKEN_CONTROL, err);
    }
    json_free(added);
    buf_finish(&text);
    return rc;
}

int conversion_read_spm(struct conversion *c, struct conversion_vocab *v, const struct json *tokenizer,
                        const struct json *config, struct err *err)
{
    struct sentencepiece s = { 0 };
    struct err own = { 0 };
    struct buf file;
    int rc;

    err = err ? err : &own;
    buf_init(&file, MAX_FILE);
    rc = conversion_read_file(c, "tokenizer.model", &file, err);
    if (rc == 0) {
        rc = sentencepiece_parse(&s, file.data, file.len, err);
        /* Llama 3 has a list of base64 words under this name, and all of it in tokenizer.json. */
        if (rc < 0 && tokenizer && err->status == CORAX_E_ARGS)
            rc = 1;
        else if (rc == 0)
            rc = take(c, v, &s, err);
        if (rc < 0)
            err_context(err, "%s/tokenizer.model", c->folder);
    }
    sentencepiece_finish(&s);
    buf_finish(&file);
    if (rc != 0)
        return rc;
    if (json_get(tokenizer, "added_tokens") || json_get(config, "added_tokens_decoder"))
        return conversion_added_tokens(c, v, tokenizer, config, err);
    return read_added_file(c, v, err);
}
