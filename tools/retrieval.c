/*
 * retrieval.c - the index: tools come and go.
 *
 * Adding a tool first makes room for all that it needs and then puts it in, so that it is there whole or not at all.
 * Removing marks the slots, and one walk over all postings drops theirs.  Words that no tool has any more are dropped when
 * they are half of all, so foreign tool lists that change for ever do not make the index grow.
 */
#include "tools/retrieval.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tools/retrieval_index.h"
#include "util/json.h"

#define K1               1.2 /* the usual one: how soon the next occurrence of a word says nothing more */
#define MAX_SCHEMA_DEPTH 6
#define MAX_LISTED       32 /* values of an enum that are read */
#define MIN_DEAD         4096

/* A name says most, and a summary more than its parameters; a provider is short, and its length means nothing. */
static const double field_weight[N_FIELDS] = { 2.5, 1.0, 0.5, 1.5 };
static const double field_b[N_FIELDS] = { 0.5, 0.6, 0.75, 0.0 };

struct retrieval *retrieval_create(void)
{
    struct retrieval *r = calloc(1, sizeof *r);

    if (r && (r->words = words_create()) == NULL) {
        free(r);
        return NULL;
    }
    return r;
}

static void free_slot(struct indexed *d)
{
    free(d->name);
    free(d->provider);
    free(d->vector);
    memset(d, 0, sizeof *d);
}

void retrieval_destroy(struct retrieval *r)
{
    if (r == NULL)
        return;
    words_destroy(r->words);
    for (size_t i = 0; i < r->n_slots; i++)
        free_slot(&r->slots[i]);
    for (size_t i = 0; i < r->n_terms; i++)
        free(r->terms[i].postings);
    free(r->slots);
    free(r->terms);
    free(r->table);
    free(r->texts);
    free(r->seen);
    free(r->scores);
    free(r->touched);
    free(r);
}

size_t retrieval_count(const struct retrieval *r)
{
    return r->n_tools;
}

size_t retrieval_bytes(const struct retrieval *r)
{
    size_t sum = sizeof *r + r->cap_slots * sizeof *r->slots + r->cap_terms * sizeof *r->terms + r->table_size * sizeof *r->table +
                 r->texts_cap + r->cap_seen * sizeof *r->seen + r->cap_scores * (sizeof *r->scores + sizeof *r->touched);

    for (size_t i = 0; i < r->n_terms; i++)
        sum += r->terms[i].cap * sizeof(struct posting);
    for (size_t i = 0; i < r->n_slots; i++)
        if (r->slots[i].name)
            sum += strlen(r->slots[i].name) + strlen(r->slots[i].provider) + 2 + (r->slots[i].vector ? r->dim * sizeof(float) : 0);
    return sum;
}

/* Room for n of them.  false: no memory, and all is as it was. */
static bool reserve(void **array, size_t *cap, size_t n, size_t size)
{
    size_t want = *cap ? *cap : 16;
    void *grown;

    if (n <= *cap)
        return true;
    while (want < n)
        want *= 2;
    grown = realloc(*array, want * size);
    if (grown == NULL)
        return false;
    *array = grown;
    *cap = want;
    return true;
}

#define RESERVE(array, cap, n) reserve((void **)&(array), &(cap), (n), sizeof *(array))

/* --- terms ------------------------------------------------------------------------------------------------------------- */

static uint32_t hash_text(const char *text, size_t len)
{
    uint32_t h = 2166136261U; /* FNV-1a; a word is short */

    for (size_t i = 0; i < len; i++)
        h = (h ^ (unsigned char)text[i]) * 16777619U;
    return h ^ h >> 15;
}

/* Where the term is in the table, or where it would go. */
static size_t find_place(const struct retrieval *r, const char *text, size_t len, uint32_t hash)
{
    size_t at = hash & (r->table_size - 1);

    for (; r->table[at]; at = (at + 1) & (r->table_size - 1)) {
        const struct term *t = &r->terms[r->table[at] - 1];

        if (t->hash == hash && t->text_len == len && memcmp(r->texts + t->text_at, text, len) == 0)
            break;
    }
    return at;
}

