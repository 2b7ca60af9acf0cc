/*
 * daemon: what comes from the network and from coraxd, as daemon/egress_mcp.c and daemon/egress_login.c read it, with a network that this
 * file plays.  A line of the input that begins with
 *
 *     i  is a line of coraxd's     r  answers the oldest fetch: a digit for the status, a letter for the type, then the body, where | ends a line
 *     f  fails the oldest fetch    t  lets the time of waiting ones come
 *
 * Whatever comes, each line that goes to coraxd is a message, and no request is answered twice.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/egress_mcp.h"
#include "util/log.h"
#include "util/rpc.h"

#define MAX_FETCHES 256
#define MAX_IDS     64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct fetch {
    const struct fetch_ops *ops;
    void *arg;
    bool gone;
    long status;
    const char *type;
};

static struct fetch *fetches[MAX_FETCHES];
static size_t n_fetches;
static int64_t open_ids[MAX_IDS];
static size_t n_ids;

static void require(bool good)
{
    if (!good)
        abort();
}

/* --- the network ---------------------------------------------------------------------------------------------------- */

struct fetch *net_fetch(struct net *net, const struct fetch_request *r, const struct fetch_ops *ops, void *arg, struct err *err)
{
    struct fetch *f = n_fetches < MAX_FETCHES ? calloc(1, sizeof(*f)) : NULL;

    for (const struct curl_slist *h = r->headers; h; h = h->next)
        require(strpbrk(h->data, "\r\n") == NULL);
    curl_slist_free_all(r->headers);
    if (f == NULL) {
        fail(err, CORAX_E_LIMIT, "enough");
        return NULL;
    }
    f->ops = ops;
    f->arg = arg;
    fetches[n_fetches++] = f;
    return f;
}

void fetch_cancel(struct fetch *f)
{
    f->gone = true;
}

long fetch_status(const struct fetch *f)
{
    return f->status;
}

const char *fetch_header(const struct fetch *f, const char *name)
{
    if (strcmp(name, "Content-Type") == 0)
        return f->type;
    if (strcmp(name, "WWW-Authenticate") == 0)
        return "Bearer error=\"insufficient_scope\", scope=\"a\"";
    return strcmp(name, "Mcp-Session-Id") == 0 ? "s1" : NULL;
}

void net_set_reach(struct net *net, enum net_reach reach)
{
}

bool net_is_good_url(const char *url, enum net_reach reach, struct err *err)
{
    return true;
}

static struct fetch *oldest(void)
{
    for (size_t i = 0; i < n_fetches; i++)
        if (fetches[i] && !fetches[i]->gone)
            return fetches[i];
    return NULL;
}

static void end_fetch(struct fetch *f, const struct err *err)
{
    if (!f->gone)
        f->ops->done(f->arg, err);
    f->gone = true;
}

static void answer(struct fetch *f, const char *text, size_t len)
{
    static const long statuses[] = { 200, 202, 301, 400, 401, 403, 404, 405, 410, 503 };
    const struct err none = { 0 };
    char *body;

    if (len < 2)
        return;
    f->status = statuses[text[0] >= '0' && text[0] <= '9' ? text[0] - '0' : 0];
    f->type = text[1] == 'e' ? "text/event-stream" : "application/json";
    body = malloc(len);
    require(body != NULL);
    memcpy(body, text + 2, len - 2);
    for (size_t i = 0; i < len - 2; i++)
        if (body[i] == '|')
            body[i] = '\n';
    if (f->ops->head)
        f->ops->head(f->arg, f->status);
    if (!f->gone && len > 2)
        f->ops->data(f->arg, body, len - 2);
    end_fetch(f, &none);
    free(body);
}

/* --- coraxd --------------------------------------------------------------------------------------------------------- */

static void on_out(void *arg, const char *line, size_t len)
{
    struct rpc_msg m;
    size_t i;

    require(len > 1 && line[len - 1] == '\n' && memchr(line, '\n', len - 1) == NULL);
    require(rpc_parse(line, len - 1, &m, NULL) == 0);
    if ((m.kind == RPC_RESULT || m.kind == RPC_ERROR) && m.id_int >= 0) {
        for (i = 0; i < n_ids && open_ids[i] != m.id_int; i++)
            ;
        require(i < n_ids);
        open_ids[i] = open_ids[--n_ids];
    }
    rpc_msg_finish(&m);
}

static bool take_line(struct egress *e, const char *line, size_t len)
{
    struct rpc_msg m;
    bool fits = true;

    if (rpc_parse(line, len, &m, NULL) == 0) {
        fits = m.kind != RPC_REQUEST || (m.id_int >= 0 && n_ids < MAX_IDS);
        for (size_t i = 0; i < n_ids && m.kind == RPC_REQUEST; i++)
            fits = fits && open_ids[i] != m.id_int; /* coraxd counts its ids up */
        if (fits && m.kind == RPC_REQUEST)
            open_ids[n_ids++] = m.id_int;
        rpc_msg_finish(&m);
    }
    return !fits || egress_take_line(e, line, len, NULL) == 0;
}

static bool step(struct egress *e, const char *line, size_t len)
{
    struct fetch *f = oldest();
    struct err err = { 0 };

    if (len == 0)
        return true;
    if (*line == 'i')
        return take_line(e, line + 1, len - 1);
    if (*line == 'r' && f) {
        answer(f, line + 1, len - 1);
    } else if (*line == 'f' && f) {
        fail(&err, CORAX_E_IO, "it broke");
        end_fetch(f, &err);
    } else if (*line == 't') {
        egress_tick(e);
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const char open[] = "{\"jsonrpc\":\"2.0\",\"method\":\"egress/open\",\"params\":{\"url\":\"https://a.example/mcp\",\"headers\":[\"A: b\"],\"oauth\":{}}}";
    const char *at = (const char *)data, *end = at + len;
    struct egress *e = egress_create(NULL, on_out, NULL);
    bool good;

    log_open("egress-fuzz", LOG_LEVEL_ERROR + 1);
    n_fetches = n_ids = 0;
    require(e && egress_take_line(e, open, sizeof(open) - 1, NULL) == 0);
    good = true;
    while (at < end && good) {
        const char *newline = memchr(at, '\n', (size_t)(end - at)), *stop = newline ? newline : end;

        good = step(e, at, (size_t)(stop - at));
        at = stop + 1;
    }
    egress_destroy(e);
    for (size_t i = 0; i < n_fetches; i++)
        free(fetches[i]);
    return 0;
}
