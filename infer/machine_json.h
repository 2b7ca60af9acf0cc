/* infer/machine_json.h - inside of machine: what the files of JSON values, their strings, members and elements share. */
#ifndef INFER_MACHINE_JSON_H
#define INFER_MACHINE_JSON_H

#include "infer/machine_work.h"

enum { OPEN, COMMA, COLON, AFTER, ELEMENT, SPACE }; /* phases of OBJECT and ARRAY, SPACE of VALUE */
enum { PLAIN, ESCAPE, HEX0, HEX1, HEX2, HEX3, LOW_BACKSLASH, LOW_U, LOW0, LOW1, LOW2, LOW3 }; /* of what is escaped */


#define UNKNOWN_TEXT (UINT32_MAX - 1) /* in a list: a text that the tape did not hold */
#define MAX_DECODED  65536

/*
 * What reads a text: a regular language, or the names of an object.  Names are sorted, so that those which begin alike
 * stand together: lo is the first of them.
 */
struct reader {
    struct machine *m;
    bool            names;
    regex           regex;
    const struct frame *f; /* NAME: its object's shape and members */
    uint32_t        lo, len;
};

/* machine_value.c */
bool json_is_blank(unsigned char byte);
void frame_set_shape(struct frame *f, const void *shape);
/* White space, as much as the style has. */
bool frame_take_blank(struct machine *m, const struct frame *f);
void first_set(uint64_t bytes[4], unsigned char byte);
void first_set_blanks(const struct machine *m, const struct frame *f, uint64_t bytes[4]);

/* machine_text.c */
/* The first open name that goes on with the byte (-1: that ends) and begins like names[lo] does in its first len bytes. */
bool reader_name(const struct reader *r, int byte, uint32_t *found);
/* One byte inside of a string, not the quote that closes it.  f keeps the escape. */
bool reader_step(struct reader *r, struct frame *f, unsigned char byte);

/* machine_list.c */
/* The number of a text. */
uint32_t list_text(struct machine *m, const char *text, size_t len);
bool list_has(const struct machine *m, uint32_t list, uint32_t text);
uint32_t list_add(struct machine *m, uint32_t list, uint32_t text);
/* Takes the texts of a list out of a language: names, or canonical JSON values of which only strings or only others count. */
regex list_without(struct machine *m, regex r, uint32_t list, bool values, bool strings);

/* machine_object.c */
/* No members yet. */
uint32_t object_seen_none(struct machine *m, const struct object_shape *o);
bool object_name_is_open(const struct machine *m, const struct object_shape *o, uint32_t seen, size_t i);
bool object_may_close(const struct machine *m, const struct object_shape *o, uint32_t seen);
bool object_has_more(struct machine *m, const struct object_shape *o, uint32_t seen, uint32_t depth);
void object_step_name(struct machine *m, const struct frame *f, unsigned char byte);
void object_step_key(struct machine *m, const struct frame *f, unsigned char byte);
void object_step(struct machine *m, const struct frame *f, unsigned char byte);

/* machine_array.c */
bool array_may_close(const struct frame *f);
/* Pushes the next element in each way of counting it; with push false only says whether there is one. */
bool array_next(struct machine *m, const struct frame *f, bool push);
void array_step(struct machine *m, const struct frame *f, unsigned char byte);

#endif
