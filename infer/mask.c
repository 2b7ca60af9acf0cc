#include "infer/mask.h"

#include <stdlib.h>
#include <string.h>

#include "infer/mask_entry.h"
#include "util/json.h"

#define MAX_NAME  65536  /* bytes of a member's name, as it is written */
#define KEEP_FROM 600    /* nodes that were visited: below, walking again is as fast as looking it up */

/* --- walking ------------------------------------------------------------------------------------------------------ */

/* Whatever is not inside of a text is walked with whole states. */
struct walk {
    struct masks *masks;
    uint32_t *bits;
    const struct trie_node *nodes;
    const struct exits *exits; /* NULL: the nodes are the vocabulary's, and so are the tokens */
    uint32_t min_chars, max_chars; /* of rests: what their tokens have before them */
};

/* A rest's own tokens come before those of its children. */
static void take(const struct walk *w, uint32_t node)
{
    if (!w->exits) {
        set_tokens(w->masks->vocabulary->trie, w->bits, w->nodes[node].first, w->nodes[node + 1].first);
        return;
    }
    for (uint32_t i = w->nodes[node].first; i < w->nodes[node + 1].first; i++)
        if (w->exits->chars[i] >= w->min_chars && w->exits->chars[i] <= w->max_chars)
            set_bit(w->bits, w->exits->tokens[i]);
}

static void walk_children(struct walk *w, uint32_t node, uint32_t state);

/* Tokens that were refused only since the machine does not know what stands before the rest: each is read as a whole. */
static void recheck(struct walk *w, uint32_t node)
{
    struct masks *x = w->masks;
    const bool gap = x->machine->gap;
    const size_t tape = x->machine->tape.len;

    x->machine->gap = false;
    x->machine->tape.len = x->tape;
    for (uint32_t i = w->nodes[node].first; w->exits && i < w->nodes[w->nodes[node].end].first; i++) {
        const int32_t token = w->exits->tokens[i];
        uint32_t state = x->state;
        size_t len;
        const char *bytes = mask_vocabulary_bytes(x->vocabulary, token, &len);

        for (size_t j = 0; j < len && state != MACHINE_DEAD; j++) {
            buf_addc(&x->machine->tape, bytes[j]);
            state = machine_step(x->machine, state, (unsigned char)bytes[j]);
        }
        if (state != MACHINE_DEAD)
            set_bit(w->bits, token);
        x->machine->tape.len = x->tape;
    }
    x->machine->gap = gap;
    x->machine->tape.len = tape;
}

/* A name that was of no end has become one of few: whether one is left depends on which are taken. */
static bool runs_out(struct machine *m, const struct frame *f, const struct text_state *x)
{
    return f->kind == FRAME_KEY && x->regex != REGEX_ANY && !object_names_end(f) && regex_count(m->regexes, x->regex, 8) >= 0;
}

static bool leads_on(struct machine *m, const struct frame *f, const struct text_state *x, uint8_t byte)
{
    struct frame now = *f;

    now.regex = x->regex;
    now.escape = x->escape;
    now.code = x->code;
    return machine_step(m, machine_one(m, &now), byte) != MACHINE_DEAD;
}

/* The plain part of a walk through a text: one state of its language a byte, no frames. */
static void walk_text(struct walk *w, uint32_t top, const struct frame *f)
{
    struct machine *m = w->masks->machine;
    struct text_state *states = w->masks->states;
    const size_t tape = m->tape.len - w->nodes[top].depth;
    const bool quoted = f->kind != FRAME_REGEX;
    const uint32_t end = w->nodes[top].end;

    states[w->nodes[top].depth] = (struct text_state){ .regex = f->regex, .escape = f->escape, .code = f->code };
    for (uint32_t i = top + 1; i < end;) {
        const struct trie_node *node = &w->nodes[i];
        struct text_state x = states[node->depth - 1];

        m->tape.len = tape + node->depth - 1;
        buf_addc(&m->tape, (char)node->byte);
        if (quoted && node->byte == '"' && x.escape == 0) {
            struct frame now = *f;
            uint32_t state;

            now.regex = x.regex;
            now.escape = now.code = 0; /* whatever stood there when the token began */
            state = regex_accepts(m->regexes, x.regex) ? machine_step(m, machine_one(m, &now), '"') : MACHINE_DEAD;
            if (state != MACHINE_DEAD) {
                take(w, i);
                walk_children(w, i, state);
            }
            i = node->end;
        } else if (!text_state_step(m, f->kind, false, &x, node->byte)) {
            i = node->end;
        } else if (runs_out(m, f, &x) && !leads_on(m, f, &states[node->depth - 1], node->byte)) {
            i = node->end;
        } else {
            take(w, i);
            states[node->depth] = x;
            if (!quoted && regex_accepts(m->regexes, x.regex) && node->end > i + 1)
                walk_children(w, i, machine_behind(m, f->parents));
            i++;
        }
    }
    m->tape.len = tape + w->nodes[top].depth;
}

