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
    &command_serve,      &command_inspect, &command_tokenize, &command_detokenize, &command_logits,   &command_generate,
    &command_perplexity, &command_embed,   &command_bench,    &command_convert,    &command_quantize,
    &command_schema_check, &command_prompt,
};
#define N_COMMANDS (sizeof commands / sizeof commands[0])

enum {
    THREADS = 256,
    CTX,
    KERNELS,
    PACKING,
    CACHE_TYPE,
    CACHE_MEMORY,
    PREFIXES,
    NO_DRAFT,
    VERSUS,
    REPLAY,
    EXACT,
    JSON,
    RAW,
    SCHEMA,
    GRAMMAR,
    PATTERN,
    TAGS,
    LENIENT,
    DIALECT,
    TEMPLATE,
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
    HELP
};

#define STRING_OF(X) #X
#define STRING(X)    STRING_OF(X)

struct flag {
    const char *name;     /* of one letter: a short option */
    int         value;
    const char *argument; /* NULL: takes none */
    const char *what;
};

/* The first are those of every command that runs a model. */
static const struct flag flags[] = {
    { "threads", THREADS, "N", "processors to use (all this process may run on)" },
    { "ctx", CTX, "N", "tokens a transcript may have (the model's own, at most " STRING(ENGINE_DEFAULT_CTX) ")" },
    { "kernels", KERNELS, "NAME", "avx512bf16, avx512, avx2, on aarch64 neon_i8mm, neon_dotprod, neon, or plain (the best one for this processor)" },
    { "packing", PACKING, "WHERE", "weights packed for the processor: in a file that is kept, in memory, or off (file)" },
    { "cache-type", CACHE_TYPE, "TYPE", "of keys and values that are remembered: auto, f16, bf16, f32 or q8_0 (auto)" },
    { "exact", EXACT, NULL, "BitNet: round activations as in training" },
    { "cache-memory", CACHE_MEMORY, "MB", "for keys and values of all transcripts together (an eighth of the memory)" },
    { "prefixes", PREFIXES, "FOLDER", "where what prompts have in common is kept for the next start (nowhere)" },
    { "no-draft", NO_DRAFT, NULL, "never guess the next tokens" },
    { "json", JSON, NULL, "print JSON" },
    { "n", 'n', "N", "tokens to write, at most (128; of bench 64)" },
    { "p", 'p', "N,...", "tokens of prompts to read (256)" },
    { "s", 's', "N,...", "sequences that write at the same time (1)" },
    { "d", 'd', "N,...", "tokens that are there before (0)" },
    { "w", 'w', "N,...", "tokens of prompts to read anew, to know, and to know after a restart (none)" },
    { "r", 'r', "N", "runs (7)" },
    { "replay", REPLAY, "FILE", "token ids, read and written in turn: how much faster guesses make writing them" },
    { "vs", VERSUS, "COMMAND", "another engine: a command that prints what llama-bench -o json does" },
    { "temp", TEMP, "T", "temperature; 0: always the most likely token (0)" },
    { "top-k", TOP_K, "K", "only the K most likely tokens; 0: all (0)" },
    { "top-p", TOP_P, "P", "only the most likely tokens that come to P together (1)" },
    { "min-p", MIN_P, "P", "only tokens with at least P times the probability of the best (0)" },
    { "seed", SEED, "S", "of chance, when the temperature is not 0 (0)" },
    { "raw", RAW, NULL, "go on from the text as it is, without the model's chat format" },
    { "schema", SCHEMA, "FILE", "the answer is JSON that matches this JSON Schema" },
    { "grammar", GRAMMAR, "FILE", "the answer is a text of this grammar, in GBNF" },
    { "pattern", PATTERN, "PATTERN", "the answer matches this regular expression from end to end" },
    { "tags", TAGS, "FILE", "free text, and behind triggers what structural tags say" },
    { "lenient", LENIENT, NULL, "what of a schema cannot be held is a warning, not an error" },
    { "dialect", DIALECT, "NAME", "how the model writes calls (as its chat template says)" },
    { "template", TEMPLATE, "FILE", "a chat template in place of the model's own" },
    { "file", FILE_NAME, "FILE", "read it from a file; -: from standard input" },
    { "tokens", TOKENS, "1,2,3", "token ids in place of a text" },
    { "prompt", PROMPT, "TEXT", "the text whose next token is asked for" },
    { "top", TOP, "N", "how many tokens to print; 0: all (10)" },
    { "special", SPECIAL, NULL, "read names of control tokens in the text as those tokens" },
    { "ends", ENDS, NULL, "add the begin and the end token where the model has them" },
    { "type", TYPE, "TYPE", "of matrices: f32, f16 or bf16 (that they are stored in)" },
    { "help", HELP, NULL, "this" },
};
#define N_FLAGS (sizeof flags / sizeof flags[0])
#define N_COMMON 6

