/*
 * daemon/egress_login.h - how corax-egress gets a token for its server: a person's login, and renewing it (daemon/oauth.h).
 */
#ifndef DAEMON_EGRESS_LOGIN_H
#define DAEMON_EGRESS_LOGIN_H

#include <stdbool.h>

#include "daemon/egress_net.h"
#include "util/err.h"
#include "util/json.h"

struct login;

/* The result's JSON text, or NULL and err. */
typedef void login_done(void *arg, const char *result, const struct err *err);
/* What is to be kept for the next start: JSON text, with secrets. */
typedef void login_saved(void *arg, const char *json);

/* oauth is the member of egress/open (docs/protocol.md); url is the server's. */
struct login *login_create(struct net *, const char *url, const struct json *oauth, login_saved *, void *arg, struct err *);
void login_destroy(struct login *);

const char *login_token(const struct login *); /* NULL: there is none */
unsigned login_generation(const struct login *); /* another one with each token */
/* The server answered 401 or 403, to the token there is, with this header (NULL: none).  What it asks for is remembered. */
void login_challenged(struct login *, long status, const char *www_authenticate);
const char *login_why(const struct login *); /* what the last challenge said, in a few words; "" */

/* params: redirect_uri, or that and callback.  One at a time; done may be called from within. */
void login_request(struct login *, const struct json *params, login_done *, void *arg);
/* Whether a token that does not do any more can be renewed without a person; done gets "{}" or an error. */
bool login_can_refresh(const struct login *);
void login_refresh(struct login *, login_done *, void *arg);

#endif
