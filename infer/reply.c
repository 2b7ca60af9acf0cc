#include "infer/reply.h"

#include <stdlib.h>
#include <string.h>

#include "util/json.h"

void reply_init(struct reply *r, const struct script *script, const struct tool *tools, size_t n_tools, size_t limit)
{
    memset(r, 0, sizeof *r);
    r->script = script;
    r->tools = tools;
    r->n_tools = n_tools;
    r->limit = limit;
    r->state = script->start;
    r->string = -1;
    buf_init(&r->reasoning, limit);
    buf_init(&r->text, limit);
    buf_init(&r->blanks, limit);
    buf_init(&r->raw, limit);
    buf_init(&r->key, limit);
    buf_init(&r->value, limit);
}

void reply_finish(struct reply *r)
{
    for (size_t i = 0; i < r->n_calls; i++) {
        buf_finish(&r->calls[i].name);
        buf_finish(&r->calls[i].arguments);
    }
    free(r->calls);
    buf_finish(&r->reasoning);
    buf_finish(&r->text);
    buf_finish(&r->blanks);
    buf_finish(&r->raw);
    buf_finish(&r->key);
    buf_finish(&r->value);
}

size_t reply_n_complete(const struct reply *r)
{
    return r->n_calls && !r->calls[r->n_calls - 1].complete ? r->n_calls - 1 : r->n_calls;
}

/* --- parts -------------------------------------------------------------------------------------------------------- */

/* A character that was cut off becomes U+FFFD. */
static void end_part(struct reply *r)
{
    if (r->last)
        detokenizer_end(&r->held, r->last);
    r->last = NULL;
    buf_reset(&r->blanks);
}

static void write_byte(struct reply *r, struct buf *part, uint32_t byte)
{
    const char c = (char)byte;

    if (r->last && r->last != part)
        end_part(r);
    r->last = part;
    detokenizer_add(&r->held, &c, 1, part);
}

static bool is_blank(uint32_t unit)
{
    return unit == ' ' || unit == '\t' || unit == '\n' || unit == '\r';
}

/* White space around the part is none of it: it is kept until something else follows. */
static void write_text(struct reply *r, struct buf *part, uint32_t byte)
{
    if (r->script->trims && is_blank(byte)) {
        if (part->len > 0 || r->held.n_held > 0)
            buf_addc(&r->blanks, (char)byte);
        return;
    }
    for (size_t i = 0; i < r->blanks.len; i++)
        write_byte(r, part, (unsigned char)r->blanks.data[i]);
    buf_reset(&r->blanks);
    write_byte(r, part, byte);
}

/* What does not follow the script: the rest is text. */
static void give_up(struct reply *r)
{
    r->broken = true;
    end_part(r);
}

static struct reply_call *current(struct reply *r)
{
    return r->n_calls && !r->calls[r->n_calls - 1].complete ? &r->calls[r->n_calls - 1] : NULL;
}

static void begin_call(struct reply *r)
{
    struct reply_call *list;

    if (r->n_calls == REPLY_MAX_CALLS || !(list = realloc(r->calls, (r->n_calls + 1) * sizeof *list))) {
        give_up(r);
        return;
    }
    r->calls = list;
    r->calls[r->n_calls].complete = false;
    buf_init(&r->calls[r->n_calls].name, r->limit);
    buf_init(&r->calls[r->n_calls].arguments, r->limit);
    r->n_calls++;
}

static void enter(struct reply *r, int state)
{
    const enum script_part part = r->script->states[state].part;

    end_part(r);
    r->state = state;
    if (part == SCRIPT_NAME)
        begin_call(r);
    if (part != SCRIPT_ARGUMENTS)
        return;
    r->depth = 0;
    r->at = ARGUMENTS_PLAIN;
    buf_reset(&r->raw);
    if (r->script->notation.kind == NOTATION_TAGS)
        buf_addc(&r->raw, '{');
}

/* --- marks -------------------------------------------------------------------------------------------------------- */

enum match { MATCH_NO, MATCH_BEGUN, MATCH_WHOLE };

static enum match match_units(const struct reply *r, const uint32_t *units, size_t n)
{
    const size_t common = n < r->n_pending ? n : r->n_pending;

    if (n && memcmp(units, r->pending, common * sizeof *units) != 0)
        return MATCH_NO;
    return common == n ? MATCH_WHOLE : MATCH_BEGUN;
}

static enum match match_text(const struct reply *r, const struct notation_mark *m)
{
    uint32_t units[SCRIPT_MAX_MARK];

    if (!m->text)
        return MATCH_NO;
    return match_units(r, units, script_units(r->script, m->text, strlen(m->text), units, SCRIPT_MAX_MARK));
}

static void drop(struct reply *r, size_t n)
{
    r->n_pending -= n;
    memmove(r->pending, r->pending + n, r->n_pending * sizeof *r->pending);
}