static bool is_text(const struct frame *f)
{
    return f->kind == FRAME_REGEX || f->kind == FRAME_STRING || f->kind == FRAME_KEY;
}

/* The state is one text, or one that may end here: then the rest of the state is walked beside it. */
static bool walk_as_text(struct walk *w, uint32_t node, uint32_t state)
{
    struct machine *m = w->masks->machine;
    size_t n;
    const uint32_t *frames = machine_set(m, state, &n);
    struct frame f;

    if (n != 1 || w->nodes[node].end - node < 4)
        return false;
    f = *machine_frame(m, frames[0]);
    if (!is_text(&f))
        return false;
    walk_text(w, node, &f);
    return true;
}

/* Reads a node's byte, and what its subtree goes on with. */
static void walk_node(struct walk *w, uint32_t node, uint32_t state)
{
    struct machine *m = w->masks->machine;
    const uint8_t byte = w->nodes[node].byte;
    uint32_t next;

    buf_addc(&m->tape, (char)byte);
    m->gap_hit = false;
    next = machine_step(m, state, byte);
    if (m->gap_hit)
        recheck(w, node);
    if (next != MACHINE_DEAD) {
        take(w, node);
        if (!walk_as_text(w, node, next))
            walk_children(w, node, next);
    }
    m->tape.len--;
}

static void walk_first(struct walk *w, uint32_t node, uint32_t state, const uint64_t first[4])
{
    const struct token_trie *t = w->masks->vocabulary->trie;
    const uint32_t end = w->nodes[node].end;

    if (node == 0 && w->nodes == t->nodes) { /* the root has children for all bytes, of which few are wanted mostly */
        for (int i = 0; i < 4; i++)
            for (uint64_t set = first[i]; set; set &= set - 1) {
                const uint32_t child = t->first[64 * i + __builtin_ctzll(set)];

                if (child)
                    walk_node(w, child, state);
            }
        return;
    }
    for (uint32_t i = node + 1; i < end; i = w->nodes[i].end)
        if (first[w->nodes[i].byte / 64] >> w->nodes[i].byte % 64 & 1)
            walk_node(w, i, state);
}

static void walk_children(struct walk *w, uint32_t node, uint32_t state)
{
    uint64_t first[4];

    if (state == MACHINE_DEAD || w->nodes[node].end == node + 1)
        return;
    machine_first(w->masks->machine, state, first);
    walk_first(w, node, state, first);
}

/* --- the mask ----------------------------------------------------------------------------------------------------- */

static size_t slot_of(const struct masks *x, const struct frame *f, bool counted)
{
    const struct mask_cache *c = x->cache;
    const bool escapes = x->machine->style.escapes;
    uint64_t h = ((uint64_t)f->regex << 10 | f->kind << 6 | f->escape << 2 | (unsigned)counted << 1 | escapes) * 0x9e3779b97f4a7c15u;
    size_t at = (h >> 32) & (c->entries_cap - 1);

    while (c->entries[at] && (c->entries[at]->kind != f->kind || c->entries[at]->regex != f->regex || c->entries[at]->escape != f->escape ||
                              c->entries[at]->counted != counted || c->entries[at]->escapes != escapes))
        at = (at + 1) & (c->entries_cap - 1);
    return at;
}

