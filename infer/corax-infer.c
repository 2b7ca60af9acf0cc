/*
 * corax-infer: runs one model.  This file reads the command line; each command has a file of its own.
 */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "infer/command.h"
#include "util/log.h"

static const struct command *const commands[] = {
    &command_serve,    &command_inspect,    &command_tokenize, &command_logits,
    &command_generate, &command_perplexity, &command_embed,    &command_bench,
    &command_convert,  &command_quantize,
};
#define N_COMMANDS (sizeof commands / sizeof commands[0])

enum {
    THREADS = 256,
    CTX,
    KERNELS,
    EXACT,
    JSON,
    RAW,
    SPECIAL,
    ENDS,
    FILE_NAME,
    TOKENS,
    PROMPT,
    TOP,
    TEMP,
    TOP_K,
    TOP_P,
    MIN_P,
    SEED,
    TYPE,
    HELP,
    VERSION_OPTION
};

static const struct option long_options[] = {
    { "threads", required_argument, NULL, THREADS },
    { "ctx", required_argument, NULL, CTX },
    { "kernels", required_argument, NULL, KERNELS },
    { "exact", no_argument, NULL, EXACT },
    { "json", no_argument, NULL, JSON },
    { "raw", no_argument, NULL, RAW },
    { "special", no_argument, NULL, SPECIAL },
    { "ends", no_argument, NULL, ENDS },
    { "file", required_argument, NULL, FILE_NAME },
    { "tokens", required_argument, NULL, TOKENS },
    { "prompt", required_argument, NULL, PROMPT },
    { "top", required_argument, NULL, TOP },
    { "temp", required_argument, NULL, TEMP },
    { "top-k", required_argument, NULL, TOP_K },
    { "top-p", required_argument, NULL, TOP_P },
    { "min-p", required_argument, NULL, MIN_P },
    { "seed", required_argument, NULL, SEED },
    { "type", required_argument, NULL, TYPE },
    { "help", no_argument, NULL, HELP },
    { "version", no_argument, NULL, VERSION_OPTION },
    { NULL, 0, NULL, 0 },
};

static void print_help(void)
{
    printf("usage: corax-infer COMMAND MODEL [ARGUMENTS]\n\n"
           "Runs a language model from a GGUF file on this machine's processor.\n\n");
    for (size_t i = 0; i < N_COMMANDS; i++)
        printf("  %-10s %s\n             %s\n", commands[i]->name, commands[i]->arguments, commands[i]->what);
    printf("\nfor every command:\n"
           "  --threads N     processors to use (all this process may run on)\n"
           "  --ctx N         tokens a transcript may have (the model's own, at most %d)\n"
           "  --kernels NAME  avx2 or plain (the best one for this processor)\n"
           "  --exact         BitNet: round activations as in training\n"
           "  --help, --version\n",
           ENGINE_DEFAULT_CTX);
}

