/* oauth.c - see oauth.h. */
#include "daemon/oauth.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "policies/url.h"
#include "tools/mcp.h"
#include "util/base64.h"
#include "util/id.h"
#include "util/uri.h"

#define UNRESERVED "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

/* --- texts ---------------------------------------------------------------------------------------------------------- */

/* false where it does not fit, or has what no such text has. */
static bool copy(char *out, size_t size, const char *text)
{
    const size_t n = text ? strlen(text) : size;

    if (n >= size)
        return false;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)text[i] < ' ' || (unsigned char)text[i] >= 127)
            return false;
    memcpy(out, text, n + 1);
    return true;
}

static int need(char *out, size_t size, const struct json *object, const char *key, struct err *err)
{
    if (copy(out, size, json_get_text(object, key, NULL)) && out[0])
        return 0;
    return fail(err, CORAX_E_IO, "the answer has no usable \"%s\"", key);
}

static void add_encoded(struct buf *out, const char *text)
{
    for (; *text; text++)
        if (strchr(UNRESERVED, *text))
            buf_addc(out, *text);
        else
            buf_addf(out, "%%%02X", (unsigned char)*text);
}

static void add_field(struct buf *out, const char *name, const char *value)
{
    const char last = out->len ? out->data[out->len - 1] : '?';

    if (out->len && last != '?' && last != '&')
        buf_addc(out, '&');
    buf_adds(out, name);
    buf_addc(out, '=');
    add_encoded(out, value);
}

static bool join_list(const struct json *list, char scope[OAUTH_MAX_SCOPE])
{
    for (const struct json *j = json_first(list); j; j = json_next(j)) {
        char one[OAUTH_MAX_SCOPE];

        if (!copy(one, sizeof(one), json_text(j)) || strchr(one, ' ') || !oauth_join_scopes(scope, one))
            return false;
    }
    return true;
}

static bool has_scope(const char *scope, const char *one, size_t n)
{
    for (const char *p = scope; *p; p += strspn(p, " ")) {
        const size_t len = strcspn(p, " ");

        if (len == n && strncmp(p, one, n) == 0)
            return true;
        p += len;
    }
    return false;
}

bool oauth_join_scopes(char scope[OAUTH_MAX_SCOPE], const char *more)
{
    for (const char *p = more + strspn(more, " "); *p; p += strspn(p, " ")) {
        const size_t n = strcspn(p, " "), len = strlen(scope);

        if (!has_scope(scope, p, n)) {
            if (len + n + 2 > OAUTH_MAX_SCOPE)
                return false;
            snprintf(scope + len, OAUTH_MAX_SCOPE - len, "%s%.*s", len ? " " : "", (int)n, p);
        }
        p += n;
    }
    return true;
}

/* --- WWW-Authenticate (RFC 9110, section 11.6.1) -------------------------------------------------------------------- */

static const char *skip_blanks(const char *p)
{
    return p + strspn(p, " \t");
}

/* name = value, where value is a token or in quotes.  NULL: there is none at p. */
static const char *read_parameter(const char *p, char name[32], char value[OAUTH_MAX_URL])
{
    size_t n = strcspn(p, " \t=,\""), len = 0;

    if (n == 0 || n > 31)
        return NULL;
    memcpy(name, p, n);
    name[n] = '\0';
    p = skip_blanks(p + n);
    if (*p != '=')
        return NULL;
    p = skip_blanks(p + 1);
    if (*p == '"') {
        for (p++; *p && *p != '"' && len < OAUTH_MAX_URL - 1; p++) {
            if (*p == '\\' && p[1])
                p++;
            value[len++] = *p;
        }
        if (*p != '"')
            return NULL;
        p++;
    } else {
        for (; *p && !strchr(" \t,", *p) && len < OAUTH_MAX_URL - 1; p++)
            value[len++] = *p;
    }
    value[len] = '\0';
    return p;
}

static const char *find_bearer(const char *header)
{
    for (const char *p = header; *p; p++)
        if ((p == header || p[-1] == ' ' || p[-1] == ',') && strncasecmp(p, "Bearer", 6) == 0 && strchr(" \t,", p[6]))
            return skip_blanks(p + 6); /* strchr finds the NUL, too */
    return NULL;
}

