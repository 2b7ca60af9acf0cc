/*
 * oauth-t - the words of a login: challenges, metadata and whose they are, what is asked of a browser and what it may come back
 * with, tokens and how a client shows who it is.
 *
 * That all of it together lets corax in is seen by the official suite (make conformance-client).
 */
#include "daemon/oauth.h"

#include "tests/tap.h"

#define SERVER "https://as.example"

static const char good_server[] = "{\"issuer\":\"" SERVER "\",\"authorization_endpoint\":\"" SERVER "/authorize\",\"token_endpoint\":\"" SERVER
                                  "/token\",\"registration_endpoint\":\"" SERVER "/register\",\"code_challenge_methods_supported\":[\"S256\"],"
                                  "\"token_endpoint_auth_methods_supported\":[\"client_secret_post\",\"client_secret_basic\"],"
                                  "\"authorization_response_iss_parameter_supported\":true,\"scopes_supported\":[\"a\",\"offline_access\"]}";

static struct json *parse(const char *text)
{
    struct err err = { 0 };
    struct json *j = json_parse(text, strlen(text), &err);

    if (j == NULL)
        diag("%s", err.msg);
    return j;
}

static void test_challenges(void)
{
    static const struct {
        const char *header, *metadata, *scope, *error;
    } cases[] = {
        { "Bearer", "", "", "" },
        { "Bearer resource_metadata=\"https://a/b\", scope=\"x y\", error=invalid_token", "https://a/b", "x y", "invalid_token" },
        { "Basic realm=\"r\", bearer scope = \"a\\\"b\" ,error=\"e\"", "", "a\"b", "e" },
        { "Bearer scope=\"unended", "", "", "" },
        { "Bearer scope=\"a\" Digest error=no", "", "a", "" },
        { "Bearer =x, scope=y", "", "", "" },
        { "Bearer scope=\"caf\xc3\xa9\", error=ok", "", "", "ok" },
    };
    struct oauth_challenge c;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        ok(oauth_read_challenge(cases[i].header, &c), "a challenge: %s", cases[i].header);
        ok(strcmp(c.metadata_url, cases[i].metadata) == 0 && strcmp(c.scope, cases[i].scope) == 0 && strcmp(c.error, cases[i].error) == 0,
           "  says \"%s\" \"%s\" \"%s\"", c.metadata_url, c.scope, c.error);
    }
    ok(!oauth_read_challenge("Basic realm=\"Bearer\"", &c) && !oauth_read_challenge(NULL, &c) && !oauth_read_challenge("Bearerish", &c),
       "another scheme is none");
}

static void test_urls(void)
{
    char urls[OAUTH_N_URLS][OAUTH_MAX_URL];
    struct oauth_challenge c = { 0 };

    is_int((long long)oauth_resource_urls("https://a:1/x/mcp", NULL, urls), 2, "two places for a server's metadata");
    is_str(urls[0], "https://a:1/.well-known/oauth-protected-resource/x/mcp", "by its path first");
    is_str(urls[1], "https://a:1/.well-known/oauth-protected-resource", "then the root");
    is_int((long long)oauth_resource_urls("https://a", NULL, urls), 1, "one where it is the root");
    snprintf(c.metadata_url, sizeof(c.metadata_url), "https://a/said");
    is_int((long long)oauth_resource_urls("https://a/x", &c, urls), 1, "one where the server says so");
    is_str(urls[0], "https://a/said", "that one");
    is_int((long long)oauth_server_urls("https://a/t1/", urls), 3, "three for an issuer with a path");
    is_str(urls[0], "https://a/.well-known/oauth-authorization-server/t1", "OAuth's");
    is_str(urls[1], "https://a/.well-known/openid-configuration/t1", "OpenID's, as OAuth has it");
    is_str(urls[2], "https://a/t1/.well-known/openid-configuration", "and as OpenID has it");
    is_int((long long)oauth_server_urls("https://a", urls), 2, "two for one without");
}

