/*
 * faults.c - ends, or tries to end, its process in the ways that tests/daemon/faults-t.c counts; one tool is right.
 */
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/tools/zoo/zoo.h"

#define MOST_MIB 4096 /* of a leak, where there is no limit on memory */

#define FAULT(act)                                                                                         \
    static int act##_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len); \
    static const struct corax_tool act##_tool = { .size = sizeof act##_tool,                               \
                                                  .traits = CORAX_TRAIT_IDEMPOTENT,                        \
                                                  .name = #act,                                            \
                                                  .summary = "x",                                          \
                                                  .args_schema = ZOO_NO_ARGS,                              \
                                                  .call = act##_call };                                    \
    static int act##_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)

static volatile int *volatile nothing;

FAULT(steady)
{
    return zoo_say(h, c, "steady as a rock");
}

FAULT(segfault)
{
    return *nothing;
}

FAULT(hang)
{
    while (h)
        pause();
    return CORAX_OK;
}

/* Takes memory until there is none, and then uses what it did not get. */
FAULT(leak)
{
    volatile char *piece = (volatile char *)args;

    for (int i = 0; i < MOST_MIB && piece; i++) {
        piece = malloc(1 << 20);
        if (piece)
            piece[0] = 1;
    }
    return *nothing;
}

/* Forks for ever where nothing forbids it; so that a test that finds this does no harm, the first child says that it could. */
FAULT(bomb)
{
    for (int i = 0; i < 1000; i++) {
        pid_t pid = fork();

        if (pid == 0)
            _exit(0);
        if (pid > 0) {
            waitpid(pid, NULL, 0);
            h->fail(c, CORAX_E_INTERNAL, "forked", 6);
            return CORAX_E_INTERNAL;
        }
    }
    return zoo_say(h, c, "every fork was refused");
}

static const struct corax_tool *const tools[] = {
    &steady_tool, &segfault_tool, &hang_tool, &leak_tool, &bomb_tool, NULL
};

CORAX_EXPORT const struct corax_plugin *corax_plugin_entry(void)
{
    static const struct corax_plugin plugin = { CORAX_PLUGIN_HEADER, .name = "faults", .version = "1",
                                                .license = "Apache-2.0", .tools = tools };

    return &plugin;
}
