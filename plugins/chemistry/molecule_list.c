#include "molecule_list.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RECORD (MOLECULE_LIST_KEY + 1)

/* --- the head ---------------------------------------------------------------------------------------------------- */

/* One line without its newline, NUL-terminated, into line[MOLECULE_LIST_TEXT + 32]. */
static bool next_line(const uint8_t *data, size_t len, size_t *pos, char line[MOLECULE_LIST_TEXT + 32])
{
    const uint8_t *end = memchr(data + *pos, '\n', len - *pos);
    size_t n;

    if (end == NULL)
        return false;
    n = (size_t)(end - (data + *pos));
    if (n >= MOLECULE_LIST_TEXT + 32)
        return false;
    for (size_t i = 0; i < n; i++)
        if (data[*pos + i] < 0x20 || data[*pos + i] == 0x7f)
            return false;
    memcpy(line, data + *pos, n);
    line[n] = '\0';
    *pos += n + 1;
    return true;
}

static bool set_text(char out[MOLECULE_LIST_TEXT], const char *value)
{
    size_t len = strlen(value);

    if (len == 0 || len >= MOLECULE_LIST_TEXT)
        return false;
    memcpy(out, value, len + 1);
    return true;
}

static bool set_number(uint64_t *out, const char *value, uint64_t max)
{
    char *end;

    if (!isdigit((unsigned char)*value) || strlen(value) > 18)
        return false;
    *out = strtoull(value, &end, 10);
    return *end == '\0' && *out <= max;
}

static bool set(struct molecule_list *l, const char *name, const char *value, bool *versioned)
{
    uint64_t n = 0;

    if (strcmp(name, "corax-molecules") == 0)
        return *versioned = strcmp(value, "1") == 0;
    if (strcmp(name, "kind") == 0)
        return set_text(l->kind, value);
    if (strcmp(name, "name") == 0)
        return set_text(l->name, value);
    if (strcmp(name, "date") == 0)
        return set_text(l->date, value);
    if (strcmp(name, "molecules") == 0)
        return set_number(&l->molecules, value, UINT64_MAX);
    if (strcmp(name, "form") == 0) {
        l->bloom = strcmp(value, "bloom") == 0;
        return l->bloom || strcmp(value, "list") == 0;
    }
    if (strcmp(name, "hashes") != 0 || !set_number(&n, value, 64))
        return false;
    l->hashes = (unsigned)n;
    return n > 0;
}

const char *molecule_list_open(struct molecule_list *l, const uint8_t *data, size_t len)
{
    char line[MOLECULE_LIST_TEXT + 32], *value;
    bool versioned = false;
    size_t pos = 0;

    *l = (struct molecule_list){ .body = data };
    for (;;) {
        if (pos > MOLECULE_LIST_HEADER || !next_line(data, len, &pos, line))
            return "its head is not one of a list of molecules";
        if (line[0] == '\0')
            break;
        value = strstr(line, ": ");
        if (value == NULL)
            return "a line of its head is not NAME: VALUE";
        *value = '\0';
        if (!set(l, line, value + 2, &versioned))
            return "a line of its head makes no sense";
    }
    if (!versioned || !l->kind[0] || !l->name[0] || !l->date[0])
        return "its head lacks corax-molecules: 1, kind, name or date";
    l->body = data + pos;
    l->body_len = len - pos;
    if (l->bloom && (l->hashes == 0 || l->body_len == 0))
        return "the filter is empty, or its head lacks hashes";
    if (!l->bloom && l->body_len % RECORD != 0)
        return "its lines are not all InChIKeys";
    return NULL;
}

/* --- a key ------------------------------------------------------------------------------------------------------- */

static uint64_t mixed(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9U;
    x = (x ^ x >> 27) * 0x94d049bb133111ebU;
    return x ^ x >> 31;
}

/* FNV-1a, 64 bits. */
static uint64_t hash_of(const char *key)
{
    uint64_t hash = 0xcbf29ce484222325U;

    for (size_t i = 0; i < MOLECULE_LIST_KEY; i++)
        hash = (hash ^ (uint8_t)key[i]) * 0x100000001b3U;
    return hash;
}

static enum molecule_list_answer find_in_filter(const struct molecule_list *l, const char *key)
{
    const uint64_t bits = (uint64_t)l->body_len * 8;
    uint64_t at = hash_of(key);

    for (unsigned i = 0; i < l->hashes; i++) {
        at = mixed(at + 0x9e3779b97f4a7c15U);
        if (!(l->body[at % bits / 8] >> at % bits % 8 & 1))
            return MOLECULE_ABSENT;
    }
    return MOLECULE_PRESENT;
}

static enum molecule_list_answer find_in_list(const struct molecule_list *l, const char *key)
{
    size_t low = 0, high = l->body_len / RECORD;
    enum molecule_list_answer answer = MOLECULE_ABSENT;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const uint8_t *record = l->body + middle * RECORD;
        int order = memcmp(record, key, MOLECULE_LIST_KEY);

        if (record[MOLECULE_LIST_KEY] != '\n')
            return MOLECULE_DAMAGED;
        if (order == 0)
            return MOLECULE_PRESENT;
        if (memcmp(record, key, MOLECULE_LIST_SKELETON) == 0)
            answer = MOLECULE_VARIANT;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return answer;
}

enum molecule_list_answer molecule_list_find(const struct molecule_list *l, const char *key)
{
    return l->bloom ? find_in_filter(l, key) : find_in_list(l, key);
}

double molecule_list_false_hits(const struct molecule_list *l)
{
    if (!l->bloom)
        return 0;
    return pow(1 - exp(-(double)l->hashes * (double)l->molecules / ((double)l->body_len * 8)), l->hashes);
}
