#include "util/effects.h"

#include <string.h>

struct name {
    const char *text;
    unsigned bit;
};

static const struct name effects[] = {
    { "read", CORAX_FX_READ }, { "write", CORAX_FX_WRITE }, { "exec", CORAX_FX_EXEC },
    { "net", CORAX_FX_NET },   { "clock", CORAX_FX_CLOCK }, { NULL, 0 },
};

static const struct name traits[] = {
    { "idempotent", CORAX_TRAIT_IDEMPOTENT },
    { "destructive", CORAX_TRAIT_DESTRUCTIVE },
    { NULL, 0 },
};

static int read_bits(const struct json *list, const char *what, const struct name *names, unsigned *bits, struct err *err)
{
    unsigned sum = 0;

    if (json_kind(list) != JSON_ARRAY)
        return fail(err, CORAX_E_ARGS, "%s is not a list of names", what);
    for (const struct json *j = json_first(list); j; j = json_next(j)) {
        const char *text = json_text(j);
        const struct name *known = names;

        while (known->text && (!text || strcmp(text, known->text) != 0))
            known++;
        if (!known->text)
            return fail(err, CORAX_E_ARGS, "%s: \"%.40s\" is unknown", what, text ? text : "(not a string)");
        sum |= known->bit;
    }
    *bits = sum;
    return 0;
}

static void write_bits(struct jsonw *w, const char *key, unsigned bits, const struct name *names)
{
    jsonw_array(w, key);
    for (; names->text; names++)
        if (bits & names->bit)
            jsonw_text(w, NULL, names->text);
    jsonw_end(w);
}

int effects_read(const struct json *list, const char *what, unsigned *bits, struct err *err)
{
    return read_bits(list, what, effects, bits, err);
}

int traits_read(const struct json *list, const char *what, unsigned *bits, struct err *err)
{
    return read_bits(list, what, traits, bits, err);
}

void effects_write(struct jsonw *w, const char *key, unsigned bits)
{
    write_bits(w, key, bits, effects);
}

void traits_write(struct jsonw *w, const char *key, unsigned bits)
{
    write_bits(w, key, bits, traits);
}

void annotations_write(struct jsonw *w, unsigned fx, unsigned tr)
{
    jsonw_object(w, "annotations");
    jsonw_bool(w, "readOnlyHint", !(fx & (CORAX_FX_WRITE | CORAX_FX_EXEC | CORAX_FX_NET)));
    jsonw_bool(w, "idempotentHint", tr & CORAX_TRAIT_IDEMPOTENT);
    jsonw_bool(w, "destructiveHint", tr & CORAX_TRAIT_DESTRUCTIVE);
    jsonw_bool(w, "openWorldHint", fx & CORAX_FX_NET);
    jsonw_end(w);
}