/* An entry that is there, or NULL. */
static struct mask_entry *entry_find(const struct masks *x, const struct frame *f, bool counted)
{
    return x->cache->entries[slot_of(x, f, counted)];
}

/* Another one, kept.  NULL: out of memory. */
static struct mask_entry *entry_make(struct masks *x, struct mask_entry *base, const struct frame *f, enum counting counting)
{
    struct mask_entry *e = entry_create(x->machine, x->vocabulary, x->cache->loops, base, f, counting);

    if (e) {
        x->cache->entries[slot_of(x, f, e->counted)] = e;
        x->cache->n_entries++;
    }
    return e;
}

/* A REGEX that may end in many tokens: what comes behind reads the first byte once for all of them. */
static void apply_ends(struct masks *x, struct mask_entry *e, const struct frame *f, uint32_t min_chars, uint32_t max_chars, uint32_t *bits)
{
    const struct token_trie *t = x->vocabulary->trie;
    struct walk w = { .masks = x, .bits = bits, .nodes = t->nodes };
    const uint32_t behind = machine_behind(x->machine, f->parents);
    uint64_t first[4];

    machine_first(x->machine, behind, first);
    for (int byte = 0; byte < 256; byte++) {
        const struct end_nodes *ends = first[byte / 64] >> byte % 64 & 1 ? entry_ends(e, t, (uint8_t)byte) : NULL;
        const unsigned starts = !byte_continues((uint8_t)byte);
        uint32_t state;

        if (!ends || ends->n == 0)
            continue;
        buf_addc(&x->machine->tape, (char)byte);
        state = machine_step(x->machine, behind, (uint32_t)byte);
        for (size_t i = 0; i < ends->n && state != MACHINE_DEAD; i++) {
            const uint32_t chars = t->chars[ends->nodes[i]] - starts; /* before it */

            if (chars < min_chars || chars > max_chars)
                continue;
            take(&w, ends->nodes[i]);
            walk_children(&w, ends->nodes[i], state);
        }
        x->machine->tape.len--;
    }
}

/* A STRING or KEY: the quote that ends it, and what the token has behind. */
static void apply_exits(struct masks *x, const struct mask_entry *e, const struct frame *f, uint32_t *bits, uint32_t min_chars,
                        uint32_t max_chars)
{
    struct machine *m = x->machine;
    struct walk w = { x, bits, e->exits.nodes, &e->exits, min_chars, max_chars };
    struct frame ended = *f;
    uint32_t state;

    ended.regex = REGEX_EMPTY;
    ended.escape = ended.code = 0;
    buf_addc(&m->tape, '"');
    state = machine_step(m, machine_one(m, &ended), '"');
    if (state != MACHINE_DEAD) {
        take(&w, 0);
        walk_children(&w, 0, state);
    }
    m->tape.len--;
}

/* Tokens that stay in the text, then those that leave it. */
static void apply(struct masks *x, struct mask_entry *e, const struct frame *f, uint32_t *bits)
{
    const bool gap = x->machine->gap;

    if (e->base) {
        apply(x, e->base, f, bits);
        for (size_t i = 0; i < e->n_struck; i++)
            clear_bit(bits, e->struck[i]);
        for (size_t i = 0; i < e->n_own; i++)
            set_bit(bits, e->own[i]);
    } else {
        for (size_t i = 0; i < x->vocabulary->n_words; i++)
            bits[i] |= e->bits[i];
    }
    x->machine->gap = true; /* which bytes came before is not known */
    if (e->ends)
        apply_ends(x, e, f, 0, UINT32_MAX, bits);
    else if (e->exits.n_tokens)
        apply_exits(x, e, f, bits, 0, UINT32_MAX);
    x->machine->gap = gap;
}

/* Tokens of the entry that need at most so many characters. */
static const uint32_t *up_to(struct masks *x, struct mask_entry *e, uint32_t chars)
{
    if (!e->up_to[chars] && (e->up_to[chars] = calloc(x->vocabulary->n_words, sizeof(uint32_t))))
        for (uint32_t i = 0; i < e->chars_at[chars + 1]; i++)
            set_bit(e->up_to[chars], e->by_chars[i]);
    return e->up_to[chars];
}

