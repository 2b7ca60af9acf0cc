#include "policies/url.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

static bool refuse(const char **why, const char *what)
{
    *why = what;
    return false;
}

static bool is_printable(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (s[i] <= ' ' || s[i] > '~' || s[i] == '\\')
            return false;
    return true;
}

/* --- the host --------------------------------------------------------------------------------------------------- */

bool url_is_private4(const unsigned char a[4])
{
    return a[0] == 0 || a[0] == 10 || a[0] == 127 || a[0] >= 224 || (a[0] == 100 && (a[1] & 0xC0) == 64) ||
           (a[0] == 169 && a[1] == 254) || (a[0] == 172 && (a[1] & 0xF0) == 16) || (a[0] == 192 && a[1] == 168) ||
           (a[0] == 192 && a[1] == 0 && (a[2] == 0 || a[2] == 2)) || (a[0] == 198 && (a[1] & 0xFE) == 18) ||
           (a[0] == 198 && a[1] == 51 && a[2] == 100) || (a[0] == 203 && a[1] == 0 && a[2] == 113);
}

/* Only 2000::/3 is given out to the world; of it, 2001:db8::/32 is for documents, 2002::/16 and 2001::/32 hold IPv4 addresses. */
bool url_is_private6(const unsigned char a[16])
{
    if ((a[0] & 0xE0) != 0x20)
        return true;
    return (a[0] == 0x20 && a[1] == 0x01 && a[2] == 0x0D && a[3] == 0xB8) || (a[0] == 0x20 && a[1] == 0x02) ||
           (a[0] == 0x20 && a[1] == 0x01 && a[2] == 0 && a[3] == 0);
}

static bool ends_with(const char *host, const char *suffix)
{
    const size_t n = strlen(host), m = strlen(suffix);

    return n >= m && strcmp(host + n - m, suffix) == 0;
}

static bool is_private_name(const char *host)
{
    return !strchr(host, '.') || ends_with(host, ".localhost") || ends_with(host, ".local") ||
           ends_with(host, ".internal") || ends_with(host, ".home.arpa");
}

static bool read_v6(const char *s, size_t len, struct url *u, const char **why)
{
    unsigned char address[16];

    if (len > INET6_ADDRSTRLEN || memchr(s, '%', len))
        return refuse(why, "no IPv6 address in brackets");
    memcpy(u->host, s, len);
    u->host[len] = '\0';
    if (inet_pton(AF_INET6, u->host, address) != 1)
        return refuse(why, "no IPv6 address in brackets");
    /* One spelling each. */
    inet_ntop(AF_INET6, address, u->host, sizeof(u->host));
    u->is_address = true;
    u->is_private = url_is_private6(address);
    return true;
}

/* A last label that begins with a digit makes many a resolver read a number: decimal, octal or hexadecimal. */
static bool read_v4(struct url *u, bool has_dot, const char **why)
{
    unsigned char address[4];

    if (has_dot || inet_pton(AF_INET, u->host, address) != 1)
        return refuse(why, "a host that ends like a number and is not four decimal ones");
    u->is_address = true;
    u->is_private = url_is_private4(address);
    return true;
}

static bool read_name(const char *s, size_t len, struct url *u, const char **why)
{
    const bool has_dot = len > 0 && s[len - 1] == '.';
    const char *last;
    size_t label = 0;

    len -= has_dot;
    if (len == 0 || len > URL_MAX_HOST)
        return refuse(why, "no host, or a too long one");
    for (size_t i = 0; i < len; i++) {
        const char c = s[i] >= 'A' && s[i] <= 'Z' ? (char)(s[i] + ('a' - 'A')) : s[i];
        const bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');

        label = c == '.' ? 0 : label + 1;
        if (!(letter || (c == '-' && label > 1) || (c == '.' && i > 0 && s[i - 1] != '.' && s[i - 1] != '-')) || label > 63)
            return refuse(why, "a host of other characters than letters, digits, - and .");
        u->host[i] = c;
    }
    u->host[len] = '\0';
    if (s[len - 1] == '-' || s[len - 1] == '.')
        return refuse(why, "a host of other characters than letters, digits, - and .");
    last = strrchr(u->host, '.');
    last = last ? last + 1 : u->host;
    if (*last >= '0' && *last <= '9')
        return read_v4(u, has_dot, why);
    u->is_private = is_private_name(u->host);
    return true;
}

