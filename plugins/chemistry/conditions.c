#include "conditions.h"

#include <ctype.h>
#include <pthread.h>
#include <string.h>

#define MAX_NAME 64

static const struct row {
    const char *names, *smiles, *fulfils;
} rows[] = {
#define ROW(...) { __VA_ARGS__ },
#include "conditions_table.h"
#undef ROW
};

#define N_ROWS (sizeof rows / sizeof *rows)

static struct reagent reagents[N_ROWS];
static struct {
    const char *name;
    size_t len;
} kinds[CONDITIONS_MAX];
static int n_kinds;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static int find_kind(const char *name, size_t len)
{
    for (int i = 0; i < n_kinds; i++)
        if (kinds[i].len == len && memcmp(kinds[i].name, name, len) == 0)
            return i;
    return -1;
}

/* Calls with each word of text; separators are one character. */
static const char *next_word(const char **text, char separator, size_t *len)
{
    const char *word = *text;
    const char *end = strchr(word, separator);

    if (*word == '\0')
        return NULL;
    *len = end ? (size_t)(end - word) : strlen(word);
    *text = end ? end + 1 : word + *len;
    return word;
}

static void read_row(const struct row *row, struct reagent *out)
{
    const char *rest = row->fulfils, *word;
    size_t len;

    *out = (struct reagent){ .names = row->names, .smiles = strcmp(row->smiles, "-") == 0 ? "" : row->smiles };
    while ((word = next_word(&rest, ' ', &len)) != NULL) {
        int kind = find_kind(word, len);

        if (len == 6 && memcmp(word, "reacts", 6) == 0) {
            out->reacts = true;
            continue;
        }
        if (len == 1 && *word == '-')
            continue;
        if (kind < 0 && n_kinds < CONDITIONS_MAX) {
            kind = n_kinds++;
            kinds[kind].name = word;
            kinds[kind].len = len;
        }
        conditions_set(&out->fulfils, kind);
    }
}

static void read_table(void)
{
    for (size_t i = 0; i < N_ROWS; i++)
        read_row(&rows[i], &reagents[i]);
}

int conditions_index(const char *name, size_t len)
{
    pthread_once(&once, read_table);
    return find_kind(name, len);
}

/* What counts of a name: letters without case, digits, "/", "+" and charges; false: too long for one. */
static bool plain(const char *name, size_t len, char out[MAX_NAME])
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)name[i];

        if (!isalnum(c) && !strchr("/+=", c) && c < 0x80)
            continue;
        if (n == MAX_NAME - 1)
            return false;
        out[n++] = (char)tolower(c);
    }
    out[n] = '\0';
    return n > 0;
}

const struct reagent *reagent_named(const char *name, size_t len)
{
    char wanted[MAX_NAME], known[MAX_NAME];

    pthread_once(&once, read_table);
    if (!plain(name, len, wanted))
        return NULL;
    for (size_t i = 0; i < N_ROWS; i++) {
        const char *rest = reagents[i].names, *word;
        size_t n;

        while ((word = next_word(&rest, ';', &n)) != NULL)
            if (plain(word, n, known) && strcmp(known, wanted) == 0)
                return &reagents[i];
    }
    return NULL;
}

const struct reagent *reagent_of_smiles(const char *canonical)
{
    size_t len = strlen(canonical);

    pthread_once(&once, read_table);
    for (size_t i = 0; i < N_ROWS; i++) {
        const char *rest = reagents[i].smiles, *word;
        size_t n;

        while ((word = next_word(&rest, ' ', &n)) != NULL)
            if (n == len && memcmp(word, canonical, n) == 0)
                return &reagents[i];
    }
    return NULL;
}

void conditions_set(struct conditions *c, int index)
{
    if (index >= 0)
        c->bits[index / 64] |= UINT64_C(1) << index % 64;
}

void conditions_join(struct conditions *c, const struct conditions *more)
{
    for (size_t i = 0; i < sizeof c->bits / sizeof *c->bits; i++)
        c->bits[i] |= more->bits[i];
}

bool conditions_all(const struct conditions *have, const struct conditions *needed)
{
    for (size_t i = 0; i < sizeof have->bits / sizeof *have->bits; i++)
        if (needed->bits[i] & ~have->bits[i])
            return false;
    return true;
}

bool conditions_any(const struct conditions *have, const struct conditions *unwanted)
{
    for (size_t i = 0; i < sizeof have->bits / sizeof *have->bits; i++)
        if (unwanted->bits[i] & have->bits[i])
            return true;
    return false;
}
