/* corax-infer generate: one question, or with --raw any text to go on from; the reply is printed as it comes. */
#include <stdio.h>
#include <string.h>

#include "infer/command.h"
#include "infer/dialect.h"
#include "infer/engine.h"
#include "util/json.h"
#include "util/jsonschema.h"
#include "util/log.h"

#define MAX_OUTPUT ((size_t)16 << 20)
#define MAX_HELD   ((size_t)16 << 20) /* bytes of a schema or grammar */

struct printer {
    const struct tokenizer *tokenizer;
    struct turn turn;              /* of a question */
    struct buf text;               /* of --raw */
    struct detokenizer held;
    size_t n_text;                 /* bytes of the answer that are shown */
    /* Of a text that is not its tokens one behind the other: all of them, and how many bytes of it are shown. */
    struct tokens words;
    size_t n_shown;
};

/* All but the last word, which what follows may change. */
static void show_words(struct printer *p, bool at_end)
{
    struct buf text;
    size_t n;

    buf_init(&text, MAX_OUTPUT);
    if (tokenizer_decode(p->tokenizer, p->words.ids, p->words.n, &text, NULL) == 0 && text.len > p->n_shown) {
        for (n = text.len; !at_end && n > p->n_shown && text.data[n - 1] != ' '; n--)
            ;
        n -= !at_end && n > p->n_shown; /* the space, too */
        fwrite(text.data + p->n_shown, 1, n - p->n_shown, stdout);
        p->n_shown = n;
    }
    buf_finish(&text);
}

static void on_word(void *arg, int32_t token)
{
    struct printer *p = arg;

    if (tokens_add(&p->words, token, NULL) == 0)
        show_words(p, false);
    fflush(stdout);
}

static void show_text(struct printer *p, const struct buf *text)
{
    if (text->len > p->n_text)
        fwrite(text->data + p->n_text, 1, text->len - p->n_text, stdout);
    p->n_text = text->len;
    fflush(stdout);
}

static void on_raw(void *arg, int32_t token)
{
    struct printer *p = arg;
    size_t len;
    const char *bytes = tokenizer_bytes(p->tokenizer, token, &len);

    detokenizer_add(&p->held, bytes, len, &p->text);
    show_text(p, &p->text);
}

static void on_token(void *arg, int32_t token)
{
    struct printer *p = arg;

    reply_add(&p->turn.reply, token);
    show_text(p, &p->turn.reply.text);
}

/* The prompt as the one message of a user. */
static struct json *make_messages(const char *prompt, struct err *err)
{
    struct json *messages;
    struct jsonw w;
    struct buf text;

    buf_init(&text, MAX_OUTPUT);
    w = jsonw_start(&text);
    jsonw_array(&w, NULL);
    jsonw_object(&w, NULL);
    jsonw_text(&w, "role", "user");
    jsonw_array(&w, "parts");
    jsonw_object(&w, NULL);
    jsonw_text(&w, "type", "text");
    jsonw_text(&w, "text", prompt);
    while (w.depth > 0)
        jsonw_end(&w);
    messages = json_parse(text.data, text.len, err);
    buf_finish(&text);
    return messages;
}

/* What the answer is held to, from --schema, --grammar, --pattern or --tags. */
struct held {
    struct constraint_text text;
    struct jsonschema     *schema;
    struct tags           *tags;
    struct buf             file;
};

static void warn(void *arg, const char *message)
{
    (void)arg;
    log_warn("%s", message);
}

static int read_held(const struct args *a, const struct tokenizer *t, struct held *h, struct err *err)
{
    static const struct shape_options lenient = { .lenient = true, .warn = warn };
    const char *path = a->schema ? a->schema : a->grammar ? a->grammar : a->tags;

    if (!tokenizer_is_plain(t))
        return fail(err, CORAX_E_ARGS, "this model's tokens are words whose text depends on what follows: an answer cannot be held to anything");
    h->text.kind = a->schema ? CONSTRAINT_SCHEMA : a->grammar ? CONSTRAINT_GRAMMAR : a->tags ? CONSTRAINT_TAGS : CONSTRAINT_PATTERN;
    h->text.lenient = a->lenient ? &lenient : NULL;
    h->text.text = a->pattern;
    h->text.len = a->pattern ? strlen(a->pattern) : 0;
    if (!path)
        return 0;
    if (command_read(path, &h->file, err) < 0)
        return -1;
    h->text.text = h->file.data ? h->file.data : "";
    h->text.len = h->file.len;
    if (a->tags) {
        h->text.tags = h->tags = tags_parse(h->text.text, h->text.len, t, err);
        return h->tags ? 0 : err_context(err, "%s", path);
    }
    if (!a->schema)
        return 0;
    h->schema = jsonschema_compile(h->text.text, h->text.len, NULL, err);
    if (!h->schema)
        return err_context(err, "%s", path);
    h->text.schema = jsonschema_root(h->schema);
    return 0;
}

