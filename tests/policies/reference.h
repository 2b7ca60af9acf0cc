/*
 * tests/policies/reference.h - what a policy decides, by a second evaluator that is as plain as it can be.
 *
 * It reads the files' JSON anew for each request, asks every entry, and keeps nothing between requests.  Nothing of it is shared with
 * policies/ but the types of a request and of labels; it expects files that the engine has accepted.
 *
 * Its reading of URLs and paths is simpler than the engine's, and right only for those that tests/policies/random_policy.h makes: of
 * addresses it knows dotted quads that begin with 10. or 127. as private and [::1], and takes every other host that ends like a number
 * and is no quad for unclear; escapes are %61 (never plain) and %C3%A9 (always plain).  Whether a URL is read rightly at all is
 * tests/policies/url-t.c's matter.
 */
#ifndef TESTS_POLICIES_REFERENCE_H
#define TESTS_POLICIES_REFERENCE_H

#include "policies/policy.h"

struct reference_layer {
    size_t n;
    struct json *roots[POLICY_MAX_FILES]; /* the files, parsed */
};

struct reference_answer {
    enum policy_decision decision;
    char rule[140];
    int64_t timeout_ms, approve_ms, result_bytes;
    bool fresh_host;
    const char *in_doubt; /* "ask", "fail", NULL */
    char in_doubt_rule[140];
    unsigned redact; /* bit i: the pattern "q<i>" */
    struct label result;
};

/* layers[0] is the base. */
void reference_decide(const struct reference_layer *layers, size_t n, const struct policy_request *, struct reference_answer *);

#endif
