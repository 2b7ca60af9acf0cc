/* egress_net.c - see egress_net.h. */
#include "daemon/egress_net.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <unistd.h>

#include "policies/url.h"

#define CONNECT_MS      10000
#define MAX_HEADERS     128
#define MAX_HEADER_TEXT 65536

struct fetch {
    TAILQ_ENTRY(fetch) link;
    struct net *net;
    CURL *easy;
    struct curl_slist *headers;
    const struct fetch_ops *ops;
    void *arg;
    size_t max_bytes, n_bytes;
    struct buf answer_headers; /* "name\0value\0"… */
    int n_headers;
    bool told_head, enough, too_long, refused, cancelled;
    char error[CURL_ERROR_SIZE], address[INET6_ADDRSTRLEN];
};

struct net {
    CURLM *multi;
    enum net_reach reach;
    TAILQ_HEAD(fetches, fetch) fetches;
};

/* --- addresses ------------------------------------------------------------------------------------------------------ */

static bool may_reach4(const uint8_t a[4], enum net_reach reach)
{
    if (a[0] == 0 || a[0] >= 224)
        return false;
    if (a[0] == 127)
        return reach != NET_PUBLIC;
    return reach == NET_PRIVATE || !(url_is_private4(a) || (a[0] == 192 && a[1] == 88 && a[2] == 99)); /* that one is for 6to4 */
}

static bool may_reach6(const uint8_t a[16], enum net_reach reach)
{
    static const uint8_t zero[12] = { 0 }, one[4] = { 0, 0, 0, 1 }, mapped[12] = { [10] = 0xff, [11] = 0xff }, nat64[12] = { 0, 0x64, 0xff, 0x9b };

    if (memcmp(a, mapped, 12) == 0 || memcmp(a, nat64, 12) == 0)
        return may_reach4(a + 12, reach);
    if (memcmp(a, zero, 12) == 0)
        return memcmp(a + 12, one, 4) == 0 && reach != NET_PUBLIC; /* ::1; the rest has no use */
    if (a[0] == 0x20 && a[1] == 0x02)
        return may_reach4(a + 2, reach); /* 6to4 */
    if (a[0] == 0xff)
        return false;
    return reach == NET_PRIVATE || !(url_is_private6(a) || (a[0] == 0x20 && a[1] == 0x01 && a[2] < 2)); /* those are for protocols */
}

