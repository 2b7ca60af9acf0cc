/*
 * egress_login.c - see egress_login.h.
 *
 * A login asks one thing after the other: what the server says of itself, its authorization server, a client for it (given, known from
 * before, or registered now), and then a person.  Whatever step fails ends it with what went wrong there.
 */
#include "daemon/egress_login.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/oauth.h"

#define STEP_MS   15000
#define MAX_REPLY (256u << 10)

enum step { IDLE, RESOURCE, SERVER, REGISTER, BROWSER, EXCHANGE, REFRESH };

struct login {
    struct net *net;
    char url[OAUTH_MAX_URL];
    /* As configured; "": not. */
    struct oauth_client given;
    char metadata_url[OAUTH_MAX_URL], given_issuer[OAUTH_MAX_URL];

    struct oauth_challenge challenge;
    struct oauth_resource resource;
    struct oauth_server server;
    struct oauth_client client;
    struct oauth_attempt attempt;
    struct oauth_tokens tokens;
    char client_issuer[OAUTH_MAX_URL], client_redirect[OAUTH_MAX_URL]; /* what the client is registered for */

    unsigned generation; /* of the tokens */
    enum step step;
    char urls[OAUTH_N_URLS][OAUTH_MAX_URL];
    size_t n_urls, next_url;
    struct fetch *fetch;
    struct buf reply;
    login_done *done;
    void *done_arg;
    login_saved *saved;
    void *saved_arg;
};

static void go_on(struct login *l);

/* --- what is kept --------------------------------------------------------------------------------------------------- */

static void take(char *out, size_t size, const struct json *object, const char *key)
{
    const char *text = json_get_text(object, key, "");

    if (strlen(text) < size)
        snprintf(out, size, "%s", text);
}

static void read_saved(struct login *l, const struct json *j)
{
    take(l->server.issuer, sizeof(l->server.issuer), j, "issuer");
    take(l->server.token_url, sizeof(l->server.token_url), j, "token_url");
    take(l->client.id, sizeof(l->client.id), j, "client_id");
    take(l->client.secret, sizeof(l->client.secret), j, "client_secret");
    oauth_method_find(json_get_text(j, "method", NULL), &l->client.method);
    take(l->client_issuer, sizeof(l->client_issuer), j, "client_issuer");
    take(l->client_redirect, sizeof(l->client_redirect), j, "redirect_uri");
    take(l->resource.id, sizeof(l->resource.id), j, "resource");
    take(l->tokens.access, sizeof(l->tokens.access), j, "access_token");
    take(l->tokens.refresh, sizeof(l->tokens.refresh), j, "refresh_token");
    take(l->tokens.scope, sizeof(l->tokens.scope), j, "scope");
}

static void save(struct login *l)
{
    struct buf text;
    struct jsonw w;

    buf_init(&text, 65536);
    w = jsonw_start(&text);
    jsonw_object(&w, NULL);
    jsonw_text(&w, "url", l->url);
    jsonw_text(&w, "issuer", l->server.issuer);
    jsonw_text(&w, "token_url", l->server.token_url);
    jsonw_text(&w, "client_id", l->client.id);
    if (l->client.secret[0] && l->given.id[0] == '\0')
        jsonw_text(&w, "client_secret", l->client.secret);
    jsonw_text(&w, "method", oauth_method_name(l->client.method));
    jsonw_text(&w, "client_issuer", l->client_issuer);
    jsonw_text(&w, "redirect_uri", l->client_redirect);
    jsonw_text(&w, "resource", l->resource.id);
    jsonw_text(&w, "access_token", l->tokens.access);
    if (l->tokens.refresh[0])
        jsonw_text(&w, "refresh_token", l->tokens.refresh);
    jsonw_text(&w, "scope", l->tokens.scope);
    jsonw_end(&w);
    if (!text.failed)
        l->saved(l->saved_arg, text.data);
    explicit_bzero(text.data, text.len);
    buf_finish(&text);
}

/* --- steps ---------------------------------------------------------------------------------------------------------- */

static void end(struct login *l, const char *result, const struct err *err)
{
    login_done *done = l->done;

    if (l->step != BROWSER || err)
        l->step = IDLE;
    l->done = NULL;
    if (done)
        done(l->done_arg, result, err);
}