struct term *retrieval_find_term(const struct retrieval *r, const char *text, size_t len)
{
    size_t at;

    if (r->table_size == 0)
        return NULL;
    at = find_place(r, text, len, hash_text(text, len));
    return r->table[at] ? &r->terms[r->table[at] - 1] : NULL;
}

static void fill_table(struct retrieval *r)
{
    memset(r->table, 0, r->table_size * sizeof *r->table);
    for (size_t i = 0; i < r->n_terms; i++) {
        const struct term *t = &r->terms[i];

        r->table[find_place(r, r->texts + t->text_at, t->text_len, t->hash)] = (uint32_t)i + 1;
    }
}

/* A table of which at most half is used after one more term. */
static bool reserve_table(struct retrieval *r)
{
    size_t size = r->table_size ? r->table_size : 1024;
    uint32_t *table;

    while (size < 2 * (r->n_terms + 1))
        size *= 2;
    if (size == r->table_size)
        return true;
    table = malloc(size * sizeof *table);
    if (table == NULL)
        return false;
    free(r->table);
    r->table = table;
    r->table_size = size;
    fill_table(r);
    return true;
}

/* The number of the term, which is made if it is new; -1: no memory, or there are too many. */
static int64_t intern(struct retrieval *r, const char *text, size_t len)
{
    const uint32_t hash = hash_text(text, len);
    size_t at;

    if (!reserve_table(r))
        return -1;
    at = find_place(r, text, len, hash);
    if (r->table[at])
        return r->table[at] - 1;
    if (len > RETRIEVAL_MAX_TEXTS - r->texts_len || !RESERVE(r->texts, r->texts_cap, r->texts_len + len) ||
        !RESERVE(r->terms, r->cap_terms, r->n_terms + 1))
        return -1;
    memcpy(r->texts + r->texts_len, text, len);
    r->terms[r->n_terms] = (struct term){ .text_at = (uint32_t)r->texts_len, .text_len = (uint32_t)len, .hash = hash };
    r->texts_len += len;
    r->table[at] = (uint32_t)++r->n_terms;
    r->n_dead++;
    return (int64_t)r->n_terms - 1;
}

/* Drops the terms that no tool has, once they are many.  Needs no memory. */
static void drop_dead(struct retrieval *r)
{
    size_t n = 0, len = 0;

    if (r->n_dead < MIN_DEAD || r->n_dead < r->n_terms / 2)
        return;
    for (size_t i = 0; i < r->n_terms; i++) {
        struct term t = r->terms[i];

        if (t.n == 0) {
            free(t.postings);
            continue;
        }
        memmove(r->texts + len, r->texts + t.text_at, t.text_len);
        t.text_at = (uint32_t)len;
        t.stamp = 0;
        len += t.text_len;
        r->terms[n++] = t;
    }
    r->n_terms = n;
    r->n_dead = 0;
    r->texts_len = len;
    fill_table(r);
}

void retrieval_note_start(struct retrieval *r)
{
    r->stamp++;
    r->n_seen = 0;
}

int retrieval_note(struct retrieval *r, size_t term, enum field field)
{
    struct term *t = &r->terms[term];

    if (t->stamp != r->stamp) {
        if (!RESERVE(r->seen, r->cap_seen, r->n_seen + 1))
            return -1;
        t->stamp = r->stamp;
        t->seen = (uint32_t)r->n_seen;
        r->seen[r->n_seen++] = (struct seen){ .term = (uint32_t)term };
    }
    r->seen[t->seen].count[field]++;
    return 0;
}

/* --- what a tool's words are ---------------------------------------------------------------------------------------- */

struct reading {
    struct retrieval *r;
    enum field field;
    uint32_t len[N_FIELDS];
    bool full;
};

static int take(void *arg, const char *text, size_t len)
{
    struct reading *rd = arg;
    int64_t term;

    if (rd->len[rd->field] >= RETRIEVAL_MAX_WORDS)
        return 0;
    term = intern(rd->r, text, len);
    if (term < 0 || retrieval_note(rd->r, (size_t)term, rd->field) < 0)
        return -1;
    rd->len[rd->field]++;
    return 0;
}

