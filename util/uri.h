/*
 * util/uri.h - references to absolute URIs, RFC 3986 section 5.2.  Nothing is fetched, decoded or checked here.
 */
#ifndef UTIL_URI_H
#define UTIL_URI_H

#include <stdbool.h>
#include <stddef.h>

#include "util/buf.h"

/* Appends what `reference` (len bytes, without a fragment) means where `base` is the base URI, which may be "". */
void uri_resolve(const char *base, const char *reference, size_t len, struct buf *out);
/* Replaces %41 by A in place.  false if what comes out has a NUL, or a % is not followed by two hexadecimal digits. */
bool uri_unescape(char *text);

#endif
