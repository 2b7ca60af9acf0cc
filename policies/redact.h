/*
 * policies/redact.h - a pattern whose matches are taken out of a text.
 */
#ifndef POLICIES_REDACT_H
#define POLICIES_REDACT_H

#include <stdbool.h>
#include <stddef.h>

#include "util/buf.h"
#include "util/err.h"

#define REDACT_MAX_PATTERN 1000 /* bytes */

struct redaction;

/* A pattern of PCRE2, in UTF-8.  NULL with CORAX_E_ARGS: what is wrong and where. */
struct redaction *redaction_compile(const char *pattern, struct err *);
void redaction_destroy(struct redaction *);
/* Appends text with "[redacted]" for each match.  false, nothing appended: it takes too long, or text is no UTF-8. */
bool redaction_apply(const struct redaction *, const char *text, size_t len, struct buf *out);

#endif
