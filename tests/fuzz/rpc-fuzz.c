/*
 * A byte stream, fed in pieces whose size the first byte gives.  Beyond not crashing: the lines are those between the
 * newlines, whatever the pieces; a message that is answered with its own id gives an answer that parses with that id.
 */
#include "util/rpc.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool good)
{
    if (!good)
        abort();
}

static void answer(const struct rpc_msg *msg)
{
    struct rpc_msg back;
    struct err err = { 0 };
    struct buf out;
    struct jsonw w;
    const char *params;
    size_t params_len;

    buf_init(&out, 2 * RPC_MAX_LINE);
    w = rpc_result_start(&out, msg->id, msg->id_len);
    if (json_find(msg->line, msg->line_len, "/params", &params, &params_len))
        jsonw_raw(&w, "params", params, params_len);
    rpc_end(&w);
    require(out.data[out.len - 1] == '\n' && memchr(out.data, '\n', out.len) == out.data + out.len - 1);
    if (rpc_parse(out.data, out.len - 1, &back, &err) == 0) {
        require(back.kind == RPC_RESULT && back.id_len == msg->id_len && memcmp(back.id, msg->id, msg->id_len) == 0);
        rpc_msg_finish(&back);
    } else {
        require(err.status == CORAX_E_LIMIT || strstr(err.msg, "levels")); /* one level deeper than it came */
    }
    buf_reset(&out);
    fail(&err, CORAX_E_INTERNAL, "%s", msg->method);
    rpc_write_failure(&out, msg->id, msg->id_len, &err);
    require(rpc_parse(out.data, out.len - 1, &back, NULL) == 0 && back.kind == RPC_ERROR);
    rpc_msg_finish(&back);
    buf_finish(&out);
}

static void take_line(const char *line, size_t len)
{
    struct err err = { 0 };
    struct rpc_msg msg;

    if (rpc_parse(line, len, &msg, &err) != 0) {
        require(err.status != 0 && err.msg[0]);
        return;
    }
    if (msg.kind == RPC_REQUEST)
        answer(&msg);
    rpc_msg_finish(&msg);
}

/* The next line as the definition has it; false at the end. */
static bool plain_next(const char **at, const char *end, const char **line, size_t *len)
{
    const char *newline;

    while ((newline = memchr(*at, '\n', (size_t)(end - *at))) != NULL) {
        *line = *at;
        *len = (size_t)(newline - *at);
        *at = newline + 1;
        if (*len > 0 && (*line)[*len - 1] == '\r')
            --*len;
        if (*len > 0)
            return true;
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const char *at = (const char *)data + 1, *end = (const char *)data + len, *want, *line, *fed;
    size_t piece, want_len, line_len;
    struct rpc_reader reader;

    if (len < 2)
        return 0;
    piece = data[0] > 0 ? data[0] : 1000;
    rpc_reader_init(&reader);
    for (fed = at; fed < end; fed += piece) {
        if ((size_t)(end - fed) < piece)
            piece = (size_t)(end - fed);
        require(rpc_reader_feed(&reader, fed, piece, NULL) == 0);
        while (data[0] % 2 && rpc_reader_next(&reader, &line, &line_len)) {
            require(plain_next(&at, end, &want, &want_len) && want_len == line_len &&
                    memcmp(want, line, line_len) == 0);
            take_line(line, line_len);
        }
    }
    while (rpc_reader_next(&reader, &line, &line_len)) {
        require(plain_next(&at, end, &want, &want_len) && want_len == line_len && memcmp(want, line, line_len) == 0);
        take_line(line, line_len);
    }
    require(!plain_next(&at, end, &want, &want_len));
    rpc_reader_finish(&reader);
    return 0;
}