bool net_may_reach(const struct sockaddr *sa, enum net_reach reach)
{
    if (sa->sa_family == AF_INET)
        return may_reach4((const uint8_t *)&((const struct sockaddr_in *)(const void *)sa)->sin_addr, reach);
    if (sa->sa_family == AF_INET6)
        return may_reach6(((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr.s6_addr, reach);
    return false;
}

static bool is_loopback_name(const struct url *u)
{
    struct in_addr a;

    return strcmp(u->host, "localhost") == 0 || strcmp(u->host, "::1") == 0 ||
           (u->is_address && inet_pton(AF_INET, u->host, &a) == 1 && ntohl(a.s_addr) >> 24 == 127);
}

bool net_is_good_url(const char *url, enum net_reach reach, struct err *err)
{
    const char *why = "";
    struct url u;

    if (!url_parse(url, strlen(url), &u, &why)) {
        fail(err, CORAX_E_ARGS, "%.120s: %s", url, why);
        return false;
    }
    if (!u.https && reach != NET_PRIVATE && (reach != NET_LOOPBACK || !is_loopback_name(&u))) {
        fail(err, CORAX_E_DENIED, "%.120s: http is not encrypted, so it is only for localhost or with private_network", url);
        return false;
    }
    return true;
}

/* --- libcurl's side ------------------------------------------------------------------------------------------------- */

static curl_socket_t on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
    struct fetch *f = arg;
    const void *in = a->family == AF_INET6 ? (const void *)&((struct sockaddr_in6 *)(void *)&a->addr)->sin6_addr
                                           : (const void *)&((struct sockaddr_in *)(void *)&a->addr)->sin_addr;

    if (purpose != CURLSOCKTYPE_IPCXN || !net_may_reach(&a->addr, f->net->reach)) {
        f->refused = true;
        if (inet_ntop(a->family, in, f->address, sizeof(f->address)) == NULL)
            f->address[0] = '\0';
        return CURL_SOCKET_BAD;
    }
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

static size_t on_header(char *line, size_t size, size_t n, void *arg)
{
    struct fetch *f = arg;
    size_t len = size * n, name = 0, value;

    if (len >= 5 && strncmp(line, "HTTP/", 5) == 0) { /* of the answer that counts: what came before was 1xx */
        buf_reset(&f->answer_headers);
        f->n_headers = 0;
        return len;
    }
    while (name < len && line[name] != ':')
        name++;
    if (name == len || f->n_headers == MAX_HEADERS)
        return len;
    f->n_headers++;
    for (value = name + 1; value < len && (line[value] == ' ' || line[value] == '\t');)
        value++;
    while (len > value && (line[len - 1] == '\r' || line[len - 1] == '\n' || line[len - 1] == ' '))
        len--;
    if (memchr(line, '\0', len) == NULL && f->answer_headers.len + len + 2 < MAX_HEADER_TEXT) {
        buf_add(&f->answer_headers, line, name);
        buf_addc(&f->answer_headers, '\0');
        buf_add(&f->answer_headers, line + value, len - value);
        buf_addc(&f->answer_headers, '\0');
    }
    return size * n;
}

static void tell_head(struct fetch *f)
{
    if (f->told_head)
        return;
    f->told_head = true;
    if (f->ops->head && !f->cancelled)
        f->ops->head(f->arg, fetch_status(f));
}

static size_t on_data(char *data, size_t size, size_t n, void *arg)
{
    struct fetch *f = arg;
    const size_t len = size * n;

    if (f->cancelled)
        return 0; /* an error, to libcurl */
    tell_head(f);
    f->n_bytes += len;
    f->too_long = f->max_bytes && f->n_bytes > f->max_bytes;
    if (f->cancelled || f->too_long)
        return 0;
    f->enough = !f->ops->data(f->arg, data, len);
    return f->enough || f->cancelled ? 0 : len;
}

/* --- fetches -------------------------------------------------------------------------------------------------------- */

static void fetch_free(struct fetch *f)
{
    if (f->easy) {
        curl_multi_remove_handle(f->net->multi, f->easy);
        curl_easy_cleanup(f->easy);
    }
    TAILQ_REMOVE(&f->net->fetches, f, link);
    curl_slist_free_all(f->headers);
    buf_finish(&f->answer_headers);
    free(f);
}

static void set_options(struct fetch *f, const struct fetch_request *r)
{
    CURL *e = f->easy;

    curl_easy_setopt(e, CURLOPT_URL, r->url);
    curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, r->method);
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, f->headers);
    if (r->body) {
        curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_len);
        curl_easy_setopt(e, CURLOPT_COPYPOSTFIELDS, r->body);
    }
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    curl_easy_setopt(e, CURLOPT_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS);
#endif
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(e, CURLOPT_PROXY, "");
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(e, CURLOPT_USERAGENT, "corax/" PACKAGE_VERSION);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)r->deadline_ms);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, f);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, f);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, f);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, f->error);
    curl_easy_setopt(e, CURLOPT_PRIVATE, f);
}

struct fetch *net_fetch(struct net *net, const struct fetch_request *r, const struct fetch_ops *ops, void *arg, struct err *err)
{
    struct fetch *f = NULL;

