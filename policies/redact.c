#include "policies/redact.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#define MARK        "[redacted]"
#define MATCH_LIMIT 1000000 /* steps of one match */

struct redaction {
    pcre2_code *code;
    pcre2_match_context *context;
};

struct redaction *redaction_compile(const char *pattern, struct err *err)
{
    struct redaction *r = calloc(1, sizeof(*r));
    int number = 0;
    PCRE2_SIZE at = 0;
    PCRE2_UCHAR why[120] = "";

    if (!r) {
        fail(err, CORAX_E_INTERNAL, "no memory");
        return NULL;
    }
    if (strlen(pattern) > REDACT_MAX_PATTERN) {
        fail(err, CORAX_E_ARGS, "redact: a pattern has at most %d bytes", REDACT_MAX_PATTERN);
        goto bad;
    }
    r->code = pcre2_compile((PCRE2_SPTR)pattern, strlen(pattern), PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C, &number, &at, NULL);
    if (!r->code) {
        pcre2_get_error_message(number, why, sizeof(why));
        fail(err, CORAX_E_ARGS, "redact: \"%.80s\" at character %zu: %s", pattern, (size_t)at + 1, (const char *)why);
        goto bad;
    }
    r->context = pcre2_match_context_create(NULL);
    if (!r->context) {
        fail(err, CORAX_E_INTERNAL, "no memory");
        goto bad;
    }
    pcre2_set_match_limit(r->context, MATCH_LIMIT);
    pcre2_set_depth_limit(r->context, MATCH_LIMIT);
    return r;
bad:
    redaction_destroy(r);
    return NULL;
}

void redaction_destroy(struct redaction *r)
{
    if (!r)
        return;
    pcre2_match_context_free(r->context);
    pcre2_code_free(r->code);
    free(r);
}

bool redaction_apply(const struct redaction *r, const char *text, size_t len, struct buf *out)
{
    pcre2_match_data *found = pcre2_match_data_create_from_pattern(r->code, NULL);
    PCRE2_SIZE at = 0, kept = 0;
    struct buf made;
    bool done;
    int n = 0;

    buf_init(&made, out->limit);
    while (found && at <= len) {
        const PCRE2_SIZE *span;

        n = pcre2_match(r->code, (PCRE2_SPTR)text, len, at, 0, found, r->context);
        if (n < 0)
            break;
        span = pcre2_get_ovector_pointer(found);
        if (span[1] > span[0]) {
            buf_add(&made, text + kept, span[0] - kept);
            buf_addf(&made, MARK);
            kept = at = span[1];
        } else {
            /* An empty match: on by one character. */
            for (at = span[1] + 1; at < len && ((unsigned char)text[at] & 0xC0) == 0x80; at++)
                ;
        }
    }
    buf_add(&made, text + kept, len - kept);
    done = found && (n >= 0 || n == PCRE2_ERROR_NOMATCH) && !made.failed;
    if (done)
        buf_add(out, made.data, made.len);
    pcre2_match_data_free(found);
    buf_finish(&made);
    return done && !out->failed;
}
