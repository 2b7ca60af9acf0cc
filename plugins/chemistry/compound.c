#include "compound.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define COMPOUND(name, synonyms, smiles, cas, key) { name, synonyms, smiles, cas, key },
#define NAME(name, owner)
static const struct compound compounds[] = {
#include "names_table.h"
};
#undef COMPOUND
#undef NAME

#define COMPOUND(name, synonyms, smiles, cas, key)
#define NAME(name, owner) { name, owner },
static const struct {
    const char *text; /* in the spelling of comparison */
    int owner;        /* of compounds */
} names[] = {
#include "names_table.h"
};
#undef COMPOUND
#undef NAME

#define N_COMPOUNDS (sizeof compounds / sizeof *compounds)
#define N_NAMES     (sizeof names / sizeof *names)

/* What people write for a plain character, in UTF-8. */
static const struct {
    const char *utf8, *plain;
} plain[] = {
    { "\xce\xb1", "alpha" },   { "\xce\xb2", "beta" },  { "\xce\xb3", "gamma" },  { "\xce\xb4", "delta" },
    { "\xce\xb5", "epsilon" }, { "\xcf\x89", "omega" }, { "\xce\xbb", "lambda" }, { "\xe2\x80\xb2", "'" },
    { "\xe2\x80\xb3", "''" },  { "\xe2\x80\x99", "'" }, { "\xe2\x80\x90", "" },   { "\xe2\x80\x91", "" },
    { "\xe2\x80\x93", "" },    { "\xe2\x88\x92", "" },  { "\xc2\xa0", "" },       { "\xe2\x86\x92", ">" },
};

/* The spelling of comparison.  false: it is empty or too long. */
static bool spell(const char *name, size_t len, char out[COMPOUND_NAME_SIZE])
{
    size_t n = 0, i = 0;

    while (i < len) {
        size_t k, used = 0;
        char one[2] = "";
        const char *text = one;

        for (k = 0; k < sizeof plain / sizeof *plain && used == 0; k++)
            if (len - i >= strlen(plain[k].utf8) && memcmp(name + i, plain[k].utf8, strlen(plain[k].utf8)) == 0) {
                used = strlen(plain[k].utf8);
                text = plain[k].plain;
            }
        if (used == 0) {
            used = 1;
            if (name[i] != ' ' && name[i] != '-' && name[i] != '\t' && name[i] != '\n' && name[i] != '\r')
                one[0] = (char)tolower((unsigned char)name[i]);
        }
        if (n + strlen(text) >= COMPOUND_NAME_SIZE)
            return false;
        memcpy(out + n, text, strlen(text));
        n += strlen(text);
        i += used;
    }
    out[n] = '\0';
    return n > 0;
}

const struct compound *compound_by_name(const char *name, size_t len)
{
    char text[COMPOUND_NAME_SIZE];

    if (spell(name, len, text))
        for (size_t i = 0; i < N_NAMES; i++)
            if (strcmp(names[i].text, text) == 0)
                return &compounds[names[i].owner];
    return NULL;
}

const struct compound *compound_by_cas(const char *cas)
{
    for (size_t i = 0; i < N_COMPOUNDS; i++)
        if (strcmp(compounds[i].cas, cas) == 0)
            return &compounds[i];
    return NULL;
}

const struct compound *compound_by_inchikey(const char *key)
{
    for (size_t i = 0; i < N_COMPOUNDS; i++)
        if (strcmp(compounds[i].inchikey, key) == 0)
            return &compounds[i];
    return NULL;
}

/* --- near names -------------------------------------------------------------------------------------------------- */

#define MAX_SPELLING 64 /* longer names are compared with none: a slip in them is for the grammar to find */

/* How many letters are to be changed, left out, put in or exchanged with the next; more than limit: limit + 1. */
static int distance(const char *a, int n, const char *b, int m, int limit)
{
    int row[3][MAX_SPELLING + 2];
    int *before = row[0], *last = row[1], *now = row[2], *t;

    if (abs(n - m) > limit)
        return limit + 1;
    for (int j = 0; j <= m; j++)
        before[j] = last[j] = j;
    for (int i = 1; i <= n; i++) {
        int least = now[0] = i;

        for (int j = 1; j <= m; j++) {
            int d = last[j - 1] + (a[i - 1] != b[j - 1]);

            d = d < last[j] + 1 ? d : last[j] + 1;
            d = d < now[j - 1] + 1 ? d : now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < d)
                d = before[j - 2] + 1;
            now[j] = d;
            least = d < least ? d : least;
        }
        if (least > limit)
            return limit + 1;
        t = before;
        before = last;
        last = now;
        now = t;
    }
    return last[m] > limit ? limit + 1 : last[m];
}

size_t compound_near(const char *name, size_t len, const struct compound *near[COMPOUND_MAX_NEAR])
{
    char text[COMPOUND_NAME_SIZE];
    int at[COMPOUND_MAX_NEAR], limit;
    size_t n = 0, size;

    if (!spell(name, len, text) || (size = strlen(text)) > MAX_SPELLING || size < 3)
        return 0;
    limit = size < 6 ? 1 : size < 10 ? 2 : 3;
    for (size_t i = 0; i < N_NAMES; i++) {
        const struct compound *c = &compounds[names[i].owner];
        size_t m = strlen(names[i].text), k;
        int d;

        if (m > MAX_SPELLING || (d = distance(text, (int)size, names[i].text, (int)m, limit)) > limit)
            continue;
        for (k = 0; k < n && near[k] != c; k++)
            ;
        if (k < n) { /* it is there by another name */
            if (at[k] <= d)
                continue;
            for (; k + 1 < n; k++)
                near[k] = near[k + 1], at[k] = at[k + 1];
            n--;
        }
        for (k = n; k > 0 && at[k - 1] > d; k--)
            if (k < COMPOUND_MAX_NEAR)
                near[k] = near[k - 1], at[k] = at[k - 1];
        if (k < COMPOUND_MAX_NEAR) {
            near[k] = c;
            at[k] = d;
            n += n < COMPOUND_MAX_NEAR;
        }
    }
    while (n > 1 && at[n - 1] > at[0]) /* those further off are hardly meant */
        n--;
    return n;
}

/* --- CAS numbers -------------------------------------------------------------------------------------------------- */

enum cas_form cas_read(const char *text, size_t len, char out[CAS_SIZE], int *right)
{
    size_t n = 0, dash = 0, sum = 0;

    while (len > 0 && isspace((unsigned char)*text))
        text++, len--;
    while (len > 0 && isspace((unsigned char)text[len - 1]))
        len--;
    while (len > 0 && *text == '0')
        text++, len--;
    if (len < 7 || len >= CAS_SIZE)
        return CAS_NONE;
    for (n = 0; n < len; n++) {
        dash = n == len - 2 || n == len - 5;
        if (dash ? text[n] != '-' : !isdigit((unsigned char)text[n]))
            return CAS_NONE;
        out[n] = text[n];
    }
    out[n] = '\0';
    /* The last digit is the sum of the others, each times its place counted from the right, modulo 10. */
    for (size_t i = len - 2, place = 1; i-- > 0;)
        if (out[i] != '-')
            sum += (size_t)(out[i] - '0') * place++;
    if (right)
        *right = (int)(sum % 10);
    return sum % 10 == (size_t)(out[len - 1] - '0') ? CAS_VALID : CAS_BAD_DIGIT;
}
