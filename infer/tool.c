#include "infer/tool.h"

#include <stdlib.h>
#include <string.h>

static int check_name(const char *name, struct err *err)
{
    size_t len = strlen(name);

    if (len == 0 || len > TOOL_MAX_NAME)
        return fail(err, CORAX_E_ARGS, "a tool name of %zu bytes, allowed are 1 to %d", len, TOOL_MAX_NAME);
    for (size_t i = 0; i < len; i++)
        if (name[i] <= 0x20 || name[i] >= 0x7f || strchr("\"\\(),<>[]{}", name[i]))
            return fail(err, CORAX_E_ARGS, "tool %s: the name has the byte 0x%02x", name, (unsigned char)name[i]);
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int tools_check(const struct tool *tools, size_t n_tools, enum tool_choice choice, struct err *err)
{
    const char **names;
    int result = 0;

    if (n_tools > TOOLS_MAX)
        return fail(err, CORAX_E_ARGS, "%zu tools, at most %d", n_tools, TOOLS_MAX);
    if (choice == CHOICE_REQUIRED && n_tools == 0)
        return fail(err, CORAX_E_ARGS, "a call is required, but there are no tools");
    names = malloc((n_tools + 1) * sizeof *names);
    if (!names)
        return fail(err, CORAX_E_LIMIT, "out of memory for %zu tools", n_tools);
    for (size_t i = 0; i < n_tools && result == 0; i++) {
        names[i] = tools[i].name;
        result = check_name(names[i], err);
    }
    if (result == 0 && n_tools)
        qsort(names, n_tools, sizeof *names, compare_names);
    for (size_t i = 1; i < n_tools && result == 0; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            result = fail(err, CORAX_E_ARGS, "tool %s is there twice", names[i]);
    free(names);
    return result;
}

conj tool_arguments(struct shapes *shapes, const struct tool *tool, struct err *err)
{
    const conj c = tool->parameters ? shapes_both(shapes, shapes_object(shapes, true), shapes_schema(shapes, tool->parameters))
                                    : shapes_object(shapes, false);

    if (shapes_expand_all(shapes, c, err) == 0)
        return c;
    err_context(err, "tool %s", tool->name);
    return CONJ_NOTHING;
}