static bool on_data(void *arg, const char *data, size_t len)
{
    struct login *l = arg;

    buf_add(&l->reply, data, len);
    return !l->reply.failed;
}

static void take_reply(struct login *l, long status, struct err *err);

static void on_done(void *arg, const struct err *failed)
{
    struct login *l = arg;
    const long status = fetch_status(l->fetch);
    struct err err = *failed;

    l->fetch = NULL;
    if (err.status == 0)
        take_reply(l, status, &err);
    else if ((l->step == RESOURCE || l->step == SERVER) && l->next_url < l->n_urls && err.status != CORAX_E_DENIED)
        go_on(l);
    else
        end(l, NULL, &err);
}

static void fetch(struct login *l, const char *method, const char *url, const char *type, const struct buf *body, const struct buf *authorization)
{
    static const struct fetch_ops ops = { NULL, on_data, on_done };
    struct curl_slist *headers = curl_slist_append(NULL, "Accept: application/json");
    struct fetch_request r = { .method = method, .url = url, .deadline_ms = STEP_MS, .max_bytes = MAX_REPLY };
    struct err err = { 0 };
    struct buf line;

    buf_init(&line, 65536);
    if (type) {
        buf_addf(&line, "Content-Type: %s", type);
        headers = curl_slist_append(headers, line.data);
    }
    if (authorization && authorization->len > 0) {
        buf_reset(&line);
        buf_addf(&line, "Authorization: %s", authorization->data);
        headers = curl_slist_append(headers, line.data);
    }
    buf_finish(&line);
    buf_reset(&l->reply);
    r.headers = headers;
    if (body) {
        r.body = body->data;
        r.body_len = body->len;
    }
    l->fetch = net_fetch(l->net, &r, &ops, l, &err);
    if (l->fetch == NULL)
        end(l, NULL, &err);
}

static void ask_browser(struct login *l)
{
    struct buf url, result;
    struct jsonw w;
    const char *scope = l->challenge.scope[0] ? l->challenge.scope : l->resource.scope;

    /* What was granted before stays asked for: a new token takes the old one's place. */
    oauth_join_scopes(l->attempt.scope, l->tokens.scope);
    oauth_join_scopes(l->attempt.scope, scope);
    if (l->server.offline && l->attempt.scope[0])
        oauth_join_scopes(l->attempt.scope, "offline_access");
    buf_init(&url, 65536);
    buf_init(&result, 2 * 65536);
    oauth_write_authorize_url(&l->server, &l->client, &l->attempt, l->resource.id, &url);
    w = jsonw_start(&result);
    jsonw_object(&w, NULL);
    jsonw_string(&w, "url", url.data, url.len);
    jsonw_text(&w, "issuer", l->server.issuer);
    jsonw_end(&w);
    l->step = BROWSER;
    end(l, result.data, NULL);
    buf_finish(&url);
    buf_finish(&result);
}

static void find_client(struct login *l)
{
    struct err err = { 0 };
    struct buf body;

    if (l->given.id[0] && (l->given_issuer[0] == '\0' || strcmp(l->given_issuer, l->server.issuer) == 0)) {
        l->client = l->given;
        l->client.method = oauth_choose_method(&l->server, l->given.secret[0] != '\0');
    } else if (l->metadata_url[0] && l->server.takes_metadata) {
        memset(&l->client, 0, sizeof(l->client));
        snprintf(l->client.id, sizeof(l->client.id), "%s", l->metadata_url);
    } else if (l->client.id[0] == '\0' || strcmp(l->client_issuer, l->server.issuer) != 0 || strcmp(l->client_redirect, l->attempt.redirect_uri) != 0) {
        if (l->server.register_url[0] == '\0') {
            fail(&err, CORAX_E_UNAVAIL, "%.100s registers no clients by itself: register corax there and set client_id in corax.conf", l->server.issuer);
            end(l, NULL, &err);
            return;
        }
        l->step = REGISTER;
        buf_init(&body, 16384);
        oauth_write_registration(&l->server, l->attempt.redirect_uri, &body);
        fetch(l, "POST", l->server.register_url, "application/json", &body, NULL);
        buf_finish(&body);
        return;
    }
    ask_browser(l);
}

