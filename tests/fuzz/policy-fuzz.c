/*
 * policies: the bytes are a policy file, and from the first NUL on the arguments of a call.  The file is loaded as a base and as a layer
 * that narrows.  A file that loads must load again to the same hash, and decide alike the second time; explained, the first reason is the
 * verdict's.  With one more file that denies, in a worse context, with more calls made or more bytes, and below a layer that narrows,
 * nothing may become more lenient than it was; nor with more that screens found, or where what they found is not known.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <corax/plugin.h>

#include "policies/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char no_one[] = "{\"policy\":1,\"id\":\"no-one-has-this-id\",\"rules\":[{\"id\":\"r\",\"deny\":\"*.x*\","
                             "\"why\":\"w\"}]}";
static const char all[] = "{\"policy\":1,\"id\":\"all\",\"rules\":[{\"id\":\"r\",\"allow\":\"*.*\",\"why\":\"w\"}]}";

static const struct policy_past past[] = {
    { "math", "calc", 0, 0, 100 }, { "a", "x", CORAX_FX_NET, CORAX_TRAIT_IDEMPOTENT, 5000 }, { "a", "page.get", CORAX_FX_NET | CORAX_FX_READ, 0, SIZE_MAX },
};

static void expect(bool good)
{
    if (!good)
        abort();
}

static struct policy_verdict decide(const struct policy *base, const struct policy *narrow, const struct policy_request *r)
{
    const struct policy *layers[] = { base, narrow };
    const struct policy_verdict v = policy_decide_layers(layers, 2, r);
    struct policy_reason first;

    expect(policy_explain(layers, 2, r, &first, 1) > 0 && first.decision == v.decision && strcmp(first.name, v.rule) == 0);
    return v;
}

/* The same request, worse. */
static void decide_worse(const struct policy *base, const struct policy *narrow, const struct policy_request *r, enum policy_decision d)
{
    struct policy_request worse = *r;

    worse.context = label_join(r->context, (struct label){ UNTRUSTED, INTERNAL });
    expect(decide(base, narrow, &worse).decision >= d);
    worse = *r;
    worse.n_past = sizeof(past) / sizeof(*past);
    expect(decide(base, narrow, &worse).decision >= d);
    worse.bytes += 1000;
    expect(decide(base, narrow, &worse).decision >= d);
    worse = *r;
    worse.n_screened = 0;
    expect(decide(base, narrow, &worse).decision >= d);
}

/* To every screen, a word that the file's rules may name, or nothing. */
static void decide_screened(const struct policy *base, const struct policy *narrow, const struct policy_request *r)
{
    static const char *const words[] = { "controlled", "bad", "f-0" };
    const struct policy *layers[] = { base, narrow };
    struct screen screens[SCREEN_MAX_QUESTIONS];
    const size_t n = policy_screens(layers, 2, r, screens, SCREEN_MAX_QUESTIONS);
    struct screen_answer answers[SCREEN_MAX_QUESTIONS];
    struct policy_request screened = *r;
    enum policy_decision before = POLICY_ALLOW;

    screened.screened = answers;
    screened.n_screened = n < SCREEN_MAX_QUESTIONS ? n : SCREEN_MAX_QUESTIONS;
    for (size_t found = 0; n > 0 && found <= sizeof(words) / sizeof(*words); found++) {
        enum policy_decision d;

        for (size_t i = 0; i < screened.n_screened; i++)
            answers[i] =
                (struct screen_answer){ screens[i].by, screens[i].argument, screens[i].role, true, found, words };
        d = decide(base, narrow, &screened).decision;
        expect(d >= before);
        decide_worse(base, narrow, &screened, d);
        before = d;
    }
}

struct loaded {
    struct policy *base, *again, *stricter, *narrow, *all;
};

static void decide_all(const struct loaded *l, const struct json *args)
{
    static const char *const tools[] = { "x", "calc", "mol_weight", "page.get", "" };

    for (unsigned i = 0; i < 5 * 32 * 4; i++) {
        struct policy_request r = { .provider = i & 1 ? "math" : "a", .tool = tools[i % 5], .args = args, .past = past, .n_past = i % 2 };
        struct policy_verdict v, w;

        r.effects = i / 5 % 32;
        r.traits = i / 160;
        r.context = (struct label){ (enum integrity)(i / 7 % 2), (enum confidentiality)(i / 11 % 3) };
        v = decide(l->all, NULL, &r);
        if (l->narrow) {
            w = decide(l->all, l->narrow, &r);
            expect(w.decision >= v.decision && label_is_within(v.result, w.result));
            decide_worse(l->all, l->narrow, &r, w.decision);
            decide_screened(l->all, l->narrow, &r);
        }
        if (!l->base)
            continue;
        v = decide(l->base, NULL, &r);
        w = decide(l->again, NULL, &r);
        expect(v.decision == w.decision && strcmp(v.rule, w.rule) == 0 && strcmp(v.why, w.why) == 0);
        expect(!l->stricter || decide(l->stricter, NULL, &r).decision >= v.decision);
        expect(!l->narrow || decide(l->base, l->narrow, &r).decision >= v.decision);
        decide_worse(l->base, NULL, &r, v.decision);
        decide_screened(l->base, l->narrow, &r);
    }
}

static void redact(const struct policy *p, const char *text, size_t len)
{
    struct policy_duties must = { .redact = { ~UINT64_C(0) } };
    struct buf out;

    buf_init(&out, 1u << 20);
    policy_redact(&p, 1, &must, text, len < 2000 ? len : 2000, &out);
    buf_finish(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const char *text = (const char *)data, *nul = memchr(data, 0, len);
    size_t text_len = nul ? (size_t)(nul - text) : len;
    struct policy_file files[] = { { "fuzz", text, text_len }, { "no-one", no_one, sizeof(no_one) - 1 } };
    const struct policy_file other = { "all", all, sizeof(all) - 1 };
    struct err err = { 0 };
    struct json *args = nul ? json_parse(nul + 1, len - text_len - 1, NULL) : NULL;
    struct loaded l = { .base = policy_load(files, 1, POLICY_BASE, &err), .narrow = policy_load(files, 1, POLICY_NARROWS, NULL) };

    expect(l.base || (err.status != CORAX_OK && err.msg[0] != '\0'));
    l.all = policy_load(&other, 1, POLICY_BASE, NULL);
    if (l.base) {
        l.again = policy_load(files, 1, POLICY_BASE, &err);
        l.stricter = policy_load(files, 2, POLICY_BASE, NULL);
        expect(l.again && strcmp(policy_hash(l.base), policy_hash(l.again)) == 0);
        redact(l.base, text, text_len);
    }
    if (l.base || l.narrow)
        decide_all(&l, args);
    policy_destroy(l.base);
    policy_destroy(l.again);
    policy_destroy(l.stricter);
    policy_destroy(l.narrow);
    policy_destroy(l.all);
    json_free(args);
    return 0;
}