/* The state itself is asked about tokens whose entry does not know. */
static void apply_unsure(struct masks *x, const struct mask_entry *e, uint32_t *bits)
{
    for (size_t i = 0; i < e->n_unsure; i++) {
        uint32_t state = x->state;
        size_t len;
        const char *bytes = mask_vocabulary_bytes(x->vocabulary, e->unsure[i], &len);

        for (size_t j = 0; j < len && state != MACHINE_DEAD; j++) {
            buf_addc(&x->machine->tape, bytes[j]);
            state = machine_step(x->machine, state, (unsigned char)bytes[j]);
        }
        if (state != MACHINE_DEAD)
            set_bit(bits, e->unsure[i]);
        x->machine->tape.len = x->tape;
    }
}

/* From min to max characters of what the entry has any number of. */
static void apply_counted(struct masks *x, struct mask_entry *e, const struct frame *f, int64_t min, int64_t max, uint32_t *bits)
{
    const size_t n_words = x->vocabulary->n_words;
    const bool gap = x->machine->gap;
    const uint32_t most = max < 0 || max > UINT16_MAX ? UINT16_MAX : (uint32_t)max;
    const uint32_t *few = most <= FEW_CHARS && most < e->most_chars ? up_to(x, e, most) : NULL;

    for (size_t i = 0; i < n_words; i++)
        bits[i] |= few ? few[i] : e->bits[i];
    for (uint32_t i = few || most >= e->most_chars ? e->chars_at[e->most_chars + 1] : e->chars_at[most + 1]; i < e->chars_at[e->most_chars + 1]; i++)
        clear_bit(bits, e->by_chars[i]);
    apply_unsure(x, e, bits);
    x->machine->gap = true;
    if (e->ends)
        apply_ends(x, e, f, (uint32_t)min, most, bits);
    else if (e->exits.n_tokens)
        apply_exits(x, e, f, bits, (uint32_t)(min < UINT16_MAX ? min : UINT16_MAX), most);
    x->machine->gap = gap;
}

/* How many nodes a text's walk would visit, counted up to a bound. */
static size_t count_visits(struct masks *x, const struct frame *f)
{
    const struct token_trie *t = x->vocabulary->trie;
    size_t n = 0;

    x->states[0] = (struct text_state){ .regex = f->regex, .escape = f->escape, .code = f->code };
    for (uint32_t i = 1; i < t->n_nodes && n < KEEP_FROM; n++) {
        struct text_state state = x->states[t->nodes[i].depth - 1];

        if (!text_state_step(x->machine, f->kind, false, &state, t->nodes[i].byte)) {
            i = t->nodes[i].end;
        } else {
            x->states[t->nodes[i].depth] = state;
            i++;
        }
    }
    return n;
}

/* A text of so many characters: the entry of it with any number of them, looked at by count.  false: it is not. */
static bool mask_counted(struct masks *x, const struct frame *f, uint32_t *bits)
{
    struct frame all = *f;
    struct mask_entry *e;
    int64_t min, max;
    bool units;

    if (f->escape != 0 || !regex_counted(x->machine->regexes, f->regex, &all.regex, &min, &max, &units))
        return false;
    all.kind = FRAME_STRING; /* names are written as other strings are */
    e = all.regex == REGEX_ANY ? x->vocabulary->any[x->machine->style.escapes] : entry_find(x, &all, true);
    if (!e && !(e = entry_make(x, NULL, &all, units ? COUNT_UNITS : COUNT_CHARS)))
        return false;
    if (!e->by_chars || (min > 0 && !e->longer))
        return false;
    apply_counted(x, e, f, min, max, bits);
    return true;
}

