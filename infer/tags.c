#include "infer/tags.h"

#include <stdlib.h>
#include <string.h>

#include "infer/free_text.h"
#include "infer/gbnf.h"
#include "infer/script.h"
#include "util/json.h"
#include "util/jsonschema.h"

#define MAX_SYMBOLS 32 /* of a mark */

struct mark {
    uint32_t units[TAGS_MAX_MARK];
    size_t   n;
};

struct structure {
    struct mark rest, end; /* rest: of the begin, behind the trigger */
    size_t trigger;
    struct jsonschema *schema;
    const char *grammar, *pattern; /* of the document */
};

struct tags {
    const struct tokenizer *tokenizer;
    struct json *document;
    struct mark *triggers;
    struct structure *list;
    size_t n_triggers, n;
    bool at_least_one, stop_after_first;
};

/* --- reading ------------------------------------------------------------------------------------------------------ */

static int read_mark(const struct tags *t, const struct json *value, struct mark *out, struct err *err)
{
    const char *text = json_text(value);
    struct script names;

    if (!text)
        return fail(err, CORAX_E_ARGS, "not a string");
    if (strlen(text) > TAGS_MAX_MARK)
        return fail(err, CORAX_E_ARGS, "%zu bytes, at most %d", strlen(text), TAGS_MAX_MARK);
    script_init(&names, t->tokenizer);
    out->n = script_units(&names, text, strlen(text), out->units, TAGS_MAX_MARK);
    return 0;
}

static int read_triggers(struct tags *t, struct err *err)
{
    const struct json *list = json_get(t->document, "triggers");
    const size_t n = json_count(list);

    if (json_kind(list) != JSON_ARRAY || n == 0 || n > TAGS_MAX)
        return fail(err, CORAX_E_ARGS, "triggers: not an array of 1 to %d strings", TAGS_MAX);
    t->triggers = calloc(n, sizeof *t->triggers);
    if (!t->triggers)
        return fail(err, CORAX_E_LIMIT, "out of memory");
    for (const struct json *j = json_first(list); j; j = json_next(j)) {
        if (read_mark(t, j, &t->triggers[t->n_triggers], err) < 0 ||
            (t->triggers[t->n_triggers].n == 0 && fail(err, CORAX_E_ARGS, "an empty text")))
            return err_context(err, "triggers[%zu]", t->n_triggers);
        t->n_triggers++;
    }
    return 0;
}

static bool begins_with(const struct mark *m, const struct mark *begin)
{
    return begin->n <= m->n && memcmp(m->units, begin->units, begin->n * sizeof *m->units) == 0;
}

/* The begin is cut where its trigger ends. */
static int find_trigger(const struct tags *t, struct structure *s, struct err *err)
{
    for (size_t i = 0; i < t->n_triggers; i++)
        if (begins_with(&s->rest, &t->triggers[i])) {
            s->trigger = i;
            s->rest.n -= t->triggers[i].n;
            memmove(s->rest.units, s->rest.units + t->triggers[i].n, s->rest.n * sizeof *s->rest.units);
            return 0;
        }
    return fail(err, CORAX_E_ARGS, "begin: does not begin with one of the triggers");
}

static int read_content(struct structure *s, const struct json *j, struct err *err)
{
    const struct json *schema = json_get(j, "schema");
    size_t len;
    const char *text;

    s->grammar = json_get_text(j, "grammar", NULL);
    s->pattern = json_get_text(j, "pattern", NULL);
    if (!!schema + !!s->grammar + !!s->pattern != 1)
        return fail(err, CORAX_E_ARGS, "needs one of schema, grammar and pattern");
    if (!schema)
        return 0;
    text = json_raw(schema, &len);
    s->schema = jsonschema_compile(text, len, NULL, err);
    return s->schema ? 0 : -1;
}

