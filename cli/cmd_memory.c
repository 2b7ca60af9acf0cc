/*
 * corax memory: what is remembered from task to task, to look at, to add to and to forget.
 *
 * export prints memories as JSON, one a line, and import adds what such lines say: facts and notes, since episodes are the daemon's own.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/term.h"
#include "util/clock.h"

#define MAX_LIMIT    500
#define MAX_TAGS     8
#define MAX_TEXT     (1u << 20) /* of standard input */
#define KIND_COLUMNS 9
#define AGE_COLUMNS  13

struct memory_options {
    const char *space, *kind, *note, *confidentiality;
    const char *tags[MAX_TAGS];
    size_t n_tags;
    long long limit, max_chars;
};

/* --- asking ------------------------------------------------------------------------------------------------------- */

/* "&name=value", the value as a URL has it. */
static void add_query(struct buf *path, const char *name, const char *value)
{
    if (value == NULL)
        return;
    buf_addf(path, "%c%s=", strchr(path->data, '?') ? '&' : '?', name);
    for (const unsigned char *s = (const unsigned char *)value; *s; s++) {
        if ((*s >= '0' && *s <= '9') || (*s >= 'A' && *s <= 'Z') || (*s >= 'a' && *s <= 'z') || *s == '-' || *s == '_')
            buf_addc(path, (char)*s);
        else
            buf_addf(path, "%%%02X", *s);
    }
}

/* A page of the list, or what a search finds. */
static int get_page(struct cli *cli, const struct memory_options *o, const char *words, const char *before,
                    struct reply *reply, struct json **root, struct err *err)
{
    char limit[24];
    struct buf path;
    int rc;

    buf_init(&path, 64u << 10);
    buf_adds(&path, "/v1/memory");
    snprintf(limit, sizeof(limit), "%lld", o->limit);
    add_query(&path, "limit", limit);
    add_query(&path, "space", o->space);
    add_query(&path, "kind", o->kind);
    add_query(&path, "tag", o->n_tags > 0 ? o->tags[0] : NULL);
    add_query(&path, "q", words);
    add_query(&path, "before", before);
    rc = cli_get(cli, path.data, 0, reply, root, err);
    buf_finish(&path);
    return rc;
}

/* --- ls and search ------------------------------------------------------------------------------------------------ */

static void print_memory(const struct json *m, int64_t now_ms, int columns)
{
    const char *id = json_get_text(m, "id", "?"), *kind = json_get_text(m, "kind", "?"),
               *text = json_get_text(m, "text", "");
    const char *label = json_get_text(m, "label", NULL);
    const bool trusted = strcmp(json_get_text(m, "integrity", ""), "trusted") == 0;
    char age[24];

    term_duration((double)now_ms - json_number(json_get(m, "updated_ms"), (double)now_ms), age, sizeof(age));
    term_line(stdout, id, strlen(id), ID_LEN);
    fputs("  ", stdout);
    term_puts(stdout, trusted ? TERM_PLAIN : TERM_YELLOW, kind);
    printf("%*s%*s  ", strlen(kind) < KIND_COLUMNS ? KIND_COLUMNS - (int)strlen(kind) : 1, trusted ? "" : "?",
           AGE_COLUMNS, age);
    if (label) {
        term_line(stdout, label, strlen(label), columns);
        fputs(": ", stdout);
        columns -= (int)strlen(label) + 2;
    }
    term_line(stdout, text, strlen(text), columns > 10 ? columns : 10);
    fputc('\n', stdout);
}

static int list(struct cli *cli, const struct memory_options *o, const char *words)
{
    const int columns = term_width(stdout) - ID_LEN - KIND_COLUMNS - AGE_COLUMNS - 4;
    struct err err = { 0 };
    struct reply reply;
    struct json *root;
    int status = CLI_OK;

    if (get_page(cli, o, words, NULL, &reply, &root, &err) != 0) {
        status = cli_report(&err);
    } else if (cli->json) {
        cli_print_reply(&reply);
    } else {
        printf("%-*s  %-*s%*s  %s\n", ID_LEN, "MEMORY", KIND_COLUMNS, "KIND", AGE_COLUMNS, "AGE", "TEXT");
        for (const struct json *m = json_first(json_get(root, "memories")); m; m = json_next(m))
            print_memory(m, clock_wall_ms(), columns);
        if (json_bool(json_get(root, "more"), false))
            fputs("corax: there are more: -n shows them\n", stderr);
        if (json_get_text(root, "trouble", NULL)) {
            fputs("corax: found by words alone: ", stderr);
            term_line(stderr, json_get_text(root, "trouble", ""), strlen(json_get_text(root, "trouble", "")), 200);
            fputc('\n', stderr);
        }
    }
    json_free(root);
    reply_finish(&reply);
    return status;
}

