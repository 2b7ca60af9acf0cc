#include "policies/path.h"

#include <stddef.h>
#include <string.h>

bool path_parse(const char *text, struct path *out)
{
    size_t n = 0;

    if (*text == '/' || strlen(text) > PATH_MAX_BYTES)
        return false;
    for (const char *p = text; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7F || *p == '\\')
            return false;
    while (*text) {
        const size_t len = strcspn(text, "/");

        if (len == 2 && text[0] == '.' && text[1] == '.')
            return false;
        if (len > 0 && !(len == 1 && text[0] == '.')) {
            if (n > 0)
                out->text[n++] = '/';
            memcpy(out->text + n, text, len);
            n += len;
        }
        text += len + (text[len] == '/');
    }
    out->text[n] = '\0';
    return n > 0;
}

bool path_is_beneath(const struct path *p, const char *folder)
{
    const size_t n = strlen(folder);

    return strncmp(p->text, folder, n) == 0 && (p->text[n] == '\0' || p->text[n] == '/');
}

bool path_is_hidden(const struct path *p)
{
    return p->text[0] == '.' || strstr(p->text, "/.") != NULL;
}
