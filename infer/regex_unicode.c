/* Classes of characters by their names in \p{...}: general categories, scripts, properties. */
#include <string.h>

#include "infer/regex_syntax.h"
#include "infer/regex_unicode_table.h"

#define LAST_CHAR 0x10ffffu
#define N_NAMES   (sizeof class_names / sizeof class_names[0])

typedef bool add_fn(void *arg, uint32_t from, uint32_t to);

/* Long names of categories, and of what is several. */
static const struct {
    const char *name, *categories; /* a letter alone is all that begin with it */
} long_names[] = {
    { "Letter", "L" },
    { "Cased_Letter", "Lu Ll Lt" },
    { "LC", "Lu Ll Lt" },
    { "L&", "Lu Ll Lt" },
    { "Uppercase_Letter", "Lu" },
    { "Lowercase_Letter", "Ll" },
    { "Titlecase_Letter", "Lt" },
    { "Modifier_Letter", "Lm" },
    { "Other_Letter", "Lo" },
    { "Mark", "M" },
    { "Combining_Mark", "M" },
    { "Nonspacing_Mark", "Mn" },
    { "Spacing_Mark", "Mc" },
    { "Enclosing_Mark", "Me" },
    { "Number", "N" },
    { "Decimal_Number", "Nd" },
    { "digit", "Nd" },
    { "Letter_Number", "Nl" },
    { "Other_Number", "No" },
    { "Punctuation", "P" },
    { "punct", "P" },
    { "Connector_Punctuation", "Pc" },
    { "Dash_Punctuation", "Pd" },
    { "Open_Punctuation", "Ps" },
    { "Close_Punctuation", "Pe" },
    { "Initial_Punctuation", "Pi" },
    { "Final_Punctuation", "Pf" },
    { "Other_Punctuation", "Po" },
    { "Symbol", "S" },
    { "Math_Symbol", "Sm" },
    { "Currency_Symbol", "Sc" },
    { "Modifier_Symbol", "Sk" },
    { "Other_Symbol", "So" },
    { "Separator", "Z" },
    { "Space_Separator", "Zs" },
    { "Line_Separator", "Zl" },
    { "Paragraph_Separator", "Zp" },
    { "Other", "C" },
    { "Control", "Cc" },
    { "cntrl", "Cc" },
    { "Format", "Cf" },
    { "Surrogate", "Cs" },
    { "Private_Use", "Co" },
    { "Unassigned", "Cn" },
    { "Any", "L M N P S Z C" },
    { "Assigned", "L M N P S Z Cc Cf Cs Co" },
};

static bool same(const char *name, const char *text, size_t len)
{
    return strlen(name) == len && memcmp(name, text, len) == 0;
}

/* A bit for each category of the list, 0 when there is an unknown one. */
static uint32_t categories_of(const char *list, size_t len)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < len;) {
        size_t n = 1;
        while (i + n < len && list[i + n] != ' ')
            n++;
        uint32_t found = 0;
        for (size_t k = 0; k < sizeof category_names / sizeof category_names[0]; k++) {
            if (n <= 2 && memcmp(category_names[k], list + i, n) == 0)
                found |= 1u << k;
        }
        if (found == 0)
            return 0;
        bits |= found;
        i += n + 1;
    }
    return bits;
}

/* Runs that touch are one: small and capital letters take turns. */
static bool add_categories(uint32_t bits, add_fn *add, void *arg)
{
    size_t n = sizeof category_runs / sizeof category_runs[0];
    for (size_t i = 0; i < n; i++) {
        uint32_t from = category_runs[i] >> 5;
        if (!(bits >> (category_runs[i] & 31) & 1))
            continue;
        while (i + 1 < n && (bits >> (category_runs[i + 1] & 31) & 1))
            i++;
        if (!add(arg, from, i + 1 < n ? (category_runs[i + 1] >> 5) - 1 : LAST_CHAR))
            return false;
    }
    return true;
}

static bool add_edges(size_t class, add_fn *add, void *arg)
{
    for (size_t i = class_first[class]; i < class_first[class + 1]; i += 2) {
        bool last = i + 1 == class_first[class + 1]; /* it reaches to the end of all */
        if (!add(arg, class_edges[i], last ? LAST_CHAR : class_edges[i + 1] - 1))
            return false;
    }
    return true;
}

static bool add_named(const char *name, size_t len, size_t from, size_t to, add_fn *add, void *arg)
{
    for (size_t i = from; i < to; i++) {
        if (same(class_names[i], name, len))
            return add_edges(i, add, arg);
    }
    return false;
}

static bool add_category(const char *name, size_t len, add_fn *add, void *arg)
{
    for (size_t i = 0; i < sizeof long_names / sizeof long_names[0]; i++) {
        const char *list = long_names[i].categories;
        if (same(long_names[i].name, name, len))
            return add_categories(categories_of(list, strlen(list)), add, arg);
    }
    uint32_t bits = len <= 2 ? categories_of(name, len) : 0;
    return bits != 0 && add_categories(bits, add, arg);
}

bool unicode_class(const char *name, size_t len, add_fn *add, void *arg)
{
    const char *equals = memchr(name, '=', len);
    if (equals == NULL) {
        if (same("ASCII", name, len))
            return add(arg, 0, 0x7f);
        return add_category(name, len, add, arg) || add_named(name, len, N_SCRIPTS, N_NAMES, add, arg);
    }
    size_t key = (size_t)(equals - name);
    const char *value = equals + 1;
    if (same("Script", name, key) || same("sc", name, key) || same("Script_Extensions", name, key) ||
        same("scx", name, key))
        return add_named(value, len - key - 1, 0, N_SCRIPTS, add, arg);
    return (same("General_Category", name, key) || same("gc", name, key)) &&
           add_category(value, len - key - 1, add, arg);
}

const char *unicode_category(uint32_t c)
{
    size_t low = 0, high = sizeof category_runs / sizeof category_runs[0];

    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;

        if (category_runs[middle] >> 5 <= c)
            low = middle;
        else
            high = middle;
    }
    return category_names[category_runs[low] & 31];
}
