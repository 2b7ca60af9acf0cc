/*
 * tools: the bytes are the request of corax-box exec.  One that is taken keeps its limits within their bounds and names a
 * program and files without a slash; one that is refused has a code and a sentence.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tools/box_exec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static volatile char sink;

static void require(bool good)
{
    if (!good)
        abort();
}

static void check(const struct box_request *r)
{
    require(r->argv[0] && r->argv[0][0] && !strchr(r->argv[0], '/') && r->n_files <= BOX_MAX_FILES);
    for (size_t i = 0; i < r->n_files; i++) {
        const struct box_file *f = &r->files[i];

        require(f->name[0] && !strchr(f->name, '/') && strcmp(f->name, ".") != 0 && strcmp(f->name, "..") != 0);
        for (size_t at = 0; at < f->len; at++) /* all of it is there */
            sink += f->data[at];
        for (size_t j = 0; j < i; j++)
            require(strcmp(f->name, r->files[j].name) != 0);
    }
    require(r->limits.wall_ms > 0 && r->limits.cpu_ms > 0 && r->limits.memory_bytes > 0 && r->limits.processes > 0);
    require(r->limits.output_bytes > 0 && r->limits.output_bytes <= 65536 && r->limits.files_bytes >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct box_request r;
    struct err err = { 0 };
    int code = 0;

    if (box_request_parse(&r, (const char *)data, len, &code, &err) == 0)
        check(&r);
    else
        require(code < 0 && err.status != 0 && err.msg[0]);
    box_request_finish(&r);
    return 0;
}
