#include "policies/screen.h"

#include <string.h>

bool screen_is_finding(const char *word)
{
    const size_t n = word ? strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789-_") : 0;

    return n > 0 && n <= SCREEN_MAX_WORD && word[n] == '\0';
}

bool screen_asks(const struct screen *s, const struct screen_answer *a)
{
    return strcmp(s->by, a->by) == 0 && strcmp(s->argument, a->argument) == 0 && strcmp(s->role, a->role) == 0;
}

static bool is_called(const struct screen *s, const char *name)
{
    const char *id = strchr(s->name, '/');

    return strcmp(s->name, name) == 0 || (id && strcmp(id + 1, name) == 0);
}

static int read_findings(const struct json *j, struct screen_answer *a, const char **words, struct err *err)
{
    a->known = json_kind(j) == JSON_ARRAY;
    a->findings = words;
    if (!a->known && json_kind(j) != JSON_NULL)
        return fail(err, CORAX_E_ARGS, "screened: %.130s is neither a list of findings nor null", json_key(j));
    if (json_count(j) > SCREEN_MAX_FINDINGS)
        return fail(err, CORAX_E_ARGS, "screened: %.130s has more than %d findings", json_key(j), SCREEN_MAX_FINDINGS);
    for (const struct json *w = json_first(j); w; w = json_next(w)) {
        if (!screen_is_finding(json_text(w)))
            return fail(err, CORAX_E_ARGS, "screened: %.130s: a finding is 1 to %d of a-z 0-9 - _", json_key(j),
                        SCREEN_MAX_WORD);
        words[a->n++] = json_text(w);
    }
    return 0;
}

int screen_read_answers(const struct screen *screens, size_t n, const struct json *j, struct screen_answers *out,
                        struct err *err)
{
    out->n = 0;
    if (json_kind(j) != JSON_OBJECT)
        return fail(err, CORAX_E_ARGS, "screened is not an object of findings by screen");
    for (const struct json *m = json_first(j); m; m = json_next(m)) {
        bool found = false;

        for (size_t i = 0; i < n; i++) {
            struct screen_answer *a = &out->at[out->n];

            if (!is_called(&screens[i], json_key(m)))
                continue;
            if (out->n == SCREEN_MAX_QUESTIONS)
                return fail(err, CORAX_E_ARGS, "screened: more than %d screens", SCREEN_MAX_QUESTIONS);
            *a =
                (struct screen_answer){ .by = screens[i].by, .argument = screens[i].argument, .role = screens[i].role };
            if (read_findings(m, a, out->words[out->n], err) < 0)
                return -1;
            out->n++;
            found = true;
        }
        if (!found)
            return fail(err, CORAX_E_ARGS, "screened: there is no screen \"%.130s\"", json_key(m));
    }
    return 0;
}
