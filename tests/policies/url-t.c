/*
 * Covers: what url_parse refuses and how it reads what it accepts, over a table of spellings that have led other parsers astray; that it
 * reads no byte behind the text's end; and that whatever it accepts, libcurl accepts too, with the same scheme, host and port, over the
 * table and random changes of it.
 * Does not cover: what names resolve to.
 *
 * CORAX_URLS is the number of changed URLs; 300,000 without it.
 */
#include <curl/curl.h>
#include <stdint.h>
#include <strings.h>

#include "policies/url.h"
#include "tests/policies/files.h"
#include "tests/policies/random.h"
#include "tests/tap.h"

/* --- what is accepted, and as what ------------------------------------------------------------------------------ */

static const struct {
    const char *url, *host;
    int port;
    bool is_private;
    const char *path;
    size_t query_len;
} good[] = {
    { "http://a.org", "a.org", 80, false, "", 0 },
    { "https://a.org", "a.org", 443, false, "", 0 },
    { "https://a.org/", "a.org", 443, false, "/", 0 },
    { "HTTPS://A.ORG/X", "a.org", 443, false, "/X", 0 },
    { "hTTp://a.OrG:8080/x/y.z", "a.org", 8080, false, "/x/y.z", 0 },
    { "http://a.org:80/", "a.org", 80, false, "/", 0 },
    { "https://a.org:1/", "a.org", 1, false, "/", 0 },
    { "https://a.org:65535/", "a.org", 65535, false, "/", 0 },
    { "https://a.org./x", "a.org", 443, false, "/x", 0 },
    { "https://a.org?q=1", "a.org", 443, false, "", 3 },
    { "https://a.org/x?q=1&r=2#f", "a.org", 443, false, "/x", 9 },
    { "https://a.org#frag", "a.org", 443, false, "", 4 },
    { "https://a.org/?", "a.org", 443, false, "/", 0 },
    { "https://a.org/#@b.org", "a.org", 443, false, "/", 6 },
    { "https://a.org/?@b.org", "a.org", 443, false, "/", 6 },
    { "https://a.org/@b.org", "a.org", 443, false, "/@b.org", 0 },
    { "https://a.org/x?u=http://127.0.0.1/", "a.org", 443, false, "/x", 19 },
    { "https://xn--bcher-kva.example/", "xn--bcher-kva.example", 443, false, "/", 0 },
    { "https://a-b.c-d.org/", "a-b.c-d.org", 443, false, "/", 0 },
    { "https://1a.org/", "1a.org", 443, false, "/", 0 },
    { "https://127.0.0.1.a.org/", "127.0.0.1.a.org", 443, false, "/", 0 },
    { "https://a.org/a..b/...", "a.org", 443, false, "/a..b/...", 0 },
    { "https://a.org/.well-known/x", "a.org", 443, false, "/.well-known/x", 0 },
    { "https://a.org/a%20b", "a.org", 443, false, "/a%20b", 0 },
    { "https://a.org/a;b=1", "a.org", 443, false, "/a;b=1", 0 },
    { "https://a.org//b", "a.org", 443, false, "//b", 0 },
    { "https://a.org/x?../..", "a.org", 443, false, "/x", 5 },
    { "http://localhost/", "localhost", 80, true, "/", 0 },
    { "http://LOCALHOST:8080/", "localhost", 8080, true, "/", 0 },
    { "http://localhost./", "localhost", 80, true, "/", 0 },
    { "http://a.localhost/", "a.localhost", 80, true, "/", 0 },
    { "http://printer/", "printer", 80, true, "/", 0 },
    { "http://nas.local/", "nas.local", 80, true, "/", 0 },
    { "http://nas.home.arpa/", "nas.home.arpa", 80, true, "/", 0 },
    { "http://metadata.google.internal/", "metadata.google.internal", 80, true, "/", 0 },
    { "http://notlocalhost.org/", "notlocalhost.org", 80, false, "/", 0 },
    { "http://local.org/", "local.org", 80, false, "/", 0 },
    { "http://0.0.0.0/", "0.0.0.0", 80, true, "/", 0 },
    { "http://0.1.2.3/", "0.1.2.3", 80, true, "/", 0 },
    { "http://10.0.0.1/", "10.0.0.1", 80, true, "/", 0 },
    { "http://100.64.0.1/", "100.64.0.1", 80, true, "/", 0 },
    { "http://100.127.255.255/", "100.127.255.255", 80, true, "/", 0 },
    { "http://100.128.0.1/", "100.128.0.1", 80, false, "/", 0 },
    { "http://127.0.0.1/", "127.0.0.1", 80, true, "/", 0 },
    { "http://127.255.255.254/", "127.255.255.254", 80, true, "/", 0 },
    { "http://169.254.169.254/", "169.254.169.254", 80, true, "/", 0 },
    { "http://172.15.0.1/", "172.15.0.1", 80, false, "/", 0 },
    { "http://172.16.0.1/", "172.16.0.1", 80, true, "/", 0 },
    { "http://172.31.255.255/", "172.31.255.255", 80, true, "/", 0 },
    { "http://172.32.0.1/", "172.32.0.1", 80, false, "/", 0 },
    { "http://192.0.0.8/", "192.0.0.8", 80, true, "/", 0 },
    { "http://192.0.2.1/", "192.0.2.1", 80, true, "/", 0 },
    { "http://192.168.1.1/", "192.168.1.1", 80, true, "/", 0 },
    { "http://192.169.1.1/", "192.169.1.1", 80, false, "/", 0 },
    { "http://198.18.0.1/", "198.18.0.1", 80, true, "/", 0 },
    { "http://198.51.100.1/", "198.51.100.1", 80, true, "/", 0 },
    { "http://203.0.113.1/", "203.0.113.1", 80, true, "/", 0 },
    { "http://224.0.0.1/", "224.0.0.1", 80, true, "/", 0 },
    { "http://255.255.255.255/", "255.255.255.255", 80, true, "/", 0 },
    { "http://8.8.8.8/", "8.8.8.8", 80, false, "/", 0 },
    { "http://[::1]/", "::1", 80, true, "/", 0 },
    { "http://[::]/", "::", 80, true, "/", 0 },
    { "http://[0:0:0:0:0:0:0:1]/", "::1", 80, true, "/", 0 },
    { "http://[::ffff:127.0.0.1]/", "::ffff:127.0.0.1", 80, true, "/", 0 },
    { "http://[::ffff:7f00:1]/", "::ffff:127.0.0.1", 80, true, "/", 0 },
    { "http://[::ffff:8.8.8.8]/", "::ffff:8.8.8.8", 80, true, "/", 0 },
    { "http://[64:ff9b::7f00:1]/", "64:ff9b::7f00:1", 80, true, "/", 0 },
    { "http://[2002:7f00:1::]/", "2002:7f00:1::", 80, true, "/", 0 },
    { "http://[2001:0:1::1]/", "2001:0:1::1", 80, true, "/", 0 },
    { "http://[2001:db8::1]/", "2001:db8::1", 80, true, "/", 0 },
    { "http://[fe80::1]/", "fe80::1", 80, true, "/", 0 },
    { "http://[fc00::1]/", "fc00::1", 80, true, "/", 0 },
    { "http://[FD00::1]:8080/", "fd00::1", 8080, true, "/", 0 },
    { "http://[ff02::1]/", "ff02::1", 80, true, "/", 0 },
    { "https://[2606:4700:4700::1111]/", "2606:4700:4700::1111", 443, false, "/", 0 },
    { "https://[2606:4700:4700:0:0:0:0:1111]:444/", "2606:4700:4700::1111", 444, false, "/", 0 },
};

