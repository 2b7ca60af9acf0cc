#include "infer/command.h"

#include <stdio.h>
#include <string.h>

#include "util/file.h"

int command_read(const char *path, struct buf *out, struct err *err)
{
    char chunk[16384];
    size_t n;

    if (strcmp(path, "-") != 0)
        return file_read(path, out, err);
    while ((n = fread(chunk, 1, sizeof chunk, stdin)) > 0 && !out->failed)
        buf_add(out, chunk, n);
    if (ferror(stdin))
        return fail_sys(err, CORAX_E_IO, "read standard input");
    return out->failed ? fail(err, CORAX_E_LIMIT, "standard input: has more than %zu bytes, or memory ran out", out->limit) : 0;
}
