/*
 * daemon/listen.h - what a client on TCP must show: loopback addresses, the token, and that no web page sent it.
 *
 * The Unix socket knows its clients by SO_PEERCRED.  On TCP nobody vouches for a client, so that side is off until
 * `listen` names a loopback address, and each request brings the token: 256 random bits in a file that only the
 * daemon's user can read.  A page in a browser has no token, and is kept out even from trying: its requests name its
 * own site in Host (after DNS rebinding) or in Origin.
 */
#ifndef DAEMON_LISTEN_H
#define DAEMON_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "util/err.h"

#define LISTEN_TOKEN_LEN 64 /* hexadecimal digits */

/*
 * "127.0.0.1:8723", "[::1]:8723", "localhost:8723" (which is 127.0.0.1).  Port 0 lets the kernel choose.  -1 with
 * CORAX_E_ARGS when it is no address with a port, or one that others than this machine can reach.
 */
int listen_parse(const char *text, struct sockaddr_storage *, socklen_t *len, struct err *);
/*
 * Reads the token from the file, or makes one where there is no file (mode 0600, whole or not at all).  -1: the file is
 * not this user's alone (CORAX_E_DENIED), holds something else (CORAX_E_ARGS), cannot be read or made (CORAX_E_IO).
 */
int listen_token(const char *path, char token[LISTEN_TOKEN_LEN + 1], struct err *);

/* Whether a Host header names this machine's loopback, with any port; NULL does not. */
bool listen_host_is_local(const char *host);
/* Whether an Origin header does, by http; NULL is fine: no page sent the request. */
bool listen_origin_is_local(const char *origin);
/* Whether an Authorization header is "Bearer TOKEN".  How long it takes does not tell where they differ. */
bool listen_is_authorized(const char *authorization, const char *token);

#endif