/* A text that is counted: the entry of its language, looked at by count. */
static void mask_limited(struct masks *x, const struct frame *f, uint32_t *bits)
{
    struct walk w = { .masks = x, .bits = bits, .nodes = x->vocabulary->trie->nodes };
    struct mask_entry *e = entry_find(x, f, true);

    if (!e)
        e = entry_make(x, NULL, f, COUNT_UNITS);
    if (e)
        apply_counted(x, e, f, f->a, f->b == UINT32_MAX ? -1 : (int64_t)f->b, bits);
    else
        walk_children(&w, 0, machine_one(x->machine, f));
}

/* The entry of a text that is worth one.  What is begun of \\u's digits is not: there are too many of them. */
static struct mask_entry *entry_of(struct masks *x, const struct frame *f)
{
    struct frame text = *f;
    struct mask_entry *e;

    if (f->code)
        return NULL;
    text.kind = f->kind == FRAME_KEY ? FRAME_STRING : f->kind; /* names are written as other strings are */
    e = entry_find(x, &text, false);
    if (!e && count_visits(x, f) >= KEEP_FROM)
        e = entry_make(x, x->vocabulary->any[x->machine->style.escapes], &text, COUNT_NOTHING);
    return e;
}

/* No token of the subtree. */
static void clear_subtree(struct masks *x, uint32_t node, uint32_t *bits)
{
    const struct token_trie *t = x->vocabulary->trie;

    for (uint32_t i = t->nodes[node].first; i < t->nodes[t->nodes[node].end].first; i++)
        clear_bit(bits, t->tokens[i]);
}

/* Takes away tokens that end a name which is taken: those with the rest of it, as it is written, and a quote. */
static void clear_name(struct masks *x, const struct buf *begun, const char *name, size_t len, struct buf *scratch, uint32_t *bits)
{
    const struct token_trie *t = x->vocabulary->trie;
    struct jsonw w = jsonw_start(scratch);
    uint32_t node = 0;

    if (len < begun->len || memcmp(name, begun->data ? begun->data : "", begun->len) != 0)
        return;
    buf_reset(scratch);
    jsonw_string(&w, NULL, name + begun->len, len - begun->len);
    for (size_t i = 1; i < scratch->len; i++) { /* without the quote that begins it */
        uint32_t child = node + 1;

        while (child < t->nodes[node].end && t->nodes[child].byte != (uint8_t)scratch->data[i])
            child = t->nodes[child].end;
        if (child >= t->nodes[node].end)
            return;
        node = child;
    }
    clear_subtree(x, node, bits);
}

static void clear_names(struct masks *x, const struct frame *f, const struct buf *begun, uint32_t *bits)
{
    const struct machine *m = x->machine;
    const struct object_shape *o = frame_shape(f);
    const uint32_t extras = object_extras(m, f);
    struct buf scratch;
    size_t n, len;

    buf_init(&scratch, MAX_NAME);
    for (size_t i = 0; i < o->n_names; i++)
        clear_name(x, begun, o->names[i].text, o->names[i].len, &scratch, bits);
    (void)intern_get(&m->lists, extras, &n);
    for (size_t i = 0; i < n; i++) {
        const char *text = list_item(m, extras, i, &len);

        if (text)
            clear_name(x, begun, text, len, &scratch, bits);
    }
    buf_finish(&scratch);
}

/*
 * A name of which there is no end is read like any text, and whoever made the mask of that did not look at which are taken.  Where
 * that cannot be told from the tape, or few names are left that it can become, it is walked byte by byte.
 */
static bool mask_key(struct masks *x, const struct frame *f, uint32_t *bits)
{
    struct mask_entry *e = NULL;
    struct buf begun;
    bool good;

    buf_init(&begun, MAX_NAME);
    good = f->escape == 0 && object_name_so_far(x->machine, f, false, &begun) &&
           (f->regex == REGEX_ANY || regex_count(x->machine->regexes, f->regex, 8) < 0);
    if (good && !mask_counted(x, f, bits)) {
        e = entry_of(x, f);
        good = e != NULL;
    }
    if (e)
        apply(x, e, f, bits);
    if (good)
        clear_names(x, f, &begun, bits);
    buf_finish(&begun);
    return good;
}

