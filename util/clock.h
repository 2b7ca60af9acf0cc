/*
 * util/clock.h - the two clocks: durations and deadlines on the monotonic one, timestamps on the wall clock.
 */
#ifndef UTIL_CLOCK_H
#define UTIL_CLOCK_H

#include <stdint.h>

int64_t clock_mono_ms(void);  /* CLOCK_MONOTONIC */
int64_t clock_mono_ns(void);
int64_t clock_wall_ms(void);  /* Unix time */
/* "2026-11-23T14:11:54.123Z" (25 bytes with the NUL); out_size at least that. */
void clock_format(int64_t wall_ms, char *out, unsigned out_size);

#endif
