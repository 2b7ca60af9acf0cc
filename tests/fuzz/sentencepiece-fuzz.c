/* Any bytes as a tokenizer.model.  What is accepted is read to the last byte of its last piece. */
#include "infer/sentencepiece.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static volatile uint64_t sink;

static void touch(const void *bytes, size_t len)
{
    const unsigned char *p = bytes;

    for (size_t i = 0; i < len; i++)
        sink += p[i];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct sentencepiece s;
    struct err err;

    if (sentencepiece_parse(&s, data, len, &err) == 0) {
        for (size_t i = 0; i < s.n; i++)
            touch(s.pieces[i].s, s.pieces[i].len);
        touch(s.charsmap, s.charsmap_len);
    }
    sentencepiece_finish(&s);
    return 0;
}