static int search(struct cli *cli, const struct memory_options *o, int n, char **words)
{
    struct buf text;
    int status;

    if (n == 0)
        return cli_usage(cli, "say what is to be searched for");
    buf_init(&text, MAX_TEXT);
    for (int i = 0; i < n; i++)
        buf_addf(&text, "%s%s", i ? " " : "", words[i]);
    status = list(cli, o, text.data);
    buf_finish(&text);
    return status;
}

/* --- show and rm -------------------------------------------------------------------------------------------------- */

static void print_member(const struct json *m, const char *key, const char *what)
{
    const char *text = json_get_text(m, key, NULL);

    if (text == NULL)
        return;
    printf("%-16s ", what);
    term_line(stdout, text, strlen(text), 200);
    fputc('\n', stdout);
}

static void print_all(const struct json *m)
{
    const char *text = json_get_text(m, "text", "");
    char age[24];

    print_member(m, "id", "id");
    print_member(m, "kind", "kind");
    print_member(m, "space", "space");
    print_member(m, "label", strcmp(json_get_text(m, "kind", ""), "episode") == 0 ? "outcome" : "name");
    if (json_count(json_get(m, "tags")) > 0) {
        printf("%-16s", "tags");
        for (const struct json *t = json_first(json_get(m, "tags")); t; t = json_next(t)) {
            fputc(' ', stdout);
            term_line(stdout, json_text(t) ? json_text(t) : "", strlen(json_text(t) ? json_text(t) : ""), 40);
        }
        fputc('\n', stdout);
    }
    print_member(m, "integrity", "integrity");
    print_member(m, "confidentiality", "confidentiality");
    if (json_get_text(m, "task", NULL))
        print_member(m, "task", "written by task");
    else
        printf("%-16s %s\n", "written by", "a person");
    term_duration((double)clock_wall_ms() - json_number(json_get(m, "updated_ms"), 0), age, sizeof(age));
    printf("%-16s %s ago\n\n", "changed", age);
    term_text(stdout, text, strlen(text), 0);
    fputc('\n', stdout);
}

static int one(struct cli *cli, const char *method, const char *word, struct err *err)
{
    static const struct cli_list memories = { "/v1/memory", "memories", "memory", "" };
    char id[ID_LEN + 1], path[128];
    struct reply reply;
    struct json *root;
    int rc;

    if (cli_find_id(cli, &memories, word, id, err) != 0)
        return -1;
    snprintf(path, sizeof(path), "/v1/memory/%s", id);
    rc = cli_send(cli, method, path, NULL, 0, &reply, &root, err);
    if (rc == 0 && root && cli->json)
        cli_print_reply(&reply);
    else if (rc == 0 && root)
        print_all(root);
    else if (rc == 0 && !cli->json)
        printf("forgotten %s\n", id);
    json_free(root);
    reply_finish(&reply);
    return rc;
}

static int each(struct cli *cli, const char *method, int n, char **words)
{
    return n > 0 ? cli_each(cli, method, n, words, one) : cli_usage(cli, "say which memory: the id of one");
}

/* --- add ---------------------------------------------------------------------------------------------------------- */

static int send_new(struct cli *cli, const struct buf *body, struct err *err)
{
    struct reply reply;
    struct json *root;
    int rc = cli_send(cli, "POST", "/v1/memory", body, 0, &reply, &root, err);

    if (rc == 0 && cli->json)
        cli_print_reply(&reply);
    else if (rc == 0)
        printf("%s\n", json_get_text(root, "id", "?"));
    json_free(root);
    reply_finish(&reply);
    return rc;
}

