#include "daemon/policies.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/id.h"

#define MAX_USERS 1000

struct user_policy {
    uint32_t uid;
    struct policy *policy;
};

struct policies {
    int n_holders;
    struct policy *base, *admin; /* admin NULL: none */
    size_t n_users;
    struct user_policy *users;
};

struct policies *policies_hold(struct policies *p)
{
    if (p)
        p->n_holders++;
    return p;
}

void policies_release(struct policies *p)
{
    if (p == NULL || --p->n_holders > 0)
        return;
    policy_destroy(p->base);
    policy_destroy(p->admin);
    for (size_t i = 0; i < p->n_users; i++)
        policy_destroy(p->users[i].policy);
    free(p->users);
    free(p);
}

/* "1000.json" */
static bool read_uid(const char *file, uint32_t *uid)
{
    char *end;
    const unsigned long n = strtoul(file, &end, 10);

    *uid = (uint32_t)n;
    return file[0] >= '0' && file[0] <= '9' && (file[0] != '0' || file[1] == '.') && n < UINT32_MAX && strcmp(end, ".json") == 0;
}

static int add_user(struct policies *p, const char *dir, const char *file, struct err *err)
{
    struct user_policy *u;
    char path[600];
    const char *paths[] = { path };
    uint32_t uid;

    if (!read_uid(file, &uid))
        return 0;
    if (p->n_users == MAX_USERS)
        return fail(err, CORAX_E_LIMIT, "user_policies: more than %d in %s", MAX_USERS, dir);
    snprintf(path, sizeof(path), "%.500s/%s", dir, file);
    u = realloc(p->users, (p->n_users + 1) * sizeof(*u));
    if (u == NULL)
        return fail(err, CORAX_E_INTERNAL, "no memory");
    p->users = u;
    u[p->n_users].uid = uid;
    if ((u[p->n_users].policy = policy_load_paths(paths, 1, POLICY_NARROWS, err)) == NULL)
        return -1;
    p->n_users++;
    return 0;
}

static int load_users(struct policies *p, const char *dir, struct err *err)
{
    DIR *d = opendir(dir);
    const struct dirent *e;
    int rc = 0;

    if (d == NULL)
        return fail_sys(err, CORAX_E_NOTFOUND, "user_policies: %s", dir);
    while (rc == 0 && (e = readdir(d)) != NULL)
        rc = add_user(p, dir, e->d_name, err);
    closedir(d);
    return rc;
}

struct policies *policies_load(const struct config *c, struct err *err)
{
    struct policies *p = calloc(1, sizeof(*p));

    if (p == NULL) {
        fail(err, CORAX_E_INTERNAL, "no memory");
        return NULL;
    }
    p->n_holders = 1;
    p->base = policy_load_paths((const char *const *)c->policies.at, c->policies.n, POLICY_BASE, err);
    if (p->base && c->admin_policies.n > 0)
        p->admin = policy_load_paths((const char *const *)c->admin_policies.at, c->admin_policies.n, POLICY_NARROWS, err);
    if (p->base == NULL || (c->admin_policies.n > 0 && p->admin == NULL) ||
        (c->user_policies && load_users(p, c->user_policies, err) < 0)) {
        policies_release(p);
        return NULL;
    }
    return p;
}

size_t policies_layers(const struct policies *p, uint32_t uid, const struct policy *own,
                       const struct policy *layers[POLICY_MAX_LAYERS])
{
    layers[0] = p->base;
    layers[1] = p->admin;
    layers[2] = NULL;
    for (size_t i = 0; i < p->n_users; i++)
        if (p->users[i].uid == uid)
            layers[2] = p->users[i].policy;
    layers[3] = own;
    return 4;
}

const char *policies_layer_name(size_t i)
{
    static const char *const names[] = { "base", "admin", "user", "task" };

    return names[i];
}

void policies_hash(const struct policies *p, uint32_t uid, const struct policy *own, char out[65])
{
    const struct policy *layers[POLICY_MAX_LAYERS];
    const size_t n = policies_layers(p, uid, own, layers);
    unsigned char hash[HASH_LEN];
    char all[POLICY_MAX_LAYERS * 65];
    size_t len = 0, n_layers = 0;

    for (size_t i = 0; i < n; i++) {
        /* Which layer a text stands in makes a difference. */
        memcpy(all + len, layers[i] ? policy_hash(layers[i]) : "-", layers[i] ? 64 : 1);
        len += layers[i] ? 64 : 1;
        n_layers += layers[i] != NULL;
    }
    if (n_layers == 1) {
        memcpy(out, policy_hash(p->base), 65);
        return;
    }
    hash_bytes(all, len, hash);
    hash_format(hash, out);
}

static void print_file(const struct json *j, struct buf *text, struct policy_file *file)
{
    struct jsonw w;

    buf_init(text, POLICY_MAX_FILE_BYTES);
    w = jsonw_start(text);
    jsonw_value(&w, NULL, j);
    *file = (struct policy_file){ .name = "policy", .text = text->data, .len = text->len };
}

struct policy *policies_narrowing(const struct json *of_agent, const struct json *of_task, struct err *err)
{
    const struct json *given[] = { of_agent, of_task };
    struct policy_file files[2];
    struct policy *p = NULL;
    struct buf texts[2];
    bool failed = false;
    size_t n = 0;

    for (size_t i = 0; i < 2; i++) {
        if (given[i] == NULL)
            continue;
        print_file(given[i], &texts[n], &files[n]);
        failed |= texts[n++].failed;
    }
    if (failed)
        fail(err, CORAX_E_LIMIT, "policy: more than %u bytes", POLICY_MAX_FILE_BYTES);
    else
        p = policy_load(files, n, POLICY_NARROWS, err);
    while (n > 0)
        buf_finish(&texts[--n]);
    return p;
}

int policies_check_narrowing(const struct json *of_agent, const struct json *of_task, struct err *err)
{
    struct policy *p = policies_narrowing(of_agent, of_task, err);

    policy_destroy(p);
    return p ? 0 : -1;
}