static int read_field(struct reading *rd, enum field field, const char *text)
{
    rd->field = field;
    return text ? words_split(rd->r->words, text, strlen(text), take, rd) : 0;
}

/* Of a schema: its texts, the values it lists, and its members' names, and so on inside. */
static int read_schema(struct reading *rd, const struct json *schema, int depth)
{
    const struct json *items = json_get(schema, "items");
    int n = 0;

    if (depth > MAX_SCHEMA_DEPTH || json_kind(schema) != JSON_OBJECT)
        return 0;
    if (read_field(rd, FIELD_PARAMETERS, json_get_text(schema, "title", NULL)) < 0 ||
        read_field(rd, FIELD_PARAMETERS, json_get_text(schema, "description", NULL)) < 0)
        return -1;
    for (const struct json *v = json_first(json_get(schema, "enum")); v && n < MAX_LISTED; v = json_next(v), n++)
        if (read_field(rd, FIELD_PARAMETERS, json_text(v)) < 0)
            return -1;
    for (const struct json *p = json_first(json_get(schema, "properties")); p; p = json_next(p))
        if (read_field(rd, FIELD_PARAMETERS, json_key(p)) < 0 || read_schema(rd, p, depth + 1) < 0)
            return -1;
    return read_schema(rd, items, depth + 1);
}

static int read_tool(struct reading *rd, const struct tool *t)
{
    struct err err = { 0 };
    struct json *schema = t->args_schema ? json_parse(t->args_schema, t->args_schema_len, &err) : NULL;
    int rc = err.status == CORAX_E_LIMIT || err.status == CORAX_E_INTERNAL ? -1 : 0; /* a text that is no schema has no words */

    retrieval_note_start(rd->r);
    if (rc < 0 || read_field(rd, FIELD_NAME, t->name) < 0 || read_field(rd, FIELD_SUMMARY, t->summary) < 0 ||
        read_field(rd, FIELD_PROVIDER, t->provider) < 0 || read_schema(rd, schema, 0) < 0)
        rc = -1;
    json_free(schema);
    return rc;
}

/* --- tools come ------------------------------------------------------------------------------------------------------ */

static bool reserve_postings(struct retrieval *r)
{
    if (r->n_seen > RETRIEVAL_MAX_POSTINGS - r->n_postings)
        return false;
    for (size_t i = 0; i < r->n_seen; i++) {
        struct term *t = &r->terms[r->seen[i].term];
        struct posting *grown;
        uint32_t cap;

        if (t->n < t->cap)
            continue;
        cap = t->cap ? t->cap + t->cap / 2 + 1 : 1; /* most words are those of one tool */
        grown = realloc(t->postings, cap * sizeof *grown);
        if (grown == NULL)
            return false;
        t->postings = grown;
        t->cap = cap;
    }
    return true;
}

static size_t find_slot(const struct retrieval *r)
{
    size_t i = 0;

    if (r->n_tools == r->n_slots)
        return r->n_slots;
    while (r->slots[i].name)
        i++;
    return i;
}

static void put_in(struct retrieval *r, size_t slot, const struct reading *rd)
{
    for (size_t i = 0; i < r->n_seen; i++) {
        struct term *t = &r->terms[r->seen[i].term];
        struct posting *p = &t->postings[t->n];

        r->n_dead -= t->n++ == 0;
        p->slot = (uint32_t)slot;
        for (int f = 0; f < N_FIELDS; f++)
            p->count[f] = (uint8_t)(r->seen[i].count[f] < 255 ? r->seen[i].count[f] : 255);
    }
    for (int f = 0; f < N_FIELDS; f++) {
        r->slots[slot].len[f] = rd->len[f];
        r->total_len[f] += rd->len[f];
    }
    r->n_postings += r->n_seen;
    r->n_tools++;
    r->n_slots += slot == r->n_slots;
    r->fresh = false;
}

static bool reserve_slot(struct retrieval *r, size_t slot)
{
    double *scores;
    uint32_t *touched;

    if (!RESERVE(r->slots, r->cap_slots, slot + 1))
        return false;
    if (r->cap_scores >= r->cap_slots)
        return true;
    scores = realloc(r->scores, r->cap_slots * sizeof *scores);
    if (scores == NULL)
        return false;
    r->scores = scores;
    memset(scores + r->cap_scores, 0, (r->cap_slots - r->cap_scores) * sizeof *scores);
    touched = realloc(r->touched, r->cap_slots * sizeof *touched);
    if (touched == NULL)
        return false;
    r->touched = touched;
    r->cap_scores = r->cap_slots;
    return true;
}