static int resource_of(const char *id, const char *url)
{
    struct oauth_resource r;
    struct json *j;
    char text[600];
    int rc;

    snprintf(text, sizeof(text), "{\"resource\":\"%s\",\"authorization_servers\":[\"" SERVER "\"],\"scopes_supported\":[\"a\",\"b\",\"a\"]}", id);
    j = parse(text);
    rc = oauth_read_resource(j, url, &r, NULL);
    json_free(j);
    return rc == 0 && strcmp(r.id, id) == 0 && strcmp(r.scope, "a b") == 0 && strcmp(r.issuer, SERVER) == 0 ? 0 : -1;
}

static void test_resources(void)
{
    struct oauth_resource r;
    struct err err = { 0 };
    struct json *j = parse("{\"resource\":\"https://a/mcp\"}");

    is_int(resource_of("https://a/mcp", "https://a/mcp"), 0, "metadata of the server itself");
    is_int(resource_of("https://a", "https://a/mcp"), 0, "of its whole host, kept as it is written");
    is_int(resource_of("https://a/", "https://a/mcp"), 0, "the same with a slash");
    is_int(resource_of("https://a/m", "https://a/mcp"), -1, "not of a path that only begins the same");
    is_int(resource_of("https://a/mcp/x", "https://a/mcp"), -1, "nor of one below");
    is_int(resource_of("https://evil/mcp", "https://a/mcp"), -1, "nor of another host");
    is_int(resource_of("http://a/mcp", "https://a/mcp"), -1, "nor of another scheme");
    is_int(resource_of("https://a:8443/mcp", "https://a/mcp"), -1, "nor of another port");
    ok(oauth_read_resource(j, "https://a/mcp", &r, &err) == -1 && strstr(err.msg, "no authorization server"), "one that names no server is of no use");
    json_free(j);
}

static struct oauth_server read_server(void)
{
    struct json *j = parse(good_server);
    struct oauth_server s;

    if (oauth_read_server(j, SERVER, &s, NULL) < 0)
        ok(false, "the authorization server's metadata");
    json_free(j);
    return s;
}

static void test_servers(void)
{
    struct oauth_server s = read_server();
    struct err err = { 0 };
    struct json *j = parse(good_server);

    ok(s.sends_iss && s.offline && !s.takes_metadata && !s.methods[OAUTH_NONE] && s.methods[OAUTH_BASIC], "what an authorization server can");
    ok(oauth_read_server(j, SERVER "/", &s, &err) == -1 && err.status == CORAX_E_DENIED, "of another issuer it is not believed, be it a slash");
    json_free(j);
    j = parse("{\"issuer\":\"" SERVER "\",\"authorization_endpoint\":\"" SERVER "/a\",\"token_endpoint\":\"" SERVER "/t\"}");
    ok(oauth_read_server(j, SERVER, &s, &err) == -1 && strstr(err.msg, "PKCE"), "without PKCE it is not used");
    json_free(j);
    j = parse("{\"issuer\":\"" SERVER "\",\"authorization_endpoint\":\"javascript:alert(1)\",\"token_endpoint\":\"" SERVER "/t\"}");
    ok(oauth_read_server(j, SERVER, &s, &err) == -1 && strstr(err.msg, "no https URL"), "nor one whose page is none");
    json_free(j);
}