static void drop_text(struct reply *r, const struct notation_mark *m)
{
    uint32_t units[SCRIPT_MAX_MARK];

    drop(r, script_units(r->script, m->text, strlen(m->text), units, SCRIPT_MAX_MARK));
}

/* --- arguments ---------------------------------------------------------------------------------------------------- */

static void arguments_end(struct reply *r)
{
    struct reply_call *c = current(r);

    if (r->script->notation.kind == NOTATION_TAGS) {
        buf_addc(&r->raw, '}');
        buf_add(&c->arguments, r->raw.data, r->raw.len);
    } else if (r->script->notation.kind == NOTATION_MARKED && notation_read_marked(&r->script->notation, r->raw.data, r->raw.len, &c->arguments, NULL) < 0) {
        give_up(r);
        return;
    }
    if (json_check(c->arguments.data ? c->arguments.data : "", c->arguments.len, NULL) < 0) {
        give_up(r);
        return;
    }
    c->complete = true;
    enter(r, r->script->states[r->state].exits[0].next);
}

/* One byte of a JSON object.  Where it closes is seen from braces, brackets and quotes. */
static void json_byte(struct reply *r, uint32_t byte)
{
    struct reply_call *c = current(r);

    if (byte > 255 || (r->depth == 0 && byte != '{')) {
        give_up(r);
        return;
    }
    write_byte(r, &c->arguments, byte);
    if (r->at == ARGUMENTS_ESCAPE)
        r->at = ARGUMENTS_STRING;
    else if (r->at == ARGUMENTS_STRING)
        r->at = byte == '"' ? ARGUMENTS_PLAIN : byte == '\\' ? ARGUMENTS_ESCAPE : ARGUMENTS_STRING;
    else if (byte == '"')
        r->at = ARGUMENTS_STRING;
    else if (byte == '{' || byte == '[')
        r->depth++;
    else if (byte == '}' || byte == ']')
        r->depth--;
    drop(r, 1);
    if (r->depth == 0)
        arguments_end(r);
}

/* One unit of text between braces in which strings stand between marks.  true: more units are wanted. */
static bool marked_unit(struct reply *r)
{
    const struct notation_mark *quote = &r->script->notation.quote;
    const enum match m = match_text(r, quote);
    const uint32_t unit = r->pending[0];

    if (m == MATCH_BEGUN)
        return true;
    if (m == MATCH_WHOLE) {
        buf_adds(&r->raw, quote->text);
        r->at = r->at == ARGUMENTS_STRING ? ARGUMENTS_PLAIN : ARGUMENTS_STRING;
        drop_text(r, quote);
        return false;
    }
    if (unit > 255 || (r->depth == 0 && unit != '{')) {
        give_up(r);
        return false;
    }
    buf_addc(&r->raw, (char)unit);
    if (r->at == ARGUMENTS_PLAIN)
        r->depth += (unit == '{' || unit == '[') - (unit == '}' || unit == ']');
    drop(r, 1);
    if (r->depth == 0)
        arguments_end(r);
    return false;
}

static const struct schema *parameters_of(struct reply *r)
{
    const struct reply_call *c = current(r);

    for (size_t i = 0; i < r->n_tools; i++)
        if (strlen(r->tools[i].name) == c->name.len && memcmp(r->tools[i].name, c->name.data, c->name.len) == 0)
            return r->tools[i].parameters;
    return NULL;
}

/* A member is whole: its name and value go behind the others. */
static void add_member(struct reply *r)
{
    struct buf member;
    struct jsonw w;
    int result;

    buf_init(&member, r->limit);
    result = notation_read_value(parameters_of(r), r->key.data ? r->key.data : "", r->value.data ? r->value.data : "", r->value.len, r->string,
                                 &member, NULL);
    if (result < 0 || member.failed || r->key.failed || r->value.failed) {
        give_up(r);
    } else {
        if (r->raw.len > 1)
            buf_addc(&r->raw, ',');
        w = jsonw_start(&r->raw);
        jsonw_string(&w, NULL, r->key.data, r->key.len);
        buf_addc(&r->raw, ':');
        buf_add(&r->raw, member.data, member.len);
    }
    buf_finish(&member);
}

