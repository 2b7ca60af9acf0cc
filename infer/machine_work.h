/* infer/machine_work.h - inside of machine: a set of frames while it is being made. */
#ifndef INFER_MACHINE_WORK_H
#define INFER_MACHINE_WORK_H

#include "infer/machine.h"

struct push { /* a part of the text that is to be read next, and where to go on behind it */
    uint32_t kind, value, list, depth; /* enum symbol_kind; list: values that it must not be */
    uint32_t parent;                   /* a frame */
    bool spaced;                       /* JSON: a blank comes first */
};

struct machine_work {
    uint32_t    *frames; /* tops that are complete */
    size_t       n_frames, frames_cap;
    struct push *pushes;
    size_t       n_pushes, pushes_cap;
    uint32_t   (*visited)[2]; /* place and parents */
    size_t       n_visited, visited_cap;
    uint32_t    *scratch;
    size_t       scratch_cap;
    struct first { /* remembered: what a regular language, or a state, begins with */
        uint32_t of;
        uint64_t bytes[4];
    } firsts[256], states[256];
    struct without { /* remembered: a language less the texts of a list; see machine_list.c */
        regex    of;
        uint32_t list;
        regex    is;
        bool     values, strings;
    } without[64];
    struct step { /* remembered: where a byte leads from a state */
        uint32_t state, symbol, next;
    } steps[4096];
};

void work_first(struct machine *, regex, uint64_t bytes[4]); /* regex_first(), remembered */

void work_add(struct machine *, const struct frame *);             /* a top */
void work_push(struct machine *, const struct push *);
/* A text begins, or has gone on: where it may end, what comes behind it may come too. */
void work_regex(struct machine *, regex, uint32_t parents);
void work_resume(struct machine *, uint32_t parents);              /* goes on behind what was read */
uint32_t machine_intern(struct machine *, const struct frame *);
uint32_t *work_scratch(struct machine *, size_t n); /* room for n numbers until the next call; NULL: failed */
void *work_room(struct machine *, void *list, size_t *cap, size_t n, size_t size); /* NULL: failed */

/* machine_value.c: one frame of JSON and a byte. */
void value_begin(struct machine *, const struct push *, uint32_t parents);
void value_step(struct machine *, const struct frame *, unsigned char byte);
void value_first(struct machine *, const struct frame *, uint64_t bytes[4]);
/* A STRING or KEY reads a byte of its text (not the quote that ends it): its regex, escape and code change. */
bool value_text_step(struct machine *, struct frame *, unsigned char byte);
bool value_takes_blanks(const struct frame *); /* leads white space back to where it is? */
/* Of a KEY: are there few names of its class?  Otherwise it is held against those that are taken when it ends: its shape's and these. */
bool object_names_end(const struct frame *);
uint32_t object_extras(const struct machine *, const struct frame *);        /* a list */
const char *list_item(const struct machine *, uint32_t list, size_t i, size_t *len); /* NULL: not known */
/* What has been read of a KEY's name; ended: with the quote behind it.  false: the tape does not hold it, or it stands inside of a character. */
bool object_name_so_far(const struct machine *, const struct frame *, bool ended, struct buf *out);
const void *frame_shape(const struct frame *); /* the shape that an OBJECT, KEY, NAME or ARRAY has */
/* An array whose element has just ended: keeps what it must not be again.  false: it is one that was there. */
bool value_element_ends(struct machine *, struct frame *);

#endif
