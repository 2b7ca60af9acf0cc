/*
 * Text that a template rendered to tokens.  It is cut at special tokens, which are looked for in what is the template's
 * own alone; the stretches between are encoded whole, across the borders of data, since that is how the model saw them.
 *
 * User-defined tokens are found by the tokenizer in any text, and mostly should be: Gemma has them for runs of spaces,
 * others for words.  But some vocabularies have a template's frames as such ("<tool_call>"), and those must not come out
 * of data.  So the ones that the template writes and that look like frames are cut out here with the control tokens,
 * and where they stand in data the stretch is cut behind their first character, so that the tokenizer does not see them.
 * (A vocabulary that puts a space before each text makes that a space in the model's eyes.)
 */
#include <stdlib.h>
#include <string.h>

#include "infer/template_form.h"
#include "util/utf8.h"

#define MIN_FRAME 3 /* bytes */

/* Not digits, words or spaces, which many vocabularies have as user-defined tokens. */
static bool looks_like_frame(const char *name, size_t len)
{
    size_t first = len ? utf8_char_len(name, len) : 0;
    bool marked = false;

    if (len < MIN_FRAME || first == 0 || first == len)
        return false;
    for (size_t i = 0; i < len; i++) {
        const unsigned char c = (unsigned char)name[i];

        marked = marked || c >= 0x80 || (c && strchr("<>[]{}|", c));
    }
    for (; len >= 3 && memcmp(name, "\xe2\x96\x81", 3) == 0; len -= 3) /* U+2581, a space */
        name += 3;
    return marked && len > 0 && strspn(name, " \t\r\n") < len;
}

/* Tokens of a type; user-defined ones if they look like frames and, where there is a list, were seen. */
static bool is_wanted(const struct tokenizer *t, int32_t id, enum token_type type, const bool *seen)
{
    size_t len;
    const char *name = tokenizer_name(t, id, &len);

    if (tokenizer_type(t, id) != type)
        return false;
    return type == TOKEN_CONTROL ? len > 0 : looks_like_frame(name, len) && (!seen || seen[id]);
}

static int collect(const struct tokenizer *t, bool control, bool user, const bool *seen, struct trie *out, struct err *err)
{
    const size_t n_tokens = tokenizer_n_tokens(t);
    struct trie_entry *entries = NULL;
    size_t n = 0;

    for (int fill = 0; fill < 2; fill++) {
        if (fill && !(entries = malloc((n + 1) * sizeof *entries)))
            return fail(err, CORAX_E_LIMIT, "out of memory for %zu tokens", n);
        n = 0;
        for (size_t i = 0; i < n_tokens; i++) {
            const int32_t id = (int32_t)i;
            size_t len;
            const char *name;

            if (!(control && is_wanted(t, id, TOKEN_CONTROL, NULL)) && !(user && is_wanted(t, id, TOKEN_USER, seen)))
                continue;
            name = tokenizer_name(t, id, &len);
            if (fill)
                entries[n] = (struct trie_entry){ name, (uint32_t)len, id };
            n++;
        }
    }
    trie_init(out, entries, n);
    return 0;
}

int template_names_init(struct template_names *n, const struct tokenizer *t, struct err *err)
{
    n->seen = calloc(tokenizer_n_tokens(t) + 1, sizeof *n->seen);
    if (!n->seen)
        return fail(err, CORAX_E_LIMIT, "out of memory for %zu tokens", tokenizer_n_tokens(t));
    return collect(t, false, true, NULL, &n->user, err);
}

void template_names_see(struct template_names *n, const char *text, size_t len)
{
    for (size_t at = 0; n->user.n && at < len; at++) {
        struct trie_node node = trie_root(&n->user);

        for (size_t i = at; i < len && trie_step(&n->user, &node, (unsigned char)text[i]); i++)
            if (trie_id(&n->user, &node) >= 0)
                n->seen[trie_id(&n->user, &node)] = true;
    }
}

int template_names_close(struct template_names *n, const struct tokenizer *t, struct err *err)
{
    if (collect(t, false, true, n->seen, &n->frame, err) < 0 || collect(t, true, true, n->seen, &n->named, err) < 0)
        return -1;
    trie_finish(&n->user);
    free(n->seen);
    n->seen = NULL;
    return 0;
}

void template_names_finish(struct template_names *n)
{
    trie_finish(&n->user);
    trie_finish(&n->frame);
    trie_finish(&n->named);
    free(n->seen);
    *n = (struct template_names){ 0 };
}

/* --- cutting -------------------------------------------------------------------------------------------------------- */

/* A stretch without special tokens.  What spells a frame is data, at least in part. */
static int encode_stretch(const struct template *t, const char *text, size_t len, struct tokens *out, struct err *err)
{
    size_t done = 0, name_len;

    for (size_t at = 0, next; t->names.frame.n && at < len; at = next) {
        const size_t first = utf8_char_len(text + at, len - at);

        next = at + (first ? first : 1);
        if (trie_longest(&t->names.frame, text + at, len - at, &name_len) < 0)
            continue;
        if (tokenizer_encode(t->tokenizer, text + done, next - done, out, err) < 0)
            return -1;
        done = next;
    }
    return done < len ? tokenizer_encode(t->tokenizer, text + done, len - done, out, err) : 0;
}

/* Special tokens of text[from, to), which is the template's own.  *done: up to where the text is encoded. */
static int encode_own(const struct template *t, const char *text, size_t from, size_t to, size_t *done, struct tokens *out,
                      struct err *err)
{
    while (from < to) {
        size_t name_len;
        int32_t id = trie_longest(&t->names.named, text + from, to - from, &name_len);

        if (id < 0) {
            from++;
            continue;
        }
        if (encode_stretch(t, text + *done, from - *done, out, err) < 0 || tokens_add(out, id, err) < 0)
            return -1;
        *done = from += name_len;
    }
    return 0;
}

int template_tokens(const struct template *t, const struct jinja_text *text, struct tokens *out, struct err *err)
{
    size_t done = 0, own = 0;

    for (size_t i = 0; i <= text->n_data; i++) {
        const size_t end = i < text->n_data ? text->data[i].from : text->len;

        if (encode_own(t, text->s, own, end, &done, out, err) < 0)
            return -1;
        own = i < text->n_data ? text->data[i].to : text->len;
    }
    return encode_stretch(t, text->s + done, text->len - done, out, err);
}
