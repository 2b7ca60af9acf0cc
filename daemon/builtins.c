#include "daemon/builtins.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/delegate.h"
#include "daemon/task_memory.h"
#include "daemon/task_tools.h"
#include "tools/registry.h"

static const struct builtin *const builtins[] = {
    &builtin_delegate,
    &builtin_find_tools,
    &builtin_memory_add, &builtin_memory_forget, &builtin_memory_search, &builtin_notes_insert, &builtin_notes_replace, &builtin_notes_rethink,
    NULL, /* the last */
};

const struct builtin *builtin_of(const struct tool *tool)
{
    for (size_t i = 0; strcmp(tool->provider, BUILTIN_PROVIDER) == 0 && builtins[i]; i++)
        if (strcmp(builtins[i]->name, tool->name) == 0)
            return builtins[i];
    return NULL;
}

int builtins_register(struct registry *registry, const struct config *config, struct err *err)
{
    struct json *list;
    struct buf text;
    int n = -1;

    buf_init(&text, 1u << 20);
    buf_addf(&text, "{\"tools\":[");
    for (size_t i = 0; builtins[i]; i++) {
        buf_adds(&text, i ? "," : "");
        if (builtins[i]->describe)
            builtins[i]->describe(config, &text);
        else
            buf_adds(&text, builtins[i]->tool);
    }
    buf_addf(&text, "]}");
    list = text.failed ? NULL : json_parse(text.data, text.len, err);
    if (list)
        n = registry_add_list(registry, BUILTIN_PROVIDER, true, list, err);
    json_free(list);
    buf_finish(&text);
    return n < 0 ? -1 : 0;
}

void builtin_destroy(struct builtin_call *c)
{
    buf_finish(&c->text);
    buf_finish(&c->json);
    free(c);
}

void builtin_cancel(struct builtin_call *c)
{
    if (c->cancel)
        c->cancel(c);
    builtin_destroy(c);
}
