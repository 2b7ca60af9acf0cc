#include "util/uri.h"

#include <string.h>
#include <strings.h>

struct part {
    const char *at;
    size_t len;
    bool there;
};

struct uri {
    struct part scheme, authority, path, query;
};

static bool is_scheme(const char *text, size_t len)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char others[] = "0123456789+-.";

    if (len == 0 || !memchr(letters, text[0], sizeof(letters) - 1))
        return false;
    for (size_t i = 1; i < len; i++)
        if (!memchr(letters, text[i], sizeof(letters) - 1) && !memchr(others, text[i], sizeof(others) - 1))
            return false;
    return true;
}

/* Cuts what stands before the first of `ends` off the front of rest. */
static struct part take(struct part *rest, const char *ends)
{
    struct part part = { rest->at, 0, true };

    while (part.len < rest->len && !strchr(ends, rest->at[part.len]))
        part.len++;
    rest->at += part.len;
    rest->len -= part.len;
    return part;
}

static struct uri split(const char *text, size_t len)
{
    struct part rest = { text, len, true };
    const char *colon = memchr(text, ':', len);
    struct uri u = { 0 };

    if (colon && is_scheme(text, (size_t)(colon - text))) {
        u.scheme = take(&rest, ":");
        rest.at++;
        rest.len--;
    }
    if (rest.len >= 2 && memcmp(rest.at, "//", 2) == 0) {
        rest.at += 2;
        rest.len -= 2;
        u.authority = take(&rest, "/?#");
    }
    u.path = take(&rest, "?#");
    if (rest.len > 0 && *rest.at == '?') {
        rest.at++;
        rest.len--;
        u.query = take(&rest, "#");
    }
    return u;
}

/* Goes back to before the last segment that was written from `start` on. */
static void drop_segment(struct buf *out, size_t start)
{
    while (out->len > start && out->data[--out->len] != '/')
        continue;
    out->data[out->len] = '\0';
}

/* Section 5.2.4, with the path in two pieces: the base's folder and what follows it. */
static void add_path(struct buf *out, struct part path)
{
    const char *p = path.at, *end = path.at + path.len;
    const size_t start = out->len;
    bool is_open = false; /* a segment whose slash in front of it was not written */

    if (p < end && *p == '/') {
        p++;
        buf_addc(out, '/');
    }
    for (; p <= end && !out->failed; p++) {
        size_t len = 0;

        while (p + len < end && p[len] != '/')
            len++;
        is_open = p + len < end;
        if (len == 2 && memcmp(p, "..", 2) == 0) {
            if (out->len > start)
                drop_segment(out, start); /* the slash behind the segment before */
            drop_segment(out, start);
            if (out->len > start || path.at[0] == '/')
                buf_addc(out, '/');
        } else if (!(len == 1 && *p == '.')) {
            buf_add(out, p, len);
            if (is_open)
                buf_addc(out, '/');
        }
        p += len;
    }
}

static void add_merged(struct buf *out, const struct uri *base, struct part path)
{
    size_t folder = base->path.len;
    struct buf whole;

    buf_init(&whole, out->limit);
    while (folder > 0 && base->path.at[folder - 1] != '/')
        folder--;
    if (folder == 0 && base->authority.there)
        buf_addc(&whole, '/');
    buf_add(&whole, base->path.at, folder);
    buf_add(&whole, path.at, path.len);
    if (whole.failed)
        out->failed = true;
    else
        add_path(out, (struct part){ whole.data, whole.len, true });
    buf_finish(&whole);
}

void uri_resolve(const char *base, const char *reference, size_t len, struct buf *out)
{
    struct uri b = split(base, strlen(base)), r = split(reference, len);
    bool own_place = r.scheme.there || r.authority.there;
    struct part scheme = r.scheme.there ? r.scheme : b.scheme;
    struct part authority = own_place ? r.authority : b.authority;
    struct part query = r.query;

    if (scheme.there) {
        buf_add(out, scheme.at, scheme.len);
        buf_addc(out, ':');
    }
    if (authority.there) {
        buf_adds(out, "//");
        buf_add(out, authority.at, authority.len);
    }
    if (!own_place && r.path.len == 0) {
        buf_add(out, b.path.at, b.path.len);
        query = r.query.there ? r.query : b.query;
    } else if (own_place || r.path.at[0] == '/') {
        add_path(out, r.path);
    } else {
        add_merged(out, &b, r.path);
    }
    if (query.there) {
        buf_addc(out, '?');
        buf_add(out, query.at, query.len);
    }
}

static int hex(char c)
{
    const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c | ('A' <= c && c <= 'F' ? 0x20 : 0)) : NULL;

    return at ? (int)(at - digits) : -1;
}

bool uri_unescape(char *text)
{
    char *to = text;

    for (const char *p = text; *p; p++) {
        if (*p != '%') {
            *to++ = *p;
            continue;
        }
        if (hex(p[1]) < 0 || hex(p[2]) < 0 || (p[1] == '0' && p[2] == '0'))
            return false;
        *to++ = (char)(hex(p[1]) * 16 + hex(p[2]));
        p += 2;
    }
    *to = '\0';
    return true;
}
