/* corax-infer generate: one question, or with --raw any text to go on from; the reply is printed as it comes. */
#include <stdio.h>
#include <string.h>

#include "infer/command.h"
#include "infer/dialect.h"
#include "util/json.h"
#include "util/jsonschema.h"

#define MAX_OUTPUT ((size_t)16 << 20)
#define MAX_HELD   ((size_t)16 << 20) /* bytes of a schema or grammar */

struct printer {
    const struct tokenizer *tokenizer;
    struct reply reply;
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

static void on_word(void *arg, int32_t token, enum constraint_phase phase)
{
    struct printer *p = arg;

    (void)phase;
    if (tokens_add(&p->words, token, NULL) == 0)
        show_words(p, false);
    fflush(stdout);
}

static void on_token(void *arg, int32_t token, enum constraint_phase phase)
{
    struct printer *p = arg;
    size_t before = p->reply.text.len;

    (void)reply_add(&p->reply, p->tokenizer, token, phase);
    fwrite(p->reply.text.data + before, 1, p->reply.text.len - before, stdout);
    fflush(stdout);
}

/* The prompt as the one message of a user. */
static int render(const struct engine *e, const char *prompt, struct dialect_tokens *special, struct tokens *out,
                  struct err *err)
{
    const struct dialect *dialect = dialect_find(engine_info(e)->dialect, err);
    struct json *messages = NULL;
    struct jsonw w;
    struct buf text;
    int result = -1;

    if (!dialect || dialect->open(engine_tokenizer(e), special, err) < 0)
        return -1;
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
    if (messages)
        result = dialect->render(special, engine_tokenizer(e), messages, NULL, 0, out, err);
    json_free(messages);
    buf_finish(&text);
    return result;
}

/* What the answer is held to, from --schema, --grammar or --pattern. */
struct held {
    struct constraint_text text;
    struct jsonschema     *schema;
    struct buf             file;
};

static int read_held(const struct args *a, const struct tokenizer *t, struct held *h, struct err *err)
{
    const char *path = a->schema ? a->schema : a->grammar;

    if (!tokenizer_is_plain(t))
        return fail(err, CORAX_E_ARGS, "this model's tokens are words whose text depends on what follows: an answer cannot be held to anything");
    h->text.kind = a->schema ? CONSTRAINT_SCHEMA : a->grammar ? CONSTRAINT_GRAMMAR : CONSTRAINT_PATTERN;
    h->text.text = a->pattern;
    h->text.len = a->pattern ? strlen(a->pattern) : 0;
    if (!path)
        return 0;
    if (command_read(path, &h->file, err) < 0)
        return -1;
    h->text.text = h->file.data ? h->file.data : "";
    h->text.len = h->file.len;
    if (!a->schema)
        return 0;
    h->schema = jsonschema_compile(h->text.text, h->text.len, NULL, err);
    if (!h->schema)
        return err_context(err, "%s", path);
    h->text.schema = jsonschema_root(h->schema);
    return 0;
}

static int prepare(const struct args *a, struct engine *e, const struct constraint_text *text, struct tokens *prompt,
                   struct constraint **constraint, struct err *err)
{
    const struct tokenizer *t = engine_tokenizer(e);
    struct dialect_tokens special;
    struct constraint_spec spec = { .choice = CHOICE_NONE, .max_thought = CONSTRAINT_MAX_THOUGHT, .text = text };

    if (a->raw) {
        const int result = tokenizer_encode_with(t, TOKENIZER_BEGIN, a->text, strlen(a->text), prompt, err);

        if (result < 0 || !text)
            return result;
        spec.raw = true;
        spec.call = spec.answer = -1;
        spec.end = tokenizer_eos(t);
        *constraint = constraint_create(engine_vocabulary(e), &spec, err);
        return *constraint ? 0 : -1;
    }
    if (render(e, a->text, &special, prompt, err) < 0)
        return -1;
    spec.call = special.call;
    spec.answer = special.answer;
    spec.end = special.end;
    *constraint = constraint_create(engine_vocabulary(e), &spec, err);
    return *constraint ? 0 : -1;
}

static int generate(const struct args *a, struct engine *e, struct err *err)
{
    struct printer printer = { .tokenizer = engine_tokenizer(e) };
    struct decode decode = {
        .sampling = a->sampling, .max_tokens = a->n_tokens, .arg = &printer,
        .on_token = a->raw && !tokenizer_is_plain(engine_tokenizer(e)) ? on_word : on_token,
    };
    struct session *s = session_create(e, err);
    struct tokens prompt = { 0 };
    enum decode_finish finish;
    const bool is_held = a->schema || a->grammar || a->pattern;
    struct held held = { 0 };
    size_t n, before;
    int result = -1;

    reply_init(&printer.reply, MAX_OUTPUT);
    buf_init(&held.file, MAX_HELD);
    if (s && (!is_held || read_held(a, engine_tokenizer(e), &held, err) == 0) &&
        prepare(a, e, is_held ? &held.text : NULL, &prompt, &decode.constraint, err) == 0 &&
        session_sync(s, prompt.ids, prompt.n, NULL, NULL, NULL, err) == 0)
        result = session_decode(s, &decode, &n, &finish, err);
    before = printer.reply.text.len;
    reply_end(&printer.reply);
    fwrite(printer.reply.text.data + before, 1, printer.reply.text.len - before, stdout);
    show_words(&printer, true);
    if (result == 0)
        putchar('\n');
    constraint_destroy(decode.constraint);
    jsonschema_destroy(held.schema);
    buf_finish(&held.file);
    reply_finish(&printer.reply);
    tokens_finish(&printer.words);
    tokens_finish(&prompt);
    session_destroy(s);
    return result;
}

static const char *check(const struct args *a)
{
    if (!!a->schema + !!a->grammar + !!a->pattern > 1)
        return "takes one of --schema, --grammar and --pattern";
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
    .arguments = "MODEL PROMPT [-n N] [--temp T] [--top-k K] [--top-p P] [--min-p P] [--seed S] [--raw]\n           [--schema FILE | --grammar FILE | --pattern PATTERN]",
    .what = "Prints the model's answer to a question; with --raw, how it goes on from a text.",
    .options = " n temp top-k top-p min-p seed raw schema grammar pattern ",
    .takes_text = true,
    .check = check,
    .runs_model = true,
    .run = run,
};
