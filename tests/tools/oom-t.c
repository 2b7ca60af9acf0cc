/*
 * Every allocation failing while a plugin is loaded.  A tool whose schema there was no memory for may be left out, but
 * then its fault says so.  Not covered: what dlopen allocates, and the plugin itself.
 */
#include "config.h"

#include "tests/oom.h"
#include "tests/tools/drive.h"
#include "tools/loader.h"

static const char *plugin;

static int load(struct err *err)
{
    static const struct corax_host host = { .size = sizeof host };
    struct loader l;
    int rc = loader_open(&l, plugin, &host, err);

    if (rc != 0)
        return -1;
    for (size_t i = 0; i < l.n_tools && rc == 0; i++)
        if (l.tools[i].fault.status != CORAX_OK) {
            *err = l.tools[i].fault;
            rc = -1;
        }
    loader_close(&l);
    return rc;
}

int main(void)
{
    plan_later();
    plugin = drive_zoo("actor");
    if (freopen("/dev/null", "w", stderr) == NULL) /* the plugin says goodbye there, each time */
        return 1;
    oom_each("a plugin is loaded", load);
    done();
    return tap_status();
}
