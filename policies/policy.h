/*
 * policies/policy.h - may this call happen?
 *
 * A policy is a set of strict JSON files.  Every rule says allow, ask or deny for tools (a pattern on "plugin.tool",
 * `*` matches any run of characters within the plugin's or the tool's name) and, if it likes, for effects, traits, typed arguments
 * and what the task has seen (policies/match.h).  The strictest matching rule wins, no match means deny, and the order of rules and
 * files never matters.  So a further rule never turns ask or deny into allow, unless it is an allow rule where none
 * matched before.  The engine reads no clock and does no I/O after loading; a decision names the rule that made it.
 *
 *     { "policy": 1, "id": "default",
 *       "rules": [ { "id": "pure-tools", "allow": "*.*", "when": { "effects": { "within": ["clock"] } },
 *                    "why": "computes from its arguments only" },
 *                  { "id": "outside", "ask": "*.*", "when": { "effects": { "any": ["write","exec","net"] } }, "why": "..." } ],
 *       "labels": [ { "id": "mail", "of": "mail.read", "integrity": "untrusted", "confidentiality": "secret", "why": "..." } ],
 *       "sinks": [ { "id": "mail-out", "of": "mail.send", "confidentiality": "public", "why": "..." } ],
 *       "contained": [ { "id": "boxed", "of": "code.run_python", "why": "..." } ],
 *       "limits": [ { "id": "few-pages", "of": "web.*", "calls": 20, "bytes": 65536, "why": "..." } ],
 *       "screens": [ { "id": "controlled", "of": ["chem.make", "chem.plan"], "by": "chem.controlled_check", "argument": "smiles",
 *                      "role": "molecule", "why": "..." } ],
 *       "tests": [ { "want": "allow", "rule": "pure-tools", "call": { "tool": "math.calc", "effects": [] } } ] }
 *
 * Labels (policies/label.h).  What a call gives has a label: what "labels" of the first layer say of it, the worst where several do;
 * where none does, of the effect net untrusted, of read internal, else trusted and public.  The task joins it to what it has seen, its
 * context.  A call also has a sink, those who see what it is given: with net everybody (public), with write or exec the house
 * (internal), unless "sinks" say otherwise (the most public of them); other calls have none.  A call that is "contained" acts on
 * nothing but its own result: its effects make it neither a sink nor consequential.
 *
 * Built in, whatever the files allow:
 *  - built-in/flow: a context that is closer than the sink: ask; a secret one: deny
 *  - built-in/trusted-context: write, exec or destructive in an untrusted context: ask
 *  - built-in/rule-of-two: the same or net, where the context is both untrusted and not public: ask
 * Where nobody attends, whoever carries out the verdict denies what is asked.
 *
 * Screens (policies/screen.h).  A call that a screen is "of" is looked at by another tool first.  What that found is in the request, and
 * rules are about it: deny "*.*" when "screened": { "controlled": { "any": ["cwc-1"] } }.  Such a condition holds for calls only that
 * its screen, of the same file, is about.  Ask and deny have "any" of these words, and hold where the answer is not known; allow has
 * "within", no others than these, and does not.  So more findings, and no answer, never make a decision more lenient.
 *
 * Layers.  The first set of files is the base: only its rules can allow, only it can say what is contained.  Sets of further layers
 * (the administrator's, a user's, an agent's, a task's) narrow: they ask and deny, worsen labels, open sinks and set limits.
 *
 * Loading rejects the whole set, and the caller keeps the old one, for:
 *  - a key that is unknown, missing, twice there or of the wrong kind; an unknown effect or trait; a malformed id or pattern
 *  - two files with the same id, or two entries of one file with the same id
 *  - a rule that can never match: an empty list, "min" over "max", "any" outside "within", values that exclude each other
 *  - a rule that can never win: another rule *of the same file* is as strict or stricter and matches whatever this one
 *    matches (each rule is held against each single other, not against their union), and it has no "must".  Across files this is no error: a
 *    file that denies more than the next one is how people narrow a policy.
 *  - in a layer that narrows, allow and contained
 *  - an inline test that fails.  A file's tests see that file's entries only (and what is built in), so that a second, stricter file does not
 *    break the tests of the first.  "rule" is the deciding rule's id, null for "no rule matched"; leave it out if any will do.
 *  - policy_load_paths: a file that is not regular, has another owner than root or us, or that group or others may write
 */
#ifndef POLICIES_POLICY_H
#define POLICIES_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policies/label.h"
#include "policies/path.h"
#include "policies/screen.h"
#include "util/buf.h"
#include "util/err.h"
#include "util/json.h"

#define POLICY_MAX_FILES      64
#define POLICY_MAX_RULES      1000 /* of one file: each is held against each other when loading */
#define POLICY_MAX_ENTRIES    200  /* of each other section of a file */
#define POLICY_MAX_REDACTIONS 64   /* patterns of one layer */
#define POLICY_MAX_SCREENS    64   /* of one layer */
#define POLICY_MAX_LAYERS     6
#define POLICY_MAX_FILE_BYTES (1u << 20)

enum policy_decision { POLICY_ALLOW, POLICY_ASK, POLICY_DENY }; /* ordered by strictness */
enum policy_layer { POLICY_BASE, POLICY_NARROWS };

/* A call that the task has made before. */
struct policy_past {
    const char *provider, *tool;
    unsigned effects, traits;
    size_t bytes; /* of its arguments */
};

