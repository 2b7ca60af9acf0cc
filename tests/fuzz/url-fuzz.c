/*
 * url: the bytes are a URL.  What is accepted has a host of the characters that a host has, in lower case, a port and a path inside the text;
 * put together again from its parts it is accepted as the same, and no byte behind the end is looked at.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policies/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_host(const struct url *u)
{
    const size_t n = strlen(u->host);

    if (n == 0 || n > URL_MAX_HOST || u->host[strspn(u->host, "abcdefghijklmnopqrstuvwxyz0123456789.-:")] != '\0')
        abort();
    if (u->host[n - 1] == '.' || u->host[0] == '.' || (strchr(u->host, ':') && !u->is_address))
        abort();
    /* An address of the whole world has a dot or a colon. */
    if (!u->is_private && !strpbrk(u->host, ".:"))
        abort();
}

static void check_again(const struct url *u, const char *text, size_t len)
{
    const size_t rest = len - (size_t)(u->path - text);
    char *again = malloc(rest + sizeof(u->host) + 32);
    const bool six = strchr(u->host, ':') != NULL;
    const char *why;
    struct url v;
    int n;

    if (!again)
        return;
    n = sprintf(again, "%s://%s%s%s:%d", u->https ? "https" : "http", six ? "[" : "", u->host, six ? "]" : "", u->port);
    memcpy(again + n, u->path, rest);
    if (!url_parse(again, (size_t)n + rest, &v, &why) || strcmp(u->host, v.host) != 0 || u->port != v.port || u->https != v.https ||
        u->is_private != v.is_private || u->is_address != v.is_address || u->is_plain != v.is_plain || u->path_len != v.path_len ||
        u->query_len != v.query_len)
        abort();
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const char *text = (const char *)data, *why = NULL;
    struct url u;

    if (!url_parse(text, len, &u, &why)) {
        if (!why || !*why)
            abort();
        return 0;
    }
    if (u.port < 1 || u.port > 65535 || u.path < text || u.path + u.path_len > text + len || u.query_len > len || memchr(text, '\0', len) ||
        memchr(text, '\\', len))
        abort();
    check_host(&u);
    check_again(&u, text, len);
    return 0;
}
