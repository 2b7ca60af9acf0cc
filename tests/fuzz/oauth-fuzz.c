/*
 * daemon: what an MCP server and its authorization server say in a login.  The first byte says which text the rest is: a header, metadata of
 * either, a registration, tokens, or the query that a browser comes back with.
 *
 * Whatever is taken is printable ASCII, so that it is one header or one line; what it makes a browser open is a URL without white space.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daemon/oauth.h"

#define ISSUER "https://as.example/t"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool good)
{
    if (!good)
        abort();
}

static void require_plain(const char *text)
{
    for (; *text; text++)
        require(*text >= ' ' && *text <= '~');
}

static void try_header(const char *text)
{
    char urls[OAUTH_N_URLS][OAUTH_MAX_URL];
    struct oauth_challenge c;

    if (!oauth_read_challenge(text, &c))
        return;
    require_plain(c.metadata_url);
    require_plain(c.scope);
    require_plain(c.error);
    for (size_t i = 0, n = oauth_resource_urls("https://r.example/mcp", &c, urls); i < n; i++)
        require_plain(urls[i]);
}

static void try_server(const struct json *j)
{
    const struct oauth_client c = { .id = "id" };
    struct oauth_attempt a;
    struct oauth_server s;
    struct buf url;

    if (oauth_read_server(j, ISSUER, &s, NULL) < 0)
        return;
    require(strcmp(s.issuer, ISSUER) == 0 && s.token_url[0]);
    require_plain(s.token_url);
    require_plain(s.register_url);
    require(oauth_begin(&a, "http://127.0.0.1:1/callback", NULL) == 0);
    buf_init(&url, 65536);
    oauth_write_authorize_url(&s, &c, &a, "https://r.example/mcp", &url);
    require(!url.failed);
    require_plain(url.data);
    require(strncasecmp(url.data, "https://", 8) == 0);
    buf_finish(&url);
}

static void try_json(int which, const struct json *j)
{
    const struct oauth_server s = { .issuer = ISSUER };
    char urls[OAUTH_N_URLS][OAUTH_MAX_URL];
    struct oauth_resource r;
    struct oauth_client c;
    struct oauth_tokens t;

    if (which == 1 && oauth_read_resource(j, "https://r.example/mcp", &r, NULL) == 0) {
        require(strncasecmp(r.id, "https://r.example", 17) == 0);
        require_plain(r.issuer);
        require_plain(r.scope);
        for (size_t i = 0, n = oauth_server_urls(r.issuer, urls); i < n; i++)
            require_plain(urls[i]);
    } else if (which == 2) {
        try_server(j);
    } else if (which == 3 && oauth_read_client(j, &s, &c, NULL) == 0) {
        require_plain(c.id);
        require(c.method == OAUTH_NONE || c.secret[0]);
    } else if (which == 4 && oauth_read_tokens(j, &t, NULL) == 0) {
        require(t.access[0] != '\0');
        require_plain(t.access);
        require_plain(t.refresh);
        require_plain(t.scope);
    }
}

static void try_query(const char *text)
{
    const struct oauth_server s = { .issuer = ISSUER, .sends_iss = true };
    const struct oauth_attempt a = { .state = "st" };
    char code[OAUTH_MAX_ID];

    if (oauth_read_callback(text, &s, &a, code, NULL) == 0)
        require(strstr(text, "st") && code[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct json *j;
    char *text;

    if (len == 0)
        return 0;
    text = strndup((const char *)data + 1, len - 1);
    require(text != NULL);
    switch (data[0] % 6) {
    case 0:
        try_header(text);
        break;
    case 5:
        try_query(text);
        break;
    default:
        if ((j = json_parse(text, strlen(text), NULL)) != NULL)
            try_json(data[0] % 6, j);
        json_free(j);
    }
    free(text);
    return 0;
}
