/*
 * tests/infer/golden.h - the models of vectors/golden/ as files that do not fit: tensors missing or of another shape,
 * keys missing or with another value.  A family must refuse each with a sentence that names it.
 */
#ifndef TESTS_INFER_GOLDEN_H
#define TESTS_INFER_GOLDEN_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infer/family.h"
#include "tests/infer/tiny_gguf.h"
#include "tests/tap.h"
#include "util/file.h"

/* The path of a file of that folder, or of the folder for ""; good until the next call. */
static inline const char *golden_path(const char *name)
{
    static char path[1024];
    const char *source = getenv("CORAX_SRCDIR");

    snprintf(path, sizeof path, "%s/tests/infer/vectors/golden/%s", source ? source : ".", name);
    return path;
}

static inline void golden_read(struct buf *file, const char *name)
{
    struct err err = { 0 };

    buf_init(file, TINY_LIMIT);
    if (file_read(golden_path(name), file, &err) < 0)
        diag("%s", err.msg);
}

/* Where the name of a key or tensor stands in the file; its length comes before it. */
static inline char *golden_find(const struct buf *file, const char *name)
{
    char pattern[128];
    uint64_t len = strlen(name);
    char *at;

    memcpy(pattern, &len, sizeof len);
    memcpy(pattern + sizeof len, name, len);
    at = memmem(file->data, file->len, pattern, sizeof len + len);
    return at ? at + sizeof len : NULL;
}

/* What is said when the file is loaded, good until the next call; "": nothing, it can be. */
static inline const char *golden_error(const struct buf *file)
{
    static struct err err;
    struct gguf *g;
    const struct family *family;
    struct shape shape;
    void *model;

    err = (struct err){ 0 };
    g = gguf_parse(file->data, file->len, &err);
    family = g ? family_find(g, &err) : NULL;
    model = family ? family->load(g, &shape, &err) : NULL;
    if (model)
        family->unload(model);
    gguf_close(g);
    return model ? "" : err.msg;
}

static inline bool golden_refuses(const struct buf *file, const char *want, const char *or_want)
{
    const char *got = golden_error(file);
    bool good = strstr(got, want) || (or_want && strstr(got, or_want));

    if (!good)
        diag("\"%s\" does not contain \"%s\"", got, want);
    return good;
}

/* Each tensor under another name, and each that is not square with its sides swapped. */
static inline void golden_test_tensors(const char *name)
{
    struct buf file;
    struct gguf *g;
    size_t n_wrong = 0, n_missing = 0, n_swapped = 0;

    golden_read(&file, name);
    n_wrong += golden_error(&file)[0] != 0;
    g = gguf_parse(file.data, file.len, NULL);
    for (size_t i = 0; g && i < gguf_n_tensors(g); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(g, i);
        char *at = golden_find(&file, t->name), *ne = at + strlen(t->name) + 4, sides[16];

        at[0] ^= 0x20;
        n_wrong += !golden_refuses(&file, "is missing", "is not part of family");
        n_missing++;
        at[0] ^= 0x20;
        if (t->n_dims < 2 || t->ne[0] == t->ne[1])
            continue;
        memcpy(sides, ne, 16);
        memcpy(ne, sides + 8, 8);
        memcpy(ne + 8, sides, 8);
        n_wrong += !golden_refuses(&file, t->name, NULL);
        n_swapped++;
        memcpy(ne, sides, 16);
    }
    ok(n_wrong == 0 && n_missing > 20 && n_swapped > 2, "%s: none of %zu tensors may be missing, none of %zu lie", name,
       n_missing, n_swapped);
    gguf_close(g);
    buf_finish(&file);
}

/* A key whose value is a u32 or f32 with other bits. */
static inline void golden_test_key(const char *name, const char *key, uint32_t value, const char *want)
{
    struct buf file;
    char *at;

    golden_read(&file, name);
    at = golden_find(&file, key);
    if (at)
        memcpy(at + strlen(key) + 4, &value, sizeof value);
    ok(at && golden_refuses(&file, want, NULL), "%s: %s %u is refused", name, key, value);
    buf_finish(&file);
}

static inline void golden_test_missing_key(const char *name, const char *key)
{
    struct buf file;
    char want[128], *at;

    golden_read(&file, name);
    snprintf(want, sizeof want, "metadata key %s is missing", key);
    at = golden_find(&file, key);
    if (at)
        at[0] ^= 0x20;
    ok(at && golden_refuses(&file, want, NULL), "%s: refused without %s", name, key);
    buf_finish(&file);
}

#endif
