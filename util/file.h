/*
 * util/file.h - whole small files.
 */
#ifndef UTIL_FILE_H
#define UTIL_FILE_H

#include <stddef.h>

#include "util/buf.h"
#include "util/err.h"

/* Appends a regular file of at most out->limit bytes.  -1 with CORAX_E_NOTFOUND, CORAX_E_LIMIT or CORAX_E_IO. */
int file_read(const char *path, struct buf *out, struct err *);

#endif
