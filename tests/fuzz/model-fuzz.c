/*
 * daemon: what corax-infer writes, as daemon/model.c reads it.  A line of the input is a line that the process writes, and a line that is one of these letters is something that happens meanwhile:
 *
 *     c  a task asks        x  the oldest chat is cancelled        d  the process ends        u  it is there again
 *
 * Whatever comes, each chat that is not cancelled ends exactly once; a reply has a finish, and its calls have names and arguments.
 */
#include "daemon/model.h"
#include "tests/fuzz/fake_link.h"
#include "util/log.h"

#define MAX_CHATS 24 /* in one input */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct asked {
    struct model_chat *chat;
    bool live;
};

static struct event_base *base;
static struct model *model;
static struct asked asked[MAX_CHATS];
static size_t n_asked;

/* --- the tasks ------------------------------------------------------------------------------------------------------ */

static void ask(void);

static void on_delta(void *arg, const struct model_delta *d)
{
    struct asked *a = arg;

    require(a->live && d->kind && d->text && d->index >= 0);
    require(strcmp(d->kind, "call") == 0 || (d->index == 0 && !d->name));
}

static void on_done(void *arg, const struct model_reply *reply, const struct err *err)
{
    struct asked *a = arg;

    require(a->live);
    a->live = false;
    if (!reply) {
        require(err && err->status != 0 && err->msg[0]);
        return;
    }
    require(reply->finish && reply->prompt_tokens >= 0 && reply->completion_tokens >= 0 && reply->decode_us >= 0);
    require(!reply->reasoning || reply->reasoning[0]);
    for (size_t i = 0; i < reply->n_calls; i++)
        require(reply->calls[i].name && strlen(reply->calls[i].args) == reply->calls[i].args_len);
    if (reply->n_calls)
        ask(); /* a task asks again from within */
}

static void ask(void)
{
    static const struct model_chat_ops ops = { on_delta, on_done };
    static const struct sampling sampling = { .top_p = 1, .seed = 1 };
    static struct transcript *transcript;
    struct model_ask what = { .tools = "[]", .tools_len = 2, .max_tokens = 16, .sampling = &sampling };
    struct asked *a = &asked[n_asked];

    if (n_asked == MAX_CHATS)
        return;
    if (!transcript) {
        transcript = transcript_create();
        require(transcript && transcript_add_text(transcript, ROLE_USER, "go", 2, NULL) == 0);
    }
    what.transcript = transcript;
    n_asked++;
    a->live = true;
    a->chat = model_chat(model, &what, &ops, a);
    require(a->chat != NULL);
}

static void cancel_one(void)
{
    for (size_t i = 0; i < n_asked; i++)
        if (asked[i].live) {
            asked[i].live = false;
            model_cancel(asked[i].chat);
            return;
        }
}

static void step(const char *line, size_t len)
{
    struct link *process = fake_links[0];

    if (len != 1) {
        fake_line(process, line, len);
        return;
    }
    if (*line == 'c')
        ask();
    else if (*line == 'x')
        cancel_one();
    else if (*line == 'd')
        fake_down(process, false, "ended");
    else if (*line == 'u')
        fake_up(process);
    else
        fake_line(process, line, len);
    event_base_loop(base, EVLOOP_NONBLOCK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct config config;
    struct buf health;
    struct jsonw w;

    if (!base) {
        log_open("model-fuzz", LOG_LEVEL_ERROR + 1);
        base = event_base_new();
        require(base && config_init(&config, NULL) == 0 && config_set_text(&config.model.path, "m", NULL) == 0);
    }
    n_asked = 0;
    model = model_create(base, &config, &config.model, NULL);
    require(model != NULL);
    model_load(model);
    fake_play(data, len, step);
    buf_init(&health, 1 << 16);
    w = jsonw_start(&health);
    jsonw_object(&w, NULL);
    model_write_health(model, &w, "model", NULL);
    jsonw_end(&w);
    require(json_check(health.data, health.len, NULL) == 0);
    buf_finish(&health);
    for (int i = 0; i < 4; i++) { /* one that always ends fails every chat */
        fake_up(fake_links[0]);
        fake_down(fake_links[0], false, "ended");
        event_base_loop(base, EVLOOP_NONBLOCK);
    }
    for (size_t i = 0; i < n_asked; i++)
        require(!asked[i].live);
    model_destroy(model);
    return 0;
}
