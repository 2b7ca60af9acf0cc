/*
 * Rules sorted from strict to lenient, then by name: the first that matches is the verdict, so the order in which files
 * and rules were given cannot matter.  Everything that can be wrong with a file is found when it is loaded; deciding
 * cannot fail.
 */
#include "policies/policy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policies/match.h"
#include "util/arena.h"
#include "util/buf.h"
#include "util/id.h"

#define ARENA_LIMIT (64u << 20) /* POLICY_MAX_FILES * POLICY_MAX_RULES names and arguments fit */
#define ID_MAX      64          /* characters of an id: it goes into each decision of each trace */

struct rule {
    enum policy_decision decision;
    const char *id;   /* "pure-tools" */
    const char *name; /* "default/pure-tools" */
    const char *why;
    struct match match;
};

struct file {
    const char *id;
    struct json *root; /* rules point into it */
    const char *text;  /* the caller's, while loading only */
    size_t len;
};

struct policy {
    struct arena *arena;
    size_t n_files;
    struct file *files;
    size_t n_rules, rules_cap;
    struct rule *rules;
    char hash[2 * HASH_LEN + 1];
};

static const char *const decision_names[] = { "allow", "ask", "deny" };

const char *policy_decision_name(enum policy_decision decision)
{
    return decision_names[decision];
}

const char *policy_hash(const struct policy *p)
{
    return p->hash;
}

/* --- deciding --------------------------------------------------------------------------------------------------- */

static struct policy_verdict decide(const struct rule *rules, size_t n, const struct policy_request *request)
{
    for (size_t i = 0; i < n; i++) {
        const struct rule *r = &rules[i];

        if (match_holds(&r->match, request, r->decision != POLICY_ALLOW))
            return (struct policy_verdict){ .decision = r->decision, .rule = r->name, .why = r->why };
    }
    return (struct policy_verdict){ .decision = POLICY_DENY, .rule = "none", .why = "no policy rule allows this call" };
}

struct policy_verdict policy_decide(const struct policy *p, const struct policy_request *request)
{
    return decide(p->rules, p->n_rules, request);
}

/* --- reading rules ---------------------------------------------------------------------------------------------- */

static int no_memory(struct err *err)
{
    return fail(err, CORAX_E_INTERNAL, "no memory");
}

static bool is_id(const char *s)
{
    size_t n = s ? strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-_") : 0;

    return n > 0 && n <= ID_MAX && s[n] == '\0';
}

/* The decision is the key that holds the pattern: allow, ask or deny.  -1 when the key is none of them. */
static int find_decision(const char *key)
{
    for (int d = POLICY_ALLOW; d <= POLICY_DENY; d++)
        if (strcmp(key, decision_names[d]) == 0)
            return d;
    return -1;
}

static int read_rule_keys(const struct json *j, struct rule *r, const char **pattern, const struct json **when,
                          struct err *err)
{
    for (const struct json *m = json_first(j); m; m = json_next(m)) {
        const char *key = json_key(m);
        int decision = find_decision(key);

        if (decision >= 0) {
            if (*pattern)
                return fail(err, CORAX_E_ARGS, "a rule has one of allow, ask, deny, not two");
            if (!(*pattern = json_text(m)))
                return fail(err, CORAX_E_ARGS, "%s is not a pattern on \"plugin.tool\"", key);
            r->decision = (enum policy_decision)decision;
        } else if (strcmp(key, "why") == 0) {
            r->why = json_text(m);
        } else if (strcmp(key, "when") == 0) {
            *when = m;
        } else if (strcmp(key, "id") != 0) {
            return fail(err, CORAX_E_ARGS, "key \"%.60s\" is unknown: id, allow, ask, deny, when, why are known", key);
        }
    }
    if (!*pattern)
        return fail(err, CORAX_E_ARGS, "allow, ask or deny is missing");
    if (!r->why || r->why[0] == '\0')
        return fail(err, CORAX_E_ARGS, "why is missing: a sentence for people and for the model");
    return 0;
}

static int read_rule(struct policy *p, const char *file_id, const struct json *j, size_t number, struct err *err)
{
    struct rule *r = &p->rules[p->n_rules];
    const char *pattern = NULL;
    const struct json *when = NULL;

    *r = (struct rule){ .id = json_get_text(j, "id", NULL) };
    if (json_kind(j) != JSON_OBJECT || !is_id(r->id))
        return fail(err, CORAX_E_ARGS, "rule %zu: id is not 1 to %d of a-z 0-9 - _", number, ID_MAX);
    if (read_rule_keys(j, r, &pattern, &when, err) < 0 || match_read(&r->match, p->arena, pattern, when, err) < 0)
        return err_context(err, "rule %s", r->id);
    r->name = arena_printf(p->arena, "%s/%s", file_id, r->id);
    if (!r->name)
        return no_memory(err);
    p->n_rules++;
    return 0;
}

