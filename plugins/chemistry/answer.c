#include "answer.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void answer_init(struct answer *a, const char *status)
{
    *a = (struct answer){ .json = cJSON_CreateObject() };
    answer_string(a, "status", status);
}

void answer_finish(struct answer *a)
{
    free(a->text);
    free(a->svg);
    cJSON_Delete(a->json);
    *a = (struct answer){ 0 };
}

/* Room for so many bytes more and a NUL. */
static bool reserve(struct answer *a, size_t more)
{
    size_t size = a->size ? a->size : 256;
    char *text;

    if (a->failed)
        return false;
    while (size < a->len + more + 1)
        size *= 2;
    if (size == a->size)
        return true;
    text = realloc(a->text, size);
    if (text == NULL) {
        a->failed = true;
        return false;
    }
    a->text = text;
    a->size = size;
    return true;
}

void answer_add(struct answer *a, const char *text)
{
    size_t len = strlen(text);

    if (!reserve(a, len))
        return;
    memcpy(a->text + a->len, text, len + 1);
    a->len += len;
}

void answer_addf(struct answer *a, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0 || !reserve(a, (size_t)n)) {
        a->failed = true;
        return;
    }
    va_start(ap, fmt);
    vsnprintf(a->text + a->len, (size_t)n + 1, fmt, ap);
    va_end(ap);
    a->len += (size_t)n;
}

void answer_item(struct answer *a, const char *name, cJSON *value)
{
    cJSON_DeleteItemFromObjectCaseSensitive(a->json, name);
    if (value == NULL || !cJSON_AddItemToObject(a->json, name, value)) {
        cJSON_Delete(value);
        a->failed = true;
    }
}

void answer_string(struct answer *a, const char *name, const char *value)
{
    answer_item(a, name, cJSON_CreateString(value));
}

double rounded(double x, int decimals)
{
    static const double ten[] = { 1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9 };
    char text[64];

    /* As printf rounds, so that text and JSON say the same. */
    snprintf(text, sizeof text, "%.*f", decimals, x);
    x = strtod(text, NULL);
    return fabs(x) < 0.5 / ten[decimals] ? 0 : x;
}

void answer_number(struct answer *a, const char *name, double value, int decimals)
{
    answer_item(a, name, cJSON_CreateNumber(rounded(value, decimals)));
}

void answer_bool(struct answer *a, const char *name, bool value)
{
    answer_item(a, name, cJSON_CreateBool(value));
}

void answer_image(struct answer *a, char *svg)
{
    free(a->svg);
    a->svg = svg;
}

void answer_define(struct answer *a, const char *figure, const char *definition)
{
    cJSON *all = cJSON_GetObjectItemCaseSensitive(a->json, "definitions");

    if (a->defined)
        return;
    if (all == NULL) {
        all = cJSON_CreateObject();
        answer_item(a, "definitions", all);
    }
    if (a->failed || cJSON_AddStringToObject(all, figure, definition) == NULL)
        a->failed = true;
}
