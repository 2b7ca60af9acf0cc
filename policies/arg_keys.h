/*
 * policies/arg_keys.h - what an argument must show for a condition to hold, so that of many conditions few are looked at.
 *
 * A condition that names texts, hosts, folders, ports ... holds only for a value that shows one of them.  Such a thing is a key, a hash:
 * the condition wants some, a value shows some, and where they have none in common the condition does not hold.  What has a lower and
 * an upper bound is compared as an interval instead.  Two things may have one key, and a value may show more than it must: what is left
 * is only what may hold, and arg_matches has the last word.
 */
#ifndef POLICIES_ARG_KEYS_H
#define POLICIES_ARG_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "policies/arg.h"

/* Takes one key. */
typedef void arg_key_fn(void *arg, uint64_t key);

/* The parts of a condition that want keys; each alone must be met. */
enum arg_way {
    ARG_BY_VALUE,
    ARG_BY_BENEATH,
    ARG_BY_HIDDEN,
    ARG_BY_HOST,
    ARG_BY_PORT,
    ARG_BY_SCHEME,
    ARG_BY_PRIVATE,
    ARG_BY_PROGRAM,
    ARG_BY_OPTION,
    N_ARG_WAYS
};
/* Gives the keys of which a value must show one.  against: as in arg_context.  false: the condition has no such part. */
bool arg_want_keys(const struct arg_condition *, bool against, enum arg_way, arg_key_fn *, void *arg);

/* What bounds are about. */
enum arg_measure { ARG_NUMBER, ARG_LENGTH, ARG_QUERY, ARG_WORDS, N_ARG_MEASURES };
/* false: the condition has no bounds.  At most one measure has. */
bool arg_bounds(const struct arg_condition *, enum arg_measure *, double *low, double *high);

/* Conditions that hold, against the call, for what cannot be told, and for a URL whose path may be spelled otherwise. */
bool arg_holds_in_doubt(const struct arg_condition *, bool against);
bool arg_holds_respelled(const struct arg_condition *, bool against);

struct arg_shown {
    bool in_doubt, respelled; /* some of it is that */
    /* The least and the greatest of a measure; low is above high where it has none. */
    double low[N_ARG_MEASURES], high[N_ARG_MEASURES];
};
/* What value (NULL: absent) shows to conditions of a kind.  take may be NULL.  measures: bits, which of them are wanted. */
void arg_show_keys(enum arg_kind, const struct json *value, const struct arg_context *, unsigned measures, arg_key_fn *,
                   void *arg, struct arg_shown *);

#endif