bool oauth_read_challenge(const char *header, struct oauth_challenge *out)
{
    const char *p = header ? find_bearer(header) : NULL;
    char name[32], value[OAUTH_MAX_URL];

    memset(out, 0, sizeof(*out));
    if (p == NULL)
        return false;
    while ((p = read_parameter(skip_blanks(p), name, value)) != NULL) {
        if (strcasecmp(name, "resource_metadata") == 0)
            copy(out->metadata_url, sizeof(out->metadata_url), value);
        else if (strcasecmp(name, "scope") == 0)
            copy(out->scope, sizeof(out->scope), value);
        else if (strcasecmp(name, "error") == 0)
            copy(out->error, sizeof(out->error), value);
        p = skip_blanks(p);
        if (*p != ',')
            break;
        p++;
    }
    return true;
}

/* --- where things are said ------------------------------------------------------------------------------------------ */

/* The end of scheme://host:port. */
static size_t origin_length(const char *url)
{
    const char *host = strstr(url, "://");

    return host ? (size_t)(host + 3 - url) + strcspn(host + 3, "/?#") : 0;
}

static size_t path_length(const char *path)
{
    size_t n = strcspn(path, "?#");

    while (n > 0 && path[n - 1] == '/')
        n--;
    return n;
}

static void add_url(char out[OAUTH_N_URLS][OAUTH_MAX_URL], size_t *n, const char *url, const char *well_known, bool path_first)
{
    const size_t origin = origin_length(url), path = path_length(url + origin);
    const int len = path_first ? snprintf(out[*n], OAUTH_MAX_URL, "%.*s%.*s%s", (int)origin, url, (int)path, url + origin, well_known)
                               : snprintf(out[*n], OAUTH_MAX_URL, "%.*s%s%.*s", (int)origin, url, well_known, (int)path, url + origin);

    if (origin && len < OAUTH_MAX_URL)
        ++*n;
}

size_t oauth_resource_urls(const char *url, const struct oauth_challenge *c, char out[OAUTH_N_URLS][OAUTH_MAX_URL])
{
    static const char where[] = "/.well-known/oauth-protected-resource";
    const size_t origin = origin_length(url);
    char root[OAUTH_MAX_URL];
    size_t n = 0;

    if (c && c->metadata_url[0]) {
        snprintf(out[0], OAUTH_MAX_URL, "%s", c->metadata_url);
        return 1;
    }
    add_url(out, &n, url, where, false);
    snprintf(root, sizeof(root), "%.*s", (int)origin, url);
    if (path_length(url + origin) > 0)
        add_url(out, &n, root, where, false);
    return n;
}

size_t oauth_server_urls(const char *issuer, char out[OAUTH_N_URLS][OAUTH_MAX_URL])
{
    size_t n = 0;

    add_url(out, &n, issuer, "/.well-known/oauth-authorization-server", false);
    add_url(out, &n, issuer, "/.well-known/openid-configuration", false);
    if (path_length(issuer + origin_length(issuer)) > 0)
        add_url(out, &n, issuer, "/.well-known/openid-configuration", true);
    return n;
}

/* Of the same origin, and the same path or one above. */
static bool covers(const char *resource, const char *url)
{
    const char *why;
    struct url a, b;
    size_t n;

    if (!url_parse(resource, strlen(resource), &a, &why) || !url_parse(url, strlen(url), &b, &why))
        return false;
    n = a.path_len;
    while (n > 0 && a.path[n - 1] == '/')
        n--;
    return a.https == b.https && a.port == b.port && strcmp(a.host, b.host) == 0 && a.query_len == 0 && n <= b.path_len &&
           (n == 0 || memcmp(a.path, b.path, n) == 0) && (n == b.path_len || b.path[n] == '/');
}

int oauth_read_resource(const struct json *j, const char *url, struct oauth_resource *out, struct err *err)
{
    const struct json *servers = json_get(j, "authorization_servers");

    memset(out, 0, sizeof(*out));
    if (need(out->id, sizeof(out->id), j, "resource", err) < 0)
        return -1;
    if (!covers(out->id, url))
        return fail(err, CORAX_E_DENIED, "the metadata are another server's, %.100s: nothing is asked for there", out->id);
    if (!copy(out->issuer, sizeof(out->issuer), json_text(json_first(servers))))
        return fail(err, CORAX_E_IO, "the metadata name no authorization server");
    if (!join_list(json_get(j, "scopes_supported"), out->scope))
        out->scope[0] = '\0';
    return 0;
}

