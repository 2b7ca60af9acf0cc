/*
 * Spaces of memories of an evaluation's runs.  See eval_memory.h.
 */
#include "cli/eval_memory.h"

#include <stdio.h>

#include "cli/eval_jobs.h"

#define MAX_PAGES 50 /* of 500 memories: a task leaves far fewer */

void eval_memory_space(const char evaluation[ID_LEN + 1], size_t i, char out[EVAL_SPACE_SIZE])
{
    /* The end of an id is what differs. */
    snprintf(out, EVAL_SPACE_SIZE, "eval-%.12s-%zu", evaluation + ID_LEN - 12, i);
}

int eval_memory_remember(struct cli *cli, const char *space, const struct json *facts, struct err *err)
{
    int rc = 0;

    for (const struct json *e = json_first(facts); e && rc == 0; e = json_next(e)) {
        struct reply reply;
        struct json *root;
        struct buf body;
        struct jsonw w;

        buf_init(&body, CLI_MAX_BODY);
        w = jsonw_start(&body);
        jsonw_object(&w, NULL);
        jsonw_text(&w, "kind", "fact");
        jsonw_text(&w, "space", space);
        jsonw_text(&w, "text", json_text(e));
        jsonw_end(&w);
        if (body.failed) {
            rc = fail(err, CORAX_E_INTERNAL, "out of memory");
        } else {
            rc = cli_send(cli, "POST", "/v1/memory", &body, 0, &reply, &root, err);
            json_free(root);
            reply_finish(&reply);
        }
        buf_finish(&body);
    }
    return rc == 0 ? 0 : err_context(err, "a fact that is to be remembered");
}

static void forget_one(struct cli *cli, const char *id)
{
    char path[128];

    snprintf(path, sizeof(path), "/v1/memory/%.64s", id);
    eval_tell(cli, "DELETE", path);
}

void eval_memory_forget(struct cli *cli, const char *space)
{
    char path[128];

    snprintf(path, sizeof(path), "/v1/memory?space=%s&limit=500", space);
    for (int page = 0; page < MAX_PAGES; page++) {
        struct reply reply;
        struct json *root;
        struct err err = { 0 };
        size_t n = 0;

        if (cli_get(cli, path, 0, &reply, &root, &err) == 0)
            for (const struct json *m = json_first(json_get(root, "memories")); m; m = json_next(m), n++)
                forget_one(cli, json_get_text(m, "id", ""));
        json_free(root);
        reply_finish(&reply);
        if (n < 500)
            return;
    }
}