int retrieval_add(struct retrieval *r, const struct tool *t, struct err *err)
{
    struct reading rd = { .r = r };
    struct indexed made = { .id = t->id };
    size_t slot = find_slot(r);

    if (r->n_tools >= RETRIEVAL_MAX_TOOLS)
        return fail(err, CORAX_E_LIMIT, "tool %.128s: the index has %d tools, which is all it takes", t->name, RETRIEVAL_MAX_TOOLS);
    made.name = strdup(t->name);
    made.provider = strdup(t->provider);
    if (made.name == NULL || made.provider == NULL || read_tool(&rd, t) < 0 || !reserve_slot(r, slot) || !reserve_postings(r)) {
        free_slot(&made);
        drop_dead(r);
        return fail(err, CORAX_E_LIMIT, "tool %.128s: there is no memory to index it", t->name);
    }
    r->slots[slot] = made;
    put_in(r, slot, &rd);
    return 0;
}

/* --- and go ------------------------------------------------------------------------------------------------------------ */

static void mark(struct retrieval *r, struct indexed *d, size_t *n)
{
    if (d->name == NULL || d->removed)
        return;
    d->removed = true;
    ++*n;
    for (int f = 0; f < N_FIELDS; f++)
        r->total_len[f] -= d->len[f];
}

/* Drops the n marked ones. */
static void sweep(struct retrieval *r, size_t n)
{
    if (n == 0)
        return;
    for (size_t i = 0; i < r->n_terms; i++) {
        struct term *t = &r->terms[i];
        uint32_t kept = 0;

        for (uint32_t j = 0; j < t->n; j++)
            if (!r->slots[t->postings[j].slot].removed)
                t->postings[kept++] = t->postings[j];
        r->n_postings -= t->n - kept;
        r->n_dead += t->n > 0 && kept == 0;
        t->n = kept;
        if (kept == 0) {
            free(t->postings);
            t->postings = NULL;
            t->cap = 0;
        }
    }
    for (size_t i = 0; i < r->n_slots; i++)
        if (r->slots[i].removed)
            free_slot(&r->slots[i]);
    while (r->n_slots > 0 && r->slots[r->n_slots - 1].name == NULL)
        r->n_slots--;
    r->n_tools -= n;
    r->dim = r->n_tools ? r->dim : 0;
    r->fresh = false;
    drop_dead(r);
}

void retrieval_remove(struct retrieval *r, uint64_t id)
{
    size_t n = 0;

    for (size_t i = 0; i < r->n_slots; i++)
        if (r->slots[i].id == id)
            mark(r, &r->slots[i], &n);
    sweep(r, n);
}

void retrieval_remove_provider(struct retrieval *r, const char *provider)
{
    size_t n = 0;

    for (size_t i = 0; i < r->n_slots; i++)
        if (r->slots[i].name && strcmp(r->slots[i].provider, provider) == 0)
            mark(r, &r->slots[i], &n);
    sweep(r, n);
}