static int add(struct cli *cli, const struct memory_options *o, int n, char **words)
{
    struct err err = { 0 };
    struct buf text, body;
    struct jsonw w;
    int status = CLI_OK;

    if (n == 0)
        return cli_usage(cli, "say what is to be remembered, or - for standard input");
    buf_init(&text, MAX_TEXT);
    buf_init(&body, 8 * MAX_TEXT);
    w = jsonw_start(&body);
    jsonw_object(&w, NULL);
    jsonw_text(&w, "kind", o->note ? "note" : "fact");
    if (o->space)
        jsonw_text(&w, "space", o->space);
    if (o->note)
        jsonw_text(&w, "label", o->note);
    if (o->confidentiality)
        jsonw_text(&w, "confidentiality", o->confidentiality);
    if (o->max_chars)
        jsonw_int(&w, "max_chars", o->max_chars);
    jsonw_array(&w, "tags");
    for (size_t i = 0; i < o->n_tags; i++)
        jsonw_text(&w, NULL, o->tags[i]);
    jsonw_end(&w);
    if (cli_read_text(n, words, "the text", &text, &err) == 0)
        jsonw_string(&w, "text", text.data, text.len);
    jsonw_end(&w);
    if (err.status != CORAX_OK || send_new(cli, &body, &err) != 0)
        status = cli_report(&err);
    buf_finish(&text);
    buf_finish(&body);
    return status;
}

/* --- export and import -------------------------------------------------------------------------------------------- */

static int export(struct cli *cli, struct memory_options *o)
{
    char before[ID_LEN + 1] = "";
    bool more = true;

    o->limit = MAX_LIMIT;
    while (more) {
        struct err err = { 0 };
        struct reply reply;
        struct json *root;

        if (get_page(cli, o, NULL, *before ? before : NULL, &reply, &root, &err) != 0) {
            reply_finish(&reply);
            return cli_report(&err);
        }
        for (const struct json *m = json_first(json_get(root, "memories")); m; m = json_next(m)) {
            size_t len;
            const char *raw = json_raw(m, &len);

            snprintf(before, sizeof(before), "%s", json_get_text(m, "id", ""));
            printf("%.*s\n", (int)len, raw);
        }
        more = json_bool(json_get(root, "more"), false) && *before;
        json_free(root);
        reply_finish(&reply);
    }
    return CLI_OK;
}

/* What POST takes of a line of export's. 1: it was added, 0: an episode. */
static int import_line(struct cli *cli, const struct memory_options *o, const char *line, size_t len, struct err *err)
{
    static const char *const taken[] = { "kind", "label", "text", "tags", "integrity", "confidentiality", "max_chars" };
    struct json *root = json_parse(line, len, err);
    struct reply reply;
    struct json *answer;
    struct buf body;
    struct jsonw w;
    int rc;

    if (root == NULL)
        return -1;
    if (strcmp(json_get_text(root, "kind", ""), "episode") == 0) {
        json_free(root);
        return 0;
    }
    buf_init(&body, 8 * MAX_TEXT);
    w = jsonw_start(&body);
    jsonw_object(&w, NULL);
    for (size_t i = 0; i < sizeof(taken) / sizeof(*taken); i++)
        if (json_get(root, taken[i]))
            jsonw_value(&w, taken[i], json_get(root, taken[i]));
    jsonw_text(&w, "space", o->space ? o->space : json_get_text(root, "space", "default"));
    jsonw_end(&w);
    rc = cli_send(cli, "POST", "/v1/memory", &body, 0, &reply, &answer, err);
    json_free(answer);
    reply_finish(&reply);
    buf_finish(&body);
    json_free(root);
    return rc == 0 ? 1 : -1;
}

static int import(struct cli *cli, const struct memory_options *o, int n, char **words)
{
    FILE *f = n == 1 && strcmp(words[0], "-") != 0 ? fopen(words[0], "r") : stdin;
    int n_line = 0, n_added = 0, n_left = 0, status = CLI_OK;
    struct buf line;
    int c;

    if (n > 1)
        return cli_usage(cli, "there are too many arguments");
    if (f == NULL) {
        fprintf(stderr, "corax: %s: %s\n", words[0], strerror(errno));
        return CLI_FAILED;
    }
    buf_init(&line, MAX_TEXT);
    do {
        c = fgetc(f);
        if (c != '\n' && c != EOF) {
            buf_addc(&line, (char)c);
        } else if (line.len > 0) {
            struct err err = { 0 };
            int rc;

            n_line++;
            rc = line.failed ? fail(&err, CORAX_E_LIMIT, "it is too long")
                             : import_line(cli, o, line.data, line.len, &err);
            n_added += rc == 1;
            n_left += rc == 0;
            if (rc < 0) {
                err_context(&err, "line %d", n_line);
                status = cli_report(&err);
            }
            buf_reset(&line);
        }
    } while (c != EOF && status != CLI_UNREACHABLE);
    buf_finish(&line);
    if (f != stdin)
        fclose(f);
    fprintf(stderr, "corax: %d added%s\n", n_added, n_left ? "; episodes are left out: they are the daemon's own" : "");
    return status;
}

