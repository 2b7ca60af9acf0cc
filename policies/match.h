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
 *     "args":    { "n": { "min": 1, "max": 10 }, ... }   conditions on arguments: policies/arg.h
 *     "screened": { "controlled": { "any": ["cwc-1"] } }   of ask and deny: that screen found one of these, or it is not known
 *     "screened": { "controlled": { "within": [] } }       of allow: it found nothing else than these, and it is known
 *     "context": { "at_least": { "integrity": "untrusted" } }        of ask and deny: what the task has seen is as bad as that
 *     "context": { "at_most": { "confidentiality": "internal" } }    of allow: it is no worse than that
 *
 * So what the task has seen can only make a decision stricter as it gets worse, and what is found by a screen as it gets more.  An ask
 * rule for a context, or for what was found, says nothing for the call either: where only such rules match, it is denied as where none does.
 */
#ifndef POLICIES_MATCH_H
#define POLICIES_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policies/arg.h"
#include "policies/label.h"
#include "policies/policy.h"
#include "util/arena.h"
#include "util/err.h"
#include "util/json.h"

/* A set condition on effect or trait bits: (bits & ~within) == 0, and (bits & any) != 0 unless any is 0. */
struct bits_condition {
    unsigned any;
    unsigned within;
};

struct tool_pattern {
    const char *provider, *tool;
};

/* What a screen of the same file must have found. */
struct screen_condition {
    const char *id, *name; /* of the screen: "controlled", "default/controlled" */
    size_t screen;         /* its number in the policy */
    struct texts words;    /* of ask and deny: one is enough; of allow: there are no others */
};

/*
 * What can be told of a name at a glance: its first 8 bytes (of a pattern, those before the first `*`), its last 8 (behind the last `*`),
 * and its hash, 0 for a pattern with one.  With effects and traits: most rules are passed over without looking at them.
 */
struct name_key {
    uint64_t start, start_mask, end, end_mask; /* of a pattern, the masks have the bytes that count */
    uint32_t hash;
};
struct tool_key {
    struct name_key provider, tool;
};
struct match_key {
    struct bits_condition effects, traits;
    struct tool_key of;
};

struct match {
    struct tool_pattern pattern;
    bool is_allow; /* its rule allows */
    size_t n_except;
    struct tool_pattern *except;
    struct bits_condition effects, traits;
    struct label from, to; /* the context's label is between these, both included */
    size_t n_args;
    struct arg_condition *args; /* at most one for each argument */
    size_t n_screened;
    struct screen_condition *screened; /* at most one for each screen */
};

/* Which conditions "when" may have, besides effects, traits and except. */
enum match_use { MATCH_ALLOW, MATCH_AGAINST, MATCH_CALL /* args, no context */, MATCH_TOOL /* neither */ };

/*
 * Reads pattern and when (NULL: no conditions).  Texts and values point into the parsed file, the rest comes from the
 * arena.  -1 with CORAX_E_ARGS naming the key and what is wrong with it: unknown, malformed, or never true.
 */
int match_read(struct match *, struct arena *, const char *pattern, const struct json *when,
               enum match_use, struct err *err);
/* Takes one member of a label.  1: it is one, 0: it is not, -1 with CORAX_E_ARGS. */
int match_read_label_part(const struct json *member, struct label *, struct err *err);
/* Reads {"integrity": ..., "confidentiality": ...}, either may be missing and stays as it is. */
int match_read_label(const struct json *, const char *what, struct label *, struct err *err);

struct match_key match_key(const struct match *);
struct tool_key match_key_of(const char *provider, const char *tool);
static inline bool bits_hold(const struct bits_condition *c, unsigned bits)
{
    return (bits & ~c->within) == 0 && (c->any == 0 || (bits & c->any) != 0);
}
static inline bool name_key_fits(const struct name_key *pattern, const struct name_key *name)
{
    return ((pattern->start ^ name->start) & pattern->start_mask) == 0 && ((pattern->end ^ name->end) & pattern->end_mask) == 0 &&
           (pattern->hash == 0 || pattern->hash == name->hash);
}
/* false: the match with key does not hold for the tool with the key `of` and these effects and traits. */
static inline bool match_key_fits(const struct match_key *key, const struct tool_key *of, unsigned effects, unsigned traits)
{
    return bits_hold(&key->effects, effects) && bits_hold(&key->traits, traits) && name_key_fits(&key->of.tool, &of->tool) &&
           name_key_fits(&key->of.provider, &of->provider);
}

/*
 * What is known of a request's arguments while it is decided on, so that a thousand conditions look each argument up once, and a path
 * leads to the same place for all of them.  Slots are those of one policy: match_memo_for before its matches are asked.
 */
#define MATCH_SLOTS 64
struct match_memo {
    const void *policy;
    uint64_t known;
    const struct json *values[MATCH_SLOTS];
    struct arg_memo args;
    /* Of the policy's screens, by number: those that are about the call, those of which it is known what they found, and what. */
    uint64_t about, answered;
    const struct screen_answer *answers[POLICY_MAX_SCREENS];
};
void match_memo_init(struct match_memo *);
void match_memo_for(struct match_memo *, const void *policy);
/* Gives the match's arguments slots by their names, as long as there are any; n of names are taken, and grow. */
void match_take_slots(struct match *, const char **names, size_t *n);

/* The argument that a condition is about, NULL when it is absent. */
const struct json *match_find_value(const struct arg_condition *, const struct json *args, struct match_memo *);

/* Without arguments and screens: is a call to such a tool meant? */
bool match_is_about(const struct match *, const struct policy_request *);
/* against: the rule asks or denies, so what cannot be compared matches.  memo may be NULL, then what was screened is not known. */
bool match_holds(const struct match *, const struct policy_request *, struct match_memo *, bool against);

/*
 * True only if every call that `b` matches is matched by `a` too, whatever their decisions (a at least as strict as b).
 * Where a has an exception with a `*`, it is not found out.
 */
bool match_covers(const struct match *a, const struct match *b);

#endif
