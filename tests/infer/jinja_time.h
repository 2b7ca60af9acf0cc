/*
 * tests/infer/jinja_time.h - the time that templates are told in tests: as jinja_golden.py has it.
 */
#ifndef TESTS_INFER_JINJA_TIME_H
#define TESTS_INFER_JINJA_TIME_H

#include <time.h>

/* Thursday, 2024-12-05 14:30:15 */
static const struct tm jinja_time = {
    .tm_year = 124, .tm_mon = 11, .tm_mday = 5, .tm_hour = 14, .tm_min = 30, .tm_sec = 15, .tm_wday = 4, .tm_yday = 339
};

#endif