void oauth_assume_resource(const char *url, struct oauth_resource *out)
{
    memset(out, 0, sizeof(*out));
    snprintf(out->id, sizeof(out->id), "%s", url);
    snprintf(out->issuer, sizeof(out->issuer), "%.*s", (int)origin_length(url), url);
}

/* A browser opens it, so it is a page, and no less protected than the issuer's metadata were. */
static bool is_page(const char *text, const char *issuer)
{
    const char *why;
    struct url u;

    return url_parse(text, strlen(text), &u, &why) && (u.https || strncmp(issuer, "http://", 7) == 0);
}

int oauth_read_server(const struct json *j, const char *issuer, struct oauth_server *out, struct err *err)
{
    const struct json *methods = json_get(j, "token_endpoint_auth_methods_supported");

    memset(out, 0, sizeof(*out));
    if (need(out->issuer, sizeof(out->issuer), j, "issuer", err) < 0)
        return -1;
    if (strcmp(out->issuer, issuer) != 0)
        return fail(err, CORAX_E_DENIED, "the metadata are of another issuer, %.100s, not %.100s", out->issuer, issuer);
    if (need(out->authorize_url, sizeof(out->authorize_url), j, "authorization_endpoint", err) < 0 ||
        need(out->token_url, sizeof(out->token_url), j, "token_endpoint", err) < 0)
        return -1;
    if (!is_page(out->authorize_url, issuer))
        return fail(err, CORAX_E_DENIED, "the page to log in at is no https URL: %.100s", out->authorize_url);
    if (!json_has_text(json_get(j, "code_challenge_methods_supported"), "S256"))
        return fail(err, CORAX_E_DENIED, "%.100s does not say that it checks PKCE with S256, without which a code can be stolen", issuer);
    if (json_get(j, "registration_endpoint") && need(out->register_url, sizeof(out->register_url), j, "registration_endpoint", err) < 0)
        return -1;
    out->methods[OAUTH_NONE] = json_has_text(methods, "none");
    out->methods[OAUTH_BASIC] = methods == NULL || json_has_text(methods, "client_secret_basic");
    out->methods[OAUTH_POST] = json_has_text(methods, "client_secret_post");
    out->sends_iss = json_bool(json_get(j, "authorization_response_iss_parameter_supported"), false);
    out->takes_metadata = json_bool(json_get(j, "client_id_metadata_document_supported"), false);
    out->offline = json_has_text(json_get(j, "scopes_supported"), "offline_access");
    return 0;
}

/* --- the client ----------------------------------------------------------------------------------------------------- */

static const char *const method_names[] = { "none", "client_secret_basic", "client_secret_post" };

const char *oauth_method_name(enum oauth_method m)
{
    return method_names[m];
}

bool oauth_method_find(const char *name, enum oauth_method *out)
{
    for (int i = 0; i < 3; i++)
        if (name && strcmp(name, method_names[i]) == 0) {
            *out = (enum oauth_method)i;
            return true;
        }
    return false;
}

enum oauth_method oauth_choose_method(const struct oauth_server *s, bool has_secret)
{
    if (!has_secret)
        return OAUTH_NONE;
    return s->methods[OAUTH_BASIC] || !s->methods[OAUTH_POST] ? OAUTH_BASIC : OAUTH_POST;
}

/* A program on somebody's machine keeps no secret, so none is asked for where that will do. */
static enum oauth_method wanted_method(const struct oauth_server *s)
{
    return s->methods[OAUTH_NONE] ? OAUTH_NONE : oauth_choose_method(s, true);
}

