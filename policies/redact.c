#include "policies/redact.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

/*
 * PCRE2's own limit is on the steps from one place in the text; from all of a long text a pattern may still take hours.  So the pattern
 * is compiled with a callout before each of its items, and what lies between two of them is counted over the whole text: the items tried
 * and the characters passed.
 */
#define MAX_WORK    20000000 /* about half a second */
#define MATCH_LIMIT 1000000

struct redaction {
    pcre2_code *code;
};

struct work {
    size_t done, at;
};

static int count_work(pcre2_callout_block *block, void *arg)
{
    struct work *work = arg;

    work->done += 1 + (block->current_position > work->at ? block->current_position - work->at : 0);
    work->at = block->current_position;
    return work->done > MAX_WORK ? PCRE2_ERROR_MATCHLIMIT : 0;
}

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
    r->code = pcre2_compile((PCRE2_SPTR)pattern, strlen(pattern), PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_AUTO_CALLOUT,
                            &number, &at, NULL);
    if (!r->code) {
        pcre2_get_error_message(number, why, sizeof(why));
        fail(err, CORAX_E_ARGS, "redact: \"%.80s\" at character %zu: %s", pattern, (size_t)at + 1, (const char *)why);
        goto bad;
    }
    return r;
bad:
    redaction_destroy(r);
    return NULL;
}

void redaction_destroy(struct redaction *r)
{
    if (!r)
        return;
    pcre2_code_free(r->code);
    free(r);
}

static int mark_all(const struct redaction *r, pcre2_match_context *context, pcre2_match_data *found, const char *text, size_t len,
                    unsigned char *marks)
{
    PCRE2_SIZE at = 0;

    while (at <= len) {
        const int n = pcre2_match(r->code, (PCRE2_SPTR)text, len, at, at > 0 ? PCRE2_NO_UTF_CHECK : 0, found, context);
        const PCRE2_SIZE *span = pcre2_get_ovector_pointer(found);

        if (n < 0)
            return n;
        /* With \K in a lookahead a match may end before it begins. */
        if (span[1] > span[0])
            memset(marks + span[0], 1, span[1] - span[0]);
        if (span[1] > at) {
            at = span[1];
            continue;
        }
        for (at++; at < len && ((unsigned char)text[at] & 0xC0) == 0x80; at++)
            ;
    }
    return PCRE2_ERROR_NOMATCH;
}

bool redaction_mark(const struct redaction *r, const char *text, size_t len, unsigned char *marks)
{
    pcre2_match_data *found = pcre2_match_data_create_from_pattern(r->code, NULL);
    pcre2_match_context *context = pcre2_match_context_create(NULL);
    struct work work = { 0 };
    int end = PCRE2_ERROR_NOMEMORY;

    if (found && context) {
        pcre2_set_match_limit(context, MATCH_LIMIT);
        pcre2_set_callout(context, count_work, &work);
        end = mark_all(r, context, found, text, len, marks);
    }
    pcre2_match_context_free(context);
    pcre2_match_data_free(found);
    return end == PCRE2_ERROR_NOMATCH;
}