static void test_clients(void)
{
    struct oauth_server s = read_server();
    struct oauth_client c;
    struct err err = { 0 };
    struct buf text;
    struct json *j;

    buf_init(&text, 65536);
    oauth_write_registration(&s, "http://127.0.0.1:9/callback", &text);
    j = json_parse(text.data, text.len, &err);
    ok(j && strcmp(json_get_text(j, "application_type", ""), "native") == 0 && strcmp(json_get_text(j, "token_endpoint_auth_method", ""), "client_secret_basic") == 0,
       "a registration");
    json_free(j);
    j = parse("{\"client_id\":\"i\",\"client_secret\":\"s\"}");
    ok(oauth_read_client(j, &s, &c, &err) == 0 && c.method == OAUTH_BASIC, "a client with the method that was asked for");
    json_free(j);
    j = parse("{\"client_id\":\"i\",\"client_secret\":\"s\",\"token_endpoint_auth_method\":\"client_secret_post\"}");
    ok(oauth_read_client(j, &s, &c, &err) == 0 && c.method == OAUTH_POST, "or the one that was given");
    json_free(j);
    j = parse("{\"client_id\":\"i\",\"client_secret\":\"s\",\"token_endpoint_auth_method\":\"tls\"}");
    ok(oauth_read_client(j, &s, &c, &err) == -1, "or none that is known");
    json_free(j);
    j = parse("{\"client_id\":\"i\"}");
    ok(oauth_read_client(j, &s, &c, &err) == -1, "a secret that is to be shown and was not given");
    json_free(j);
    s.methods[OAUTH_NONE] = true;
    j = parse("{\"client_id\":\"i\"}");
    ok(oauth_read_client(j, &s, &c, &err) == 0 && c.method == OAUTH_NONE, "a client without a secret");
    json_free(j);
    is_int(oauth_choose_method(&s, false), OAUTH_NONE, "by hand: no secret, nothing to show");
    buf_finish(&text);
}

static void test_scopes(void)
{
    char scope[OAUTH_MAX_SCOPE] = "", long_one[OAUTH_MAX_SCOPE];

    ok(oauth_join_scopes(scope, " a  b ") && oauth_join_scopes(scope, "b c") && strcmp(scope, "a b c") == 0, "scopes are joined");
    memset(long_one, 'x', sizeof(long_one) - 1);
    long_one[sizeof(long_one) - 1] = '\0';
    ok(!oauth_join_scopes(scope, long_one) && strcmp(scope, "a b c") == 0, "as far as there is room");
}