static int ask(const struct args *a, struct engine *e, const struct constraint_text *text, struct turn *turn, struct err *err)
{
    struct dialect *dialect = command_dialect(a, e->gguf, e->tokenizer, err);
    struct json *messages = dialect ? make_messages(a->text, err) : NULL;
    const struct dialect_request q = { .messages = messages, .choice = CHOICE_NONE, .text = text, .lenient = text ? text->lenient : NULL };
    const int result = messages ? dialect_turn(dialect, engine_vocabulary(e), &q, MAX_OUTPUT, turn, err) : -1;

    json_free(messages);
    dialect_close(dialect);
    return result;
}

static int prepare(const struct args *a, struct engine *e, const struct constraint_text *text, struct turn *turn, struct err *err)
{
    const struct tokenizer *t = engine_tokenizer(e);

    if (!a->raw)
        return ask(a, e, text, turn, err);
    if (tokenizer_encode_with(t, TOKENIZER_BEGIN, a->text, strlen(a->text), &turn->prompt, err) < 0)
        return -1;
    if (!text)
        return 0;
    turn->constraint = constraint_create_text(engine_vocabulary(e), text, tokenizer_eos(t), err);
    return turn->constraint ? 0 : -1;
}

static void show_rest(const struct args *a, struct printer *p)
{
    if (a->raw)
        detokenizer_end(&p->held, &p->text);
    else if (p->turn.reply.script)
        reply_end(&p->turn.reply);
    show_text(p, a->raw ? &p->text : &p->turn.reply.text);
    show_words(p, true);
}

static int generate(const struct args *a, struct engine *e, struct err *err)
{
    struct printer printer = { .tokenizer = engine_tokenizer(e) };
    struct decode decode = { .sampling = a->sampling, .max_tokens = a->n_tokens, .arg = &printer };
    struct session *s = session_create(e, err);
    struct turn *turn = &printer.turn;
    enum decode_finish finish;
    const bool is_held = a->schema || a->grammar || a->pattern || a->tags;
    struct held held = { 0 };
    size_t n;
    int result = -1;

    decode.on_token = !a->raw ? on_token : tokenizer_is_plain(engine_tokenizer(e)) ? on_raw : on_word;
    buf_init(&printer.text, MAX_OUTPUT);
    buf_init(&held.file, MAX_HELD);
    if (s && (!is_held || read_held(a, engine_tokenizer(e), &held, err) == 0) &&
        prepare(a, e, is_held ? &held.text : NULL, turn, err) == 0 &&
        session_sync(s, turn->prompt.ids, turn->prompt.n, NULL, NULL, NULL, err) == 0) {
        decode.constraint = turn->constraint;
        result = session_decode(s, &decode, &n, &finish, err);
    }
    show_rest(a, &printer);
    if (result == 0)
        putchar('\n');
    turn_finish(turn);
    jsonschema_destroy(held.schema);
    tags_destroy(held.tags);
    buf_finish(&held.file);
    buf_finish(&printer.text);
    tokens_finish(&printer.words);
    session_destroy(s);
    return result;
}

static const char *check(const struct args *a)
{
    if (!!a->schema + !!a->grammar + !!a->pattern + !!a->tags > 1)
        return "takes one of --schema, --grammar, --pattern and --tags";
    return a->text ? NULL : "needs a prompt";
}

static int run(const struct args *a, struct err *err)
{
    struct engine *e;
    int result;

    e = engine_open(a->model, &a->engine, err);
    if (!e)
        return -1;
    result = generate(a, e, err);
    engine_close(e);
    return result;
}

const struct command command_generate = {
    .name = "generate",
    .arguments = "MODEL PROMPT [-n N] [--temp T] [--top-k K] [--top-p P] [--min-p P] [--seed S] [--raw]\n           [--dialect NAME] [--template FILE]\n           [--schema FILE | --grammar FILE | --pattern PATTERN | --tags FILE] [--lenient]",
    .what = "Prints the model's answer to a question; with --raw, how it goes on from a text.",
    .options = " n temp top-k top-p min-p seed raw dialect template schema grammar pattern tags lenient ",
    .takes_text = true,
    .check = check,
    .runs_model = true,
    .run = run,
};
