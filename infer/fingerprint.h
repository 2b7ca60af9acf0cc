/*
 * infer/fingerprint.h - whether a model's file is the one that something was made of, without reading all of it.
 */
#ifndef INFER_FINGERPRINT_H
#define INFER_FINGERPRINT_H

#include <stdbool.h>

#include "infer/gguf.h"
#include "util/id.h"

/* Of the file's times and size, and of pieces of all its data.  false: it has none, being in parts or gone. */
bool fingerprint_model(const struct gguf *, const char *path, unsigned char hash[HASH_LEN]);

#endif
