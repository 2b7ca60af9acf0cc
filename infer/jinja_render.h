/*
 * infer/jinja_render.h - what runs while a template is rendered: frames, loops, macros.
 */
#ifndef INFER_JINJA_RENDER_H
#define INFER_JINJA_RENDER_H

#include "infer/jinja_tree.h"

/* The names of a scope that has been entered. */
struct frame {
    struct frame *parent; /* of the scope around it, not of the caller */
    const struct scope *scope;
    struct value slots[];
};

struct macro {
    const struct node *node; /* N_MACRO or N_CALL_BLOCK */
    struct frame *frame;     /* where it was defined */
};

struct loop {
    const struct node *node; /* N_FOR */
    struct frame *frame;     /* around the loop */
    struct value iterable;   /* for its length; V_MISSING behind a filter */
    struct iterator it;
    bool has_after, has_changed;
    int64_t index0, length; /* length: -1 until it is known */
    int64_t depth0;
    struct value before, current, after, changed;
};

int macro_call(struct render *, const struct value *macro, const struct arguments *, struct value *out);
int loop_call(struct render *, struct loop *, const struct value *iterable, struct value *out); /* recursive loops */
int loop_peek(struct render *, struct loop *); /* 1: after is the next item, 0: there is none, -1 */
int loop_length(struct render *, struct loop *);

int evaluate(struct render *, const struct node *, struct frame *, struct value *out);
int evaluate_arguments(struct render *, const struct node *list, struct frame *, struct arguments *out);

/* 0, -1, or one of these: how a body ended. */
enum { BODY_BREAK = 1, BODY_CONTINUE = 2 };
int run_body(struct render *, const struct node *body, struct frame *, struct builder *out);
struct frame *frame_enter(struct render *, const struct scope *, struct frame *parent);
void frame_load(struct render *, struct frame *); /* what each slot holds at the beginning */
struct value *frame_slot(struct frame *, unsigned up, unsigned slot);
int assign(struct render *, const struct node *target, struct frame *, const struct value *);

#endif