static int compare_rules(const void *a, const void *b)
{
    const struct rule *x = a, *y = b;

    if (x->decision != y->decision)
        return x->decision > y->decision ? -1 : 1;
    return strcmp(x->name, y->name);
}

static int check_pair(const struct rule *a, const struct rule *b, struct err *err)
{
    if (strcmp(a->id, b->id) == 0)
        return fail(err, CORAX_E_ARGS, "rule %s: this id is there twice", a->id);
    if (a->decision >= b->decision && match_covers(&a->match, &b->match))
        return fail(err, CORAX_E_ARGS, "rule %s can never win: rule %s (%s) matches whatever it matches", b->id, a->id,
                    policy_decision_name(a->decision));
    return 0;
}

static int check_rules(const struct rule *rules, size_t n, struct err *err)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++)
            if (i != k && check_pair(&rules[i], &rules[k], err) < 0)
                return -1;
    return 0;
}

static int read_rules(struct policy *p, const char *file_id, const struct json *list, struct err *err)
{
    size_t n = json_count(list), first = p->n_rules, number = 0;

    if (json_kind(list) != JSON_ARRAY)
        return fail(err, CORAX_E_ARGS, "rules is missing or not a list");
    if (n > POLICY_MAX_RULES)
        return fail(err, CORAX_E_LIMIT, "%zu rules: a file has at most %d", n, POLICY_MAX_RULES);
    if (first + n > p->rules_cap) {
        struct rule *grown = realloc(p->rules, (first + n) * sizeof(*grown));

        if (!grown)
            return no_memory(err);
        p->rules = grown;
        p->rules_cap = first + n;
    }
    for (const struct json *j = json_first(list); j; j = json_next(j))
        if (read_rule(p, file_id, j, ++number, err) < 0)
            return -1;
    if (n == 0)
        return 0;
    qsort(&p->rules[first], n, sizeof(struct rule), compare_rules);
    return check_rules(&p->rules[first], n, err);
}

/* --- inline tests ----------------------------------------------------------------------------------------------- */

/* Splits "plugin.tool" at the first dot into *request; the plugin's name is put into provider. */
static int read_tool(const struct json *j, char *provider, size_t size, struct policy_request *request, struct err *err)
{
    const char *tool = json_text(j);
    const char *dot = tool ? strchr(tool, '.') : NULL;

    if (!dot || dot == tool || dot[1] == '\0' || (size_t)(dot - tool) >= size)
        return fail(err, CORAX_E_ARGS, "call: tool is not \"plugin.tool\"");
    memcpy(provider, tool, (size_t)(dot - tool));
    provider[dot - tool] = '\0';
    request->provider = provider;
    request->tool = dot + 1;
    return 0;
}

static int read_call(const struct json *call, char *provider, size_t size, struct policy_request *request,
                     struct err *err)
{
    *request = (struct policy_request){ 0 };
    for (const struct json *m = json_first(call); m; m = json_next(m)) {
        const char *key = json_key(m);
        int bad = 0;

        if (!key)
            break;
        if (strcmp(key, "tool") == 0)
            bad = read_tool(m, provider, size, request, err);
        else if (strcmp(key, "effects") == 0)
            bad = match_read_effects(m, "call: effects", &request->effects, err);
        else if (strcmp(key, "traits") == 0)
            bad = match_read_traits(m, "call: traits", &request->traits, err);
        else if (strcmp(key, "args") == 0 && json_kind(m) == JSON_OBJECT)
            request->args = m;
        else if (strcmp(key, "args") == 0)
            bad = fail(err, CORAX_E_ARGS, "call: args is not an object");
        else
            bad = fail(err, CORAX_E_ARGS, "call: key \"%.60s\" is unknown: tool, effects, traits, args are known", key);
        if (bad)
            return -1;
    }
    return request->tool ? 0 : fail(err, CORAX_E_ARGS, "call is missing or has no tool");
}

/* Whether the verdict is by the rule that the test names. */
static bool is_by(const struct json *rule, const struct policy_verdict *v)
{
    const char *slash = strchr(v->rule, '/');

    if (json_kind(rule) == JSON_NULL)
        return !slash;
    return slash && strcmp(slash + 1, json_text(rule)) == 0;
}

