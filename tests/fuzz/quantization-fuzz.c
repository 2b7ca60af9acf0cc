/*
 * Any bytes as the model that `quantize` and `inspect` read.  What quantize writes, a program that runs it opens: it has
 * the same tensors, and none of their values or scales is infinite or no number.
 *
 * The first byte says what it is to become; the rest is the file.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "infer/command.h"
#include "infer/pool.h"
#include "infer/quantization.h"
#include "infer/weights.h"
#include "tests/fuzz/mutate_gguf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t max_len, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t len, size_t max_len); /* libFuzzer's own */

static const char *const names[] = { "F16",  "BF16",   "Q8_0",  "Q6_K", "Q5_K_M", "Q4_K_M",
                                     "Q4_0", "IQ4_XS", "TQ1_0", "TQ2_0" };
#define N_NAMES (sizeof names / sizeof names[0])

static char source[40], folder[64], result[80];
static struct pool *pool;
static int fd = -1;

static void require(bool good)
{
    if (!good)
        abort();
}

/* Half of the changes are of any bytes. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t max_len, unsigned seed)
{
    static uint8_t out[1 << 20];
    const size_t most = max_len - 1 < sizeof out ? max_len - 1 : sizeof out;
    uint8_t *aligned;
    size_t n;

    if (len < 2 || seed % 2)
        return LLVMFuzzerMutate(data, len, max_len);
    aligned = malloc(len - 1);
    memcpy(aligned, data + 1, len - 1);
    n = mutate_gguf(aligned, len - 1, NULL, 0, out, most, seed);
    free(aligned);
    if (n == 0)
        return LLVMFuzzerMutate(data, len, max_len);
    memcpy(data + 1, out, n);
    return n + 1;
}

static void remove_folder(void)
{
    rmdir(folder);
    pool_destroy(pool);
}

static void start(void)
{
    const char *memory = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

    snprintf(folder, sizeof folder, "%s/corax-quantize-%d", memory, (int)getpid());
    snprintf(result, sizeof result, "%s/model.gguf", folder);
    require(mkdir(folder, 0700) == 0);
    fd = memfd_create("model", MFD_CLOEXEC);
    snprintf(source, sizeof source, "/proc/self/fd/%d", fd);
    pool = pool_create(1, NULL);
    require(fd >= 0 && pool && freopen("/dev/null", "w", stdout));
    atexit(remove_folder);
}

static void check_result(void)
{
    struct err err = { 0 };
    struct gguf *before = gguf_open(source, &err), *after = gguf_open(result, &err);

    require(before && after && gguf_n_tensors(before) == gguf_n_tensors(after));
    for (size_t i = 0; i < gguf_n_tensors(before); i++)
        require(strcmp(gguf_tensor_at(before, i)->name, gguf_tensor_at(after, i)->name) == 0);
    require(weights_check(after, pool, &err) == 0);
    gguf_close(before);
    gguf_close(after);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const struct quantization_options options = { .n_threads = 1 };
    struct args args = { .model = source };
    struct quantization_result done;
    struct err err = { 0 };
    struct stat st;

    if (fd < 0)
        start();
    if (len < 2)
        return 0;
    require(ftruncate(fd, 0) == 0 && pwrite(fd, data + 1, len - 1, 0) == (ssize_t)len - 1);
    args.json = data[0] >> 7;
    require(command_inspect.run(&args, &err) == 0 || err.msg[0]);
    err.msg[0] = 0;
    if (quantization_run(source, result, quantization_find(names[data[0] % N_NAMES], NULL), &options, &done, &err) == 0) {
        check_result();
        require(unlink(result) == 0);
    } else {
        require(err.msg[0] && lstat(result, &st) < 0);
    }
    return 0;
}