static void print_flag(const struct flag *f)
{
    char left[40];

    snprintf(left, sizeof left, "%s%s%s%s", strlen(f->name) > 1 ? "--" : "-", f->name, f->argument ? " " : "",
             f->argument ? f->argument : "");
    printf("  %-15s %s\n", left, f->what);
}

static bool takes(const struct command *c, const struct flag *f)
{
    char padded[32];

    if (f < flags + N_COMMON && c->runs_model)
        return true;
    snprintf(padded, sizeof padded, " %s ", f->name);
    return strstr(c->options, padded) != NULL;
}

static void print_command_help(const struct command *c)
{
    printf("usage: corax-infer %s %s\n\n%s\n\n", c->name, c->arguments, c->what);
    for (size_t i = 0; i < N_FLAGS; i++)
        if (takes(c, &flags[i]) || flags[i].value == HELP)
            print_flag(&flags[i]);
}

static void print_help(void)
{
    printf("usage: corax-infer COMMAND MODEL [ARGUMENTS]\n\n"
           "Runs language models from GGUF files on this machine's processor, and makes such files.\n\n");
    for (size_t i = 0; i < N_COMMANDS; i++)
        printf("  %-10s %s\n             %s\n", commands[i]->name, commands[i]->arguments, commands[i]->what);
    printf("\nfor commands that run a model:\n");
    for (size_t i = 0; i < N_COMMON; i++)
        print_flag(&flags[i]);
    printf("\ncorax-infer COMMAND --help says what the options of one command are.\n");
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
        usage("%s%s %s: a whole number from 0 to %llu is needed", strlen(what) > 1 ? "--" : "-", what, text, max);
    return value;
}

/* Whole numbers of at least min, between commas. */
static struct sizes sizes(const char *text, unsigned long long min, unsigned long long max, const char *what)
{
    struct sizes s = { 0 };
    const char *at = text;

    for (;;) {
        const size_t len = strcspn(at, ",");
        char one[24];

        if (s.n == COMMAND_MAX_LIST || len >= sizeof one)
            usage("-%s %s: up to %d numbers with commas between them are needed", what, text, COMMAND_MAX_LIST);
        memcpy(one, at, len);
        one[len] = 0;
        s.values[s.n] = whole(one, max, what);
        if (s.values[s.n++] < min)
            usage("-%s %s: numbers from %llu to %llu are needed", what, text, min, max);
        if (!at[len])
            return s;
        at += len + 1;
    }
}

static enum engine_packing packing(const char *text)
{
    static const char *const names[] = { [ENGINE_PACK_FILE] = "file", [ENGINE_PACK_MEMORY] = "memory", [ENGINE_PACK_OFF] = "off" };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(text, names[i]) == 0)
            return (enum engine_packing)i;
    usage("--packing %s: file, memory or off is needed", text);
}

static enum engine_cache cache_type(const char *text)
{
    static const char *const names[] = { [ENGINE_CACHE_AUTO] = "auto", [ENGINE_CACHE_F16] = "f16", [ENGINE_CACHE_BF16] = "bf16",
                                         [ENGINE_CACHE_F32] = "f32", [ENGINE_CACHE_Q8_0] = "q8_0" };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(text, names[i]) == 0)
            return (enum engine_cache)i;
    usage("--cache-type %s: auto, f16, bf16, f32 or q8_0 is needed", text);
}

static float number(const char *text, const char *what)
{
    char *end;
    float value = strtof(text, &end);

    if (end == text || *end)
        usage("--%s %s: a number is needed", what, text);
    return value;
}

