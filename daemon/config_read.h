/*
 * daemon/config_read.h - what the readers of corax.conf's parts share: one member of an object each.
 *
 * An absent member leaves *out alone.  `where` is the object's name with its dot ("infer."), for the error.
 */
#ifndef DAEMON_CONFIG_READ_H
#define DAEMON_CONFIG_READ_H

#include <stdbool.h>

#include "util/err.h"
#include "util/json.h"

/* A text that is not empty, in place of *slot, which the caller owns. */
int config_read_text(const struct json *object, const char *where, const char *key, char **slot, struct err *);
int config_read_small(const struct json *object, const char *where, const char *key, int min, int max, int *out, struct err *);
int config_read_flag(const struct json *object, const char *where, const char *key, bool *out, struct err *);

#endif
