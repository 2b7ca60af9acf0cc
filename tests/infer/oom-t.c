/*
 * Every allocation failing while a GGUF file is read, and while a whole model is loaded from one: file, tensors,
 * tokenizer, threads, scratch memory.  Not covered: the token loop, which allocates nothing.
 */
#include <fcntl.h>
#include <unistd.h>

#include "infer/engine.h"
#include "infer/gguf.h"
#include "tests/infer/tiny_gguf.h"
#include "tests/oom.h"

static struct buf file;
static char path[] = "/tmp/corax-oom.XXXXXX";

static int read_gguf(struct err *err)
{
    struct gguf *g = gguf_parse(file.data, file.len, err);

    gguf_close(g);
    return g ? 0 : -1;
}

static int map_gguf(struct err *err)
{
    struct gguf *g = gguf_open(path, err);

    gguf_close(g);
    return g ? 0 : -1;
}

static int load_model(struct err *err)
{
    struct engine_options options = { .n_threads = 1 };
    struct engine *e = engine_open(path, &options, err);

    engine_close(e);
    return e ? 0 : -1;
}

int main(void)
{
    struct tiny_spec spec = TINY_SPEC;
    int fd;

    plan_later();
    buf_init(&file, TINY_LIMIT);
    tiny_llama(&file, &spec);
    fd = mkstemp(path);
    if (fd < 0 || write(fd, file.data, file.len) != (ssize_t)file.len) {
        printf("Bail out! %s cannot be written\n", path);
        return 1;
    }
    close(fd);
    oom_each("a file in memory is read", read_gguf);
    oom_each("a file is mapped and read", map_gguf);
    oom_each("a model is loaded", load_model);
    unlink(path);
    buf_finish(&file);
    done();
    return tap_status();
}
