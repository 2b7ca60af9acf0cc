/*
 * policies/match.h - which calls a rule is about.
 *
 * A match is a pattern on "plugin.tool" and the conditions of "when"; all of them must hold.
 *
 *     "math.*"  "*.now"  "chemistry.mol_*"        `*` is any run of characters within the plugin's or the tool's name
 *     "effects": { "any": ["write","net"] }       the call has at least one of these effects
 *     "effects": { "within": ["read","clock"] }   the call has no other effects than these; [] means none at all
 *     "traits":  { "any": [...], "within": [...] }   the same for "idempotent" and "destructive"
 *     "except":  ["code.run_python", "notes.*"]   the call is to none of these tools
 *     "args":    { "n": { "min": 1, "max": 10 } }                 a number, both ends included
 *                { "mode": { "enum": ["fast", 3, true, null] } }  equal to one of these
 *                { "text": { "min_length": 1, "max_length": 80 } }   a string, counted in characters (code points)
 *
 * Arguments are compared as typed values after the schema check, never as text.  An argument that is absent or of another
 * type than the condition asks for does not match.  A number of 2^53 or more in magnitude is not exact in a double, so
 * comparing it proves nothing: where a condition names numbers, it then counts against the call, that is, it matches for
 * ask and deny and does not for allow.
 */
#ifndef POLICIES_MATCH_H
#define POLICIES_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policies/policy.h"
#include "util/arena.h"
#include "util/err.h"
#include "util/json.h"

/* A set condition on effect or trait bits: (bits & ~within) == 0, and (bits & any) != 0 unless any is 0. */
struct bits_condition {
    unsigned any;
    unsigned within;
};

struct arg_condition {
    const char *name;
    const struct json *values; /* "enum": an array in the parsed file; NULL: none */
    bool has_number;           /* min, max or a number in values */
    bool has_range, has_length;
    double min, max;
    int64_t min_length, max_length;
};

struct tool_pattern {
    const char *provider, *tool;
};

struct match {
    struct tool_pattern pattern;
    size_t n_except;
    struct tool_pattern *except;
    struct bits_condition effects, traits;
    size_t n_args;
    struct arg_condition *args; /* at most one for each argument */
};

/*
 * Reads pattern and when (NULL: no conditions).  Texts and values point into the parsed file, the rest comes from the
 * arena.  -1 with CORAX_E_ARGS naming the key and what is wrong with it: unknown, malformed, or never true.
 */
int match_read(struct match *, struct arena *, const char *pattern, const struct json *when, struct err *err);

/* against: the rule asks or denies, so what cannot be compared matches. */
bool match_holds(const struct match *, const struct policy_request *, bool against);

/*
 * True only if every call that `b` matches is matched by `a` too, whatever their decisions (a at least as strict as b).
 * Where a has an exception with a `*`, it is not found out.
 */
bool match_covers(const struct match *a, const struct match *b);

/* Effect and trait names as bits: {"write","net"}.  -1 with CORAX_E_ARGS naming the unknown one. */
int match_read_effects(const struct json *list, const char *what, unsigned *bits, struct err *err);
int match_read_traits(const struct json *list, const char *what, unsigned *bits, struct err *err);

#endif