static bool tags_unit(struct reply *r)
{
    const struct notation *n = &r->script->notation;
    enum match a, b = MATCH_NO;

    if (r->at == ARGUMENTS_PLAIN) {
        a = match_text(r, &n->key_open);
        if (a == MATCH_NO)
            arguments_end(r);
        if (a != MATCH_WHOLE)
            return a == MATCH_BEGUN;
        drop_text(r, &n->key_open);
        buf_reset(&r->key);
        buf_reset(&r->value);
        r->at = ARGUMENTS_KEY;
        return false;
    }
    a = match_text(r, r->at == ARGUMENTS_KEY ? &n->key_close : &n->value_close);
    if (r->at == ARGUMENTS_KEY)
        b = match_text(r, &n->text_close);
    if (a == MATCH_WHOLE || b == MATCH_WHOLE) {
        drop_text(r, a != MATCH_WHOLE ? &n->text_close : r->at == ARGUMENTS_KEY ? &n->key_close : &n->value_close);
        if (r->at == ARGUMENTS_VALUE)
            add_member(r);
        else
            r->string = n->text_close.text ? b == MATCH_WHOLE : -1;
        r->at = r->at == ARGUMENTS_KEY ? ARGUMENTS_VALUE : ARGUMENTS_PLAIN;
        return false;
    }
    if (a == MATCH_BEGUN || b == MATCH_BEGUN)
        return true;
    if (r->pending[0] > 255) {
        give_up(r);
        return false;
    }
    write_byte(r, r->at == ARGUMENTS_KEY ? &r->key : &r->value, r->pending[0]);
    drop(r, 1);
    return false;
}

/* true: more units are wanted. */
static bool arguments_unit(struct reply *r)
{
    switch (r->script->notation.kind) {
    case NOTATION_TAGS:
        return tags_unit(r);
    case NOTATION_MARKED:
        return marked_unit(r);
    case NOTATION_JSON:
        break;
    }
    json_byte(r, r->pending[0]);
    return false;
}

/* --- units -------------------------------------------------------------------------------------------------------- */

static bool is_end(const struct reply *r, uint32_t unit)
{
    for (size_t i = 0; i < r->script->n_ends; i++)
        if (unit == MACHINE_TOKEN + (uint32_t)r->script->ends[i])
            return true;
    return false;
}

/* The next unit is none of a mark: it goes to the part. */
static void take_unit(struct reply *r)
{
    const struct script_state *state = &r->script->states[r->state];
    const uint32_t unit = r->pending[0];

    if (state->part == SCRIPT_NOTHING && state->blanks && is_blank(unit)) {
        drop(r, 1);
    } else if (state->part == SCRIPT_NOTHING && state->otherwise >= 0) {
        enter(r, state->otherwise);
    } else if (state->part == SCRIPT_NOTHING || unit > 255) {
        give_up(r);
    } else {
        drop(r, 1);
        if (state->part == SCRIPT_REASONING)
            write_text(r, &r->reasoning, unit);
        else if (state->part == SCRIPT_TEXT)
            write_text(r, &r->text, unit);
        else if (state->part == SCRIPT_NAME && current(r))
            write_byte(r, &current(r)->name, unit);
    }
}

/* Reads the first of what is pending.  true: more is wanted. */
static bool read_pending(struct reply *r)
{
    const struct script_state *state = &r->script->states[r->state];
    bool begun = false;

    if (state->part == SCRIPT_ARGUMENTS)
        return arguments_unit(r);
    for (unsigned i = 0; i < state->n_exits; i++) {
        const struct script_exit *e = &state->exits[i];
        const enum match m = match_units(r, r->script->units + e->mark.first, e->mark.n);

        if (m == MATCH_WHOLE) {
            if (!e->stays)
                drop(r, e->mark.n);
            enter(r, e->next);
            return false;
        }
        begun |= m == MATCH_BEGUN;
    }
    if (begun)
        return true;
    if (state->ends && is_end(r, r->pending[0])) {
        r->done = true;
        r->n_pending = 0;
        end_part(r);
        return false;
    }
    take_unit(r);
    return false;
}

static void settle(struct reply *r)
{
    while (r->n_pending > 0 && !r->broken && !r->done)
        if (read_pending(r))
            return;
    if (!r->broken && r->script->states[r->state].done)
        r->done = true;
    for (size_t i = 0; i < r->n_pending && r->broken; i++)
        if (r->pending[i] < 256)
            write_byte(r, &r->text, r->pending[i]);
    r->n_pending = 0;
}

static void add_unit(struct reply *r, uint32_t unit)
{
    if (r->n_pending == SCRIPT_MAX_MARK) /* no mark is as long */
        give_up(r);
    if (r->broken)
        settle(r);
    r->pending[r->n_pending++] = unit;
    settle(r);
}

void reply_add(struct reply *r, int32_t token)
{
    size_t len;
    const char *bytes = tokenizer_bytes(r->script->tokenizer, token, &len);

    if (len == 0)
        add_unit(r, MACHINE_TOKEN + (uint32_t)token);
    for (size_t i = 0; i < len; i++)
        add_unit(r, (unsigned char)bytes[i]);
}

void reply_end(struct reply *r)
{
    const enum script_part part = r->script->states[r->state].part;

    if (r->n_pending && (part == SCRIPT_TEXT || part == SCRIPT_NOTHING || part == SCRIPT_REASONING)) {
        for (size_t i = 0; i < r->n_pending; i++)
            if (r->pending[i] < 256)
                write_text(r, part == SCRIPT_REASONING ? &r->reasoning : &r->text, r->pending[i]);
        r->n_pending = 0;
    }
    end_part(r);
}
