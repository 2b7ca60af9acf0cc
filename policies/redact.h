/*
 * policies/redact.h - a pattern whose matches are to be taken out of a text.
 */
#ifndef POLICIES_REDACT_H
#define POLICIES_REDACT_H

#include <stdbool.h>
#include <stddef.h>

#include "util/err.h"

#define REDACT_MAX_PATTERN 1000 /* bytes */

struct redaction;

/* A pattern of PCRE2, in UTF-8.  NULL with CORAX_E_ARGS: what is wrong and where. */
struct redaction *redaction_compile(const char *pattern, struct err *);
void redaction_destroy(struct redaction *);
/*
 * Sets marks[i] for each byte of text that a match holds; marks has len bytes.  false: it takes too long (more than a bound on the work for
 * the whole text, whatever the pattern), text is no UTF-8, or there is no memory; then some may be marked.  Thread-safe.
 */
bool redaction_mark(const struct redaction *, const char *text, size_t len, unsigned char *marks);

#endif
