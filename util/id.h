/*
 * util/id.h - global identifiers.
 *
 * Tasks are named by UUIDv7 (RFC 9562, section 5.7): unique without a server, sorted by time, and nothing in it names
 * the host.  Blobs are named by the SHA-256 of their bytes.
 */
#ifndef UTIL_ID_H
#define UTIL_ID_H

#include <stdbool.h>
#include <stddef.h>

#define ID_LEN 36 /* characters of a UUID in text, without NUL */
#define HASH_LEN 32

void id_create(char out[ID_LEN + 1]);               /* strictly increasing within a process */
bool id_is_valid(const char *text, size_t len);     /* lower-case hex and dashes in their places */
void hash_bytes(const void *data, size_t len, unsigned char out[HASH_LEN]);
void hash_format(const unsigned char hash[HASH_LEN], char out[2 * HASH_LEN + 1]);

#endif
