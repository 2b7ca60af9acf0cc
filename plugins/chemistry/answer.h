/*
 * plugins/chemistry/answer.h - what a tool answers: a text, which the model reads, and an object of JSON with the same and more,
 * which the trace keeps and programs read.
 *
 * The object has "status": ok, unknown or not_found; what failed has no answer but an error.  "definitions" names the definition of
 * each figure.  Out of memory is found out when it is sent.
 */
#ifndef PLUGINS_CHEMISTRY_ANSWER_H
#define PLUGINS_CHEMISTRY_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

struct answer {
    char *text; /* NULL while empty; ends with a NUL */
    size_t len, size;
    cJSON *json;
    char *svg; /* a picture for people; NULL: none */
    bool defined; /* elsewhere: definitions are left out */
    bool failed;  /* out of memory */
};

/* What every answer's object is: of a tool's .result_schema. */
#define ANSWER_SCHEMA                                                                                           \
    "{\"type\":\"object\",\"properties\":{\"status\":{\"enum\":[\"ok\",\"unknown\",\"not_found\",\"error\"]}}," \
    "\"required\":[\"status\"]}"

void answer_init(struct answer *, const char *status);
void answer_finish(struct answer *);

/* Appends to the text. */
void answer_addf(struct answer *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void answer_add(struct answer *, const char *text);
/* Sets a member of the object; a number is rounded to so many decimals, and has no sign where that makes it zero. */
void answer_string(struct answer *, const char *name, const char *value);
void answer_number(struct answer *, const char *name, double value, int decimals);
void answer_bool(struct answer *, const char *name, bool value);
/* Takes the value, also when there is no memory. */
void answer_item(struct answer *, const char *name, cJSON *value);
/* Takes an SVG. */
void answer_image(struct answer *, char *svg);
/* Which definition a figure has: "Wildman and Crippen 1999". */
void answer_define(struct answer *, const char *figure, const char *definition);

/* x rounded to that many decimals, at most 9, without a sign where that makes it zero: "-0.00" reads as a mistake. */
double rounded(double x, int decimals);

#endif
