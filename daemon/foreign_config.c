#include "daemon/foreign_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/builtins.h"
#include "daemon/config_read.h"
#include "tools/mcp.h"
#include "util/effects.h"

#define NAME_CHARS  "abcdefghijklmnopqrstuvwxyz0123456789_-"
#define MAX_ENV     64
#define MAX_FILES   64
#define MAX_HEADERS 32

static void server_finish(struct foreign_server_config *s)
{
    free(s->name);
    config_list_clear(&s->command);
    config_list_clear(&s->env);
    config_list_clear(&s->files);
    free(s->url);
    config_list_clear(&s->headers);
    free(s->token_file);
    free(s->client_id);
    free(s->client_secret_file);
    free(s->client_metadata_url);
    free(s->issuer);
    config_list_clear(&s->tools);
    for (size_t i = 0; i < s->terms.n_overrides; i++)
        free((char *)s->overrides[i].tool);
    free(s->overrides);
}

void foreign_config_finish(struct foreign_config *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->n; i++)
        server_finish(&c->at[i]);
    free(c->text);
    free(c);
}

bool foreign_config_has(const struct foreign_config *c, const char *name)
{
    for (size_t i = 0; c && i < c->n; i++)
        if (strcmp(c->at[i].name, name) == 0)
            return true;
    return false;
}

bool foreign_config_needs_egress(const struct foreign_config *c)
{
    for (size_t i = 0; c && i < c->n; i++)
        if (c->at[i].url)
            return true;
    return false;
}

bool foreign_config_same(const struct foreign_config *a, const struct foreign_config *b)
{
    return a == b || strcmp(a ? a->text : "{}", b ? b->text : "{}") == 0;
}

static int read_texts(const struct json *object, const char *where, const char *key, size_t max, struct config_list *list, struct err *err)
{
    const struct json *v = json_get(object, key);

    if (v == NULL)
        return 0;
    if (json_kind(v) != JSON_ARRAY || json_count(v) > max)
        return fail(err, CORAX_E_ARGS, "%s%s must be a list of at most %zu texts", where, key, max);
    for (const struct json *e = json_first(v); e; e = json_next(e)) {
        if (json_text(e) == NULL)
            return fail(err, CORAX_E_ARGS, "%s%s must be a list of texts", where, key);
        if (config_list_add(list, json_text(e), err) < 0)
            return -1;
    }
    return 0;
}

static bool has_control(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < ' ' || *s == 127)
            return true;
    return false;
}

/* An object of texts, as a list of "name<sep>value". */
static int read_pairs(const struct json *object, const char *where, const char *key, const char *sep, size_t max, struct config_list *list,
                      struct err *err)
{
    const struct json *v = json_get(object, key);
    char *pair;
    int rc = 0;

    if (v == NULL)
        return 0;
    if (json_kind(v) != JSON_OBJECT || json_count(v) > max)
        return fail(err, CORAX_E_ARGS, "%s%s must be an object of at most %zu texts", where, key, max);
    for (const struct json *m = json_first(v); m && rc == 0; m = json_next(m)) {
        const char *name = json_key(m);

        if (json_text(m) == NULL || name[0] == '\0' || strpbrk(name, "=: \t") || has_control(name) ||
            (sep[0] == ':' && has_control(json_text(m))))
            return fail(err, CORAX_E_ARGS, "%s%s.%.60s must be a text, without control characters", where, key, name);
        if (asprintf(&pair, "%s%s%s", name, sep, json_text(m)) < 0)
            return fail(err, CORAX_E_INTERNAL, "no memory");
        rc = config_list_add(list, pair, err);
        free(pair);
    }
    return rc;
}

static int read_override(struct foreign_server_config *s, const char *where, const struct json *m, struct err *err)
{
    static const char *const known[] = { "effects", "traits", NULL };
    struct registry_override *o = &s->overrides[s->terms.n_overrides];
    char what[160];
    unsigned effects = 0, traits = 0;

    snprintf(what, sizeof(what), "%seffects.%.60s", where, json_key(m));
    if (json_kind(m) == JSON_ARRAY) {
        if (effects_read(m, what, &effects, err) < 0)
            return -1;
    } else if (json_kind(m) != JSON_OBJECT || json_get(m, "effects") == NULL) {
        return fail(err, CORAX_E_ARGS, "%s must be a list of effects, or {\"effects\": […], \"traits\": […]}", what);
    } else if (json_check_members(m, what, known, err) < 0 || effects_read(json_get(m, "effects"), what, &effects, err) < 0 ||
               (json_get(m, "traits") && traits_read(json_get(m, "traits"), what, &traits, err) < 0)) {
        return -1;
    }
    *o = (struct registry_override){ .tool = strdup(json_key(m)), .effects = effects, .traits = traits };
    if (o->tool == NULL)
        return fail(err, CORAX_E_INTERNAL, "no memory");
    s->terms.n_overrides++;
    return 0;
}

