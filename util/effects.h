/*
 * util/effects.h - what a tool may do (enum corax_effect and corax_trait of <corax/plugin.h>) by the names that policies, traces, the
 * API and tools/list have for it: "read" "write" "exec" "net" "clock", and the traits "idempotent" "destructive".
 */
#ifndef UTIL_EFFECTS_H
#define UTIL_EFFECTS_H

#include "util/err.h"
#include "util/json.h"

/* A list of names as bits; what begins the message.  -1 with CORAX_E_ARGS naming the unknown one; *bits is as it was then. */
int effects_read(const struct json *list, const char *what, unsigned *bits, struct err *);
int traits_read(const struct json *list, const char *what, unsigned *bits, struct err *);
/* Bits as a list of names; those without one are left out. */
void effects_write(struct jsonw *, const char *key, unsigned bits);
void traits_write(struct jsonw *, const char *key, unsigned bits);
/* Both as the member annotations of a tool in MCP's tools/list. */
void annotations_write(struct jsonw *, unsigned effects, unsigned traits);

#endif
