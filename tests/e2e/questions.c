/*
 * Reads the questions of models/eval/ for e2e.sh: every STEPth line as its question and the pieces its answer must have, each ended
 * by a tab.
 *
 * usage: questions FILE STEP MAX
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/file.h"
#include "util/json.h"

static void print_line(const char *line, size_t len)
{
    struct err err;
    struct json *root = json_parse(line, len, &err);

    if (!root) {
        fprintf(stderr, "questions: %s\n", err.msg);
        exit(1);
    }
    printf("%s\t", json_get_text(root, "question", ""));
    for (const struct json *piece = json_first(json_get(root, "answer_has")); piece; piece = json_next(piece))
        printf("%s\t", json_text(piece) ? json_text(piece) : "");
    putchar('\n');
    json_free(root);
}

int main(int argc, char **argv)
{
    struct buf text;
    struct err err;
    long step, max, n = 0, printed = 0;

    if (argc != 4 || (step = atol(argv[2])) <= 0 || (max = atol(argv[3])) <= 0) {
        fprintf(stderr, "usage: questions FILE STEP MAX\n");
        return 2;
    }
    buf_init(&text, 4u << 20);
    if (file_read(argv[1], &text, &err) != 0) {
        fprintf(stderr, "questions: %s\n", err.msg);
        return 1;
    }
    for (const char *at = text.data, *end; (end = strchr(at, '\n')) && printed < max; at = end + 1) {
        if (n++ % step != 0)
            continue;
        print_line(at, (size_t)(end - at));
        printed++;
    }
    buf_finish(&text);
    return 0;
}