static int read_terms(struct foreign_server_config *s, const char *where, const struct json *v, struct err *err)
{
    const struct json *effects = json_get(v, "effects");

    if (config_read_flag(v, where, "trust_annotations", &s->terms.annotations, err) < 0 ||
        read_texts(v, where, "tools", CONFIG_MAX_LIST, &s->tools, err) < 0)
        return -1;
    s->terms.http = s->url != NULL;
    s->terms.listed = json_get(v, "tools") != NULL;
    s->terms.tools = s->tools.at;
    s->terms.n_tools = s->tools.n;
    if (effects == NULL)
        return 0;
    if (json_kind(effects) != JSON_OBJECT || json_count(effects) > FOREIGN_MAX_OVERRIDES)
        return fail(err, CORAX_E_ARGS, "%seffects must be an object, by tool: {\"lookup\": [\"read\"]}", where);
    s->terms.overrides = s->overrides = calloc(json_count(effects) + 1, sizeof(*s->overrides));
    if (s->overrides == NULL)
        return fail(err, CORAX_E_INTERNAL, "no memory");
    for (const struct json *m = json_first(effects); m; m = json_next(m))
        if (read_override(s, where, m, err) < 0)
            return -1;
    return 0;
}

static int read_stdio(struct foreign_server_config *s, const char *where, const struct json *v, struct err *err)
{
    static const char *const http_only[] = { "headers", "token_file", "private_network", "client_id", "client_secret_file", "client_metadata_url",
                                             "issuer", NULL };

    for (size_t i = 0; http_only[i]; i++)
        if (json_get(v, http_only[i]))
            return fail(err, CORAX_E_ARGS, "%s%s is for a server with a url", where, http_only[i]);
    if (read_texts(v, where, "command", CONFIG_MAX_LIST / 4, &s->command, err) < 0 || read_pairs(v, where, "env", "=", MAX_ENV, &s->env, err) < 0 ||
        read_texts(v, where, "files", MAX_FILES, &s->files, err) < 0 || config_read_flag(v, where, "network", &s->network, err) < 0 ||
        config_read_small(v, where, "memory_mb", 0, 1 << 20, &s->memory_mb, err) < 0)
        return -1;
    if (s->command.n == 0 || s->command.at[0][0] == '\0')
        return fail(err, CORAX_E_ARGS, "%scommand must be a list: the program and its arguments", where);
    return 0;
}

static int read_http(struct foreign_server_config *s, const char *where, const struct json *v, struct err *err)
{
    static const char *const stdio_only[] = { "command", "env", "files", "network", "memory_mb", NULL };

    for (size_t i = 0; stdio_only[i]; i++)
        if (json_get(v, stdio_only[i]))
            return fail(err, CORAX_E_ARGS, "%s%s is for a server with a command", where, stdio_only[i]);
    if (config_read_text(v, where, "url", &s->url, err) < 0 || read_pairs(v, where, "headers", ": ", MAX_HEADERS, &s->headers, err) < 0 ||
        config_read_text(v, where, "token_file", &s->token_file, err) < 0 ||
        config_read_flag(v, where, "private_network", &s->private_network, err) < 0 ||
        config_read_text(v, where, "client_id", &s->client_id, err) < 0 ||
        config_read_text(v, where, "client_secret_file", &s->client_secret_file, err) < 0 ||
        config_read_text(v, where, "client_metadata_url", &s->client_metadata_url, err) < 0 ||
        config_read_text(v, where, "issuer", &s->issuer, err) < 0)
        return -1;
    if ((strncmp(s->url, "https://", 8) != 0 && strncmp(s->url, "http://", 7) != 0) || has_control(s->url) || strchr(s->url, ' '))
        return fail(err, CORAX_E_ARGS, "%surl must begin with https:// (or http://, for a machine of your own)", where);
    if (s->client_secret_file && s->client_id == NULL)
        return fail(err, CORAX_E_ARGS, "%sclient_secret_file needs a client_id", where);
    return 0;
}

static int read_elicitation(struct foreign_server_config *s, const char *where, const struct json *v, struct err *err)
{
    const char *how = json_get_text(v, "elicitation", json_get(v, "elicitation") ? "?" : "decline");

    if (strcmp(how, "decline") != 0 && strcmp(how, "defaults") != 0)
        return fail(err, CORAX_E_ARGS, "%selicitation must be \"decline\" or \"defaults\"", where);
    s->elicitation = how[2] == 'f' ? FOREIGN_DEFAULTS : FOREIGN_DECLINE;
    return 0;
}