static int read_structure(struct tags *t, const struct json *j, struct err *err)
{
    struct structure *s = &t->list[t->n++];

    if (json_kind(j) != JSON_OBJECT)
        return fail(err, CORAX_E_ARGS, "not an object");
    if (read_mark(t, json_get(j, "begin"), &s->rest, err) < 0)
        return err_context(err, "begin");
    if (read_mark(t, json_get(j, "end"), &s->end, err) < 0)
        return err_context(err, "end");
    return find_trigger(t, s, err) < 0 ? -1 : read_content(s, j, err);
}

static int read_structures(struct tags *t, struct err *err)
{
    const struct json *list = json_get(t->document, "structures");
    const size_t n = json_count(list);

    if (json_kind(list) != JSON_ARRAY || n == 0 || n > TAGS_MAX)
        return fail(err, CORAX_E_ARGS, "structures: not an array of 1 to %d objects", TAGS_MAX);
    t->list = calloc(n, sizeof *t->list);
    if (!t->list)
        return fail(err, CORAX_E_LIMIT, "out of memory");
    for (const struct json *j = json_first(list); j; j = json_next(j))
        if (read_structure(t, j, err) < 0)
            return err_context(err, "structures[%zu]", t->n - 1);
    return 0;
}

struct tags *tags_parse(const char *text, size_t len, const struct tokenizer *tokenizer, struct err *err)
{
    struct tags *t = calloc(1, sizeof *t);

    if (!t) {
        fail(err, CORAX_E_LIMIT, "out of memory");
        return NULL;
    }
    t->tokenizer = tokenizer;
    t->document = json_parse(text, len, err);
    t->at_least_one = json_bool(json_get(t->document, "at_least_one"), false);
    t->stop_after_first = json_bool(json_get(t->document, "stop_after_first"), false);
    if (t->document && read_triggers(t, err) == 0 && read_structures(t, err) == 0)
        return t;
    tags_destroy(t);
    return NULL;
}

void tags_destroy(struct tags *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->n; i++)
        jsonschema_destroy(t->list[i].schema);
    free(t->list);
    free(t->triggers);
    json_free(t->document);
    free(t);
}

/* --- rules -------------------------------------------------------------------------------------------------------- */

struct row {
    struct symbol symbols[2 * MAX_SYMBOLS + 2];
    size_t n;
};

static size_t leading_bytes(const struct mark *m)
{
    size_t n = 0;

    while (n < m->n && m->units[n] < MACHINE_TOKEN)
        n++;
    return n;
}

static regex leading_text(struct regexes *rs, const struct mark *m)
{
    char bytes[TAGS_MAX_MARK];
    const size_t n = leading_bytes(m);

    for (size_t i = 0; i < n; i++)
        bytes[i] = (char)m->units[i];
    return n ? regex_literal(rs, bytes, n) : REGEX_NONE;
}

/* A mark from unit `at` on: texts and tokens in turn. */
static int put_mark(struct regexes *rs, struct row *row, const struct mark *m, size_t at, struct err *err)
{
    while (at < m->n) {
        struct mark rest = { .n = m->n - at };
        size_t n;

        memcpy(rest.units, m->units + at, rest.n * sizeof *rest.units);
        n = leading_bytes(&rest);
        if (row->n + 1 >= sizeof row->symbols / sizeof *row->symbols)
            return fail(err, CORAX_E_LIMIT, "too many control tokens in one mark");
        row->symbols[row->n++] = n ? (struct symbol){ SYMBOL_REGEX, leading_text(rs, &rest) }
                                   : (struct symbol){ SYMBOL_TOKEN, m->units[at] - MACHINE_TOKEN };
        at += n ? n : 1;
    }
    return 0;
}

static int put_content(const struct structure *s, struct program_builder *b, struct shapes *shapes, struct row *row, struct err *err)
{
    struct symbol *out = &row->symbols[row->n++];

    if (s->schema) {
        *out = (struct symbol){ SYMBOL_JSON, shapes_schema(shapes, jsonschema_root(s->schema)) };
        return shapes_expand_all(shapes, out->value, err);
    }
    if (s->grammar) {
        out->kind = SYMBOL_RULE;
        return gbnf_add(b, s->grammar, strlen(s->grammar), &out->value, err);
    }
    out->kind = SYMBOL_REGEX;
    return regex_pattern_whole(b->regexes, s->pattern, strlen(s->pattern), &out->value, err);
}