static const struct flag *find_flag(int option)
{
    for (size_t i = 0; i < N_FLAGS; i++)
        if (flags[i].value == option)
            return &flags[i];
    return NULL;
}

static void set_option(const struct command *c, struct args *a, int option)
{
    const struct flag *f = find_flag(option);

    if (!takes(c, f))
        usage("%s takes no option %s%s", c->name, strlen(f->name) > 1 ? "--" : "-", f->name);
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
    case PACKING:
        a->engine.packing = packing(optarg);
        break;
    case 'p':
        a->prompts = sizes(optarg, 0, 1 << 24, "p");
        break;
    case 's':
        a->sequences = sizes(optarg, 1, COMMAND_MAX_SEQUENCES, "s");
        break;
    case 'd':
        a->depths = sizes(optarg, 0, 1 << 24, "d");
        break;
    case 'w':
        a->prefixes = sizes(optarg, 1, 1 << 24, "w");
        break;
    case 'r':
        a->n_runs = sizes(optarg, 1, 100, "r").values[0];
        break;
    case CACHE_MEMORY:
        a->scheduler.cache_bytes = (size_t)whole(optarg, 1 << 24, "cache-memory") << 20;
        break;
    case PREFIXES:
        a->scheduler.prefixes = optarg;
        break;
    case NO_DRAFT:
        a->scheduler.draft = SCHEDULER_DRAFT_OFF;
        break;
    case REPLAY:
        a->replay = optarg;
        break;
    case VERSUS:
        if (a->n_peers == COMMAND_MAX_PEERS)
            usage("--vs: at most %d", COMMAND_MAX_PEERS);
        a->peers[a->n_peers++] = optarg;
        break;
    case CACHE_TYPE:
        a->engine.cache = cache_type(optarg);
        break;
    case EXACT:
        a->engine.exact = true;
        break;
    case JSON:
        a->json = true;
        break;
    case SCHEMA:
        a->schema = optarg;
        break;
    case GRAMMAR:
        a->grammar = optarg;
        break;
    case PATTERN:
        a->pattern = optarg;
        break;
    case TAGS:
        a->tags = optarg;
        break;
    case LENIENT:
        a->lenient = true;
        break;
    case DIALECT:
        a->dialect = optarg;
        break;
    case TEMPLATE:
        a->chat_template = optarg;
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

/* What getopt_long() wants to know; options are ended by one without a name. */
static void list_options(struct option options[N_FLAGS + 1])
{
    size_t n = 0;

    for (size_t i = 0; i < N_FLAGS; i++)
        if (strlen(flags[i].name) > 1)
            options[n++] = (struct option){ flags[i].name, flags[i].argument ? required_argument : no_argument, NULL,
                                            flags[i].value };
    options[n] = (struct option){ NULL, 0, NULL, 0 };
}

int main(int argc, char **argv)
{
    const struct command *c = find_command(argc, argv);
    struct args a = { .n_tokens = SIZE_MAX, .top = 10, .sampling = SAMPLING_GREEDY, .sequences = { 1, { 1 } },
                      .depths = { 1, { 0 } }, .n_runs = 7 };
    const char *wrong;
    struct err err;
    struct option options[N_FLAGS + 1];
    int option;

    argv++;
    argc--;
    list_options(options);
    while ((option = getopt_long(argc, argv, "n:p:s:d:w:r:h", options, NULL)) != -1) {
        if (option == HELP || option == 'h') {
            print_command_help(c);
            return 0;
        }
        if (option == '?')
            return 2; /* getopt said why */
        set_option(c, &a, option);
    }
    if (optind < argc && !c->no_model)
        a.model = argv[optind++];
    if (optind < argc && c->takes_text)
        a.text = argv[optind++];
    if (optind < argc && c->takes_type)
        a.type = argv[optind++];
    if (!a.model && !c->no_model)
        usage("%s: a model file is needed", c->name);
    if (optind < argc)
        usage("%s: %s is one argument too many", c->name, argv[optind]);
    if (a.n_tokens == SIZE_MAX && c != &command_bench)
        a.n_tokens = 128;
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
