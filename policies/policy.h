/*
 * policies/policy.h - may this call happen?
 *
 * A policy is a set of strict JSON files.  Every rule says allow, ask or deny for tools (a pattern on "plugin.tool",
 * `*` matches any run of characters within the plugin's or the tool's name) and, if it likes, for effects, traits and
 * typed arguments (policies/match.h).  The strictest matching rule wins, no match means deny, and the order of rules and
 * files never matters.  So a further rule never turns ask or deny into allow, unless it is an allow rule where none
 * matched before.  The engine reads no clock and does no I/O after loading; a decision names the rule that made it.
 *
 *     { "policy": 1, "id": "default",
 *       "rules": [ { "id": "pure-tools", "allow": "*.*", "when": { "effects": { "within": ["clock"] } },
 *                    "why": "computes from its arguments only" },
 *                  { "id": "outside", "ask": "*.*", "when": { "effects": { "any": ["write","exec","net"] } }, "why": "..." } ],
 *       "tests": [ { "want": "allow", "rule": "pure-tools", "call": { "tool": "math.calc", "effects": [] } } ] }
 *
 * Loading rejects the whole set, and the caller keeps the old one, for:
 *  - a key that is unknown, missing, twice there or of the wrong kind; an unknown effect or trait; a malformed id or pattern
 *  - two files with the same id, or two rules of one file with the same id
 *  - a rule that can never match: an empty list, "min" over "max", "any" outside "within", values that exclude each other
 *  - a rule that can never win: another rule *of the same file* is as strict or stricter and matches whatever this one
 *    matches (each rule is held against each single other, not against their union).  Across files this is no error: a
 *    file that denies more than the next one is how people narrow a policy.
 *  - an inline test that fails.  A file's tests see that file's rules only, so that a second, stricter file does not
 *    break the tests of the first.  "rule" is the deciding rule's id, null for "no rule matched"; leave it out if any will do.
 *  - policy_load_paths: a file that is not regular, has another owner than root or us, or that group or others may write
 */
#ifndef POLICIES_POLICY_H
#define POLICIES_POLICY_H

#include <stddef.h>
#include <stdint.h>

#include "util/err.h"
#include "util/json.h"

#define POLICY_MAX_FILES      64
#define POLICY_MAX_RULES      1000 /* of one file: each is held against each other when loading */
#define POLICY_MAX_FILE_BYTES (1u << 20)

enum policy_decision { POLICY_ALLOW, POLICY_ASK, POLICY_DENY }; /* ordered by strictness */

struct policy_request {
    const char *provider;    /* plugin name, without a dot: "chemistry" */
    const char *tool;        /* "mol_weight" */
    unsigned effects;        /* enum corax_effect bits */
    unsigned traits;         /* enum corax_trait bits */
    const struct json *args; /* validated against the tool's schema; NULL: none */
};

/* Of equally strict rules that match, the one whose name is first in byte order is named. */
struct policy_verdict {
    enum policy_decision decision;
    const char *rule; /* "default/pure-tools"; "none" when no rule matched */
    const char *why;  /* the rule's sentence, shown to people and, when denied, to the model */
};

struct policy;

/* files are the contents (name and text) of all policy files; none at all is a policy that denies everything.  NULL with
 * CORAX_E_ARGS naming file, rule and key, CORAX_E_LIMIT, or CORAX_E_INTERNAL (no memory). */
struct policy_file {
    const char *name; /* for messages */
    const char *text;
    size_t len;
};
struct policy *policy_load(const struct policy_file *, size_t n, struct err *);
/* Reads paths, checks owner and mode, then as policy_load; CORAX_E_IO or CORAX_E_NOTFOUND when a file cannot be read. */
struct policy *policy_load_paths(const char *const *paths, size_t n, struct err *);
void policy_destroy(struct policy *);

/* Cannot fail, allocates nothing, thread-safe.  The verdict's texts live as long as the policy. */
struct policy_verdict policy_decide(const struct policy *, const struct policy_request *);
const char *policy_decision_name(enum policy_decision); /* "allow" "ask" "deny" */
/* SHA-256 over the files' ids and texts in the order of the ids, as 64 hex digits: recorded with each decision. */
const char *policy_hash(const struct policy *);

#endif