/* --- which -------------------------------------------------------------------------------------------------------- */

static int read_options(struct cli *cli, int argc, char **argv, struct memory_options *o, int *status)
{
    static const struct option options[] = {
        { "limit", required_argument, NULL, 'n' },     { "space", required_argument, NULL, 'S' },
        { "kind", required_argument, NULL, 'k' },      { "tag", required_argument, NULL, 't' },
        { "note", required_argument, NULL, 'N' },      { "confidentiality", required_argument, NULL, 'C' },
        { "max-chars", required_argument, NULL, 'M' }, CLI_LONG_OPTIONS
    };
    int c;

    while ((c = getopt_long(argc, argv, "n:" CLI_SHORT_OPTIONS, options, NULL)) != -1) {
        if (c == 'n' && !cli_number(optarg, 1, MAX_LIMIT, &o->limit))
            return *status = cli_usage(cli, "--limit wants a number from 1 to %d", MAX_LIMIT), -1;
        else if (c == 'M' && !cli_number(optarg, 1, 1000000, &o->max_chars))
            return *status = cli_usage(cli, "--max-chars wants a number"), -1;
        else if (c == 't' && o->n_tags == MAX_TAGS)
            return *status = cli_usage(cli, "there are at most %d tags", MAX_TAGS), -1;
        else if (c == 't')
            o->tags[o->n_tags++] = optarg;
        else if (c == 'S')
            o->space = optarg;
        else if (c == 'k')
            o->kind = optarg;
        else if (c == 'N')
            o->note = optarg;
        else if (c == 'C')
            o->confidentiality = optarg;
        else if (c != 'n' && c != 'M' && cli_option(cli, c, status))
            return -1;
    }
    return 0;
}

static int run_memory(struct cli *cli, int argc, char **argv)
{
    struct memory_options o = { .limit = 50 };
    char **words;
    int n, status;

    if (read_options(cli, argc, argv, &o, &status) < 0)
        return status;
    if (optind == argc)
        return cli_usage(cli, "say ls, search, show, add, rm, export or import");
    words = argv + optind + 1;
    n = argc - optind - 1;
    if (strcmp(argv[optind], "ls") == 0)
        return n > 0 ? cli_usage(cli, "there are too many arguments") : list(cli, &o, NULL);
    if (strcmp(argv[optind], "search") == 0)
        return search(cli, &o, n, words);
    if (strcmp(argv[optind], "show") == 0)
        return each(cli, "GET", n, words);
    if (strcmp(argv[optind], "rm") == 0)
        return each(cli, "DELETE", n, words);
    if (strcmp(argv[optind], "add") == 0)
        return add(cli, &o, n, words);
    if (strcmp(argv[optind], "export") == 0)
        return n > 0 ? cli_usage(cli, "there are too many arguments") : export(cli, &o);
    if (strcmp(argv[optind], "import") == 0)
        return import(cli, &o, n, words);
    return cli_usage(cli, "say ls, search, show, add, rm, export or import");
}

const struct command cmd_memory = {
    .name = "memory",
    .args = "ls | search WORDS | show ID... | add TEXT|- | rm ID... | export | import [FILE]",
    .summary = "Look at what is remembered from task to task, add to it, forget it",
    .options = "      --space NAME      only of, or into, this space (default: all; add: \"default\")\n"
               "      --kind KIND       ls, search, export: only note, fact or episode\n"
               "      --tag TAG         only with this tag; add: with it (up to 8 times)\n"
               "  -n, --limit N         ls, search: how many (default 50, at most 500)\n"
               "      --note NAME       add: a working note of this name, not a fact\n"
               "      --max-chars N     add: that the note may have (default 2000)\n"
               "      --confidentiality LEVEL   add: public, internal (the default) or secret\n",
    .run = run_memory,
};