/* --- what is refused -------------------------------------------------------------------------------------------- */

static const char *const bad[] = {
    /* schemes */
    "", "a.org", "//a.org/", "/x", "http:", "http:/", "http://", "http:a.org", "http:/a.org", "http:///a.org", "http:////a.org", "ftp://a.org/",
    "file:///etc/passwd", "gopher://a.org/", "javascript:alert(1)", "data:text/html,x", "ws://a.org/", "httpss://a.org/", "xhttp://a.org/",
    " http://a.org/", "\thttp://a.org/", "http ://a.org/", "http\n://a.org/", "h\xc5\xa7tp://a.org/", "http%3a//a.org/", "http:\\\\a.org\\",
    "https:\\/\\/a.org/", "url:http://a.org/", "view-source:http://a.org/",
    /* user names */
    "http://user@a.org/", "http://user:pass@a.org/", "http://a.org@127.0.0.1/", "http://a.org:80@127.0.0.1/", "http://@a.org/", "http://:@a.org/",
    "http://a.org%40127.0.0.1/", "http://a.org\\@127.0.0.1/", "http://a.org;@127.0.0.1/",
    /* IPv4 in other forms */
    "http://2130706433/", "http://017700000001/", "http://0x7f000001/", "http://0X7F000001/", "http://127.1/", "http://127.0.1/",
    "http://0x7f.0.0.1/", "http://0177.0.0.1/", "http://127.0.0.0x1/", "http://127.0.0.01/", "http://127.0.0.001/", "http://127.00.0.1/",
    "http://0/", "http://0x0/", "http://00/", "http://256.0.0.1/", "http://1.2.3.256/", "http://1.2.3.4.5/", "http://127.0.0.1./", "http://127.0.0.1../", "http://a.1/",
    "http://a.0x7f/", "http://4294967296/", "http://1e3/", "http://127.0.0.1.0x0/", "http://127.0.0.-1/", "http://+127.0.0.1/",
    "http://127.0.0.1%00.a.org/", "http://127.0.0.1%2ea.org/", "http://\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1/",
    "http://127.\xe3\x80\x82.0.0.1/", "http://\xe2\x91\xa0.0.0.1/",
    /* IPv6 */
    "http://[::1", "http://::1/", "http://[::1]x/", "http://[::1]:/", "http://[::1%25eth0]/", "http://[fe80::1%25lo]/", "http://[fe80::1%lo]/",
    "http://[]/", "http://[:]/", "http://[:::1]/", "http://[1:2:3:4:5:6:7]/", "http://[1:2:3:4:5:6:7:8:9]/", "http://[::ffff:127.1]/",
    "http://[::ffff:0x7f.0.0.1]/", "http://[127.0.0.1]/", "http://[v1.x]/", "http://[::1].a.org/", "http://[12345::1]/", "http://[::g]/",
    "http://[::1]80/", "http://[ ::1]/", "http://[[::1]]/",
    /* names */
    "http://a_b.org/", "http://a..org/", "http://.a.org/", "http://a.org../", "http://-a.org/", "http://a-.org/", "http://a.org-/", "http://a.-org/",
    "http://\xc3\xbcxx.example/", "http://\xd0\xb0.org/", "http://a\xc2\xad.org/", "http://a\xe2\x80\x8b.org/", "http://a\xe3\x80\x82org/",
    "http://a.org\xef\xbc\x8f/", "http://%61.org/", "http://a%2eorg/", "http://a%00.org/", "http://a.org%2f/", "http://a.org,b.org/", "http://a org/",
    "http://a*.org/", "http://*/", "http://a.org|/", "http://a.org\"/", "http://a.org<b/", "http://./", "http://../", "http://$HOST/", "http://{a}/",
    /* ports */
    "http://a.org:/", "http://a.org:0/", "http://a.org:00080/", "http://a.org:080/", "http://a.org:65536/", "http://a.org:99999/",
    "http://a.org:100000/", "http://a.org:-80/", "http://a.org:+80/", "http://a.org:80a/", "http://a.org:8 0/", "http://a.org:80:80/",
    "http://a.org:0x50/", "http://a.org:http/", "http://a.org:4294967376/", "http://:80/", "http://a.org:80.0/",
    /* bytes */
    "http://a.org/\r\nHost: b.org", "http://a.org/\n", "http://a.org/\t", "http://a.org/ x", "http://a.org /", "http://a.org\r/", "http://a.org/\x7f",
    "http://a.org/\x01", "http://a.org/\xff", "http://a.org/\xc3\xa9", "http://a.org/?\xe2\x82\xac", "http://a.org/#\x1b[0m", "http://a.org\\b/",
    "http://a.org/\\..\\x", "http:\\a.org", "http://a.org?\\", "http://a.org/x ",
    /* paths */
    "http://a.org/..", "http://a.org/../", "http://a.org/x/../y", "http://a.org/x/..", "http://a.org/.", "http://a.org/./x", "http://a.org/x/.",
    "http://a.org/%2e%2e/x", "http://a.org/.%2e/x", "http://a.org/%2E./x", "http://a.org/%2e/x", "http://a.org/x/%2e%2E", "http://a.org/..;/x",
    "http://a.org/.;a=b/x", "http://a.org/%2e%2e;/x", "http://a.org/x%2fy", "http://a.org/x%2Fy", "http://a.org/x%5cy", "http://a.org/x%5Cy",
    "http://a.org/..%2fx", "http://a.org/x%00", "http://a.org/x%00.png", "http://a.org/x%0d%0aSet-Cookie:y", "http://a.org/%0A", "http://a.org/x%1b", "http://a.org/x%7F", "http://a.org/..?q", "http://a.org/x/..#f", "http://a.org//../x",
};