void oauth_write_registration(const struct oauth_server *s, const char *redirect_uri, struct buf *out)
{
    struct jsonw w = jsonw_start(out);

    jsonw_object(&w, NULL);
    jsonw_text(&w, "client_name", "corax");
    jsonw_text(&w, "application_type", "native");
    jsonw_array(&w, "redirect_uris");
    jsonw_text(&w, NULL, redirect_uri);
    jsonw_end(&w);
    jsonw_array(&w, "grant_types");
    jsonw_text(&w, NULL, "authorization_code");
    jsonw_text(&w, NULL, "refresh_token");
    jsonw_end(&w);
    jsonw_array(&w, "response_types");
    jsonw_text(&w, NULL, "code");
    jsonw_end(&w);
    jsonw_text(&w, "token_endpoint_auth_method", oauth_method_name(wanted_method(s)));
    jsonw_end(&w);
}

int oauth_read_client(const struct json *j, const struct oauth_server *s, struct oauth_client *out, struct err *err)
{
    const struct json *method = json_get(j, "token_endpoint_auth_method");

    memset(out, 0, sizeof(*out));
    if (need(out->id, sizeof(out->id), j, "client_id", err) < 0)
        return -1;
    if (json_get(j, "client_secret") && need(out->secret, sizeof(out->secret), j, "client_secret", err) < 0)
        return -1;
    out->method = wanted_method(s);
    if (method && !oauth_method_find(json_text(method), &out->method))
        return fail(err, CORAX_E_UNAVAIL, "the client was registered with a way to authenticate that corax does not know");
    if (out->method != OAUTH_NONE && out->secret[0] == '\0')
        return fail(err, CORAX_E_IO, "the client was registered without the secret that it is to show");
    return 0;
}

/* --- asking a person ------------------------------------------------------------------------------------------------ */

/* Base64 as URLs have it, without padding. */
static bool encode64(const void *data, size_t len, char *out, size_t size)
{
    struct buf text;
    size_t n = 0;

    buf_init(&text, 256);
    base64_encode(&text, data, len);
    for (size_t i = 0; !text.failed && i < text.len && text.data[i] != '=' && n + 1 < size; i++)
        out[n++] = text.data[i] == '+' ? '-' : text.data[i] == '/' ? '_' : text.data[i];
    out[n] = '\0';
    buf_finish(&text);
    return n > 0;
}

static bool make_secret(char out[OAUTH_MAX_SECRET])
{
    unsigned char bytes[32];

    return getrandom(bytes, sizeof(bytes), 0) == (ssize_t)sizeof(bytes) && encode64(bytes, sizeof(bytes), out, OAUTH_MAX_SECRET);
}

int oauth_begin(struct oauth_attempt *a, const char *redirect_uri, struct err *err)
{
    const char *why;
    struct url u;

    memset(a, 0, sizeof(*a));
    if (!copy(a->redirect_uri, sizeof(a->redirect_uri), redirect_uri) || !url_parse(redirect_uri, strlen(redirect_uri), &u, &why))
        return fail(err, CORAX_E_ARGS, "redirect_uri must be a URL");
    if (!make_secret(a->state) || !make_secret(a->verifier))
        return fail(err, CORAX_E_INTERNAL, "the kernel gives no random bytes");
    return 0;
}

void oauth_write_authorize_url(const struct oauth_server *s, const struct oauth_client *c, const struct oauth_attempt *a, const char *resource,
                               struct buf *out)
{
    unsigned char hash[HASH_LEN];
    char challenge[OAUTH_MAX_SECRET];

    hash_bytes(a->verifier, strlen(a->verifier), hash);
    encode64(hash, sizeof(hash), challenge, sizeof(challenge));
    buf_adds(out, s->authorize_url);
    buf_addc(out, strchr(s->authorize_url, '?') ? '&' : '?');
    add_field(out, "response_type", "code");
    add_field(out, "client_id", c->id);
    add_field(out, "redirect_uri", a->redirect_uri);
    add_field(out, "state", a->state);
    add_field(out, "code_challenge", challenge);
    add_field(out, "code_challenge_method", "S256");
    add_field(out, "resource", resource);
    if (a->scope[0])
        add_field(out, "scope", a->scope);
}