static int compare_id(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* Adds the enabled tools that are not among those with the n sorted ids. */
static int add_missing(struct retrieval *r, const struct registry *g, const uint64_t *ids, size_t n, struct err *err)
{
    int rc = 0;

    for (size_t i = 0; i < registry_count(g); i++) {
        const struct tool *t = registry_at(g, i);

        if (t->disabled == NULL && !(n && bsearch(&t->id, ids, n, sizeof *ids, compare_id)) && retrieval_add(r, t, err) < 0)
            rc = -1;
    }
    return rc;
}

int retrieval_sync(struct retrieval *r, const struct registry *g, struct err *err)
{
    const size_t most = registry_count(g) > r->n_tools ? registry_count(g) : r->n_tools;
    uint64_t *ids;
    size_t n = 0, n_gone = 0;
    int rc;

    if (r->synced && r->generation == registry_generation(g))
        return 0;
    if ((ids = calloc(most + 1, sizeof *ids)) == NULL)
        return fail(err, CORAX_E_LIMIT, "no memory to index the tools");
    for (size_t i = 0; i < registry_count(g); i++)
        if (registry_at(g, i)->disabled == NULL)
            ids[n++] = registry_at(g, i)->id; /* which rise */
    for (size_t i = 0; i < r->n_slots; i++)
        if (r->slots[i].name && !(n && bsearch(&r->slots[i].id, ids, n, sizeof *ids, compare_id)))
            mark(r, &r->slots[i], &n_gone);
    sweep(r, n_gone);
    n = 0;
    for (size_t i = 0; i < r->n_slots; i++)
        if (r->slots[i].name)
            ids[n++] = r->slots[i].id;
    qsort(ids, n, sizeof *ids, compare_id);
    rc = add_missing(r, g, ids, n, err);
    free(ids);
    r->synced = true;
    r->generation = registry_generation(g);
    return rc;
}

/* --- what depends on all tools ----------------------------------------------------------------------------------------- */

static double gain(const struct retrieval *r, const struct posting *p)
{
    double f = 0;

    for (int c = 0; c < N_FIELDS; c++)
        f += r->slots[p->slot].scale[c] * p->count[c];
    return f / (K1 + f);
}

void retrieval_refresh(struct retrieval *r)
{
    if (r->fresh)
        return;
    for (size_t i = 0; i < r->n_slots; i++) {
        struct indexed *d = &r->slots[i];

        for (int f = 0; f < N_FIELDS; f++) {
            const double mean = r->n_tools ? (double)r->total_len[f] / (double)r->n_tools : 0;

            d->scale[f] = mean > 0 ? field_weight[f] / (1 - field_b[f] + field_b[f] * d->len[f] / mean) : 0;
        }
    }
    for (size_t i = 0; i < r->n_terms; i++)
        for (uint32_t j = 0; j < r->terms[i].n; j++)
            r->terms[i].postings[j].gain = gain(r, &r->terms[i].postings[j]);
    r->fresh = true;
}

/* Ids are mostly looked up in the order in which they came. */
static struct indexed *find_id(struct retrieval *r, uint64_t id)
{
    for (size_t i = 0; i < r->n_slots; i++) {
        struct indexed *d = &r->slots[(r->hint + i) % r->n_slots];

        if (d->name && d->id == id) {
            r->hint = (size_t)(d - r->slots) + 1;
            return d;
        }
    }
    return NULL;
}

bool retrieval_needs_vector(struct retrieval *r, uint64_t id)
{
    const struct indexed *d = find_id(r, id);

    return d && d->vector == NULL;
}

void retrieval_drop_vectors(struct retrieval *r)
{
    for (size_t i = 0; i < r->n_slots; i++) {
        free(r->slots[i].vector);
        r->slots[i].vector = NULL;
    }
    r->dim = 0;
}

int retrieval_set_vector(struct retrieval *r, uint64_t id, const float *vector, size_t dim, struct err *err)
{
    struct indexed *d = find_id(r, id);
    double sum = 0;
    float *copy;

    if (d == NULL)
        return fail(err, CORAX_E_NOTFOUND, "there is no tool %llu to have a vector", (unsigned long long)id);
    if (dim == 0 || dim > RETRIEVAL_MAX_DIM || (r->dim && dim != r->dim))
        return fail(err, CORAX_E_ARGS, "tool %.128s: a vector of %zu numbers, where the others have %zu", d->name, dim, r->dim);
    for (size_t i = 0; i < dim; i++)
        sum += (double)vector[i] * (double)vector[i];
    if (!(sum > 0) || !isfinite(sum))
        return fail(err, CORAX_E_ARGS, "tool %.128s: its vector has no direction", d->name);
    if ((copy = malloc(dim * sizeof *copy)) == NULL)
        return fail(err, CORAX_E_LIMIT, "out of memory");
    for (size_t i = 0; i < dim; i++)
        copy[i] = (float)((double)vector[i] / sqrt(sum));
    free(d->vector);
    d->vector = copy;
    r->dim = dim;
    return 0;
}
