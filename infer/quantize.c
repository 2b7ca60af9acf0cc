/* corax-infer quantize: a GGUF file becomes a smaller one. */
#include <inttypes.h>
#include <stdio.h>

#include "infer/command.h"
#include "infer/progress.h"
#include "infer/quantization.h"

static const char *check(const struct args *a)
{
    return a->text && a->type ? NULL : "needs the name of the file to write and a type, such as Q8_0, behind the model";
}

static void show(void *arg, size_t done, size_t total)
{
    struct progress_bar *bar = arg;

    bar->total = total;
    progress_show(bar, done);
}

static int run(const struct args *a, struct err *err)
{
    struct progress_bar bar;
    const struct quantization_options options = { a->engine.n_threads, show, &bar };
    const struct quantization *type = quantization_find(a->type, err);
    struct quantization_result result;
    int rc;

    if (!type)
        return -1;
    progress_start(&bar, "quantizing", 1);
    rc = quantization_run(a->model, a->text, type, &options, &result, err);
    progress_end(&bar);
    if (rc < 0)
        return -1;
    printf("%s: %zu of %zu tensors quantized, %" PRIu64 " bytes instead of %" PRIu64 "\n", a->text, result.n_changed,
           result.n_tensors, result.bytes, result.bytes_before);
    return 0;
}

const struct command command_quantize = {
    .name = "quantize",
    .arguments = "MODEL FILE TYPE",
    .what = "Makes a smaller model: Q8_0, Q4_K_M and so on.",
    .options = " threads ",
    .takes_text = true,
    .takes_type = true,
    .check = check,
    .run = run,
};
