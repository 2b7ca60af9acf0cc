/*
 * util/jsonschema_check.h - what the files that hold a value against the graph share: jsonschema_validate.c (schemas and
 * arrays), jsonschema_object.c, jsonschema_value.c (all that needs no other schema).
 */
#ifndef UTIL_JSONSCHEMA_CHECK_H
#define UTIL_JSONSCHEMA_CHECK_H

#include "util/jsonschema_node.h"

/* BROKEN: neither is known, and check.broken says why; it ends everything. */
enum verdict { MATCHES, FAILS, BROKEN };

/* The resources that were entered, innermost first. */
struct scope {
    const struct scope    *up;
    const struct resource *resource;
};

struct check {
    struct err           *err; /* NULL: only the verdict is wanted */
    struct err            broken;
    const struct scope   *scope;
    struct buf            canonical; /* for whoever needs it now */
    struct pattern_budget patterns;
    size_t                n_steps;
    int                   nesting;
};

/* A bit for each member or element that a schema looked at. */
struct marks {
    size_t    n;
    uint64_t *bits, few[2];
};

static inline void mark(struct marks *m, size_t i)
{
    if (m)
        m->bits[i / 64] |= (uint64_t)1 << i % 64;
}

/* marks NULL: nobody wants to know what was looked at. */
enum verdict check_schema(struct check *, const struct schema *, const struct json *, const struct place *,
                          struct marks *);

/* BROKEN. */
enum verdict check_break_off(struct check *, int status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
enum verdict check_out_of_memory(struct check *);
/* MATCHES, or BROKEN when the steps are used up. */
enum verdict check_charge(struct check *, size_t n_steps);
/* FAILS. */
enum verdict check_fail(struct check *, const struct place *, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
enum verdict check_fail_unknown(struct check *, const struct schema *, const char *name, const struct place *);

/* ---- jsonschema_value.c: type, enum, const, and what numbers and texts must be ------------------------------------ */

size_t check_size_of(const struct json *);           /* bytes as it was written, for what work on the whole of it costs */
bool check_type_fits(const struct schema *, const struct json *);
enum verdict check_value(struct check *, const struct node *, const struct json *, const struct place *);
enum verdict check_number(struct check *, const struct schema *, const struct json *, const struct place *);
enum verdict check_string(struct check *, const struct schema *, const struct json *, const struct place *);
enum verdict check_unique(struct check *, const struct json *array, const struct place *);
enum verdict check_counts(struct check *, long long n, long long min, long long max, const char *of,
                          const struct place *);
/* Does the text match the pattern?  s: whose it is; code: where its compiled form is kept. */
enum verdict check_match(struct check *, const struct schema *s, void *const *code, const char *pattern,
                         size_t pattern_len, const char *text, const struct place *);

/* ---- jsonschema_object.c ---------------------------------------------------------------------------------------- */

enum verdict check_object(struct check *, const struct node *, const struct json *, const struct place *,
                          struct marks *);

#endif