/* 1: it is there, once; 0: it is not; -1: it is there twice, or cannot be read. */
static int query_field(const char *query, const char *name, char *out, size_t size)
{
    const size_t n = strlen(name);
    int found = 0;

    for (const char *p = query; *p; p += *p == '&') {
        const size_t len = strcspn(p, "&");

        if (len > n && strncmp(p, name, n) == 0 && p[n] == '=') {
            if (found || len - n - 1 >= size)
                return -1;
            memcpy(out, p + n + 1, len - n - 1);
            out[len - n - 1] = '\0';
            for (char *plus = out; *plus; plus++)
                if (*plus == '+')
                    *plus = ' ';
            if (!uri_unescape(out))
                return -1;
            found = 1;
        }
        p += len;
    }
    return found;
}

int oauth_read_callback(const char *query, const struct oauth_server *s, const struct oauth_attempt *a, char code[OAUTH_MAX_ID], struct err *err)
{
    char state[256], iss[OAUTH_MAX_URL], error[128];
    int there;

    if (query_field(query, "state", state, sizeof(state)) != 1 || a->state[0] == '\0' || strcmp(state, a->state) != 0)
        return fail(err, CORAX_E_DENIED, "the answer is not to the question that was asked (state): begin anew");
    there = query_field(query, "iss", iss, sizeof(iss));
    if (there < 0 || (there == 0 && s->sends_iss) || (there == 1 && strcmp(iss, s->issuer) != 0))
        return fail(err, CORAX_E_DENIED, "the answer does not come from %.100s (iss): nothing is sent there", s->issuer);
    if (query_field(query, "error", error, sizeof(error)) != 0)
        return fail(err, CORAX_E_DENIED, "the authorization server says no: %.100s", error);
    if (query_field(query, "code", code, OAUTH_MAX_ID) != 1 || code[0] == '\0')
        return fail(err, CORAX_E_IO, "the answer has no code");
    return 0;
}

/* --- tokens --------------------------------------------------------------------------------------------------------- */

static void authenticate(const struct oauth_client *c, struct buf *body, struct buf *authorization)
{
    struct buf pair;

    if (c->method != OAUTH_BASIC) {
        add_field(body, "client_id", c->id);
        if (c->method == OAUTH_POST)
            add_field(body, "client_secret", c->secret);
        return;
    }
    buf_init(&pair, 16 * OAUTH_MAX_ID);
    add_encoded(&pair, c->id);
    buf_addc(&pair, ':');
    add_encoded(&pair, c->secret);
    buf_adds(authorization, "Basic ");
    base64_encode(authorization, pair.data, pair.len);
    explicit_bzero(pair.data, pair.len);
    buf_finish(&pair);
}

void oauth_write_exchange(const struct oauth_client *c, const struct oauth_attempt *a, const char *code, const char *resource, struct buf *body,
                          struct buf *authorization)
{
    add_field(body, "grant_type", "authorization_code");
    add_field(body, "code", code);
    add_field(body, "redirect_uri", a->redirect_uri);
    add_field(body, "code_verifier", a->verifier);
    add_field(body, "resource", resource);
    authenticate(c, body, authorization);
}

void oauth_write_refresh(const struct oauth_client *c, const char *refresh_token, const char *resource, struct buf *body, struct buf *authorization)
{
    add_field(body, "grant_type", "refresh_token");
    add_field(body, "refresh_token", refresh_token);
    add_field(body, "resource", resource);
    authenticate(c, body, authorization);
}

int oauth_read_tokens(const struct json *j, struct oauth_tokens *out, struct err *err)
{
    memset(out, 0, sizeof(*out));
    if (json_get_text(j, "error", NULL))
        return fail(err, CORAX_E_DENIED, "the authorization server says no: %.60s %.200s", json_get_text(j, "error", ""),
                    json_get_text(j, "error_description", ""));
    if (need(out->access, sizeof(out->access), j, "access_token", err) < 0)
        return -1;
    if (strcasecmp(json_get_text(j, "token_type", ""), "bearer") != 0)
        return fail(err, CORAX_E_UNAVAIL, "the token is not of the type Bearer");
    if (json_get(j, "refresh_token") && need(out->refresh, sizeof(out->refresh), j, "refresh_token", err) < 0)
        return -1;
    if (json_get(j, "scope") && !copy(out->scope, sizeof(out->scope), json_text(json_get(j, "scope"))))
        return fail(err, CORAX_E_IO, "the answer has no usable \"scope\"");
    return 0;
}
