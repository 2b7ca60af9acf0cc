#include "daemon/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/util.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_ADDRESS 64
#define MAX_PATH    4096

static bool is_loopback(const struct sockaddr_storage *addr)
{
    if (addr->ss_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)addr)->sin_addr.s_addr) >> 24 == 127;
    return addr->ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)addr)->sin6_addr);
}

int listen_parse(const char *text, struct sockaddr_storage *addr, socklen_t *len, struct err *err)
{
    static const char by_name[] = "localhost:";
    const char *colon = strrchr(text, ':');
    const bool any_port = colon && strcmp(colon, ":0") == 0; /* which evutil takes for no port */
    char copy[MAX_ADDRESS];
    int n = sizeof(*addr);

    if (strncmp(text, by_name, strlen(by_name)) == 0)
        snprintf(copy, sizeof(copy), "127.0.0.1:%.20s", text + strlen(by_name));
    else
        snprintf(copy, sizeof(copy), "%.60s", text);
    if (any_port)
        copy[strlen(copy) - 1] = '1';
    memset(addr, 0, sizeof(*addr));
    if (strlen(text) >= MAX_ADDRESS || colon == NULL || colon[1] == '\0' ||
        colon[1 + strspn(colon + 1, "0123456789")] != '\0' ||
        evutil_parse_sockaddr_port(copy, (struct sockaddr *)addr, &n) < 0)
        return fail(err, CORAX_E_ARGS,
                    "listen must be an address of this machine with a port, as in \"127.0.0.1:8723\", not \"%.60s\"",
                    text);
    if (!is_loopback(addr))
        return fail(err, CORAX_E_ARGS,
                    "listen: %.60s can be reached from other machines: only 127.0.0.1 and [::1] are possible", text);
    if (any_port && addr->ss_family == AF_INET)
        ((struct sockaddr_in *)addr)->sin_port = 0;
    else if (any_port)
        ((struct sockaddr_in6 *)addr)->sin6_port = 0;
    *len = (socklen_t)n;
    return 0;
}

/* --- the token -------------------------------------------------------------------------------------------------- */

static int make_token(const char *path, struct err *err)
{
    unsigned char random[LISTEN_TOKEN_LEN / 2];
    char text[LISTEN_TOKEN_LEN + 2], fresh[MAX_PATH + 8];
    int fd, rc = 0;

    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return fail_sys(err, CORAX_E_IO, "no random bytes for a token");
    for (size_t i = 0; i < sizeof(random); i++)
        snprintf(text + 2 * i, 3, "%02x", random[i]);
    text[LISTEN_TOKEN_LEN] = '\n';
    snprintf(fresh, sizeof(fresh), "%.4095s.new", path);
    unlink(fresh); /* of a daemon that was killed here */
    fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail_sys(err, CORAX_E_IO, "token %s", fresh);
    if (write(fd, text, sizeof(text) - 1) != (ssize_t)sizeof(text) - 1 || fsync(fd) < 0 || rename(fresh, path) < 0)
        rc = fail_sys(err, CORAX_E_IO, "token %s", path);
    close(fd);
    return rc;
}

int listen_token(const char *path, char token[LISTEN_TOKEN_LEN + 1], struct err *err)
{
    char text[LISTEN_TOKEN_LEN + 2] = "";
    struct stat st;
    ssize_t n;
    int fd;

    if (access(path, F_OK) < 0 && errno == ENOENT && make_token(path, err) < 0)
        return -1;
    fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) < 0) {
        fail_sys(err, CORAX_E_IO, "token %s", path);
        if (fd >= 0)
            close(fd);
        return -1;
    }
    n = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077))
        return fail(err, CORAX_E_DENIED,
                    "token %s: others than this user may read or change it: remove it, and a new one is made", path);
    text[n > 0 ? n : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    if (strlen(text) != LISTEN_TOKEN_LEN || strspn(text, "0123456789abcdef") != LISTEN_TOKEN_LEN)
        return fail(err, CORAX_E_ARGS,
                    "token %s: it holds no token of %d hexadecimal digits: remove it, and a new one is made", path,
                    LISTEN_TOKEN_LEN);
    memcpy(token, text, LISTEN_TOKEN_LEN + 1);
    return 0;
}

/* --- what a request shows --------------------------------------------------------------------------------------- */

bool listen_host_is_local(const char *host)
{
    static const char *const names[] = { "127.0.0.1", "localhost", "[::1]" };

    for (size_t i = 0; host && i < sizeof(names) / sizeof(*names); i++) {
        const size_t n = strlen(names[i]);

        if (strncasecmp(host, names[i], n) == 0 &&
            (host[n] == '\0' || (host[n] == ':' && host[n + 1 + strspn(host + n + 1, "0123456789")] == '\0')))
            return true;
    }
    return false;
}

bool listen_origin_is_local(const char *origin)
{
    static const char scheme[] = "http://";

    return origin == NULL ||
           (strncasecmp(origin, scheme, strlen(scheme)) == 0 && listen_host_is_local(origin + strlen(scheme)));
}

bool listen_is_authorized(const char *authorization, const char *token)
{
    static const char scheme[] = "Bearer ";
    unsigned char differs = 0;
    size_t n;

    if (authorization == NULL || strncasecmp(authorization, scheme, strlen(scheme)) != 0)
        return false;
    authorization += strlen(scheme);
    authorization += strspn(authorization, " ");
    n = strlen(authorization);
    for (size_t i = 0; i < LISTEN_TOKEN_LEN; i++)
        differs |= (unsigned char)(token[i] ^ (i < n ? authorization[i] : 0));
    return n == LISTEN_TOKEN_LEN && differs == 0;
}
