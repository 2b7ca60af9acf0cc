/* loader.c - see loader.h.  The order of the checks is the order of trust: file, object, entry, versions, description. */
#include "config.h"

#include "tools/loader.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ALL_EFFECTS (CORAX_FX_READ | CORAX_FX_WRITE | CORAX_FX_EXEC | CORAX_FX_NET | CORAX_FX_CLOCK)
#define ALL_TRAITS  (CORAX_TRAIT_IDEMPOTENT | CORAX_TRAIT_DESTRUCTIVE)

/* No struct of this interface gets near: a larger size is a size that was never set. */
#define MAX_STRUCT 4096

static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* --- the file -------------------------------------------------------------------------------------------------- */

static int check_object(int fd, const char *name, struct err *err)
{
    unsigned char head[EI_NIDENT + 2];
    uint16_t type;

    if (read(fd, head, sizeof head) != (ssize_t)sizeof head || memcmp(head, ELFMAG, SELFMAG) != 0)
        return fail(err, CORAX_E_ARGS, "%s: is not a shared object; build it with -shared -fPIC", name);
    memcpy(&type, head + EI_NIDENT, sizeof type); /* of this machine's byte order, or dlopen refuses it */
    if (type != ET_DYN)
        return fail(err, CORAX_E_ARGS, "%s: is an object or a program, not a shared object; link it with -shared",
                    name);
    return 0;
}

static int check_file(const char *path, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), rc;

    if (fd < 0)
        return fail_sys(err, errno == ENOENT ? CORAX_E_NOTFOUND : CORAX_E_IO, "%s: cannot be opened", path);
    rc = check_object(fd, file_name(path), err);
    close(fd);
    return rc;
}

/* --- the description ------------------------------------------------------------------------------------------- */

static int check_plugin(const struct corax_plugin *p, const char *name, struct err *err)
{
    if (p == NULL)
        return fail(err, CORAX_E_INTERNAL, "%s: corax_plugin_entry() returned NULL; return the plugin's description",
                    name);
    if (p->size < offsetof(struct corax_plugin, name) || p->size > MAX_STRUCT)
        return fail(err, CORAX_E_ARGS,
                    "%s: the plugin's description has the size %u; begin it with CORAX_PLUGIN_HEADER", name,
                    (unsigned)p->size);
    if (p->abi_major != CORAX_ABI_MAJOR)
        return fail(
            err, CORAX_E_ARGS,
            "%s: was built for plugin interface %u.%u, this is %d.%d; build it against this corax's corax/plugin.h",
            name, p->abi_major, p->abi_minor, CORAX_ABI_MAJOR, CORAX_ABI_MINOR);
    if (!CORAX_HAS(p, tools))
        return fail(
            err, CORAX_E_ARGS,
            "%s: the plugin's description is %u bytes, too short to name its tools; begin it with CORAX_PLUGIN_HEADER",
            name, (unsigned)p->size);
    if (p->name == NULL || p->version == NULL || p->license == NULL)
        return fail(err, CORAX_E_ARGS, "%s: the plugin has no %s; set it in its description", name,
                    p->name == NULL      ? "name"
                    : p->version == NULL ? "version"
                                         : "license");
    if (p->tools == NULL || p->tools[0] == NULL)
        return fail(err, CORAX_E_ARGS, "%s: offers no tools; list at least one in its description", name);
    return 0;
}

static bool is_tool_name(const char *s)
{
    size_t n = 0;

    if (s[0] < 'a' || s[0] > 'z')
        return false;
    for (; s[n] != '\0'; n++)
        if (n >= CORAX_NAME_MAX || !((s[n] >= 'a' && s[n] <= 'z') || (s[n] >= '0' && s[n] <= '9') || s[n] == '_'))
            return false;
    return true;
}

static int check_tool(const struct corax_tool *t, size_t i, const char *name, struct err *err)
{
    if (!CORAX_HAS(t, call) || t->size > MAX_STRUCT)
        return fail(err, CORAX_E_ARGS, "%s: tool number %zu has the size %u; set .size to the size of its struct", name,
                    i + 1, (unsigned)t->size);
    if (t->name == NULL || !is_tool_name(t->name))
        return fail(err, CORAX_E_ARGS,
                    "%s: tool number %zu is named \"%.70s\"; use a-z, 0-9 and _, a letter first, at most %d characters",
                    name, i + 1, t->name ? t->name : "", CORAX_NAME_MAX);
    if (t->summary == NULL || strnlen(t->summary, CORAX_SUMMARY_MAX + 1) > CORAX_SUMMARY_MAX)
        return fail(err, CORAX_E_ARGS, "%s: tool %s needs a summary of at most %d bytes", name, t->name,
                    CORAX_SUMMARY_MAX);
    if (t->call == NULL)
        return fail(err, CORAX_E_ARGS, "%s: tool %s has no call function; set .call", name, t->name);
    if (t->effects & ~(unsigned)ALL_EFFECTS || t->traits & ~(unsigned)ALL_TRAITS)
        return fail(err, CORAX_E_ARGS,
                    "%s: tool %s declares effects 0x%x and traits 0x%x, of which this corax knows 0x%x and 0x%x"
                    "; use a newer corax or declare less",
                    name, t->name, (unsigned)t->effects, (unsigned)t->traits, (unsigned)ALL_EFFECTS,
                    (unsigned)ALL_TRAITS);
    return 0;
}

