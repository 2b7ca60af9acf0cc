/*
 * daemon: the bytes are the body of POST /v1/tasks.  One that is taken has parts that the transcript takes and a budget
 * within the configured one; one that is refused has a code and a sentence.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/transcript.h"
#include "daemon/submission.h"
#include "util/arena.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_parts(const struct submission *s)
{
    struct arena *arena = arena_create(2 * TRANSCRIPT_MAX_BYTES);
    struct json *list = json_parse(s->input.data, s->input.len, NULL);
    struct part *parts;
    size_t n;

    if (list == NULL || parts_read(arena, list, &parts, &n, NULL) < 0 || n == 0)
        abort();
    json_free(list);
    arena_destroy(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct config config;
    struct submission s;
    struct err err = { 0 };
    const char *code = NULL, *param;

    if (config.socket == NULL && config_init(&config, &err) < 0)
        abort();
    if (submission_parse(&s, (const char *)data, len, &config, &code, &param, &err) == 0) {
        if (s.budget.max_steps > config.budget.max_steps || s.budget.max_tokens > config.budget.max_tokens ||
            s.budget.max_wall_ms > config.budget.max_wall_ms)
            abort();
        if (s.deadline_ms && s.deadline_ms <= s.due_ms)
            abort();
        if (s.every && rule_next(&s.rule, 0, s.due_ms) <= s.due_ms)
            abort();
        check_parts(&s);
    } else if (code == NULL || err.status == 0 || err.msg[0] == '\0') {
        abort();
    }
    submission_finish(&s);
    return 0;
}