static void test_browser(void)
{
    struct oauth_server s = read_server();
    struct oauth_client c = { .id = "my id" };
    struct oauth_attempt a, b;
    struct err err = { 0 };
    struct buf url;
    char code[OAUTH_MAX_ID], query[600];

    is_int(oauth_begin(&a, "http://127.0.0.1:9/callback", &err), 0, "a login begins");
    is_int(oauth_begin(&b, "http://127.0.0.1:9/callback", &err), 0, "and another");
    ok(strlen(a.state) == 43 && strlen(a.verifier) == 43 && strcmp(a.state, b.state) != 0 && strcmp(a.verifier, b.verifier) != 0,
       "with secrets of their own, 256 bits each");
    is_int(oauth_begin(&b, "javascript:alert(1)", &err), -1, "a redirect_uri that is no URL");
    snprintf(a.verifier, sizeof(a.verifier), "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    snprintf(a.scope, sizeof(a.scope), "a b");
    buf_init(&url, 65536);
    oauth_write_authorize_url(&s, &c, &a, "https://r/mcp", &url);
    has_str(url.data, SERVER "/authorize?response_type=code&client_id=my%20id&redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fcallback&state=", "what a browser opens");
    has_str(url.data, "&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256", "with the challenge of RFC 7636, appendix B");
    has_str(url.data, "&resource=https%3A%2F%2Fr%2Fmcp&scope=a%20b", "the resource and the scope");
    buf_finish(&url);

    snprintf(query, sizeof(query), "code=c%%2F1&iss=https%%3A%%2F%%2Fas.example&state=%s", a.state);
    ok(oauth_read_callback(query, &s, &a, code, &err) == 0 && strcmp(code, "c/1") == 0, "it comes back with a code");
    snprintf(query, sizeof(query), "code=c&iss=" SERVER "&state=%sx", a.state);
    is_int(oauth_read_callback(query, &s, &a, code, &err), -1, "with another state");
    snprintf(query, sizeof(query), "code=c&iss=" SERVER "&state=%s&state=%s", a.state, a.state);
    is_int(oauth_read_callback(query, &s, &a, code, &err), -1, "with two");
    is_int(oauth_read_callback("code=c&iss=" SERVER, &s, &a, code, &err), -1, "with none");
    snprintf(query, sizeof(query), "code=c&state=%s", a.state);
    is_int(oauth_read_callback(query, &s, &a, code, &err), -1, "without iss, which the server says it sends");
    snprintf(query, sizeof(query), "code=c&state=%s&iss=" SERVER "/", a.state);
    is_int(oauth_read_callback(query, &s, &a, code, &err), -1, "with an iss that is the same but for a slash");
    s.sends_iss = false;
    is_int(oauth_read_callback(query, &s, &a, code, &err), -1, "also where it does not say so");
    snprintf(query, sizeof(query), "code=c&state=%s", a.state);
    is_int(oauth_read_callback(query, &s, &a, code, &err), 0, "then without is good");
    snprintf(query, sizeof(query), "error=access_denied&state=%s", a.state);
    ok(oauth_read_callback(query, &s, &a, code, &err) == -1 && strstr(err.msg, "access_denied"), "with a no");
    snprintf(query, sizeof(query), "code=%%00&state=%s", a.state);
    is_int(oauth_read_callback(query, &s, &a, code, &err), -1, "with a NUL");
    a.state[0] = '\0';
    is_int(oauth_read_callback("code=c&state=", &s, &a, code, &err), -1, "when nothing was begun");
}

static void test_tokens(void)
{
    struct oauth_client c = { .id = "i d", .secret = "s:t", .method = OAUTH_BASIC };
    struct oauth_attempt a = { .verifier = "v", .redirect_uri = "http://127.0.0.1:9/callback" };
    struct oauth_tokens t;
    struct err err = { 0 };
    struct buf body, authorization;
    struct json *j;

    buf_init(&body, 65536);
    buf_init(&authorization, 65536);
    oauth_write_exchange(&c, &a, "c/1", "https://r", &body, &authorization);
    is_str(body.data, "grant_type=authorization_code&code=c%2F1&redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fcallback&code_verifier=v&resource=https%3A%2F%2Fr",
           "a code is exchanged");
    is_str(authorization.data, "Basic aSUyMGQ6cyUzQXQ=", "the client shows id and secret, each encoded");
    buf_reset(&body);
    buf_reset(&authorization);
    c.method = OAUTH_POST;
    oauth_write_refresh(&c, "r", "https://r", &body, &authorization);
    is_str(body.data, "grant_type=refresh_token&refresh_token=r&resource=https%3A%2F%2Fr&client_id=i%20d&client_secret=s%3At", "a token is renewed");
    is_int((long long)authorization.len, 0, "with the secret in the body");
    j = parse("{\"access_token\":\"t\",\"token_type\":\"bearer\",\"refresh_token\":\"r\",\"scope\":\"a\"}");
    ok(oauth_read_tokens(j, &t, &err) == 0 && strcmp(t.access, "t") == 0 && strcmp(t.refresh, "r") == 0 && strcmp(t.scope, "a") == 0, "tokens");
    json_free(j);
    j = parse("{\"access_token\":\"t\\r\\nX: y\",\"token_type\":\"Bearer\"}");
    is_int(oauth_read_tokens(j, &t, &err), -1, "a token that would be two headers");
    json_free(j);
    j = parse("{\"access_token\":\"t\",\"token_type\":\"mac\"}");
    is_int(oauth_read_tokens(j, &t, &err), -1, "of another type");
    json_free(j);
    j = parse("{\"error\":\"invalid_grant\",\"error_description\":\"old\"}");
    ok(oauth_read_tokens(j, &t, &err) == -1 && strstr(err.msg, "invalid_grant old"), "a no");
    json_free(j);
    buf_finish(&body);
    buf_finish(&authorization);
}

int main(void)
{
    plan_later();
    test_challenges();
    test_urls();
    test_resources();
    test_servers();
    test_clients();
    test_scopes();
    test_browser();
    test_tokens();
    done();
    return tap_status();
}
