/*
 * daemon: the first line are the headers of an MCP request (version, method, name, session, type, with tabs between
 * them; empty: absent), the rest is its body; and the same bytes are a requestState.  What is taken has a method or is
 * an answer, what is refused has an HTTP status and a sentence, and nobody makes a state.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/mcp_request.h"
#include "daemon/mcp_seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void open_state(const uint8_t *data, size_t len)
{
    const unsigned char key[SEAL_KEY_LEN] = "a key that no fuzzer guesses ...";
    struct mcp_state state = { 0 };
    struct err err = { 0 };
    const char *text;
    char *copy = strndup((const char *)data, len);

    if (copy && (mcp_seal_open(&state, key, copy, 0, &text, &err) == 0 || err.msg[0] == '\0'))
        abort();
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const uint8_t *end = memchr(data, '\n', len);
    const size_t head_len = end ? (size_t)(end - data) : 0;
    char *head = strndup((const char *)data, head_len), *rest = head;
    const char *values[5] = { NULL };
    struct mcp_headers h;
    struct mcp_request r;
    struct mcp_fault fault = { 0 };

    for (size_t i = 0; i < 5 && rest; i++) {
        values[i] = strsep(&rest, "\t");
        if (values[i][0] == '\0')
            values[i] = NULL;
    }
    h = (struct mcp_headers){
        .version = values[0], .method = values[1], .name = values[2], .session = values[3], .content_type = values[4]
    };
    if (mcp_request_parse(&r, end ? (const char *)end + 1 : "", end ? len - head_len - 1 : 0, &h, &fault) == 0) {
        if (r.msg.method == NULL && r.era == MCP_MODERN)
            abort();
        if (r.era == MCP_MODERN && r.msg.kind == RPC_REQUEST &&
            (h.version == NULL || strcmp(h.version, MCP_VERSION_MODERN) != 0))
            abort();
    } else if (fault.http < 400 || fault.code == 0 || fault.message[0] == '\0' ||
               (fault.data[0] && json_check(fault.data, strlen(fault.data), NULL) < 0)) {
        abort();
    }
    mcp_request_finish(&r);
    free(head);
    open_state(data, len);
    return 0;
}
