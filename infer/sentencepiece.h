/*
 * infer/sentencepiece.h - reads tokenizer.model, the vocabulary of the sentencepiece library.
 *
 * It is a message of protocol buffers: foreign bytes, of which every length is compared with what is left.  Fields that are not
 * needed here are skipped.
 *
 * Source: sentencepiece_model.proto of sentencepiece 0.2; the encoding of protocol buffers.
 */
#ifndef INFER_SENTENCEPIECE_H
#define INFER_SENTENCEPIECE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

#define SENTENCEPIECE_MAX_PIECES (1 << 22)

enum sentencepiece_kind { SENTENCEPIECE_UNIGRAM = 1, SENTENCEPIECE_BPE, SENTENCEPIECE_WORD, SENTENCEPIECE_CHAR };

struct sentencepiece_piece {
    const char *s; /* not NUL-terminated */
    size_t      len;
    float       score;
    int32_t     type; /* 1 to 6, as infer/tokenizer.h numbers them */
};

struct sentencepiece {
    struct sentencepiece_piece *pieces; /* [n] */
    size_t n, cap;
    enum sentencepiece_kind kind;
    int32_t unk_id, bos_id, eos_id, pad_id;       /* -1: none */
    bool add_space_prefix, remove_extra_whitespaces;
    const unsigned char *charsmap;                /* of normalization; NULL: none */
    size_t charsmap_len;
};

/* Texts point into bytes.  CORAX_E_ARGS, CORAX_E_LIMIT; sentencepiece_finish() is due either way. */
int sentencepiece_parse(struct sentencepiece *, const void *bytes, size_t len, struct err *);
void sentencepiece_finish(struct sentencepiece *);

#endif
