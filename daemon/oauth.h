/*
 * daemon/oauth.h - the words of OAuth 2.1 as MCP's authorization uses them: what is asked where, and what answers mean.  No I/O.
 *
 * RFC 6749 and 7636 (PKCE), 8414 and OpenID Connect discovery, 9728 (protected resource metadata), 7591 (registration), 8707
 * (resource), 9207 (iss).  All that comes from outside is checked here, and cut to no size: what does not fit is refused.
 */
#ifndef DAEMON_OAUTH_H
#define DAEMON_OAUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/err.h"
#include "util/json.h"

#define OAUTH_MAX_URL    1024
#define OAUTH_MAX_SCOPE  1024
#define OAUTH_MAX_ID     1024
#define OAUTH_MAX_TOKEN  16384
#define OAUTH_MAX_SECRET 64 /* of state and verifier, with the NUL */
#define OAUTH_N_URLS     3

/* WWW-Authenticate: Bearer …; what is not said is "". */
struct oauth_challenge {
    char metadata_url[OAUTH_MAX_URL], scope[OAUTH_MAX_SCOPE], error[64];
};
bool oauth_read_challenge(const char *header, struct oauth_challenge *);

/* What a server says of itself as a protected resource. */
struct oauth_resource {
    char id[OAUTH_MAX_URL], issuer[OAUTH_MAX_URL], scope[OAUTH_MAX_SCOPE];
};
/* Where that may be found, in order; how many. */
size_t oauth_resource_urls(const char *url, const struct oauth_challenge *, char out[OAUTH_N_URLS][OAUTH_MAX_URL]);
/* -1 with CORAX_E_DENIED: it is said of another server than the one at url. */
int oauth_read_resource(const struct json *, const char *url, struct oauth_resource *, struct err *);
/* Of a server of before there were such metadata: it is its own authorization server. */
void oauth_assume_resource(const char *url, struct oauth_resource *);

enum oauth_method { OAUTH_NONE, OAUTH_BASIC, OAUTH_POST };

/* An authorization server. */
struct oauth_server {
    char issuer[OAUTH_MAX_URL], authorize_url[OAUTH_MAX_URL], token_url[OAUTH_MAX_URL], register_url[OAUTH_MAX_URL]; /* the last may be "" */
    bool methods[3];     /* that its token endpoint takes */
    bool sends_iss;      /* and so an answer without is forged */
    bool takes_metadata; /* a client may be known by the URL of its metadata */
    bool offline;        /* the scope offline_access means something to it */
};
size_t oauth_server_urls(const char *issuer, char out[OAUTH_N_URLS][OAUTH_MAX_URL]);
/* -1 with CORAX_E_DENIED: it is said of another issuer, or the server knows no PKCE. */
int oauth_read_server(const struct json *, const char *issuer, struct oauth_server *, struct err *);

struct oauth_client {
    char id[OAUTH_MAX_ID], secret[OAUTH_MAX_ID]; /* secret "": none */
    enum oauth_method method;
};
void oauth_write_registration(const struct oauth_server *, const char *redirect_uri, struct buf *out);
int oauth_read_client(const struct json *, const struct oauth_server *, struct oauth_client *, struct err *);
/* For a client that was registered by hand. */
enum oauth_method oauth_choose_method(const struct oauth_server *, bool has_secret);
const char *oauth_method_name(enum oauth_method);
bool oauth_method_find(const char *name, enum oauth_method *);

/* Adds to a list of scopes those of more that it lacks.  false: it is full. */
bool oauth_join_scopes(char scope[OAUTH_MAX_SCOPE], const char *more);

/* What is known while a person's browser is away. */
struct oauth_attempt {
    char state[OAUTH_MAX_SECRET], verifier[OAUTH_MAX_SECRET], redirect_uri[OAUTH_MAX_URL], scope[OAUTH_MAX_SCOPE];
};
int oauth_begin(struct oauth_attempt *, const char *redirect_uri, struct err *); /* new secrets */
void oauth_write_authorize_url(const struct oauth_server *, const struct oauth_client *, const struct oauth_attempt *, const char *resource,
                               struct buf *out);
/* The query that the browser came back with.  -1: it is another's, or says no. */
int oauth_read_callback(const char *query, const struct oauth_server *, const struct oauth_attempt *, char code[OAUTH_MAX_ID], struct err *);

/* A request to the token endpoint: its body, and the value of its Authorization header, "" for none. */
void oauth_write_exchange(const struct oauth_client *, const struct oauth_attempt *, const char *code, const char *resource, struct buf *body,
                          struct buf *authorization);
void oauth_write_refresh(const struct oauth_client *, const char *refresh_token, const char *resource, struct buf *body, struct buf *authorization);

struct oauth_tokens {
    char access[OAUTH_MAX_TOKEN], refresh[OAUTH_MAX_TOKEN], scope[OAUTH_MAX_SCOPE]; /* "": none, or not said */
};
int oauth_read_tokens(const struct json *, struct oauth_tokens *, struct err *);

#endif