static void mask_text(struct masks *x, const struct frame *f, uint32_t *bits)
{
    struct walk w = { .masks = x, .bits = bits, .nodes = x->vocabulary->trie->nodes };
    struct mask_entry *e;

    if (f->kind == FRAME_KEY && !object_names_end(f)) {
        if (!mask_key(x, f, bits))
            walk_text(&w, 0, f);
        return;
    }
    if (f->kind != FRAME_REGEX && mask_counted(x, f, bits))
        return;
    e = entry_of(x, f);
    if (e)
        apply(x, e, f, bits);
    else
        walk_text(&w, 0, f);
}

/* White space leads back to the same state: tokens that begin with some are as good as what they have behind it. */
static void mask_blanks(struct masks *x, uint32_t state, uint32_t *bits)
{
    struct walk w = { .masks = x, .bits = bits, .nodes = x->vocabulary->trie->nodes };
    struct walk rests = { x, bits, x->vocabulary->blanks->nodes, x->vocabulary->blanks, 0, UINT32_MAX };
    const bool gap = x->machine->gap;
    uint64_t first[4];

    machine_first(x->machine, state, first);
    for (const char *c = " \t\n\r"; *c; c++)
        first[0] &= ~((uint64_t)1 << *c);
    walk_first(&w, 0, state, first);
    take(&rests, 0);
    walk_first(&rests, 0, state, first);
    x->machine->gap = gap;
}

static void mask_frame(struct masks *x, const struct frame *f, uint32_t *bits)
{
    struct walk w = { .masks = x, .bits = bits, .nodes = x->vocabulary->trie->nodes };
    struct machine *m = x->machine;

    if (f->kind == FRAME_DONE)
        return;
    if (f->kind == FRAME_PLACE) {
        uint32_t token = m->program->symbols[f->a].value;

        if (token < x->vocabulary->n_tokens)
            set_bit(bits, (int32_t)token);
        return;
    }
    if (is_text(f))
        mask_text(x, f, bits);
    else if (f->kind == FRAME_LIMITED)
        mask_limited(x, f, bits);
    else if (m->style.blanks == UINT32_MAX && value_takes_blanks(f))
        mask_blanks(x, machine_one(m, f), bits);
    else
        walk_children(&w, 0, machine_one(m, f));
}

static bool is_ready(struct masks *x)
{
    if (x->one)
        return true;
    if (mask_vocabulary_prepare(x->vocabulary, NULL) < 0)
        return false;
    x->states = malloc((x->vocabulary->trie->max_depth + 1) * sizeof *x->states);
    x->one = x->states ? calloc(x->vocabulary->n_words, sizeof *x->one) : NULL;
    if (x->one)
        return true;
    free(x->states);
    x->states = NULL;
    return false;
}

bool masks_compute(struct masks *x, uint32_t state, uint32_t *bits)
{
    struct machine *m = x->machine;
    size_t n;

    memset(bits, 0, x->vocabulary->n_words * sizeof *bits);
    if (!is_ready(x))
        return false;
    if (state == MACHINE_DEAD)
        return true;
    if (x->cache->n_entries > MASK_MAX_ENTRIES)
        mask_cache_forget(x->cache); /* all: some are the base of others */
    x->state = state;
    x->tape = m->tape.len;
    machine_set(m, state, &n);
    for (size_t i = 0; i < n; i++) {
        const struct frame f = *machine_frame(m, machine_set(m, state, &n)[i]);

        if (n == 1) {
            mask_frame(x, &f, bits);
            break;
        }
        memset(x->one, 0, x->vocabulary->n_words * sizeof *x->one);
        mask_frame(x, &f, x->one);
        for (size_t j = 0; j < x->vocabulary->n_words; j++)
            bits[j] |= x->one[j];
    }
    return true;
}

/* --- making ------------------------------------------------------------------------------------------------------- */

void masks_init(struct masks *x, struct mask_cache *cache, struct machine *m)
{
    *x = (struct masks){ .cache = cache, .vocabulary = cache->vocabulary, .machine = m };
}

void masks_finish(struct masks *x)
{
    free(x->one);
    free(x->states);
    *x = (struct masks){ 0 };
}
