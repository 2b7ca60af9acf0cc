/*
 * tests/policies/files.h - reads the shipped policy files.
 */
#ifndef TESTS_POLICIES_FILES_H
#define TESTS_POLICIES_FILES_H

#include <stdio.h>
#include <stdlib.h>

#include "policies/policy.h"
#include "util/buf.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static const char *const shipped_names[] = { "default", "lab", "readonly", "unattended" };

/* Appends the file below the source folder; an empty out means that it is not there. */
static inline void read_source(const char *name, struct buf *out)
{
    const char *srcdir = getenv("CORAX_SRCDIR");
    char path[4096], piece[4096];
    size_t n;
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", srcdir ? srcdir : ".", name);
    if (!(f = fopen(path, "r")))
        return;
    while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
        buf_add(out, piece, n);
    fclose(f);
}

static inline void read_shipped(const char *name, struct buf *out)
{
    char path[64];

    snprintf(path, sizeof(path), "policies/%s.json", name);
    read_source(path, out);
}

static inline struct policy *load_buf(const struct buf *text, enum policy_layer layer, struct err *err)
{
    const struct policy_file file = { .name = "text", .text = text->data ? text->data : "", .len = text->len };

    return policy_load(&file, 1, layer, err);
}

/* How often a proof is tried: what the environment variable says, or otherwise. */
static inline unsigned long count_of(const char *variable, unsigned long otherwise)
{
    const char *text = getenv(variable);
    const unsigned long n = text ? strtoul(text, NULL, 10) : 0;

    return n > 0 ? n : otherwise;
}

#endif
