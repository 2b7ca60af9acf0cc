/*
 * The constraint against the validator: schemas of chance, and values of chance held to both.  What the constraint accepts the
 * validator must accept, and what the validator accepts the constraint must; values are written by walking the constraint with random
 * choices, made at random, and both with one thing in them changed.
 *
 * A text that is written may get stuck in one case that this does not come to: the name of a member of one character, escaped, where
 * every name that begins with the same digits is taken.  Left out: integers written as 1.0 and numbers with exponents, which the constraint does not write; formats, which the validator does
 * not assert.  CORAX_TEST_ROUNDS sets the number of schemas, CORAX_TEST_SEED where they begin.
 */
#include "infer/matcher.h"

#include "tests/infer/chance.h"
#include "tests/tap.h"

#define TEXT_LIMIT ((size_t)1 << 16)
#define MAX_WALK   3000

/* --- both of them ------------------------------------------------------------------------------------------------- */

struct both {
    struct jsonschema *schema;
    struct matcher *matcher;
    const char *text;
    unsigned n_values, n_valid, n_differ, n_stuck, n_open, n_endless;
};

static bool matcher_says(struct matcher *m, const char *text, size_t len)
{
    matcher_restart(m);
    return matcher_read(m, text, len) && matcher_is_done(m);
}

static bool has_exponent(const char *text, size_t len)
{
    for (size_t i = 1; i < len; i++)
        if ((text[i] == 'e' || text[i] == 'E') && text[i - 1] >= '0' && text[i - 1] <= '9')
            return true;
    return false;
}

static void hold(struct both *b, const char *text, size_t len)
{
    struct json *v = json_parse(text, len, NULL);
    struct err err = { 0 };
    bool valid, taken;

    if (!v || has_exponent(text, len)) {
        json_free(v); /* NULL: a name twice */
        return;
    }
    valid = jsonschema_validate(b->schema, v, &err) == 0;
    if (err.status == CORAX_E_LIMIT) { /* a reference that leads back to itself without a step into the value */
        b->n_endless++;
        json_free(v);
        return;
    }
    taken = matcher_says(b->matcher, text, len);
    b->n_values++;
    b->n_valid += valid;
    if (valid != taken && b->n_differ++ < 3)
        diag("the validator says %d, the constraint %d of %.*s\n# by %s", valid, taken, (int)len, text, b->text);
    json_free(v);
}

/* A text that the constraint writes: any byte that may come, later rather those that close something. */
static bool walk(struct both *b, struct buf *out)
{
    static const char closing[] = "\"}],:0123456789eaulsrtf";

    matcher_restart(b->matcher);
    buf_reset(out);
    for (unsigned n = 0; n < MAX_WALK; n++) {
        unsigned tries = 0;
        unsigned char byte;

        if (matcher_is_done(b->matcher) && (!matcher_goes_on(b->matcher) || below(3) == 0))
            return true;
        do {
            const unsigned pick = below(8);

            byte = n > 60 || pick < 4 ? (unsigned char)closing[tries < 60 ? below(sizeof closing - 1) : tries - 60 < sizeof closing - 1 ? tries - 60 : 0]
                                      : (unsigned char)(pick < 7 ? 0x20 + below(0x5f) : below(256));
            if (tries > 200)
                byte = (unsigned char)(tries - 200);
        } while (!matcher_read_byte(b->matcher, byte) && ++tries < 456);
        if (tries == 456) {
            if (!b->n_stuck++)
                diag("stuck behind %.*s\n# by %s", (int)out->len, out->data, b->text);
            return false;
        }
        buf_addc(out, (char)byte);
    }
    b->n_open++;
    return false;
}

static void hold_mutations(struct both *b, const char *text, size_t len, struct buf *scratch)
{
    for (unsigned i = 0; i < 6; i++) {
        struct json *v = json_parse(text, len, NULL);
        unsigned at = i;

        buf_reset(scratch);
        if (v)
            mutate(v, scratch, &at);
        if (v && !scratch->failed)
            hold(b, scratch->data, scratch->len);
        json_free(v);
    }
}

static void hold_values(struct both *b)
{
    struct buf text, scratch;

    buf_init(&text, TEXT_LIMIT);
    buf_init(&scratch, TEXT_LIMIT);
    for (unsigned i = 0; i < 6; i++) {
        if (walk(b, &text)) {
            const unsigned before = b->n_valid + b->n_endless;

            hold(b, text.data, text.len);
            if (b->n_valid + b->n_endless == before && !has_exponent(text.data, text.len) && !b->n_differ++)
                diag("what the constraint wrote is not valid: %.*s\n# by %s", (int)text.len, text.data, b->text);
            hold_mutations(b, text.data, text.len, &scratch);
        }
        buf_reset(&text);
        value(&text, 2);
        hold(b, text.data, text.len);
    }
    buf_finish(&text);
    buf_finish(&scratch);
}

int main(void)
{
    static const struct json_style style = { .escapes = true };
    const char *rounds = getenv("CORAX_TEST_ROUNDS"), *seed = getenv("CORAX_TEST_SEED");
    const int n = rounds ? atoi(rounds) : 1500;
    struct both all = { 0 };
    int n_compiled = 0, n_nothing = 0, n_refused = 0;
    struct buf text;

    plan_later();
    buf_init(&text, TEXT_LIMIT);
    for (int i = 0; i < n; i++) {
        struct both b = { 0 };
        struct err err = { 0 };

        random_state = (uint64_t)(seed ? atoi(seed) : 1) * 1000003 + (uint64_t)i;
        buf_reset(&text);
        buf_adds(&text, "{\"$defs\":{\"d\":");
        schema(&text, 1);
        buf_adds(&text, "},\"allOf\":[");
        schema(&text, 2);
        buf_adds(&text, "]}");
        buf_addc(&text, '\0');
        b.text = text.data;
        b.schema = jsonschema_compile(text.data, text.len - 1, NULL, &err);
        b.matcher = b.schema ? matcher_create_json(NULL, jsonschema_root(b.schema), &style, NULL, &err) : NULL;
        if (b.matcher) {
            n_compiled++;
            hold_values(&b);
        } else if (strstr(err.msg, "no value")) {
            n_nothing++;
        } else {
            if (b.schema && n_refused++ < 5)
                diag("refused: %s", err.msg);
        }
        matcher_destroy(b.matcher);
        jsonschema_destroy(b.schema);
        all.n_values += b.n_values;
        all.n_valid += b.n_valid;
        all.n_differ += b.n_differ;
        all.n_stuck += b.n_stuck;
        all.n_open += b.n_open;
    }
    ok(all.n_differ == 0, "%u values, %u of them valid: %u are seen differently", all.n_values, all.n_valid, all.n_differ);
    ok(all.n_stuck == 0, "%u texts got stuck, %u had no end", all.n_stuck, all.n_open);
    ok(n_compiled > n / 2 && n_refused < n / 10, "%d schemas: %d held, %d without a value, %d that cannot be held", n, n_compiled, n_nothing, n_refused);
    buf_finish(&text);
    done();
    return tap_status();
}
