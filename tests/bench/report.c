#include "tests/bench/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/buf.h"
#include "util/json.h"

#define MAX_LINES 96
#define WHAT_COLS 80

struct line {
    const char *key, *what, *unit; /* key NULL: a title or a note, in text */
    char text[240];
    double value, low, high, reach, floor;
    size_t n_runs;
    enum target target;
    bool has_floor, is_title;
};

static struct line lines[MAX_LINES];
static size_t n_lines;

void series_add(struct series *s, double value)
{
    if (s->n < MAX_RUNS)
        s->at[s->n++] = value;
}

static int compare(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

double percentile(double *values, size_t n, double q)
{
    if (n == 0)
        return 0;
    qsort(values, n, sizeof(*values), compare);
    return values[(size_t)(q * (double)(n - 1) + 0.5)];
}

double series_median(const struct series *s)
{
    struct series copy = *s;

    return percentile(copy.at, copy.n, 0.5);
}

static struct line *add_line(void)
{
    if (n_lines == MAX_LINES) {
        fprintf(stderr, "bench: more than %d lines to report\n", MAX_LINES);
        exit(1);
    }
    return &lines[n_lines++];
}

void report_section(const char *title)
{
    struct line *l = add_line();

    l->is_title = true;
    snprintf(l->text, sizeof(l->text), "%s", title);
}

void report_note(const char *fmt, ...)
{
    struct line *l = add_line();
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(l->text, sizeof(l->text), fmt, ap);
    va_end(ap);
}

void report_figure(const char *key, const char *what, const char *unit, const struct series *s, enum target target,
                   double reach, const struct series *floor)
{
    struct line *l = add_line();
    struct series sorted = *s;

    l->key = key;
    l->what = what;
    l->unit = unit;
    l->value = percentile(sorted.at, sorted.n, 0.5);
    l->low = sorted.n ? sorted.at[0] : 0;
    l->high = sorted.n ? sorted.at[sorted.n - 1] : 0;
    l->n_runs = sorted.n;
    l->target = target;
    l->reach = reach;
    l->has_floor = floor != NULL;
    l->floor = floor ? series_median(floor) : 0;
}

static bool is_met(const struct line *l)
{
    return l->target == TARGET_AT_MOST ? l->value <= l->reach : l->value >= l->reach;
}

static const char *number(double v, char out[24])
{
    snprintf(out, 24, v >= 1000 ? "%.0f" : v >= 100 ? "%.1f" : "%.2f", v);
    return out;
}

static void print_line(const struct line *l)
{
    char value[24], low[24], high[24], reach[24], floor[24], target[40] = "", ratio[48] = "";

    if (l->key == NULL) {
        printf(l->is_title ? "\n%s\n" : "  %s\n", l->text);
        return;
    }
    if (l->target != TARGET_NONE)
        snprintf(target, sizeof(target), "%s %s %s", l->target == TARGET_AT_MOST ? "<=" : ">=", number(l->reach, reach),
                 is_met(l) ? "yes" : "NO");
    if (l->has_floor && l->floor > 0)
        snprintf(ratio, sizeof(ratio), "%.2f x %s", l->value / l->floor, number(l->floor, floor));
    printf("  %-*s %9s %-5s %8s .. %-8s  %-16s %s\n", WHAT_COLS, l->what, number(l->value, value), l->unit,
           number(l->low, low), number(l->high, high), target, ratio);
}

static void write_json(struct buf *out)
{
    struct jsonw w = jsonw_start(out);
    size_t i;

    jsonw_object(&w, NULL);
    jsonw_array(&w, "figures");
    for (i = 0; i < n_lines; i++) {
        const struct line *l = &lines[i];

        if (l->key == NULL)
            continue;
        jsonw_object(&w, NULL);
        jsonw_text(&w, "key", l->key);
        jsonw_text(&w, "what", l->what);
        jsonw_text(&w, "unit", l->unit);
        jsonw_number(&w, "median", l->value);
        jsonw_number(&w, "lowest", l->low);
        jsonw_number(&w, "highest", l->high);
        jsonw_int(&w, "runs", (int64_t)l->n_runs);
        if (l->target != TARGET_NONE) {
            jsonw_number(&w, l->target == TARGET_AT_MOST ? "at_most" : "at_least", l->reach);
            jsonw_bool(&w, "met", is_met(l));
        }
        if (l->has_floor) {
            jsonw_number(&w, "floor", l->floor);
            jsonw_number(&w, "ratio", l->floor > 0 ? l->value / l->floor : 0);
        }
        jsonw_end(&w);
    }
    jsonw_end(&w);
    jsonw_array(&w, "notes");
    for (i = 0; i < n_lines; i++)
        if (lines[i].key == NULL && !lines[i].is_title)
            jsonw_text(&w, NULL, lines[i].text);
    jsonw_end(&w);
    jsonw_end(&w);
    buf_addc(out, '\n');
}

int report_print(const char *json_path)
{
    struct buf json;
    FILE *f;
    size_t i;
    bool ok;

    printf("  %-*s %9s %-5s %20s  %-16s %s\n", WHAT_COLS, "", "median", "", "lowest .. highest", "reach",
           "to the floor");
    for (i = 0; i < n_lines; i++)
        print_line(&lines[i]);
    if (json_path == NULL)
        return 0;
    buf_init(&json, 1u << 20);
    write_json(&json);
    f = fopen(json_path, "w");
    ok = f && fwrite(json.data, 1, json.len, f) == json.len;
    ok = f && fclose(f) == 0 && ok && !json.failed;
    buf_finish(&json);
    if (!ok)
        fprintf(stderr, "bench: %s cannot be written\n", json_path);
    return ok ? 0 : -1;
}