/* The next place to look, of what this step looks for. */
static void go_on(struct login *l)
{
    fetch(l, "GET", l->urls[l->next_url++], NULL, NULL, NULL);
}

static void look_for_server(struct login *l)
{
    l->step = SERVER;
    l->n_urls = oauth_server_urls(l->resource.issuer, l->urls);
    l->next_url = 0;
    go_on(l);
}

/* Tokens of another issuer are of no use to this one, and its scopes mean nothing there. */
static void take_server(struct login *l, const struct oauth_server *s)
{
    if (strcmp(l->server.issuer, s->issuer) != 0)
        memset(&l->tokens, 0, sizeof(l->tokens));
    l->server = *s;
    find_client(l);
}

static void take_tokens(struct login *l, const struct oauth_tokens *t)
{
    struct oauth_tokens old = l->tokens;

    l->tokens = *t;
    l->generation++;
    if (t->refresh[0] == '\0')
        memcpy(l->tokens.refresh, old.refresh, sizeof(old.refresh));
    if (t->scope[0] == '\0')
        snprintf(l->tokens.scope, sizeof(l->tokens.scope), "%s", l->step == EXCHANGE ? l->attempt.scope : old.scope);
    explicit_bzero(&old, sizeof(old));
    save(l);
    end(l, l->step == REFRESH ? "{}" : "{\"authorized\":true}", NULL);
}

/* A JSON object, or why there is none. */
static struct json *read_reply(struct login *l, long status, bool may_say_no, struct err *err)
{
    struct json *j;

    if (status / 100 != 2 && !may_say_no) {
        fail(err, CORAX_E_IO, "it answered %ld", status);
        return NULL;
    }
    j = json_parse(l->reply.data, l->reply.len, err);
    if (j == NULL)
        err_context(err, "it answered %ld", status);
    return j;
}

static void take_reply(struct login *l, long status, struct err *err)
{
    const bool looks = l->step == RESOURCE || l->step == SERVER;
    struct json *j = read_reply(l, status, l->step == EXCHANGE || l->step == REFRESH, err);
    struct oauth_server server;
    struct oauth_tokens tokens;
    int rc = -1;

    if (j == NULL && looks && l->next_url < l->n_urls) {
        go_on(l);
        return;
    }
    if (j == NULL && l->step == RESOURCE && status == 404) {
        oauth_assume_resource(l->url, &l->resource);
        look_for_server(l);
        return;
    }
    if (j && l->step == RESOURCE && (rc = oauth_read_resource(j, l->url, &l->resource, err)) == 0) {
        look_for_server(l);
    } else if (j && l->step == SERVER && (rc = oauth_read_server(j, l->resource.issuer, &server, err)) == 0) {
        take_server(l, &server);
    } else if (j && l->step == REGISTER && (rc = oauth_read_client(j, &l->server, &l->client, err)) == 0) {
        snprintf(l->client_issuer, sizeof(l->client_issuer), "%s", l->server.issuer);
        snprintf(l->client_redirect, sizeof(l->client_redirect), "%s", l->attempt.redirect_uri);
        ask_browser(l);
    } else if (j && (l->step == EXCHANGE || l->step == REFRESH) && (rc = oauth_read_tokens(j, &tokens, err)) == 0) {
        take_tokens(l, &tokens);
    }
    json_free(j);
    if (rc == 0)
        return;
    if (l->step == REFRESH)
        l->tokens.refresh[0] = '\0';
    err_context(err, "%s", l->step == RESOURCE   ? "the server's metadata"
                           : l->step == SERVER   ? "the authorization server's metadata"
                           : l->step == REGISTER ? "registering corax"
                                                 : "the token");
    end(l, NULL, err);
}

/* --- from outside --------------------------------------------------------------------------------------------------- */