/* In memory of its own, so that a build with sanitizers finds what is read behind it. */
static bool parse(const char *text, size_t len, struct url *u, const char **why)
{
    char *copy = malloc(len ? len : 1);
    bool good_url;

    memcpy(copy, text, len);
    good_url = url_parse(copy, len, u, why);
    if (good_url && u->path)
        u->path = text + (u->path - copy);
    free(copy);
    return good_url;
}

static void test_table(void)
{
    char nul[] = "http://a.org/\0b", host_nul[] = "http://a.org\0.b.org/", longest[400];
    struct url u;
    const char *why = NULL;
    size_t n = (size_t)snprintf(longest, sizeof(longest), "http://");

    for (size_t i = 0; i < COUNT(good); i++) {
        const bool is_good = parse(good[i].url, strlen(good[i].url), &u, &why);

        if (!ok(is_good && strcmp(u.host, good[i].host) == 0 && u.port == good[i].port && u.is_private == good[i].is_private &&
                    u.path_len == strlen(good[i].path) && memcmp(u.path, good[i].path, u.path_len) == 0 &&
                    u.query_len == good[i].query_len && u.https == (strncasecmp(good[i].url, "https", 5) == 0),
                "accepted: %s", good[i].url))
            diag("%s: host %s port %d private %d query %zu", is_good ? "other parts" : why, u.host, u.port, u.is_private, u.query_len);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        why = NULL;
        ok(!parse(bad[i], strlen(bad[i]), &u, &why) && why && *why, "refused: %zu, %s", i, why ? why : "(accepted)");
        if (!why)
            diag("%s", bad[i]);
    }
    ok(!parse(nul, sizeof(nul) - 1, &u, &why) && !parse(host_nul, sizeof(host_nul) - 1, &u, &why), "a NUL is refused, not the end");
    ok(parse("http://a.orgXYZ/@b", 12, &u, &why) && strcmp(u.host, "a.org") == 0 && u.path_len == 0, "nothing behind the length is read");
    for (int i = 0; i < 4; i++)
        n += (size_t)snprintf(longest + n, sizeof(longest) - n, "%.*s.", i < 3 ? 63 : 61,
                              "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    ok(parse(longest, n - 1, &u, &why) && strlen(u.host) == URL_MAX_HOST, "a host of 253 bytes is accepted");
    ok(!parse("http://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.org", 75, &u, &why), "a label of 64 is not");
    longest[n - 1] = 'a';
    longest[n] = 'a';
    ok(!parse(longest, n + 1, &u, &why), "nor a host of more");
    diag("%zu spellings", COUNT(good) + COUNT(bad) + 6);
}

static void test_plain(void)
{
    static const struct {
        const char *url;
        bool plain;
    } paths[] = {
        { "http://a.org", true }, { "http://a.org/", true }, { "http://a.org/x/y/", true }, { "http://a.org/a%20b", true },
        { "http://a.org/%C3%A9", true }, { "http://a.org/%c3%a9", false }, { "http://a.org/%61", false }, { "http://a.org/%7E", false },
        { "http://a.org/%7Ex", false }, { "http://a.org/%2B", false }, { "http://a.org//", false }, { "http://a.org/x//y", false },
        { "http://a.org/%", false }, { "http://a.org/%4", false }, { "http://a.org/%zz", false }, { "http://a.org/%80", true },
        { "http://a.org/%25", false }, { "http://a.org/?%61//", true },
    };
    struct url u;
    const char *why;

    for (size_t i = 0; i < COUNT(paths); i++)
        ok(parse(paths[i].url, strlen(paths[i].url), &u, &why) && u.is_plain == paths[i].plain, "%s is %splain", paths[i].url,
           paths[i].plain ? "" : "not ");
}

/* --- beside libcurl --------------------------------------------------------------------------------------------- */

/* What libcurl takes for the host, as url_parse writes it. */
static void spell_host(char *host)
{
    size_t n = strlen(host);

    if (n > 1 && host[0] == '[') {
        memmove(host, host + 1, n - 2);
        n -= 2;
        host[n] = '\0';
    }
    if (n > 0 && host[n - 1] == '.')
        host[n - 1] = '\0';
    for (; *host; host++)
        if (*host >= 'A' && *host <= 'Z')
            *host = (char)(*host + 32);
}

/* An IPv6 address has many spellings; libcurl writes its own. */
static bool same_host(const struct url *u, char *host)
{
    struct url other;
    char text[300];
    const char *why;

    spell_host(host);
    if (!strchr(host, ':'))
        return strcmp(u->host, host) == 0;
    snprintf(text, sizeof(text), "http://[%s]", host);
    return url_parse(text, strlen(text), &other, &why) && strcmp(u->host, other.host) == 0;
}

static bool curl_agrees(CURLU *handle, const char *text, const struct url *u)
{
    char *scheme = NULL, *host = NULL, *port = NULL;
    bool agrees = false;

    if (curl_url_set(handle, CURLUPART_URL, text, 0) == CURLUE_OK && curl_url_get(handle, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
        curl_url_get(handle, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl_url_get(handle, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK)
        agrees = strcmp(scheme, u->https ? "https" : "http") == 0 && same_host(u, host) && atoi(port) == u->port;
    if (!agrees)
        diag("%s: %s %d; libcurl: %s %s %s", text, u->host, u->port, scheme ? scheme : "-", host ? host : "-", port ? port : "-");
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    return agrees;
}

static const char *any_url(void)
{
    const unsigned i = below(COUNT(good) * 3 + COUNT(bad));

    return i < COUNT(good) * 3 ? good[i / 3].url : bad[i - COUNT(good) * 3];
}

/* A URL of the table with a few pieces put in, taken out, or of another URL. */
static void change(char *out, size_t size)
{
    static const char *const pieces[] = { ".", "..", "/", "//", ":", "@", "%", "%2e", "%00", "[", "]", "0x", "0", "1", "127", "-", "_", "?", "#", "&",
                                          ";", "\\", " ", "a", "A", "xn--", "\xc3\xa9", "::", "%25", ",", "=", "+", "~", "!", "'", "(", "*", "{", "|" };
    char made[600], *at;
    size_t len, from;

    snprintf(made, sizeof(made), "%.250s", any_url());
    for (unsigned i = 1 + below(3); i > 0; i--) {
        const char *piece = below(8) ? pieces[below(COUNT(pieces))] : any_url();
        const unsigned how = below(3);
        char next[600];

        len = strlen(made);
        from = below((unsigned)len + 1);
        at = made + from;
        snprintf(next, sizeof(next), "%.*s%.100s%.250s", (int)from, made, how != 1 ? piece : "", how > 0 && *at ? at + 1 : at);
        snprintf(made, sizeof(made), "%.500s", next);
    }
    snprintf(out, size, "%s", made);
}

static void test_libcurl(void)
{
    const unsigned long wanted = count_of("CORAX_URLS", 300000);
    unsigned long accepted = 0, wrong = 0;
    CURLU *handle = curl_url();
    struct url u;
    const char *why;

    for (size_t i = 0; i < COUNT(good); i++)
        if (url_parse(good[i].url, strlen(good[i].url), &u, &why))
            wrong += !curl_agrees(handle, good[i].url, &u);
    is_int((long long)wrong, 0, "libcurl agrees on what is accepted of the table");
    for (unsigned long i = 0; i < wanted && wrong < 10; i++) {
        char text[600];

        change(text, sizeof(text));
        if (!parse(text, strlen(text), &u, &why))
            continue;
        accepted++;
        wrong += !curl_agrees(handle, text, &u);
    }
    curl_url_cleanup(handle);
    diag("%lu changed URLs, %lu accepted, libcurl %s", wanted, accepted, curl_version_info(CURLVERSION_NOW)->version);
    ok(accepted > wanted / 20, "a good part of the changed ones is accepted");
    is_int((long long)wrong, 0, "libcurl agrees on all of them");
}

int main(void)
{
    random_state = 0x853c49e6748fea9bu;
    plan_later();
    test_table();
    test_plain();
    test_libcurl();
    done();
    return tap_status();
}
