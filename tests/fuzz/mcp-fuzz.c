/*
 * mcp-fuzz - any line as a server's answer: to discover, initialize, tools/list (into a registry) and tools/call.
 */
#include <stdint.h>
#include <stdlib.h>

#include "tools/mcp.h"
#include "tools/registry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void list(const struct rpc_msg *m)
{
    struct registry *r = registry_create();
    struct buf out;
    struct jsonw w;
    struct err err;
    const char *next;

    buf_init(&out, 1 << 20);
    if (r && mcp_read_list(m, &next, &err) == 0 && registry_add_list(r, "p", true, m->result, &err) >= 0) {
        w = jsonw_start(&out);
        registry_write_json(r, &w, NULL);
        if (!out.failed && json_check(out.data, out.len, &err) != 0 && err.status != CORAX_E_LIMIT)
            abort();
    }
    buf_finish(&out);
    registry_destroy(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(1 << 20);
    struct mcp_server server;
    struct tool_result result;
    struct mcp_note note;
    struct rpc_msg m;
    struct err err;

    if (rpc_parse((const char *)data, size, &m, &err) == 0) {
        mcp_read_discover(&m, &server, &err);
        mcp_read_initialize(&m, &server, &err);
        mcp_read_result(&m, arena, &result, &err);
        mcp_read_progress(&m, &note);
        list(&m);
        rpc_msg_finish(&m);
    }
    arena_destroy(arena);
    return 0;
}
