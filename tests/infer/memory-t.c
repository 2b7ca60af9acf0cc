/*
 * A model is mapped, not copied: opening a file of 2 GB, nearly all of it a hole, costs next to no memory of one's own.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "infer/infer.h"
#include "tests/infer/tiny_gguf.h"
#include "tests/tap.h"

#define MOST_KB 50000

/* RssAnon of this process in kB; -1: /proc does not say. */
static long own_memory(void)
{
    char line[256];
    long kb = -1;
    FILE *f = fopen("/proc/self/status", "r");

    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "RssAnon: %ld", &kb) == 1)
            break;
    if (f)
        fclose(f);
    return kb;
}

int main(void)
{
    struct tiny_spec spec = { 2048, 24, 32, 4, 5632, 2048, QUANT_F16, 1, false, 0, false, "corax-1" };
    struct tiny_entry *list = calloc(spec.n_layer * 9 + 4, sizeof *list);
    struct engine_options options = { .n_threads = 1, .n_ctx = 64 };
    size_t n = tiny_list(&spec, list), weights;
    struct engine *e = NULL;
    struct err err = { 0 };
    char path[256];
    long before, after;
    struct buf b;

    plan_later();
    buf_init(&b, TINY_LIMIT);
    weights = tiny_llama_head(&b, &spec, list, n);
    if (tiny_write(&b, path) && truncate(path, (off_t)(b.len + weights)) == 0) {
        before = own_memory();
        e = engine_open(path, &options, &err);
        after = own_memory();
        if (!ok(e && engine_info(e)->file_bytes > 2000000000, "a file of %zu MB is opened", (b.len + weights) / 1000000))
            diag("%s", err.msg);
        ok(before > 0 && after - before < MOST_KB, "it costs %ld kB beyond the map", after - before);
    }
    unlink(path);
    engine_close(e);
    buf_finish(&b);
    free(list);
    done();
    return tap_status();
}
