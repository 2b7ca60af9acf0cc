/*
 * What a schema is called and what references mean: $schema, $id, anchors, and $ref, which waits until all of its document
 * is compiled.  A document that nobody handed over is an error, never a request to the network.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/jsonschema_node.h"
#include "util/uri.h"

#define MAX_URI    2000      /* bytes: each name in a resource is kept with its URI */
#define MAX_LOOKED 50000000u /* members that are looked at to follow pointers: about a second */

/* ---- tables ----------------------------------------------------------------------------------------------------- */

static uint64_t hash_key(const void *key, bool is_text)
{
    uint64_t hash = 0xcbf29ce484222325;

    if (!is_text) {
        hash = (uint64_t)(uintptr_t)key * 0x9e3779b97f4a7c15;
        return hash ^ hash >> 32;
    }
    for (const unsigned char *p = key; *p; p++)
        hash = (hash ^ *p) * 0x100000001b3;
    return hash ^ hash >> 32;
}

/* The key's slot, or the free one where it would go. */
static struct slot *find_slot(const struct table *t, const void *key, bool is_text, uint64_t hash)
{
    size_t at = (size_t)hash & (t->cap - 1);

    while (t->slots[at].node) {
        const struct slot *s = &t->slots[at];

        if (s->hash == hash && (is_text ? strcmp(s->key, key) == 0 : s->key == key))
            break;
        at = (at + 1) & (t->cap - 1);
    }
    return &t->slots[at];
}

struct node *table_find(const struct table *t, const void *key, bool is_text)
{
    return t->cap ? find_slot(t, key, is_text, hash_key(key, is_text))->node : NULL;
}

static bool grow(struct table *t, bool is_text)
{
    struct table bigger = { .n = t->n, .cap = t->cap ? 2 * t->cap : 64 };

    bigger.slots = calloc(bigger.cap, sizeof(*bigger.slots));
    if (!bigger.slots)
        return false;
    for (size_t i = 0; i < t->cap; i++)
        if (t->slots[i].node)
            *find_slot(&bigger, t->slots[i].key, is_text, t->slots[i].hash) = t->slots[i];
    free(t->slots);
    *t = bigger;
    return true;
}

bool table_add(struct table *t, const void *key, bool is_text, struct node *node)
{
    const uint64_t hash = hash_key(key, is_text);
    struct slot *slot;

    if (2 * (t->n + 1) > t->cap && !grow(t, is_text))
        return false;
    slot = find_slot(t, key, is_text, hash);
    if (!slot->node) {
        *slot = (struct slot){ key, hash, node };
        t->n++;
    }
    return true;
}

/* ---- drafts ----------------------------------------------------------------------------------------------------- */

static bool same_uri(const char *a, const char *b)
{
    size_t n = strcspn(a, "#");

    return strlen(b) == n && strncmp(a, b, n) == 0 && (!a[n] || !a[n + 1]);
}

static const char *without_scheme(const char *uri)
{
    return strncmp(uri, "http://", 7) == 0 ? uri + 7 : strncmp(uri, "https://", 8) == 0 ? uri + 8 : uri;
}