/* What may stand behind a trigger: the rest of a begin, the content, the end, and then `next`. */
static int put_structures(const struct tags *t, size_t trigger, struct program_builder *b, struct shapes *shapes, uint32_t rule, uint32_t next,
                          struct err *err)
{
    uint32_t n = 0;

    for (size_t i = 0; i < t->n; i++) {
        const struct structure *s = &t->list[i];
        struct row row = { .n = 0 };

        if (s->trigger != trigger)
            continue;
        if (put_mark(b->regexes, &row, &s->rest, 0, err) < 0 || put_content(s, b, shapes, &row, err) < 0 || put_mark(b->regexes, &row, &s->end, 0, err) < 0)
            return err_context(err, "structures[%zu]", i);
        row.symbols[row.n++] = (struct symbol){ SYMBOL_RULE, next };
        program_put(b, rule, n++, row.symbols, row.n);
    }
    return 0;
}

static uint32_t count_structures(const struct tags *t, size_t trigger)
{
    uint32_t n = 0;

    for (size_t i = 0; i < t->n; i++)
        n += t->list[i].trigger == trigger;
    return n;
}

/* Free text: to the end, if it may end here, or to one of the triggers. */
static int put_text(const struct tags *t, struct program_builder *b, const struct free_text *text, const uint32_t *triggers, uint32_t rule, bool ends,
                    struct err *err)
{
    if (ends)
        program_put(b, rule, 0, (struct symbol[]){ { SYMBOL_REGEX, text->without } }, 1);
    for (size_t i = 0; i < t->n_triggers; i++) {
        const size_t n = leading_bytes(&t->triggers[i]);
        struct row row = { .n = 1 };

        row.symbols[0] = (struct symbol){ SYMBOL_REGEX, n ? free_text_until(b->regexes, text, leading_text(b->regexes, &t->triggers[i])) : text->without };
        if (put_mark(b->regexes, &row, &t->triggers[i], n, err) < 0)
            return err_context(err, "triggers[%zu]", i);
        row.symbols[row.n++] = (struct symbol){ SYMBOL_RULE, triggers[i] };
        program_put(b, rule, (uint32_t)i + ends, row.symbols, row.n);
    }
    return 0;
}

int tags_add(const struct tags *t, struct program_builder *b, struct shapes *shapes, struct symbol *out, struct err *err)
{
    const uint32_t n = (uint32_t)t->n_triggers, first = program_rule(b, n + !t->at_least_one), more = program_rule(b, t->stop_after_first ? 1 : n + 1);
    uint32_t *triggers = calloc(n, sizeof *triggers);
    regex marks = REGEX_NONE;
    struct free_text text;
    int result = triggers ? 0 : fail(err, CORAX_E_LIMIT, "out of memory");

    for (size_t i = 0; i < n && triggers; i++) {
        marks = regex_or(b->regexes, marks, leading_text(b->regexes, &t->triggers[i]));
        triggers[i] = program_rule(b, count_structures(t, i));
    }
    free_text_make(b->regexes, marks, REGEX_NONE, &text);
    for (size_t i = 0; i < n && result == 0; i++)
        result = put_structures(t, i, b, shapes, triggers[i], more, err);
    if (result == 0)
        result = put_text(t, b, &text, triggers, first, !t->at_least_one, err);
    if (result == 0 && !t->stop_after_first)
        result = put_text(t, b, &text, triggers, more, true, err);
    else if (result == 0)
        program_put(b, more, 0, NULL, 0);
    *out = (struct symbol){ SYMBOL_RULE, first };
    free(triggers);
    return result;
}
