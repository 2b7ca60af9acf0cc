/* corax-infer convert: a folder of config.json and safetensors files becomes a GGUF file. */
#include <stdio.h>
#include <string.h>

#include "infer/command.h"
#include "infer/conversion.h"
#include "infer/progress.h"

static const struct {
    const char *name;
    int id;
} types[] = { { "f32", 0 }, { "f16", 1 }, { "bf16", 30 } };
#define N_TYPES (sizeof types / sizeof types[0])

/* -1: as stored; -2: there is none of that name. */
static int find_type(const char *name)
{
    if (!name)
        return -1;
    for (size_t i = 0; i < N_TYPES; i++)
        if (strcmp(types[i].name, name) == 0)
            return types[i].id;
    return -2;
}

static const char *check(const struct args *a)
{
    if (!a->text)
        return "needs the name of the file to write behind the folder";
    return find_type(a->type) == -2 ? "takes --type f32, f16 or bf16" : NULL;
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
    const struct conversion_options options = { find_type(a->type), show, &bar };
    struct conversion_result result = { 0 };
    int rc;

    progress_start(&bar, "converting", 1);
    rc = conversion_run(a->model, a->text, &options, &result, err);
    progress_end(&bar);
    if (rc < 0)
        return -1;
    if (!result.has_tokenizer)
        fprintf(stderr, "corax-infer: %s has no tokenizer: the file has weights alone\n", a->model);
    printf("%s: %zu tensors, %zu bytes of weights\n", a->text, result.n_tensors, result.bytes);
    return 0;
}

const struct command command_convert = {
    .name = "convert",
    .arguments = "FOLDER FILE [--type f32|f16|bf16]",
    .what = "Turns a folder with config.json and safetensors files into a GGUF file.",
    .options = " type ",
    .takes_text = true,
    .check = check,
    .run = run,
};
