/*
 * policies: the bytes are a policy file, and from the first NUL on the arguments of a call.  A file that loads must load
 * again to the same hash, and decide alike the second time; with one more file that denies, nothing may become more
 * lenient than it was.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policies/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char no_one[] = "{\"policy\":1,\"id\":\"no-one-has-this-id\",\"rules\":[{\"id\":\"r\",\"deny\":\"*.x*\","
                             "\"why\":\"w\"}]}";

static void decide_all(const struct policy *p, const struct policy *again, const struct policy *stricter,
                       const struct json *args)
{
    static const char *const tools[] = { "x", "calc", "mol_weight", "page.get", "" };

    for (unsigned i = 0; i < 5 * 32 * 4; i++) {
        struct policy_request r = { .provider = i & 1 ? "math" : "a", .tool = tools[i % 5], .args = args };
        struct policy_verdict v, w;

        r.effects = i / 5 % 32;
        r.traits = i / 160;
        v = policy_decide(p, &r);
        w = policy_decide(again, &r);
        if (v.decision != w.decision || strcmp(v.rule, w.rule) != 0 || strcmp(v.why, w.why) != 0)
            abort();
        if (stricter && policy_decide(stricter, &r).decision < v.decision)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const char *text = (const char *)data, *nul = memchr(data, 0, len);
    size_t text_len = nul ? (size_t)(nul - text) : len;
    struct policy_file files[] = { { "fuzz", text, text_len }, { "no-one", no_one, sizeof(no_one) - 1 } };
    struct err err = { 0 };
    struct json *args = nul ? json_parse(nul + 1, len - text_len - 1, NULL) : NULL;
    struct policy *p = policy_load(files, 1, POLICY_BASE, &err);

    if (p) {
        struct policy *again = policy_load(files, 1, POLICY_BASE, &err), *stricter = policy_load(files, 2, POLICY_BASE, NULL);

        if (!again || strcmp(policy_hash(p), policy_hash(again)) != 0)
            abort();
        decide_all(p, again, stricter, args);
        policy_destroy(again);
        policy_destroy(stricter);
        policy_destroy(p);
    } else if (err.status == CORAX_OK || err.msg[0] == '\0') {
        abort();
    }
    json_free(args);
    return 0;
}
