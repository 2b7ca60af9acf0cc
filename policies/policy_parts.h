/*
 * policies/policy_parts.h - what a loaded policy is made of.  For policies/policy*.c alone.
 */
#ifndef POLICIES_POLICY_PARTS_H
#define POLICIES_POLICY_PARTS_H

#include "policies/match.h"
#include "policies/policy.h"
#include "policies/redact.h"
#include "util/arena.h"

#define POLICY_ID_MAX 64 /* characters of an id: it goes into each decision of each trace */

/* What every entry of a file has. */
struct statement {
    const char *id;   /* "pure-tools" */
    const char *name; /* "default/pure-tools" */
    const char *why;
    struct match match;
};

struct rule {
    struct statement is;
    enum policy_decision decision;
    bool has_duties;
    struct policy_duties must; /* redact[0]: of its own layer */
};

struct label_rule {
    struct statement is;
    bool has_integrity, has_confidentiality;
    struct label label;
};

struct sink_rule {
    struct statement is;
    enum confidentiality confidentiality;
};

struct limit_rule {
    struct statement is;
    int64_t calls, bytes; /* -1: not limited */
};

struct contained_rule {
    struct statement is;
};

struct screen_rule {
    struct statement is; /* its match is that of the first pattern */
    size_t n_of;
    struct match *of; /* one for each pattern */
    struct screen asks;
};

struct file {
    const char *id;
    struct json *root; /* rules point into it */
    const char *text;  /* the caller's, while loading only */
    size_t len;
    size_t n_rules;
};

struct policy_index;

struct policy {
    enum policy_layer layer;
    struct arena *arena;
    size_t n_files;
    struct file *files;
    size_t n_rules, n_labels, n_sinks, n_limits, n_contained, n_screens;
    struct rule *rules;         /* from strict to lenient, then by name */
    struct match_key *keys;     /* of the rules */
    struct policy_index *index; /* of the rules */
    struct label_rule *labels;
    struct sink_rule *sinks;
    struct limit_rule *limits;
    struct contained_rule *contained;
    struct screen_rule *screens; /* by name */
    size_t n_redactions;
    struct redaction *redactions[POLICY_MAX_REDACTIONS];
    char hash[65];
};

bool policy_is_id(const char *);
int policy_find_decision(const char *key); /* allow, ask, deny; -1: none of them */

/* Adds the entries of a file's sections to an empty policy.  What it added stays when it fails.  -1 with CORAX_E_ARGS. */
int policy_read_file(struct policy *, const char *file_id, const struct json *root, struct err *);
/*
 * Which rules may match: a set of bits, in the order of the rules.  What is not in it does not match; most of what is does.  The set
 * has room for all rules of a policy.
 */
#define POLICY_SET_WORDS ((size_t)POLICY_MAX_FILES * POLICY_MAX_RULES / 64)
struct policy_set {
    size_t n_words;
    uint64_t words[POLICY_SET_WORDS];
};
/* Makes p->index anew from rules in their order, with keys and slots.  -1: no memory. */
int policy_index_create(struct policy *, struct err *);
void policy_index_destroy(struct policy_index *); /* NULL is fine */
void policy_index_find(const struct policy *, const struct policy_request *, struct match_memo *, struct policy_set *);
/* Leaves only the rules that still matter behind one that decided: those with duties, and, if lifting, those that lift the denial. */
void policy_index_narrow(const struct policy *, bool lifting, struct policy_set *);
/* Which screens are about the call, and what they found, into the memo, for the policy's rules. */
void policy_screen(const struct policy *, const struct policy_request *, struct match_memo *);
/* Is it a reason to allow, ask or deny by itself, so that the call is not denied because nothing is said of it? */
bool policy_rule_lifts(const struct rule *);
/* Brings all entries into their order, and makes the index of the rules.  -1: no memory. */
int policy_sort(struct policy *, struct err *);
/* Runs "tests" against a policy that holds nothing but the file's entries. */
int policy_run_tests(const struct policy *, const struct json *tests, struct err *);

#endif
