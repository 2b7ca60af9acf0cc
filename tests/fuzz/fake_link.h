/*
 * tests/fuzz/fake_link.h - plays daemon/link.c without processes: who includes it says what the children write, and when they end.
 *
 * A line lives as long as the child's reader does, as in the real one: what keeps pointing into it after the child was ended
 * is found by the sanitizer.
 */
#ifndef TESTS_FUZZ_FAKE_LINK_H
#define TESTS_FUZZ_FAKE_LINK_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/link.h"

#define FAKE_MAX_LINKS 64

struct link {
    const struct link_ops *ops;
    void *arg;
    char name[80];
    char *line; /* that is being read; the reader's memory */
    bool up, wanted, once;
    unsigned n_failures, n_starts;
};

static struct link *fake_links[FAKE_MAX_LINKS]; /* NULL: gone */
static bool fake_cannot_start;

static void require(bool good)
{
    if (!good)
        abort();
}

struct link *link_create(struct event_base *b, const char *name, const char *path, const char *const argv[],
                         const struct link_ops *ops, void *arg, struct err *err)
{
    struct link *l = calloc(1, sizeof(*l));

    require(l != NULL);
    l->ops = ops;
    l->arg = arg;
    snprintf(l->name, sizeof(l->name), "%s", name);
    for (size_t i = 0; i < FAKE_MAX_LINKS; i++)
        if (!fake_links[i]) {
            fake_links[i] = l;
            return l;
        }
    free(l);
    fail(err, CORAX_E_LIMIT, "too many links");
    return NULL;
}

void link_destroy(struct link *l)
{
    for (size_t i = 0; l && i < FAKE_MAX_LINKS; i++)
        if (fake_links[i] == l)
            fake_links[i] = NULL;
    if (l)
        free(l->line);
    free(l);
}

static void fake_down(struct link *l, bool wanted, const char *why)
{
    if (!l->up)
        return;
    l->up = false;
    free(l->line);
    l->line = NULL;
    l->n_failures += !(wanted || l->wanted);
    l->ops->down(l->arg, why);
}

static void fake_up(struct link *l)
{
    if (l->up || (l->once && l->n_starts))
        return;
    l->up = true;
    l->wanted = false;
    l->n_starts++;
    if (fake_cannot_start)
        fake_down(l, false, "start: no such file");
    else
        l->ops->up(l->arg);
}

int link_set_env(struct link *l, const char *const envp[], struct err *err)
{
    return 0;
}

void link_start(struct link *l)
{
    fake_up(l);
}

void link_start_once(struct link *l)
{
    l->once = true;
    fake_up(l);
}

void link_let_end(struct link *l)
{
    l->wanted = true;
}

bool link_is_up(const struct link *l)
{
    return l->up;
}

bool link_send(struct link *l, const struct buf *lines)
{
    require(lines->failed || (lines->len > 0 && lines->data[lines->len - 1] == '\n'));
    return l->up && !lines->failed;
}

void link_kill(struct link *l, bool wanted, const char *why)
{
    fake_down(l, wanted, why);
}

void link_works(struct link *l)
{
    l->n_failures = 0;
}

void link_served(struct link *l)
{
    link_works(l);
}

unsigned link_restarts(const struct link *l)
{
    return l->n_starts ? l->n_starts - 1 : 0;
}

unsigned link_failures(const struct link *l)
{
    return l->n_failures;
}

const char *link_last_error(const struct link *l)
{
    return l->n_failures ? "ended" : NULL;
}

int64_t link_pid(const struct link *l)
{
    return l->up;
}

/* The child writes a line. */
static void fake_line(struct link *l, const char *text, size_t len)
{
    struct rpc_msg msg;
    struct err err = { 0 };
    char *line;
    int rc;

    if (!l->up || len == 0)
        return;
    l->line = line = malloc(len);
    require(line != NULL);
    memcpy(line, text, len);
    rc = rpc_parse(line, len, &msg, &err);
    if (rc == 0) {
        rc = l->ops->message(l->arg, &msg, &err);
        rpc_msg_finish(&msg);
    }
    if (rc < 0 && l->up) {
        require(err.status != 0 && err.msg[0]);
        fake_down(l, false, err.msg);
    }
    if (l->line == line) {
        free(line);
        l->line = NULL;
    }
}

/* What happens, a line of the input after the other. */
static void fake_play(const uint8_t *data, size_t len, void (*step)(const char *line, size_t len))
{
    const char *at = (const char *)data, *end = at + len;

    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at)), *stop = newline ? newline : end;

        step(at, (size_t)(stop - at));
        at = stop + 1;
    }
}

#endif