struct policy_request {
    const char *provider;    /* plugin name, without a dot: "chemistry" */
    const char *tool;        /* "mol_weight" */
    unsigned effects;        /* enum corax_effect bits */
    unsigned traits;         /* enum corax_trait bits */
    const struct json *args; /* validated against the tool's schema; NULL: none */
    size_t bytes;            /* of the arguments, as they will be sent */
    struct label context;    /* of all that the task has seen */
    size_t n_past;
    const struct policy_past *past;
    size_t n_screened;
    const struct screen_answer *screened; /* a screen without an answer here is not known */
    path_resolver *resolve;               /* where an argument that is a path leads; NULL: what its text says */
    void *resolve_arg;
};

/* What becomes of a call of which nobody knows whether it had its effect; ordered by strictness. */
enum policy_doubt { POLICY_DOUBT_UNSAID, POLICY_DOUBT_ASK, POLICY_DOUBT_FAIL };

/* What whoever carries the verdict out has to see to: the strictest of all rules that match.  0, false or NULL: nothing. */
struct policy_duties {
    int64_t timeout_ms;   /* of the call */
    int64_t approve_ms;   /* how long a person has to approve; then it is denied */
    int64_t result_bytes; /* of its result's text that goes on; the rest is left out */
    bool fresh_host;      /* the process that carries it out has served nobody before, and serves nobody after */
    enum policy_doubt in_doubt;
    const char *in_doubt_rule; /* "default/pure-tools": which says so, of several the first by name */
    uint64_t redact[POLICY_MAX_LAYERS]; /* for policy_redact */
};

/* Of equally strict rules that match, the one whose name is first in byte order is named, and "none" last. */
struct policy_verdict {
    enum policy_decision decision;
    const char *rule; /* "default/pure-tools"; "none" when no rule matched */
    const char *why;  /* the rule's sentence, shown to people and, when denied, to the model */
    struct policy_duties must;
    struct label result; /* of what the call gives, at least */
};

struct policy;

/* files are the contents (name and text) of all policy files; none at all is a base that denies everything, or a layer that narrows
 * nothing.  NULL with CORAX_E_ARGS naming file, rule and key, CORAX_E_LIMIT, or CORAX_E_INTERNAL (no memory). */
struct policy_file {
    const char *name; /* for messages */
    const char *text;
    size_t len;
};
struct policy *policy_load(const struct policy_file *, size_t n, enum policy_layer, struct err *);
/* Reads paths, checks owner and mode, then as policy_load; CORAX_E_IO or CORAX_E_NOTFOUND when a file cannot be read. */
struct policy *policy_load_paths(const char *const *paths, size_t n, enum policy_layer, struct err *);
void policy_destroy(struct policy *);

/*
 * layers[0] is the base, without which everything is denied; the others narrow, and may be NULL.  Cannot fail, allocates nothing,
 * thread-safe.  The verdict's texts live as long as the policies.
 */
struct policy_verdict policy_decide_layers(const struct policy *const *layers, size_t n, const struct policy_request *);
struct policy_verdict policy_decide(const struct policy *base, const struct policy_request *);
const char *policy_decision_name(enum policy_decision); /* "allow" "ask" "deny" */
const char *policy_doubt_name(enum policy_doubt);       /* NULL "ask" "fail" */
enum policy_doubt policy_doubt_find(const char *name);  /* POLICY_DOUBT_UNSAID for another name, and NULL */

/*
 * The screens that a call goes through, layer by layer and by name; its arguments, context and answers do not matter.  Returns how many
 * there are; the first max of them go to out.  Where no layer has any it costs nothing.
 */
size_t policy_screens(const struct policy *const *layers, size_t n, const struct policy_request *, struct screen *out,
                      size_t max);

/*
 * Everything that had a say in a decision, the strictest first, so that the first one is the verdict's; behind what decides, the labels,
 * sinks and contained entries that matched.
 */
enum policy_part { POLICY_RULE, POLICY_BUILT_IN, POLICY_LIMIT, POLICY_LABEL, POLICY_SINK, POLICY_CONTAINED };
struct policy_reason {
    enum policy_part part;
    size_t layer;
    enum policy_decision decision; /* of the first three */
    const char *name, *why;
};
/* How many there are; the first max of them, in this order, go to out. */
size_t policy_explain(const struct policy *const *layers, size_t n, const struct policy_request *,
                      struct policy_reason *out, size_t max);
const char *policy_part_name(enum policy_part);

/*
 * Replaces in text what the duty's patterns match by "[redacted]", once for what they match without a gap.  Where that cannot be done (a pattern runs too long) the text is
 * withheld whole, and out says so.
 */
void policy_redact(const struct policy *const *layers, size_t n, const struct policy_duties *, const char *text, size_t len,
                   struct buf *out);
bool policy_redacts(const struct policy_duties *);

/* SHA-256 over the files' ids and texts in the order of the ids, as 64 hex digits: recorded with each decision. */
const char *policy_hash(const struct policy *);
size_t policy_count(const struct policy *); /* its files, in the order of their ids */
/* Of file i: its id, its text as parsed, and how many rules and tests it has. */
struct policy_summary {
    const char *id;
    const struct json *root;
    size_t n_rules, n_tests;
};
struct policy_summary policy_summary(const struct policy *, size_t i);

#endif