/* host[:port] */
static bool read_authority(const char *s, size_t len, struct url *u, const char **why)
{
    const char *end = s + len, *port, *close = NULL;
    size_t digits;

    if (memchr(s, '@', len))
        return refuse(why, "a user name before the host");
    if (len > 0 && *s == '[' && !(close = memchr(s, ']', len)))
        return refuse(why, "no IPv6 address in brackets");
    port = close ? close + 1 : memchr(s, ':', len);
    if (!port)
        port = end;
    if (close ? !read_v6(s + 1, (size_t)(close - s - 1), u, why) : !read_name(s, (size_t)(port - s), u, why))
        return false;
    u->port = u->https ? 443 : 80;
    if (port == end)
        return true;
    digits = (size_t)(end - port - 1);
    if (*port != ':' || digits < 1 || digits > 5 || port[1] == '0')
        return refuse(why, "no port number behind the host");
    u->port = 0;
    for (port++; port < end; port++) {
        if (*port < '0' || *port > '9')
            return refuse(why, "no port number behind the host");
        u->port = u->port * 10 + (*port - '0');
    }
    return u->port < 65536 || refuse(why, "a port over 65535");
}

/* --- the path --------------------------------------------------------------------------------------------------- */

/*
 * Is it "." or ".." when %2e is a dot, and what follows a semicolon is left out as some servers do?  A %2f or %5c inside may become a
 * slash for the one who serves it, a control character the end of a line or a text.
 */
static bool is_bad_segment(const char *s, size_t len)
{
    size_t dots = 0, i = 0;

    for (size_t k = 0; k + 2 < len; k++)
        if (s[k] == '%' && (strncasecmp(s + k, "%2f", 3) == 0 || strncasecmp(s + k, "%5c", 3) == 0 ||
                            strncasecmp(s + k, "%7f", 3) == 0 || s[k + 1] == '0' || s[k + 1] == '1'))
            return true;
    while (i < len && s[i] != ';') {
        if (s[i] == '.')
            i++;
        else if (len - i >= 3 && strncasecmp(s + i, "%2e", 3) == 0)
            i += 3;
        else
            return false;
        dots++;
    }
    return dots == 1 || dots == 2;
}

static bool check_path(const struct url *u, const char **why)
{
    const char *p = u->path, *end = u->path + u->path_len;

    while (p < end) {
        const char *slash = memchr(p + 1, '/', (size_t)(end - p - 1));
        const char *to = slash ? slash : end;

        if (is_bad_segment(p + 1, (size_t)(to - p - 1)))
            return refuse(why, "a path that leads out of itself");
        p = to;
    }
    return true;
}

static bool is_capital_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F');
}

static bool is_plain(const char *p, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (p[i] == '/' && i + 1 < len && p[i + 1] == '/')
            return false;
        /* %21 to %7E are printable ASCII, which stands for itself. */
        if (p[i] == '%' && !(i + 2 < len && is_capital_hex(p[i + 1]) && is_capital_hex(p[i + 2]) &&
                             (strncmp(p + i, "%20", 3) == 0 || p[i + 1] > '7')))
            return false;
    }
    return true;
}

bool url_parse(const char *text, size_t len, struct url *u, const char **why)
{
    const char *end = text + len, *host, *path, *query;

    *u = (struct url){ 0 };
    if (!is_printable(text, len))
        return refuse(why, "bytes that are not printable ASCII");
    if (len >= 8 && strncasecmp(text, "https://", 8) == 0)
        u->https = true;
    else if (len < 7 || strncasecmp(text, "http://", 7) != 0)
        return refuse(why, "a scheme other than http and https");
    host = text + (u->https ? 8 : 7);
    path = host;
    while (path < end && *path != '/' && *path != '?' && *path != '#')
        path++;
    if (!read_authority(host, (size_t)(path - host), u, why))
        return false;
    u->path = path;
    query = path;
    while (query < end && *query != '?' && *query != '#')
        query++;
    u->path_len = (size_t)(query - path);
    u->is_plain = is_plain(u->path, u->path_len);
    u->query_len = query < end ? (size_t)(end - query - 1) : 0;
    return check_path(u, why);
}
