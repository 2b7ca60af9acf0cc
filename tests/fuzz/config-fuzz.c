/*
 * daemon: the bytes are a corax.conf.  One that is taken must keep its numbers within their bounds, and be taken again over
 * itself to the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct config c, before;
    struct err err = { 0 };

    if (config_init(&c, &err) < 0)
        abort();
    if (config_parse(&c, (const char *)data, len, &err) == 0) {
        if (c.max_running < 1 || c.max_queued < 0 || c.budget.max_steps < 1 || c.budget.max_wall_ms < 1 ||
            c.host_deadline_ms < 10 || c.plugins.n > CONFIG_MAX_LIST ||
            !(c.sampling.top_p >= 0 && c.sampling.top_p <= 1))
            abort();
        before = c;
        if (config_parse(&c, (const char *)data, len, &err) < 0 || c.max_queued != before.max_queued ||
            c.plugins.n != before.plugins.n || c.policies.n != before.policies.n)
            abort();
    } else if (err.status == 0 || err.msg[0] == '\0') {
        abort();
    }
    config_finish(&c);
    return 0;
}
