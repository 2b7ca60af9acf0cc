/*
 * util/checksum.h - a fast checksum of what was written, to find what disks and killed programs do; no attacks.
 */
#ifndef UTIL_CHECKSUM_H
#define UTIL_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* Some 10 GB/s.  Of this machine's byte order. */
uint64_t checksum(const void *bytes, size_t n);

#endif
