/*
 * Every allocation failing while tools are indexed, looked for and removed.  Whatever was refused, the index goes on with what it has.
 * Not covered: what libstemmer allocates.
 */
#include "config.h"

#include <string.h>

#include "tests/oom.h"
#include "tools/retrieval.h"

static int use(struct err *err)
{
    static const char schema[] = "{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\",\"description\":\"Which one\"}}}";
    static const float vector[3] = { 1, 2, 3 };
    struct retrieval *r = retrieval_create();
    struct retrieval_hit hits[8];
    struct retrieval_query q = { .text = "weather of a city", .len = 17, .k = 8, .vector = vector, .dim = 3 };
    size_t n_there = 0;
    int rc = 0;

    if (r == NULL)
        return fail(err, CORAX_E_LIMIT, "no memory");
    for (uint64_t i = 0; i < 20; i++) {
        char name[32];
        const struct tool t = { .id = i + 1, .name = name, .provider = i < 10 ? "a" : "b", .summary = "The weather in a city, hour by hour",
                                .args_schema = i < 3 ? schema : NULL, .args_schema_len = sizeof schema - 1 };

        snprintf(name, sizeof name, "get_weather_%d", (int)i);
        if (retrieval_add(r, &t, err) < 0)
            rc = -1;
        else if (++n_there && retrieval_set_vector(r, t.id, vector, 3, err) < 0)
            rc = -1;
    }
    if (retrieval_count(r) != n_there)
        rc = fail(err, CORAX_E_ARGS, "%zu tools, not %zu", retrieval_count(r), n_there);
    if (retrieval_search(r, &q, hits, err) < 0)
        rc = -1;
    retrieval_remove_provider(r, "a");
    if (retrieval_search(r, &q, hits, err) < 0)
        rc = -1;
    retrieval_destroy(r);
    return rc;
}

int main(void)
{
    plan_later();
    oom_each("tools are indexed, found and removed", use);
    done();
    return tap_status();
}