__attribute__((format(printf, 1, 2), noreturn)) static void usage(const char *fmt, ...)
{
    va_list ap;

    fputs("corax-infer: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputs(" (see corax-infer --help)\n", stderr);
    exit(2);
}

static unsigned long long whole(const char *text, unsigned long long max, const char *what)
{
    char *end;
    unsigned long long value;

    errno = 0;
    value = strtoull(text, &end, 10);
    if (errno || end == text || *end || *text == '-' || value > max)
        usage("--%s %s: a whole number from 0 to %llu is needed", what, text, max);
    return value;
}

static float number(const char *text, const char *what)
{
    char *end;
    float value = strtof(text, &end);

    if (end == text || *end)
        usage("--%s %s: a number is needed", what, text);
    return value;
}

static const char *name_of(int option)
{
    if (option == 'n')
        return "n";
    for (const struct option *o = long_options; o->name; o++)
        if (o->val == option)
            return o->name;
    return "";
}

static bool takes(const struct command *c, int option)
{
    char padded[32];

    if (option == THREADS || option == CTX || option == KERNELS || option == EXACT)
        return true;
    snprintf(padded, sizeof padded, " %s ", name_of(option));
    return strstr(c->options, padded) != NULL;
}

static void set_option(const struct command *c, struct args *a, int option)
{
    if (!takes(c, option))
        usage("%s takes no option --%s", c->name, name_of(option));
    switch (option) {
    case THREADS:
        a->engine.n_threads = (unsigned)whole(optarg, 64, "threads");
        break;
    case CTX:
        a->engine.n_ctx = whole(optarg, 1 << 24, "ctx");
        break;
    case KERNELS:
        a->engine.kernels = optarg;
        break;
    case EXACT:
        a->engine.exact = true;
        break;
    case JSON:
        a->json = true;
        break;
    case RAW:
        a->raw = true;
        break;
    case SPECIAL:
        a->special = true;
        break;
    case ENDS:
        a->ends = true;
        break;
    case FILE_NAME:
        a->file = optarg;
        break;
    case TOKENS:
        a->tokens = optarg;
        break;
    case PROMPT:
        a->prompt = optarg;
        break;
    case TOP:
        a->top = whole(optarg, 1 << 24, "top");
        break;
    case 'n':
        a->n_tokens = whole(optarg, 1 << 24, "n");
        break;
    case TEMP:
        a->sampling.temperature = number(optarg, "temp");
        break;
    case TOP_K:
        a->sampling.top_k = (uint32_t)whole(optarg, 1 << 24, "top-k");
        break;
    case TOP_P:
        a->sampling.top_p = number(optarg, "top-p");
        break;
    case MIN_P:
        a->sampling.min_p = number(optarg, "min-p");
        break;
    case SEED:
        a->sampling.seed = whole(optarg, UINT64_MAX, "seed");
        break;
    case TYPE:
        a->type = optarg;
        break;
    default:
        break;
    }
}

/* --help and --version count anywhere before the first argument that is not an option, and right behind the command. */
static const struct command *find_command(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";

    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        print_help();
        exit(0);
    }
    if (strcmp(name, "--version") == 0) {
        printf("corax-infer %s\n", PACKAGE_VERSION);
        exit(0);
    }
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strcmp(name, commands[i]->name) == 0)
            return commands[i];
    if (*name)
        usage("%s: no such command", name);
    usage("a command is needed");
}

/*
 * The model is mapped: where its file was cut short, or its disk fails, reading a weight is SIGBUS, on any thread.
 * Nothing can be saved then, but whoever started this reads why it ended.
 */
static void on_bus_error(int sig)
{
    static const char text[] = "corax-infer: the model file cannot be read any more: it was cut short or overwritten, or"
                               " its disk fails\n";

    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    _exit(1);
}

int main(int argc, char **argv)
{
    const struct command *c = find_command(argc, argv);
    struct args a = { .n_tokens = 128, .top = 10, .sampling = SAMPLING_GREEDY };
    const char *wrong;
    struct err err;
    int option;

    argv++;
    argc--;
    while ((option = getopt_long(argc, argv, "n:h", long_options, NULL)) != -1) {
        if (option == HELP || option == 'h') {
            printf("usage: corax-infer %s %s\n\n%s\n", c->name, c->arguments, c->what);
            return 0;
        }
        if (option == '?')
            return 2; /* getopt said why */
        set_option(c, &a, option);
    }
    if (optind < argc)
        a.model = argv[optind++];
    if (optind < argc && c->takes_text)
        a.text = argv[optind++];
    if (optind < argc && c->takes_type)
        a.type = argv[optind++];
    if (!a.model)
        usage("%s: a model file is needed", c->name);
    if (optind < argc)
        usage("%s: %s is one argument too many", c->name, argv[optind]);
    wrong = c->check ? c->check(&a) : NULL;
    if (wrong)
        usage("%s %s", c->name, wrong);

    signal(SIGBUS, on_bus_error);
    signal(SIGPIPE, SIG_IGN); /* a reader that goes away is an error of write, and then the end */
    log_open("corax-infer", LOG_LEVEL_INFO);
    if (c->run(&a, &err) < 0) {
        fprintf(stderr, "corax-infer: %s\n", err.msg);
        return 1;
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "corax-infer: cannot write to standard output\n");
        return 1;
    }
    return 0;
}