/* 0: none that we know. */
static unsigned draft_of(const char *uri)
{
    static const struct {
        const char *uri;
        unsigned draft;
    } known[] = {
        { "json-schema.org/draft-04/schema", DRAFT_4 },         { "json-schema.org/draft-06/schema", DRAFT_6 },
        { "json-schema.org/draft-07/schema", DRAFT_7 },         { "json-schema.org/draft/2019-09/schema", DRAFT_2019 },
        { "json-schema.org/draft/2020-12/schema", DRAFT_2020 },
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (same_uri(without_scheme(uri), known[i].uri))
            return known[i].draft;
    return 0;
}

static const struct jsonschema_document *find_document(const struct compiler *c, const char *uri)
{
    for (size_t i = 0; i < c->options->n_documents; i++)
        if (same_uri(uri, c->options->documents[i].uri))
            return &c->options->documents[i];
    return NULL;
}

static unsigned vocabularies_of(const struct json *vocabulary)
{
    static const struct {
        const char *name;
        unsigned bits;
    } known[] = {
        { "applicator", VOCABULARY_APPLICATOR },
        { "unevaluated", VOCABULARY_UNEVALUATED },
        { "validation", VOCABULARY_VALIDATION },
    };
    unsigned bits = 0;

    if (json_kind(vocabulary) != JSON_OBJECT)
        return VOCABULARY_ALL;
    for (const struct json *v = json_first(vocabulary); v; v = json_next(v)) {
        const char *name = strrchr(json_key(v), '/');

        for (size_t i = 0; name && i < sizeof(known) / sizeof(*known); i++)
            if (strcmp(name + 1, known[i].name) == 0)
                bits |= known[i].bits;
        if (strstr(json_key(v), "2019-09/vocab/applicator")) /* where they stood in that draft */
            bits |= VOCABULARY_UNEVALUATED;
    }
    return bits;
}

/* A metaschema of somebody's own counts when it was handed over; else we do not know what it says. */
static int read_dialect(struct compiler *c, const char *uri, struct resource *r)
{
    const struct jsonschema_document *d;
    unsigned draft = draft_of(uri);
    struct json *json;
    const char *meta;

    r->vocabularies = VOCABULARY_ALL;
    r->draft = draft ? draft : DRAFT_MIXED;
    if (!draft && c->dialect_uri && strcmp(c->dialect_uri, uri) == 0) {
        r->vocabularies = c->dialect.vocabularies;
        r->draft = c->dialect.draft;
        return 0;
    }
    d = draft ? NULL : find_document(c, uri);
    if (!d)
        return 0;
    if (d->len > SCHEMA_MAX_BYTES)
        return fail(c->err, CORAX_E_LIMIT, "schema: %.100s: more than %u bytes", uri, SCHEMA_MAX_BYTES);
    json = json_parse_large(d->text, d->len, SCHEMA_MAX_VALUES, c->err);
    if (!json)
        return err_context(c->err, "schema: %.100s", uri);
    meta = json_get_text(json, "$schema", "");
    r->draft = draft_of(meta) ? draft_of(meta) : DRAFT_MIXED;
    r->vocabularies = vocabularies_of(json_get(json, "$vocabulary"));
    json_free(json);
    c->dialect = *r;
    c->dialect_uri = uri;
    return 0;
}

/* ---- names ------------------------------------------------------------------------------------------------------ */

/* What a schema says of itself. */
struct heads {
    const struct json *schema, *id, *old_id, *ref, *anchor, *dynamic_anchor, *recursive_anchor;
};

static struct heads read_heads(const struct json *json)
{
    struct heads h = { 0 };

    for (const struct json *v = json_first(json); v; v = json_next(v)) {
        const char *key = json_key(v);

        if (key[0] == 'i' && strcmp(key, "id") == 0)
            h.old_id = v;
        if (key[0] != '$')
            continue;
        if (strcmp(key, "$schema") == 0)
            h.schema = v;
        else if (strcmp(key, "$id") == 0)
            h.id = v;
        else if (strcmp(key, "$ref") == 0)
            h.ref = v;
        else if (strcmp(key, "$anchor") == 0)
            h.anchor = v;
        else if (strcmp(key, "$dynamicAnchor") == 0)
            h.dynamic_anchor = v;
        else if (strcmp(key, "$recursiveAnchor") == 0)
            h.recursive_anchor = v;
    }
    return h;
}

static bool is_old(unsigned draft)
{
    return draft & (DRAFT_4 | DRAFT_6 | DRAFT_7);
}

bool schema_ref_stands_alone(const struct node *node)
{
    return is_old(node->resource->draft) && json_kind(json_get(node->json, "$ref")) == JSON_STRING;
}

/* Of texts "uri#name" and the like, or NULL with the error. */
static char *keep(struct compiler *c, struct buf *text)
{
    char *copy = text->failed ? NULL : arena_strndup(c->js->arena, text->data, text->len);

    if (!copy)
        schema_fail_memory(c->err);
    return copy;
}

static int add_name(struct compiler *c, const char *uri, const char *separator, const char *name, struct node *node)
{
    const char *key = arena_printf(c->js->arena, "%s%s%s", uri, separator, name);

    return key && table_add(&c->by_uri, key, true, node) ? 0 : schema_fail_memory(c->err);
}

int schema_name_definition(struct compiler *c, const struct node *root, const char *keyword, const char *name,
                           struct node *node)
{
    char separator[20];

    if (root->json != root->resource->json || strpbrk(name, "~/"))
        return 0;
    snprintf(separator, sizeof(separator), "#/%s/", keyword);
    return add_name(c, root->resource->uri, separator, name, node);
}

/* The id that counts, or NULL.  In a schema that names no draft, `id` may well be somebody's own keyword. */
static const struct json *choose_id(const struct heads *h, unsigned draft, bool is_root)
{
    const char *old_id = json_text(h->old_id);

    if (!is_root && h->ref && is_old(draft))
        return NULL;
    if (draft & DRAFT_4)
        return old_id ? h->old_id : NULL;
    if (h->id || !(draft & DRAFT_MIXED))
        return h->id;
    return old_id && (is_root || old_id[0] == '#') ? h->old_id : NULL;
}

static int start_resource(struct compiler *c, struct node *node, const struct resource *around, const char *uri,
                          const char *id, struct resource *r)
{
    const char *base = around ? around->uri : uri;
    struct buf text;

    if (strlen(base) + strlen(id) > MAX_URI)
        return schema_fail(c, node->schema.pointer, "$id has more than %d bytes", MAX_URI);
    buf_init(&text, MAX_URI + 10);
    uri_resolve(base, id, strcspn(id, "#"), &text);
    r->json = node->json;
    r->uri = keep(c, &text);
    buf_finish(&text);
    if (!r->uri || add_name(c, r->uri, "", "", node) < 0)
        return -1;
    return around ? 0 : add_name(c, uri, "", "", node);
}

static int add_dynamic_anchor(struct compiler *c, struct resource *r, const char *name, struct node *node)
{
    struct dynamic_anchor *a = arena_alloc(c->js->arena, sizeof(*a));

    if (!a)
        return schema_fail_memory(c->err);
    *a = (struct dynamic_anchor){ name, node, r->anchors };
    r->anchors = a;
    node->anchor = name;
    return 0;
}

static int add_anchors(struct compiler *c, struct node *node, const struct heads *h)
{
    struct resource *r = (struct resource *)node->resource; /* the arena's, so ours to write */
    const struct json *const named[] = { h->anchor, h->dynamic_anchor };

    for (size_t i = 0; i < 2; i++) {
        if (!named[i] || !(r->draft & (i ? DRAFT_2020 | DRAFT_MIXED : DRAFT_2019 | DRAFT_2020 | DRAFT_MIXED)))
            continue;
        if (!json_text(named[i]))
            return schema_fail(c, node->schema.pointer, "%s is not a string", json_key(named[i]));
        if (add_name(c, r->uri, "#", json_text(named[i]), node) < 0 ||
            (i && add_dynamic_anchor(c, r, json_text(named[i]), node) < 0))
            return -1;
    }
    if (r->draft & DRAFT_2019 && node->json == r->json && json_bool(h->recursive_anchor, false))
        return add_dynamic_anchor(c, r, "", node);
    return 0;
}

/* An id of the older drafts may be nothing but an anchor. */
static int add_id_anchor(struct compiler *c, struct node *node, const struct json *id)
{
    const char *hash = strchr(json_text(id), '#');

    if (!hash || !hash[1] || (hash[1] == '/' && node->resource->draft & ~(DRAFT_2019 | DRAFT_2020)))
        return 0;
    if (node->resource->draft & (DRAFT_2019 | DRAFT_2020))
        return schema_fail(c, node->schema.pointer, "%s has a fragment; that is $anchor", json_key(id));
    return add_name(c, node->resource->uri, "#", hash + 1, node);
}

int schema_identify(struct compiler *c, struct node *node, const struct resource *around, const char *uri)
{
    const struct heads h = read_heads(node->json);
    struct resource r = { .draft = around ? around->draft : DRAFT_MIXED,
                          .vocabularies = around ? around->vocabularies : VOCABULARY_ALL };
    const struct json *id;
    bool is_resource;

    if (h.schema && !json_text(h.schema))
        return schema_fail(c, node->schema.pointer, "$schema is not a string");
    if (h.schema && (!around || choose_id(&h, r.draft, false)) && read_dialect(c, json_text(h.schema), &r) < 0)
        return -1;
    id = choose_id(&h, r.draft, !around);
    if (id && !json_text(id))
        return schema_fail(c, node->schema.pointer, "%s is not a string", json_key(id));
    is_resource = !around || (id && json_text(id)[0] != '#' && json_text(id)[0]);
    node->resource = around;
    if (is_resource) {
        struct resource *own = arena_alloc(c->js->arena, sizeof(*own));

        if (!own)
            return schema_fail_memory(c->err);
        if (start_resource(c, node, around, uri, id ? json_text(id) : "", &r) < 0)
            return -1;
        *own = r;
        node->resource = own;
    }
    if (id && add_id_anchor(c, node, id) < 0)
        return -1;
    return h.ref && is_old(r.draft) ? 0 : add_anchors(c, node, &h);
}

/* ---- references ------------------------------------------------------------------------------------------------- */

int schema_add_reference(struct compiler *c, struct node *node, const char *text, bool dynamic)
{
    struct reference *r = arena_alloc(c->js->arena, sizeof(*r));

    if (!r)
        return schema_fail_memory(c->err);
    if (node->has_reference) {
        node->second = schema_new_node(c, NULL, node->schema.pointer);
        if (!node->second)
            return -1;
        node->second->resource = node->resource;
        node = node->second;
    }
    node->has_reference = true;
    *r = (struct reference){ node, text, dynamic, c->references };
    c->references = r;
    return 0;
}

/* The root of a document that nothing led to before; NULL with no error when there is none. */
static struct node *load(struct compiler *c, const char *uri)
{
    const struct jsonschema_document *d = find_document(c, uri);
    const char *text = d ? d->text : metaschema_find(uri), *kept;
    size_t len = d ? d->len : text ? strlen(text) : 0;
    struct document *loaded;

    if (!text)
        return NULL;
    loaded = arena_alloc(c->js->arena, sizeof(*loaded));
    kept = arena_strndup(c->js->arena, uri, strlen(uri));
    if (!loaded || !kept || len > SCHEMA_MAX_BYTES) {
        schema_fail_memory(c->err);
        return NULL;
    }
    loaded->json = json_parse_large(text, len, SCHEMA_MAX_VALUES, c->err);
    if (!loaded->json) {
        err_context(c->err, "schema: %.100s", uri);
        return NULL;
    }
    loaded->next = c->js->documents;
    c->js->documents = loaded;
    return schema_compile_node(c, loaded->json, NULL, kept, "");
}

static const struct json *find_element(struct compiler *c, const struct json *array, const char *index)
{
    const struct json *v = json_first(array);
    char *end;
    unsigned long n = strtoul(index, &end, 10);

    if (*end || index[0] < '0' || index[0] > '9')
        return NULL;
    for (; v && n; n--, c->n_looked++)
        v = json_next(v);
    return v;
}

static const struct json *find_member(struct compiler *c, const struct json *object, const char *key)
{
    const struct json *v = json_kind(object) == JSON_OBJECT ? json_first(object) : NULL;

    for (; v && strcmp(json_key(v), key) != 0; c->n_looked++)
        v = json_next(v);
    return v;
}

/* One step of a pointer: unescapes the segment in place. */
static const struct json *step(struct compiler *c, const struct json *value, char *segment)
{
    char *to = segment;

    for (const char *p = segment; *p; p++) {
        bool escaped = *p == '~' && (p[1] == '0' || p[1] == '1');

        *to++ = !escaped ? *p : p[1] == '0' ? '~' : '/';
        p += escaped;
    }
    *to = '\0';
    return json_kind(value) == JSON_ARRAY ? find_element(c, value, segment) : find_member(c, value, segment);
}

/* pointer starts with a slash and is taken apart.  The schema there may stand where no keyword makes it one. */
static struct node *follow_pointer(struct compiler *c, const struct node *root, char *pointer, const char *shown)
{
    const struct json *value = root->json;
    const struct resource *resource = root->resource;
    char *segment = pointer + 1, *slash;

    do {
        const struct node *passed;

        slash = strchr(segment, '/');
        if (slash)
            *slash = '\0';
        value = step(c, value, segment);
        segment = slash ? slash + 1 : NULL;
        passed = value ? table_find(&c->by_json, value, false) : NULL;
        if (passed)
            resource = passed->resource;
    } while (value && slash && c->n_looked <= MAX_LOOKED);
    if (c->n_looked > MAX_LOOKED) {
        fail(c->err, CORAX_E_LIMIT, "schema: the references take more than %u steps to follow", MAX_LOOKED);
        return NULL;
    }
    return value ? schema_compile_node(c, value, resource, NULL, shown) : NULL;
}

static int fail_reference(struct compiler *c, const struct reference *r, const char *why)
{
    return schema_fail(c, r->node->schema.pointer, "the reference \"%.80s\" %s", r->text, why);
}

/* The schema that `fragment` names in the resource of root, NULL if none.  fragment is taken apart. */
static struct node *find_fragment(struct compiler *c, struct node *root, char *fragment)
{
    const char *shown;
    struct node *node;
    char *key;

    if (!*fragment)
        return root;
    key = arena_printf(c->js->arena, "%s#%s", root->resource->uri, fragment);
    shown = arena_strndup(c->js->arena, fragment, strnlen(fragment, SCHEMA_SHOWN_PATH));
    if (!key || !shown) {
        schema_fail_memory(c->err);
        return NULL;
    }
    node = table_find(&c->by_uri, key, true);
    return node || *fragment != '/' ? node : follow_pointer(c, root, fragment, shown);
}

/* A dynamic reference is one only if what it leads to at first is a dynamic anchor. */
static int point_at(struct compiler *c, const struct reference *r, const struct node *target, const char *fragment)
{
    const struct node *outer;
    char *key;

    r->node->schema.ref = &target->schema;
    if (!r->dynamic || !target->anchor || strcmp(target->anchor, fragment) != 0)
        return 0;
    r->node->dynamic = target->anchor;
    key = arena_printf(c->js->arena, "%s%s%s", c->js->root->resource->uri, *fragment ? "#" : "", fragment);
    if (!key)
        return schema_fail_memory(c->err);
    outer = table_find(&c->by_uri, key, true); /* in the outermost resource of every validation */
    if (outer && outer->resource == c->js->root->resource && outer->anchor && strcmp(outer->anchor, fragment) == 0)
        r->node->schema.ref = &outer->schema;
    else
        r->node->schema.ref_depends = target->resource != c->js->root->resource;
    return 0;
}

/* uri is the reference's without its fragment. */
static int resolve_in(struct compiler *c, const struct reference *r, const char *uri, const char *fragment)
{
    struct node *root = table_find(&c->by_uri, uri, true), *target = NULL;
    char *own;

    c->err->status = 0;
    if (!root)
        root = load(c, uri);
    if (!root)
        return c->err->status ? -1 : fail_reference(c, r, "leads to a document that is not here; none is fetched");
    own = arena_strndup(c->js->arena, fragment, strlen(fragment));
    if (!own)
        return schema_fail_memory(c->err);
    if (!uri_unescape(own))
        return fail_reference(c, r, "is not a URI");
    fragment = arena_strndup(c->js->arena, own, strlen(own));
    if (!fragment)
        return schema_fail_memory(c->err);
    target = find_fragment(c, root, own);
    if (!target)
        return c->err->status ? -1 : fail_reference(c, r, "leads nowhere");
    return point_at(c, r, target, fragment);
}

static int resolve(struct compiler *c, const struct reference *r)
{
    const size_t len = strcspn(r->text, "#");
    struct buf uri;
    int rc;

    buf_init(&uri, SCHEMA_MAX_BYTES);
    uri_resolve(r->node->resource->uri, r->text, len, &uri);
    rc = uri.failed ? schema_fail_memory(c->err) : resolve_in(c, r, uri.data, r->text + len + (r->text[len] == '#'));
    buf_finish(&uri);
    return rc;
}

/* NULL also where another resource may still override the target. */
static struct node *next_reference(const struct compiler *c, const struct node *node)
{
    struct node *target = (struct node *)node->schema.ref;

    return target && node->dynamic && target->resource != c->js->root->resource ? NULL : target;
}

/* A schema whose references alone lead back to it says nothing, forever. */
static int refuse_circles(struct compiler *c)
{
    uint32_t walk = 0;

    for (struct node *start = c->js->nodes; start; start = start->next) {
        walk++;
        for (struct node *n = start; n && (!n->mark || n->mark == walk); n = next_reference(c, n)) {
            if (n->mark == walk)
                return schema_fail(c, n->schema.pointer, "the reference leads back to itself");
            n->mark = walk;
        }
    }
    return 0;
}

int schema_resolve_references(struct compiler *c)
{
    struct reference *r;

    while ((r = c->references) != NULL) {
        c->references = r->next;
        if (resolve(c, r) < 0)
            return -1;
    }
    return refuse_circles(c);
}