static void come_back(struct login *l, const char *query)
{
    char code[OAUTH_MAX_ID];
    struct buf body, authorization;
    struct err err = { 0 };

    if (l->step != BROWSER) {
        fail(&err, CORAX_E_ARGS, "no login was begun, or it is over: begin anew");
        end(l, NULL, &err);
        return;
    }
    if (oauth_read_callback(query, &l->server, &l->attempt, code, &err) < 0) {
        end(l, NULL, &err);
        return;
    }
    l->step = EXCHANGE;
    buf_init(&body, 65536);
    buf_init(&authorization, 65536);
    oauth_write_exchange(&l->client, &l->attempt, code, l->resource.id, &body, &authorization);
    fetch(l, "POST", l->server.token_url, "application/x-www-form-urlencoded", &body, &authorization);
    l->attempt.state[0] = '\0'; /* once */
    buf_finish(&body);
    buf_finish(&authorization);
}

void login_request(struct login *l, const struct json *params, login_done *done, void *arg)
{
    const char *callback = json_get_text(params, "callback", NULL);
    struct err err = { 0 };

    if (l->fetch) {
        fail(&err, CORAX_E_LIMIT, "a login or a renewal is under way: try again in a moment");
        done(arg, NULL, &err);
        return;
    }
    l->done = done;
    l->done_arg = arg;
    if (callback) {
        come_back(l, callback);
        return;
    }
    if (oauth_begin(&l->attempt, json_get_text(params, "redirect_uri", ""), &err) < 0) {
        end(l, NULL, &err);
        return;
    }
    l->step = RESOURCE;
    l->n_urls = oauth_resource_urls(l->url, &l->challenge, l->urls);
    l->next_url = 0;
    go_on(l);
}

bool login_can_refresh(const struct login *l)
{
    return l->tokens.refresh[0] && l->server.token_url[0] && l->client.id[0] && l->fetch == NULL && l->step != BROWSER;
}

void login_refresh(struct login *l, login_done *done, void *arg)
{
    struct buf body, authorization;

    l->done = done;
    l->done_arg = arg;
    l->step = REFRESH;
    buf_init(&body, 65536);
    buf_init(&authorization, 65536);
    if (l->given.id[0] && strcmp(l->given.id, l->client.id) == 0)
        snprintf(l->client.secret, sizeof(l->client.secret), "%s", l->given.secret);
    oauth_write_refresh(&l->client, l->tokens.refresh, l->resource.id, &body, &authorization);
    fetch(l, "POST", l->server.token_url, "application/x-www-form-urlencoded", &body, &authorization);
    buf_finish(&body);
    buf_finish(&authorization);
}

const char *login_token(const struct login *l)
{
    return l->tokens.access[0] ? l->tokens.access : NULL;
}

unsigned login_generation(const struct login *l)
{
    return l->generation;
}

void login_challenged(struct login *l, long status, const char *www_authenticate)
{
    oauth_read_challenge(www_authenticate, &l->challenge);
    if (status == 401)
        l->tokens.access[0] = '\0';
}

const char *login_why(const struct login *l)
{
    return l->challenge.error;
}

struct login *login_create(struct net *net, const char *url, const struct json *oauth, login_saved *saved, void *arg, struct err *err)
{
    struct login *l = calloc(1, sizeof(*l));

    if (l == NULL || strlen(url) >= sizeof(l->url)) {
        free(l);
        fail(err, CORAX_E_INTERNAL, "no memory, or the url is too long");
        return NULL;
    }
    l->net = net;
    l->saved = saved;
    l->saved_arg = arg;
    buf_init(&l->reply, MAX_REPLY);
    snprintf(l->url, sizeof(l->url), "%s", url);
    take(l->given.id, sizeof(l->given.id), oauth, "client_id");
    take(l->given.secret, sizeof(l->given.secret), oauth, "client_secret");
    take(l->metadata_url, sizeof(l->metadata_url), oauth, "client_metadata_url");
    take(l->given_issuer, sizeof(l->given_issuer), oauth, "issuer");
    if (strcmp(json_get_text(json_get(oauth, "saved"), "url", ""), url) == 0)
        read_saved(l, json_get(oauth, "saved"));
    return l;
}

void login_destroy(struct login *l)
{
    if (l == NULL)
        return;
    if (l->fetch)
        fetch_cancel(l->fetch);
    buf_finish(&l->reply);
    explicit_bzero(l, sizeof(*l));
    free(l);
}
