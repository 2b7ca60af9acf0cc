#include "policies/label.h"

#include <string.h>

static const char *const integrity_names[] = { "trusted", "untrusted" };
static const char *const confidentiality_names[] = { "public", "internal", "secret" };

struct label label_join(struct label a, struct label b)
{
    if (b.integrity > a.integrity)
        a.integrity = b.integrity;
    if (b.confidentiality > a.confidentiality)
        a.confidentiality = b.confidentiality;
    return a;
}

bool label_is_within(struct label l, struct label most)
{
    return l.integrity <= most.integrity && l.confidentiality <= most.confidentiality;
}

const char *integrity_name(enum integrity i)
{
    return integrity_names[i];
}

const char *confidentiality_name(enum confidentiality c)
{
    return confidentiality_names[c];
}

static int find(const char *const *names, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (name && strcmp(names[i], name) == 0)
            return i;
    return -1;
}

bool integrity_find(const char *name, enum integrity *out)
{
    const int i = find(integrity_names, 2, name);

    if (i >= 0)
        *out = (enum integrity)i;
    return i >= 0;
}

bool confidentiality_find(const char *name, enum confidentiality *out)
{
    const int i = find(confidentiality_names, 3, name);

    if (i >= 0)
        *out = (enum confidentiality)i;
    return i >= 0;
}
