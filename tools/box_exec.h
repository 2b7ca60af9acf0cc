/*
 * tools/box_exec.h - the request of `corax-box exec`, from bytes to a checked struct (docs/protocol.md).
 *
 * Reading it has no effect but on memory, of which it takes at most a few megabytes.
 */
#ifndef TOOLS_BOX_EXEC_H
#define TOOLS_BOX_EXEC_H

#include "tools/box.h"
#include "util/arena.h"
#include "util/rpc.h"

#define BOX_MAX_WORDS 64
#define BOX_MAX_FILES 64

struct box_file {
    const char *name; /* without a slash, NUL-terminated */
    const char *data;
    size_t len;
};

struct box_request {
    struct arena *arena;
    struct rpc_msg msg;
    char *argv[BOX_MAX_WORDS + 1]; /* NULL-terminated */
    size_t n_files;
    struct box_file files[BOX_MAX_FILES];
    const char *input; /* of standard input; NULL: none */
    struct box_limits limits;
};

/*
 * line without its newline, which must stay as long as the request.  -1 with *code an enum rpc_code for the answer; then
 * request->msg has what is known of the id.  Finish it in either case.
 */
int box_request_parse(struct box_request *, const char *line, size_t len, int *code, struct err *);
void box_request_finish(struct box_request *);

#endif
