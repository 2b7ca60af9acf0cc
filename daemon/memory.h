/*
 * daemon/memory.h - what is remembered from task to task: its kinds, its limits, its JSON.
 *
 * A memory lies in a space: a name that an agent or a task gives (docs/memory.md), and a uid, who alone sees it.  There are three kinds:
 *
 *     note       working notes of an agent: a block of text with a name and a limit, which the model edits
 *     fact       one thing that is to be known later
 *     episode    what became of a task; the daemon writes it when the task ends, and it goes with the task
 *
 * Each has a label (policies/label.h) that only ever gets worse: whoever reads it takes it over.  What a person writes is trusted; what a
 * model writes is as trusted as its task is.
 */
#ifndef DAEMON_MEMORY_H
#define DAEMON_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policies/label.h"
#include "util/err.h"
#include "util/id.h"
#include "util/json.h"

enum memory_kind { MEMORY_NOTE, MEMORY_FACT, MEMORY_EPISODE, MEMORY_N_KINDS }; /* stored: add at the end */

#define MEMORY_MAX_NAME   64    /* characters of the name of a space, of a note, of an episode's outcome */
#define MEMORY_MAX_TEXT   16384 /* bytes: a fact is a sentence or two, an episode a page */
#define MEMORY_MAX_TAGS   8
#define MEMORY_MAX_TAG    40
#define MEMORY_TAGS_SIZE  (MEMORY_MAX_TAGS * (MEMORY_MAX_TAG + 1))
#define MEMORY_MAX_NOTES  16   /* in a space: all of them stand in each prompt */
#define MEMORY_NOTE_CHARS 2000 /* of a note that is given no other limit */
#define MEMORY_MAX_SPACES 64   /* of a uid */
#define MEMORY_MAX_QUERY  4096 /* bytes of what is searched for */

struct memory {
    int64_t n; /* its number in the database */
    char id[ID_LEN + 1];
    uint32_t uid;
    char space[MEMORY_MAX_NAME + 1];
    enum memory_kind kind;
    char label[MEMORY_MAX_NAME + 1]; /* of a note: its name; of an episode: the task's outcome; else "" */
    char *text;                      /* its own */
    char tags[MEMORY_TAGS_SIZE];     /* sorted as they were given, with a space between; "": none */
    char task[ID_LEN + 1];           /* that wrote it last; "": a person did */
    struct label data;               /* its label as data */
    int64_t created_ms, updated_ms;
    int max_chars;                   /* of a note; else 0 */
    double score, cosine;            /* of a search; cosine 0: not by its vector */
};

const char *memory_kind_name(enum memory_kind);
bool memory_kind_find(const char *name, enum memory_kind *);
/* Of a space, a note or a tag: a-z, 0-9, _ and -, at most max of them and at least one. */
bool memory_is_name(const char *, size_t max);
/* A list of names; NULL is none. */
int memory_read_tags(const struct json *, char out[MEMORY_TAGS_SIZE], struct err *);
bool memory_has_tag(const char *tags, const char *tag);

void memory_finish(struct memory *); /* frees the text */
/* The members of an object that the caller opened; with the score where `scored`. */
void memory_write(const struct memory *, bool scored, struct jsonw *);
/*
 * From what memory_write wrote, or what a person wrote: kind and text must be there, all else may be left out (space "default",
 * trusted and internal, MEMORY_NOTE_CHARS).  id, uid, task and times are read if they are there and valid.  -1 with CORAX_E_ARGS: *param
 * names the member.
 */
int memory_read(struct memory *, const struct json *, const char **param, struct err *);

#endif