static int check_tools(const struct corax_plugin *p, const char *name, size_t *n_tools, struct err *err)
{
    size_t n;

    for (n = 0; p->tools[n] != NULL; n++) {
        if (n >= LOADER_MAX_TOOLS)
            return fail(err, CORAX_E_LIMIT, "%s: offers more than %d tools; end the list with NULL or split the plugin",
                        name, LOADER_MAX_TOOLS);
        if (check_tool(p->tools[n], n, name, err) != 0)
            return -1;
        for (size_t i = 0; i < n; i++)
            if (strcmp(p->tools[i]->name, p->tools[n]->name) == 0)
                return fail(err, CORAX_E_ARGS, "%s: offers two tools named %s; rename one", name, p->tools[n]->name);
    }
    *n_tools = n;
    return 0;
}

static struct jsonschema *compile(const char *text, const char *what, struct err *fault)
{
    static const struct jsonschema_options strict = { .strict = true };
    size_t len = strnlen(text, CORAX_SCHEMA_MAX + 1);
    struct jsonschema *schema;

    if (len > CORAX_SCHEMA_MAX) {
        fail(fault, CORAX_E_LIMIT, "%s is longer than %d bytes", what, CORAX_SCHEMA_MAX);
        return NULL;
    }
    schema = jsonschema_compile(text, len, &strict, fault);
    if (schema == NULL)
        err_context(fault, "%s", what);
    return schema;
}

static void compile_tool(struct loaded_tool *t)
{
    t->result_schema_text = t->tool->result_schema;
    if (t->tool->args_schema == NULL) {
        fail(&t->fault, CORAX_E_ARGS, "args_schema is missing");
        return;
    }
    t->args_schema = compile(t->tool->args_schema, "args_schema", &t->fault);
    if (t->args_schema == NULL)
        return;
    if (jsonschema_root(t->args_schema)->types != SCHEMA_OBJECT) {
        fail(&t->fault, CORAX_E_ARGS, "args_schema must have \"type\":\"object\"");
        return;
    }
    if (t->result_schema_text)
        t->result_schema = compile(t->result_schema_text, "result_schema", &t->fault);
}

static int take_tools(struct loader *l, const char *name, struct err *err)
{
    l->tools = calloc(l->n_tools, sizeof *l->tools);
    if (l->tools == NULL)
        return fail(err, CORAX_E_LIMIT, "%s: out of memory", name);
    for (size_t i = 0; i < l->n_tools; i++) {
        l->tools[i].tool = l->plugin->tools[i];
        compile_tool(&l->tools[i]);
        l->n_faulty += l->tools[i].fault.status != CORAX_OK;
    }
    if (l->n_faulty == l->n_tools)
        return fail(err, l->tools[0].fault.status, "%s: no tool can be used: %s: %s", name, l->tools[0].tool->name,
                    l->tools[0].fault.msg);
    return 0;
}

/* --- the whole -------------------------------------------------------------------------------------------------- */

static int load(struct loader *l, const char *path, struct err *err)
{
    const struct corax_plugin *(*entry)(void);
    const char *name = file_name(path);
    char *real = realpath(path, NULL); /* dlopen searches for a name without a slash */

    if (real == NULL)
        return fail_sys(err, CORAX_E_IO, "%s: cannot be found", path);
    l->handle = dlopen(real, RTLD_NOW | RTLD_LOCAL);
    free(real);
    if (l->handle == NULL)
        return fail(err, CORAX_E_UNAVAIL, "%s: cannot be loaded; install what is missing or link it: %s", name,
                    dlerror());
    *(void **)&entry = dlsym(l->handle, "corax_plugin_entry");
    if (entry == NULL)
        return fail(err, CORAX_E_ARGS, "%s: has no corax_plugin_entry(); define it and mark it CORAX_EXPORT", name);
    l->plugin = entry();
    if (check_plugin(l->plugin, name, err) != 0)
        return -1;
    return check_tools(l->plugin, name, &l->n_tools, err);
}

static int initialise(struct loader *l, const char *path, const struct corax_host *host, struct err *err)
{
    int rc;

    if (!CORAX_HAS(l->plugin, init) || l->plugin->init == NULL)
        return 0;
    rc = l->plugin->init(host);
    if (rc == CORAX_OK)
        return 0;
    return fail(err, CORAX_E_UNAVAIL, "%s: its init() failed with status %d; its own log lines may say why",
                file_name(path), rc);
}

static void unload(struct loader *l)
{
    for (size_t i = 0; l->tools && i < l->n_tools; i++) {
        jsonschema_destroy(l->tools[i].args_schema);
        jsonschema_destroy(l->tools[i].result_schema);
    }
    free(l->tools);
#ifndef CORAX_SANITIZE
    if (l->handle)
        dlclose(l->handle);
#endif
    *l = (struct loader){ 0 };
}

int loader_open(struct loader *l, const char *path, const struct corax_host *host, struct err *err)
{
    *l = (struct loader){ 0 };
    if (check_file(path, err) == 0 && load(l, path, err) == 0 && take_tools(l, file_name(path), err) == 0 &&
        initialise(l, path, host, err) == 0)
        return 0;
    unload(l);
    return -1;
}

void loader_close(struct loader *l)
{
    if (l->plugin && CORAX_HAS(l->plugin, fini) && l->plugin->fini)
        l->plugin->fini();
    unload(l);
}

const struct loaded_tool *loader_find(const struct loader *l, const char *name)
{
    for (size_t i = 0; i < l->n_tools; i++)
        if (strcmp(l->tools[i].tool->name, name) == 0)
            return l->tools[i].fault.status == CORAX_OK ? &l->tools[i] : NULL;
    return NULL;
}