static int run_test(const struct rule *rules, size_t n, const struct json *test, struct err *err)
{
    const struct json *rule = json_get(test, "rule");
    const char *want = json_get_text(test, "want", NULL);
    struct policy_request request;
    struct policy_verdict verdict;
    char provider[256];

    if (json_kind(test) != JSON_OBJECT)
        return fail(err, CORAX_E_ARGS, "not an object");
    for (const struct json *m = json_first(test); m; m = json_next(m))
        if (strcmp(json_key(m), "want") != 0 && strcmp(json_key(m), "rule") != 0 && strcmp(json_key(m), "call") != 0)
            return fail(err, CORAX_E_ARGS, "key \"%.60s\" is unknown: want, rule, call are known", json_key(m));
    if (!want || find_decision(want) < 0)
        return fail(err, CORAX_E_ARGS, "want is not allow, ask or deny");
    if (rule && json_kind(rule) != JSON_STRING && json_kind(rule) != JSON_NULL)
        return fail(err, CORAX_E_ARGS, "rule is neither a rule's id nor null");
    if (read_call(json_get(test, "call"), provider, sizeof(provider), &request, err) < 0)
        return -1;
    verdict = decide(rules, n, &request);
    if (find_decision(want) != (int)verdict.decision || (rule && !is_by(rule, &verdict)))
        return fail(err, CORAX_E_ARGS, "%.60s.%.60s gives %s by %.70s, not what the test wants", request.provider,
                    request.tool, policy_decision_name(verdict.decision), verdict.rule);
    return 0;
}

static int run_tests(const struct rule *rules, size_t n, const struct json *tests, struct err *err)
{
    size_t number = 0;

    if (tests && json_kind(tests) != JSON_ARRAY)
        return fail(err, CORAX_E_ARGS, "tests is not a list");
    for (const struct json *t = tests ? json_first(tests) : NULL; t; t = json_next(t)) {
        number++;
        if (run_test(rules, n, t, err) < 0)
            return err_context(err, "test %zu", number);
    }
    return 0;
}

/* --- files ------------------------------------------------------------------------------------------------------ */

static int check_head(const struct policy *p, const struct json *root, const char **id, struct err *err)
{
    int64_t version;

    if (json_kind(root) != JSON_OBJECT)
        return fail(err, CORAX_E_ARGS, "not an object");
    for (const struct json *m = json_first(root); m; m = json_next(m)) {
        const char *key = json_key(m);

        if (strcmp(key, "policy") != 0 && strcmp(key, "id") != 0 && strcmp(key, "rules") != 0 &&
            strcmp(key, "tests") != 0)
            return fail(err, CORAX_E_ARGS, "key \"%.60s\" is unknown: policy, id, rules, tests are known", key);
    }
    if (json_int(json_get(root, "policy"), "policy", &version, NULL) < 0 || version != 1)
        return fail(err, CORAX_E_ARGS, "policy is not 1, the only version there is");
    *id = json_get_text(root, "id", NULL);
    if (!is_id(*id))
        return fail(err, CORAX_E_ARGS, "id is not 1 to %d of a-z 0-9 - _", ID_MAX);
    for (size_t i = 0; i < p->n_files; i++)
        if (strcmp(p->files[i].id, *id) == 0)
            return fail(err, CORAX_E_ARGS, "another file has the id %s too", *id);
    return 0;
}

/* Adds a file; what it added stays for policy_destroy when it fails. */
static int load_file(struct policy *p, const struct policy_file *given, struct err *err)
{
    size_t first = p->n_rules;
    struct json *root;
    struct file *file;
    const char *id = NULL;

    if (given->len > POLICY_MAX_FILE_BYTES)
        return fail(err, CORAX_E_LIMIT, "%zu bytes: a policy file has at most %u", given->len, POLICY_MAX_FILE_BYTES);
    root = json_parse(given->text, given->len, err);
    if (!root)
        return -1;
    if (check_head(p, root, &id, err) < 0) {
        json_free(root);
        return -1;
    }
    file = &p->files[p->n_files++];
    *file = (struct file){ .id = id, .root = root, .text = given->text, .len = given->len };
    if (read_rules(p, id, json_get(root, "rules"), err) < 0)
        return -1;
    return run_tests(p->rules ? p->rules + first : NULL, p->n_rules - first, json_get(root, "tests"), err);
}

static int compare_files(const void *a, const void *b)
{
    return strcmp(((const struct file *)a)->id, ((const struct file *)b)->id);
}

