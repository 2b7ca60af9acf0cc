/*
 * infer/conversion_vocab.h - the vocabulary of a conversion, while it is put together from a folder's files.
 *
 * conversion_tokenizer.c chooses what reads the folder, and writes what came out; conversion_bpe.c, conversion_spm.c and
 * conversion_world.c read.  Texts live in the conversion's arena.
 */
#ifndef INFER_CONVERSION_VOCAB_H
#define INFER_CONVERSION_VOCAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "infer/conversion.h"
#include "infer/tokenizer.h"
#include "util/buf.h"

enum conversion_end { END_UNSAID, END_NO, END_YES };

struct conversion_vocab {
    const char *model, *pre;    /* tokenizer.ggml.model and pre; pre may be NULL */
    struct gguf_string *tokens; /* [n]; s is NULL where no file says which token it is */
    int32_t *types;             /* [n] */
    float *scores;              /* [n] */
    size_t n, cap;
    bool has_scores;
    struct gguf_string *merges; /* [n_merges] */
    size_t n_merges, merges_cap;
    int32_t bos, eos, unk, pad, cls, sep; /* -1: not said */
    enum conversion_end begin, end; /* whether a text gets them */
    bool fixed_ids;                 /* bos and eos are what they are, whatever the configuration says */
    bool fixed;                     /* the ids and ends above are, too */
    enum conversion_end space_prefix, squeeze; /* of SentencePiece: a space in front, several become one */
    unsigned char *charsmap;
    size_t charsmap_len;
};

/* A token, or the same once more with another type.  CORAX_E_ARGS when id is no number that a vocabulary has, CORAX_E_LIMIT. */
int conversion_vocab_set(struct conversion *, struct conversion_vocab *, int64_t id, const char *s, size_t len,
                         enum token_type, struct err *);
int conversion_vocab_merge(struct conversion *, struct conversion_vocab *, const char *s, size_t len, struct err *);
/* The token of that name; -1: none. */
int32_t conversion_vocab_find(const struct conversion_vocab *, const char *name);

/* A file of the folder into out.  1: it is not there. */
int conversion_read_file(const struct conversion *, const char *name, struct buf *out, struct err *);
/* The same as JSON, NULL in *out when it is not there; its text must live as long as it is looked at. */
int conversion_read_json(const struct conversion *, const char *name, struct buf *text, struct json **out, struct err *);
/* added_tokens of tokenizer.json, or what tokenizer_config.json has of them; either may be NULL. */
int conversion_added_tokens(struct conversion *, struct conversion_vocab *, const struct json *tokenizer,
                            const struct json *config, struct err *);

/* Each 0 when it read a vocabulary, 1 when the folder has none of its kind, -1 with the error. */
int conversion_read_spm(struct conversion *, struct conversion_vocab *, const struct json *tokenizer,
                        const struct json *config, struct err *);
int conversion_read_bpe(struct conversion *, struct conversion_vocab *, const struct json *tokenizer, struct err *);
int conversion_read_merges(struct conversion *, struct conversion_vocab *, struct err *);
int conversion_read_wordpiece(struct conversion *, struct conversion_vocab *, const struct json *tokenizer, struct err *);
int conversion_read_world(struct conversion *, struct conversion_vocab *, struct err *);

#endif
