#include "infer/sentencepiece.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum wire { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

struct reader {
    const unsigned char *at, *end;
};

struct field {
    uint64_t number;
    enum wire wire;
    uint64_t value;      /* of a varint, or of 32 or 64 bits */
    struct reader bytes; /* of bytes */
};

static int read_varint(struct reader *r, uint64_t *out, struct err *err)
{
    *out = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (r->at == r->end)
            return fail(err, CORAX_E_ARGS, "the message ends inside a number");
        *out |= (uint64_t)(*r->at & 127) << shift;
        if (!(*r->at++ & 128))
            return 0;
    }
    return fail(err, CORAX_E_ARGS, "a number of more than ten bytes");
}

/* 1: there is one; 0: the message has ended. */
static int next_field(struct reader *r, struct field *f, struct err *err)
{
    uint64_t tag, len;

    if (r->at == r->end)
        return 0;
    if (read_varint(r, &tag, err) < 0)
        return -1;
    *f = (struct field){ .number = tag >> 3, .wire = (enum wire)(tag & 7) };
    switch (f->wire) {
    case WIRE_VARINT:
        return read_varint(r, &f->value, err) < 0 ? -1 : 1;
    case WIRE_64:
    case WIRE_32:
        len = f->wire == WIRE_64 ? 8 : 4;
        break;
    case WIRE_BYTES:
        if (read_varint(r, &len, err) < 0)
            return -1;
        break;
    default:
        return fail(err, CORAX_E_ARGS, "field %llu is of wire type %d, which is not used any more",
                    (unsigned long long)f->number, (int)f->wire);
    }
    if (len > (uint64_t)(r->end - r->at))
        return fail(err, CORAX_E_ARGS, "field %llu has %llu bytes, %td are left", (unsigned long long)f->number,
                    (unsigned long long)len, r->end - r->at);
    if (f->wire == WIRE_BYTES)
        f->bytes = (struct reader){ r->at, r->at + len };
    else
        memcpy(&f->value, r->at, (size_t)len);
    r->at += len;
    return 1;
}

static int read_piece(struct sentencepiece *s, struct reader r, struct err *err)
{
    struct sentencepiece_piece p = { .s = "", .type = 1 };
    struct field f;
    int more;

    while ((more = next_field(&r, &f, err)) > 0) {
        if (f.number == 1 && f.wire == WIRE_BYTES) {
            p.s = (const char *)f.bytes.at;
            p.len = (size_t)(f.bytes.end - f.bytes.at);
        } else if (f.number == 2 && f.wire == WIRE_32) {
            memcpy(&p.score, &f.value, sizeof p.score);
        } else if (f.number == 3 && f.wire == WIRE_VARINT) {
            p.type = f.value >= 1 && f.value <= 6 ? (int32_t)f.value : 0;
        }
    }
    if (more < 0)
        return -1;
    if (p.type == 0 || !isfinite(p.score))
        return fail(err, CORAX_E_ARGS, "its type is none of 1 to 6, or its score is no number");
    if (s->n == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 4096;
        struct sentencepiece_piece *pieces = cap <= SENTENCEPIECE_MAX_PIECES ? realloc(s->pieces, cap * sizeof *pieces) : NULL;

        if (!pieces)
            return fail(err, CORAX_E_LIMIT, "more than %d pieces, or out of memory", SENTENCEPIECE_MAX_PIECES);
        s->pieces = pieces;
        s->cap = cap;
    }
    s->pieces[s->n++] = p;
    return 0;
}

static int read_trainer(struct sentencepiece *s, struct reader r, struct err *err)
{
    struct field f;
    int more;

    while ((more = next_field(&r, &f, err)) > 0) {
        const int32_t value = (int32_t)(uint32_t)f.value;

        if (f.wire != WIRE_VARINT)
            continue;
        if (f.number == 3)
            s->kind = f.value >= 1 && f.value <= 4 ? (enum sentencepiece_kind)f.value : 0;
        else if (f.number == 40)
            s->unk_id = value;
        else if (f.number == 41)
            s->bos_id = value;
        else if (f.number == 42)
            s->eos_id = value;
        else if (f.number == 43)
            s->pad_id = value;
    }
    return more;
}

static int read_normalizer(struct sentencepiece *s, struct reader r, struct err *err)
{
    struct field f;
    int more;

    while ((more = next_field(&r, &f, err)) > 0) {
        if (f.number == 2 && f.wire == WIRE_BYTES && f.bytes.end > f.bytes.at) {
            s->charsmap = f.bytes.at;
            s->charsmap_len = (size_t)(f.bytes.end - f.bytes.at);
        } else if (f.number == 3 && f.wire == WIRE_VARINT) {
            s->add_space_prefix = f.value != 0;
        } else if (f.number == 4 && f.wire == WIRE_VARINT) {
            s->remove_extra_whitespaces = f.value != 0;
        }
    }
    return more;
}

int sentencepiece_parse(struct sentencepiece *s, const void *bytes, size_t len, struct err *err)
{
    struct reader r = { bytes, (const unsigned char *)bytes + len };
    struct field f;
    int more;

    *s = (struct sentencepiece){ .kind = SENTENCEPIECE_UNIGRAM, .bos_id = 1, .eos_id = 2, .pad_id = -1,
                                 .add_space_prefix = true, .remove_extra_whitespaces = true };
    while ((more = next_field(&r, &f, err)) > 0) {
        if (f.wire != WIRE_BYTES)
            continue;
        if (f.number == 1 && read_piece(s, f.bytes, err) < 0)
            return err_context(err, "piece %zu", s->n);
        if (f.number == 2 && read_trainer(s, f.bytes, err) < 0)
            return err_context(err, "trainer_spec");
        if (f.number == 3 && read_normalizer(s, f.bytes, err) < 0)
            return err_context(err, "normalizer_spec");
    }
    if (more < 0)
        return -1;
    if (s->n == 0)
        return fail(err, CORAX_E_ARGS, "there are no pieces in it");
    return 0;
}

void sentencepiece_finish(struct sentencepiece *s)
{
    free(s->pieces);
    memset(s, 0, sizeof *s);
}