static int read_protocol(struct foreign_server_config *s, const char *where, const struct json *v, struct err *err)
{
    static const char *const names[] = { "auto", MCP_VERSION_MODERN, MCP_VERSION_LEGACY };
    const char *name = json_get_text(v, "protocol", json_get(v, "protocol") ? "?" : "auto");

    for (int i = 0; i < 3; i++)
        if (strcmp(name, names[i]) == 0) {
            s->protocol = (enum foreign_protocol)i;
            return 0;
        }
    return fail(err, CORAX_E_ARGS, "%sprotocol must be \"auto\", \"" MCP_VERSION_MODERN "\" or \"" MCP_VERSION_LEGACY "\"", where);
}

static int read_server(struct foreign_server_config *s, const struct json *v, struct err *err)
{
    static const char *const known[] = { "command", "env",       "files",    "network",   "memory_mb", "url",          "headers",
                                         "token_file", "private_network", "client_id", "client_secret_file", "client_metadata_url",
                                         "issuer",  "start_ms",  "call_ms",  "max_tools", "max_calls", "max_mb",       "tools",
                                         "effects", "trust_annotations", "elicitation", "protocol", NULL };
    const size_t n = strspn(json_key(v), NAME_CHARS);
    char where[80];

    if (n == 0 || n > FOREIGN_MAX_NAME || json_key(v)[n] || strcmp(json_key(v), BUILTIN_PROVIDER) == 0)
        return fail(err, CORAX_E_ARGS, "mcp_servers: \"%.40s\" needs another name: use a-z, 0-9, _ and -, at most %d, and not \"" BUILTIN_PROVIDER "\"",
                    json_key(v), FOREIGN_MAX_NAME);
    if (config_set_text(&s->name, json_key(v), err) < 0)
        return -1;
    snprintf(where, sizeof(where), "mcp_servers.%s", s->name);
    if (json_check_members(v, where, known, err) < 0)
        return -1;
    snprintf(where, sizeof(where), "mcp_servers.%s.", s->name);
    if (!json_get(v, "command") == !json_get(v, "url"))
        return fail(err, CORAX_E_ARGS, "%scommand or %surl is needed, and not both", where, where);
    s->start_ms = 10000;
    s->call_ms = 60000;
    s->max_tools = 1000;
    s->max_calls = 8;
    s->max_mb = 8;
    if ((json_get(v, "url") ? read_http(s, where, v, err) : read_stdio(s, where, v, err)) < 0 ||
        config_read_small(v, where, "start_ms", 100, 600000, &s->start_ms, err) < 0 ||
        config_read_small(v, where, "call_ms", 10, 24 * 3600 * 1000, &s->call_ms, err) < 0 ||
        config_read_small(v, where, "max_tools", 1, REGISTRY_MAX_TOOLS, &s->max_tools, err) < 0 ||
        config_read_small(v, where, "max_calls", 1, 64, &s->max_calls, err) < 0 ||
        config_read_small(v, where, "max_mb", 1, 64, &s->max_mb, err) < 0 || read_terms(s, where, v, err) < 0 ||
        read_elicitation(s, where, v, err) < 0 || read_protocol(s, where, v, err) < 0)
        return -1;
    return 0;
}

int foreign_config_read(const struct json *v, struct foreign_config **out, struct err *err)
{
    struct foreign_config *c;
    struct buf text;
    struct jsonw w;
    size_t len;

    if (v == NULL)
        return 0;
    if (json_kind(v) != JSON_OBJECT)
        return fail(err, CORAX_E_ARGS, "mcp_servers must be an object: {\"weather\": {\"url\": \"https://…\"}}");
    if (json_count(v) > FOREIGN_MAX_SERVERS)
        return fail(err, CORAX_E_LIMIT, "mcp_servers: more than %d", FOREIGN_MAX_SERVERS);
    if ((c = calloc(1, sizeof(*c))) == NULL)
        return fail(err, CORAX_E_INTERNAL, "no memory");
    buf_init(&text, 1u << 20);
    w = jsonw_start(&text);
    jsonw_value(&w, NULL, v);
    c->text = text.failed ? NULL : buf_take(&text, &len);
    buf_finish(&text);
    if (c->text == NULL) {
        foreign_config_finish(c);
        return fail(err, CORAX_E_INTERNAL, "no memory");
    }
    for (const struct json *m = json_first(v); m; m = json_next(m))
        if (read_server(&c->at[c->n++], m, err) < 0) {
            foreign_config_finish(c);
            return -1;
        }
    foreign_config_finish(*out);
    *out = c;
    return 0;
}
