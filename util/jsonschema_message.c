/*
 * What a validator says: where in the value, what is there, and what would be accepted.
 */
#include <stdio.h>
#include <string.h>

#include "util/jsonschema_node.h"

#define SHOWN_LIST     110 /* bytes of a list of names or values */
#define MAX_REFERENCES 8   /* that are followed to say what is wanted */

void place_write(const struct place *place, char *out)
{
    size_t len;

    if (!place) {
        out[0] = '\0';
        return;
    }
    place_write(place->up, out);
    len = strlen(out);
    if (place->key)
        snprintf(out + len, SCHEMA_SHOWN_PATH + 1 - len, "%s%.*s", len > 0 ? "." : "", SCHEMA_SHOWN_VALUE, place->key);
    else
        snprintf(out + len, SCHEMA_SHOWN_PATH + 1 - len, "[%zu]", place->index);
}

struct shown show_value(const struct json *value)
{
    struct shown shown = { .full = false };
    const char *text = json_text(value);

    switch (json_kind(value)) {
    case JSON_STRING:
        snprintf(shown.text, sizeof(shown.text), "\"%.*s%s\"", SCHEMA_SHOWN_VALUE, text,
                 strlen(text) > SCHEMA_SHOWN_VALUE ? "..." : "");
        break;
    case JSON_NUMBER:
        snprintf(shown.text, sizeof(shown.text), "%.*s", SCHEMA_SHOWN_VALUE, json_digits(value));
        break;
    case JSON_BOOL:
        strcpy(shown.text, json_bool(value, false) ? "true" : "false");
        break;
    case JSON_ARRAY:
        strcpy(shown.text, "an array");
        break;
    case JSON_OBJECT:
        strcpy(shown.text, "an object");
        break;
    default:
        strcpy(shown.text, "null");
    }
    return shown;
}

void shown_add(struct shown *list, const char *separator, const char *item)
{
    size_t len = strlen(list->text);

    if (list->full)
        return;
    if (len + strlen(item) > SHOWN_LIST) {
        list->full = true;
        item = "...";
    }
    snprintf(list->text + len, sizeof(list->text) - len, "%s%s", len > 0 ? separator : "", item);
}

/* As JSON, or "..." if that is long. */
static void add_json(struct shown *list, const struct json *value)
{
    struct buf text;
    struct jsonw w;

    if (list->full)
        return;
    buf_init(&text, SHOWN_LIST + 1);
    w = jsonw_start(&text);
    jsonw_value(&w, NULL, value);
    shown_add(list, ", ", text.failed ? "..." : text.data);
    buf_finish(&text);
}

static bool allows_type(const struct schema *s, const struct json *value)
{
    static const unsigned bits[] = {
        [JSON_NULL] = SCHEMA_NULL,     [JSON_BOOL] = SCHEMA_BOOL,   [JSON_NUMBER] = SCHEMA_NUMBER | SCHEMA_INTEGER,
        [JSON_STRING] = SCHEMA_STRING, [JSON_ARRAY] = SCHEMA_ARRAY, [JSON_OBJECT] = SCHEMA_OBJECT,
    };

    return s->types & bits[json_kind(value)];
}

/* "one of 1, 2", "1", or nothing: no value. */
static void add_values(struct shown *shown, const struct schema *s)
{
    struct shown list = { .full = false };
    size_t n = 0;

    for (size_t i = 0; i < s->n_values; i++)
        if (allows_type(s, s->values[i])) {
            add_json(&list, s->values[i]);
            n++;
        }
    snprintf(shown->text, sizeof(shown->text), "%s%.*s", n > 1 ? "one of " : "", SHOWN_LIST + 5,
             n > 0 ? list.text : "nothing: no value is allowed here");
}

static void add_types(struct shown *shown, unsigned types)
{
    static const struct {
        unsigned bit;
        const char *name;
    } names[] = {
        { SCHEMA_STRING, "a string" },    { SCHEMA_NUMBER, "a number" }, { SCHEMA_INTEGER, "an integer" },
        { SCHEMA_BOOL, "true or false" }, { SCHEMA_ARRAY, "an array" },  { SCHEMA_OBJECT, "an object" },
        { SCHEMA_NULL, "null" },
    };

    if (types & SCHEMA_NUMBER)
        types &= ~(unsigned)SCHEMA_INTEGER;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (types & names[i].bit)
            shown_add(shown, " or ", names[i].name);
}

struct shown show_wanted(const struct schema *s)
{
    struct shown shown = { .full = false };

    for (int i = 0; s && i < MAX_REFERENCES && s->ref && s->types == SCHEMA_ANY && !s->has_enum && !s->constant; i++)
        s = s->ref;
    if (!s)
        strcpy(shown.text, "a value");
    else if (s->never)
        strcpy(shown.text, "nothing: no value is allowed here");
    else if (s->constant)
        add_json(&shown, s->constant);
    else if (s->has_enum)
        add_values(&shown, s);
    else if (s->types == SCHEMA_ANY)
        strcpy(shown.text, "a value");
    else
        add_types(&shown, s->types);
    return shown;
}
