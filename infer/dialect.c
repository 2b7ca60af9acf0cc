#include "infer/dialect.h"

#include <string.h>

static const struct dialect *const dialects[] = { &dialect_corax };

const struct dialect *dialect_find(const char *name, struct err *err)
{
    for (size_t i = 0; i < sizeof dialects / sizeof dialects[0]; i++)
        if (strcmp(dialects[i]->name, name) == 0)
            return dialects[i];
    if (!*name)
        fail(err, CORAX_E_ARGS, "the model names no dialect (metadata key corax.dialect), so it cannot chat: "
                                "corax-infer generate --raw goes on from a text");
    else
        fail(err, CORAX_E_ARGS, "the model's dialect \"%s\" is not one that this program knows (corax-1)", name);
    return NULL;
}

void reply_init(struct reply *r, size_t limit)
{
    memset(r, 0, sizeof *r);
    buf_init(&r->reasoning, limit);
    buf_init(&r->text, limit);
    buf_init(&r->call, limit);
}

void reply_finish(struct reply *r)
{
    buf_finish(&r->reasoning);
    buf_finish(&r->text);
    buf_finish(&r->call);
}

const struct buf *reply_add(struct reply *r, const struct tokenizer *t, int32_t token, enum constraint_phase phase)
{
    size_t len, before;
    const char *bytes = tokenizer_bytes(t, token, &len);
    struct buf *part = phase == PHASE_THOUGHT ? &r->reasoning : phase == PHASE_ANSWER ? &r->text : &r->call;

    if (len == 0)
        return NULL;
    if (r->last && r->last != part)
        detokenizer_end(&r->held, r->last);
    r->last = part;
    before = part->len;
    detokenizer_add(&r->held, bytes, len, part);
    return part->len > before ? part : NULL;
}

void reply_end(struct reply *r)
{
    if (r->last)
        detokenizer_end(&r->held, r->last);
}