/* An id ends with a NUL and a text holds none, so the bytes have one reading only. */
static int hash_files(struct policy *p, struct err *err)
{
    unsigned char hash[HASH_LEN];
    struct buf all;
    int result = 0;

    buf_init(&all, (size_t)POLICY_MAX_FILES * (POLICY_MAX_FILE_BYTES + ID_MAX + 2));
    for (size_t i = 0; i < p->n_files; i++) {
        buf_add(&all, p->files[i].id, strlen(p->files[i].id) + 1);
        buf_add(&all, p->files[i].text, p->files[i].len);
        buf_addc(&all, '\0');
        p->files[i].text = NULL;
    }
    if (all.failed) {
        result = no_memory(err);
    } else {
        hash_bytes(all.data, all.len, hash);
        hash_format(hash, p->hash);
    }
    buf_finish(&all);
    return result;
}

struct policy *policy_load(const struct policy_file *files, size_t n, struct err *err)
{
    struct policy *p = calloc(1, sizeof(*p));

    if (!p || !(p->arena = arena_create(ARENA_LIMIT)) || !(p->files = calloc(n + 1, sizeof(*p->files)))) {
        no_memory(err);
        goto bad;
    }
    if (n > POLICY_MAX_FILES) {
        fail(err, CORAX_E_LIMIT, "%zu policy files: at most %d are read", n, POLICY_MAX_FILES);
        goto bad;
    }
    for (size_t i = 0; i < n; i++)
        if (load_file(p, &files[i], err) < 0) {
            err_context(err, "%.80s", files[i].name);
            goto bad;
        }
    if (p->n_rules > 0)
        qsort(p->rules, p->n_rules, sizeof(*p->rules), compare_rules);
    qsort(p->files, p->n_files, sizeof(*p->files), compare_files);
    if (hash_files(p, err) == 0)
        return p;
bad:
    policy_destroy(p);
    return NULL;
}

void policy_destroy(struct policy *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->n_files; i++)
        json_free(p->files[i].root);
    free(p->files);
    free(p->rules);
    arena_destroy(p->arena);
    free(p);
}

/* Whoever may write the file decides what tools may do: only root and we ourselves. */
static int check_owner(int fd, struct err *err)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return fail_sys(err, CORAX_E_IO, "fstat");
    if (!S_ISREG(st.st_mode))
        return fail(err, CORAX_E_ARGS, "not a regular file");
    if (st.st_uid != 0 && st.st_uid != geteuid())
        return fail(err, CORAX_E_ARGS, "owned by uid %u: a policy file belongs to root or to uid %u",
                    (unsigned)st.st_uid, (unsigned)geteuid());
    if (st.st_mode & (S_IWGRP | S_IWOTH))
        return fail(err, CORAX_E_ARGS, "group or others may write it (mode %03o): chmod go-w",
                    (unsigned)st.st_mode & 0777);
    return 0;
}

static int read_all(int fd, struct buf *out, struct err *err)
{
    char piece[16384];
    ssize_t n;

    while ((n = read(fd, piece, sizeof(piece))) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_sys(err, CORAX_E_IO, "read");
        buf_add(out, piece, (size_t)n);
        if (out->failed)
            return fail(err, CORAX_E_LIMIT, "more than %u bytes", POLICY_MAX_FILE_BYTES);
    }
    return 0;
}

/* The checks are on the descriptor that is read, so nobody can put another file there in between. */
static int read_file(const char *path, struct buf *out, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int result;

    if (fd < 0)
        return fail_sys(err, errno == ENOENT ? CORAX_E_NOTFOUND : CORAX_E_IO, "open");
    result = check_owner(fd, err);
    if (result == 0)
        result = read_all(fd, out, err);
    close(fd);
    return result;
}

struct policy *policy_load_paths(const char *const *paths, size_t n, struct err *err)
{
    struct policy_file files[POLICY_MAX_FILES] = { 0 };
    struct buf texts[POLICY_MAX_FILES];
    struct policy *p = NULL;
    size_t n_read = 0;

    if (n > POLICY_MAX_FILES) {
        fail(err, CORAX_E_LIMIT, "%zu policy files: at most %d are read", n, POLICY_MAX_FILES);
        return NULL;
    }
    while (n_read < n) {
        struct buf *text = &texts[n_read];

        buf_init(text, POLICY_MAX_FILE_BYTES);
        n_read++;
        if (read_file(paths[n_read - 1], text, err) < 0) {
            err_context(err, "%.80s", paths[n_read - 1]);
            goto out;
        }
        files[n_read - 1] = (struct policy_file){ .name = paths[n_read - 1], .text = text->data, .len = text->len };
    }
    p = policy_load(files, n, err);
out:
    while (n_read > 0)
        buf_finish(&texts[--n_read]);
    return p;
}