    if (!net_is_good_url(r->url, net->reach, err) || (f = calloc(1, sizeof(*f))) == NULL) {
        curl_slist_free_all(r->headers);
        if (err && err->status == 0)
            fail(err, CORAX_E_INTERNAL, "no memory");
        return NULL;
    }
    f->net = net;
    f->headers = r->headers;
    f->ops = ops;
    f->arg = arg;
    f->max_bytes = r->max_bytes;
    buf_init(&f->answer_headers, 2 * MAX_HEADER_TEXT);
    TAILQ_INSERT_TAIL(&net->fetches, f, link);
    f->easy = curl_easy_init();
    if (f->easy == NULL) {
        fetch_free(f);
        fail(err, CORAX_E_INTERNAL, "no memory");
        return NULL;
    }
    set_options(f, r);
    curl_multi_add_handle(net->multi, f->easy);
    return f;
}

void fetch_cancel(struct fetch *f)
{
    f->cancelled = true; /* libcurl must not lose it while it is inside; net_wait frees it */
}

long fetch_status(const struct fetch *f)
{
    long status = 0;

    curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

const char *fetch_header(const struct fetch *f, const char *name)
{
    const char *p = f->answer_headers.data, *end = p + f->answer_headers.len, *found = NULL;

    while (p < end) {
        const char *value = p + strlen(p) + 1;

        if (strcasecmp(p, name) == 0)
            found = value;
        p = value + strlen(value) + 1;
    }
    return found;
}

static void finish(struct fetch *f, CURLcode code)
{
    struct err err = { 0 };

    if (f->cancelled) {
        fetch_free(f);
        return;
    }
    if (f->too_long)
        fail(&err, CORAX_E_LIMIT, "the answer is longer than %zu bytes", f->max_bytes);
    else if (f->refused && code != CURLE_OK)
        fail(&err, CORAX_E_DENIED, "its address %s is not public: where that is meant, set private_network", f->address);
    else if (code == CURLE_OPERATION_TIMEDOUT)
        fail(&err, CORAX_E_TIMEOUT, "%s", f->error[0] ? f->error : "it took too long");
    else if (code != CURLE_OK && !f->enough)
        fail(&err, CORAX_E_IO, "%s", f->error[0] ? f->error : curl_easy_strerror(code));
    if (err.status == 0)
        tell_head(f);
    if (!f->cancelled)
        f->ops->done(f->arg, &err);
    fetch_free(f);
}

static void sweep(struct net *net)
{
    struct fetch *f, *next;

    for (f = TAILQ_FIRST(&net->fetches); f; f = next) {
        next = TAILQ_NEXT(f, link);
        if (f->cancelled)
            fetch_free(f);
    }
}

bool net_wait(struct net *net, int fd, int64_t timeout_ms)
{
    struct curl_waitfd wait = { .fd = fd, .events = CURL_WAIT_POLLIN };
    const int ms = timeout_ms < 0 || timeout_ms > 60000 ? 60000 : (int)timeout_ms;
    int running = 0, left, ready;
    const CURLMsg *m;

    sweep(net);
    curl_multi_perform(net->multi, &running);
    while ((m = curl_multi_info_read(net->multi, &left)) != NULL) {
        struct fetch *f = NULL;

        if (m->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&f);
        finish(f, m->data.result);
        return false; /* what was done may have to be waited for differently */
    }
    if (curl_multi_poll(net->multi, &wait, 1, ms, &ready) != CURLM_OK)
        return true;
    return wait.revents != 0;
}

struct net *net_create(struct err *err)
{
    struct net *net = calloc(1, sizeof(*net));

    if (net == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || (net->multi = curl_multi_init()) == NULL) {
        free(net);
        fail(err, CORAX_E_INTERNAL, "libcurl does not start");
        return NULL;
    }
    TAILQ_INIT(&net->fetches);
    curl_multi_setopt(net->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, 64L);
    return net;
}

void net_destroy(struct net *net)
{
    if (net == NULL)
        return;
    while (!TAILQ_EMPTY(&net->fetches))
        fetch_free(TAILQ_FIRST(&net->fetches));
    curl_multi_cleanup(net->multi);
    curl_global_cleanup();
    free(net);
}

void net_set_reach(struct net *net, enum net_reach reach)
{
    net->reach = reach;
}
