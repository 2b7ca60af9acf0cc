/*
 * policies/policy.h - may this call happen?
 *
 * A policy is a set of strict JSON files.  Every rule says allow, ask or deny for tools (a pattern on "plugin.tool",
 * `*` matches within a segment) and, if it likes, for effects and for canonical typed arguments.  The strictest matching
 * rule wins, no match means deny, and the order of rules and files never matters.  The engine reads no clock and does no
 * I/O after loading; a decision names the rule that made it, for the trace.
 *
 *     { "policy": 1, "id": "default",
 *       "rules": [ { "id": "pure-tools", "allow": "*.*", "when": { "effects": { "within": ["clock"] } },
 *                    "why": "computes from its arguments only" },
 *                  { "id": "outside", "ask": "*.*", "when": { "effects": { "any": ["write","exec","net"] } }, "why": "..." } ],
 *       "tests": [ { "want": "allow", "rule": "pure-tools", "call": { "tool": "math.calc", "effects": [] } } ] }
 *
 * Loading runs the inline tests; an unknown key, a rule that can never win or never match, a failing test, a duplicate
 * id, or a file that others may write rejects the whole set, and the caller keeps the old one.
 */
#ifndef POLICIES_POLICY_H
#define POLICIES_POLICY_H

#include <stddef.h>
#include <stdint.h>

#include "util/err.h"
#include "util/json.h"

enum policy_decision { POLICY_ALLOW, POLICY_ASK, POLICY_DENY }; /* ordered by strictness */

struct policy_request {
    const char        *provider;  /* plugin name: "chemistry" */
    const char        *tool;      /* "mol_weight" */
    unsigned           effects;   /* enum corax_effect bits */
    unsigned           traits;    /* enum corax_trait bits */
    const struct json *args;      /* validated against the tool's schema */
};

struct policy_verdict {
    enum policy_decision decision;
    const char *rule;             /* "default/pure-tools"; "none" when no rule matched */
    const char *why;              /* the rule's sentence, shown to people and, when denied, to the model */
};

struct policy;

/* files are the contents (name and text) of all policy files.  NULL with CORAX_E_ARGS naming file, rule and key. */
struct policy_file { const char *name; const char *text; size_t len; };
struct policy *policy_load(const struct policy_file *, size_t n, struct err *);
/* Reads paths, checks owner (root or ours) and mode (not group- or world-writable), then as policy_load. */
struct policy *policy_load_paths(const char *const *paths, size_t n, struct err *);
void policy_destroy(struct policy *);

/* Cannot fail.  The verdict's texts live as long as the policy. */
struct policy_verdict policy_decide(const struct policy *, const struct policy_request *);
const char *policy_decision_name(enum policy_decision); /* "allow" "ask" "deny" */
/* SHA-256 over names and texts in name order, as 64 hex digits: recorded with each decision. */
const char *policy_hash(const struct policy *);

#endif
