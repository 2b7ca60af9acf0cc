/*
 * infer/tool_format.h - how the families of models write calls of tools: a table.
 *
 * A format is a handful of texts that stand around a call's name and arguments, and how those are written.  To add one, add a
 * row, and its signs: texts that a chat template has exactly if it is of this kind.  What does not fit into a row is a function that
 * makes the script itself.
 */
#ifndef INFER_TOOL_FORMAT_H
#define INFER_TOOL_FORMAT_H

#include <stdbool.h>

#include "infer/notation.h"
#include "infer/script.h"

#define TOOL_FORMAT_SIGNS    3
#define TOOL_FORMAT_VARIANTS 3

/* What stands around reasoning. */
struct thinking_marks {
    const char *open, *close;
};

struct tool_wish {
    bool calls;    /* there are tools, and they may be called */
    bool required; /* one must be called */
    bool one_call;
    bool tools;    /* there are tools: what looks like a call is none of a text, even where none may be made */
    bool thinking; /* reasoning has begun already */
    bool thinks;   /* reasoning may come first */
    const char *stop; /* a text that ends a reply where no token does; NULL: none */
};

struct tool_format {
    const char *name;
    const char *signs[TOOL_FORMAT_SIGNS];
    /* Written:  trigger open NAME middle ARGUMENTS close { again NAME middle ARGUMENTS close } end */
    const char *trigger[2], *open; /* either trigger; the second may be NULL */
    const char *middle[TOOL_FORMAT_VARIANTS]; /* any of these */
    const char *close[TOOL_FORMAT_VARIANTS];
    const char *again;    /* NULL: one call a reply */
    const char *end;      /* NULL: nothing */
    bool        at_start; /* the trigger is one only where a text begins */
    struct notation notation;
    const char *think_open, *think_close; /* NULL: what the template has */
    /* NULL: as the texts above say. */
    void (*make)(struct script *, const struct tool_format *, const struct thinking_marks *, const struct tool_wish *);
};

/* By its name; NULL: there is none. */
const struct tool_format *tool_format_find(const char *name);
/* The one that a template is written for, NULL: none that is known. */
const struct tool_format *tool_format_detect(const char *text, size_t len);
/* Names, NULL at the end. */
const char *tool_format_name(size_t i);

/* The marks of reasoning in a template.  false: it has none, and those that are usual are written all the same. */
bool tool_format_thinking(const struct tool_format *, const char *text, size_t len, struct thinking_marks *);

/* Makes the script of replies in the format. */
void tool_format_script(const struct tool_format *, const struct thinking_marks *, const struct tool_wish *, struct script *);

#endif
