#include "util/cron.h"

#include <stdlib.h>
#include <string.h>

#include "util/zone.h"

#define MAX_DAYS    (41 * 366) /* a 29 February on a given day of the week may be 40 years away */
#define LAST_DAY    2932896    /* 9999-12-31 */
#define NEVER       INT64_MAX

struct field {
    const char *name;
    int min, max;
    const char *const *names; /* of the values from min; NULL: none */
};

static const char *const months[] = { "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", NULL };
static const char *const weekdays[] = { "sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL };
static const struct field fields[] = {
    { "the minute", 0, 59, NULL },      { "the hour", 0, 23, NULL },
    { "the day of the month", 1, 31, NULL }, { "the month", 1, 12, months },
    { "the day of the week", 0, 7, weekdays },
};
#define N_FIELDS (sizeof(fields) / sizeof(*fields))

static int number(const char **at, int *out)
{
    int n = 0, n_digits = 0;

    for (; **at >= '0' && **at <= '9' && n_digits < 4; ++*at, n_digits++)
        n = n * 10 + (**at - '0');
    *out = n;
    return n_digits > 0 ? 0 : -1;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static int value(const struct field *f, const char **at, int *out)
{
    for (int i = 0; f->names && f->names[i]; i++) {
        if (lower((*at)[0]) == f->names[i][0] && lower((*at)[1]) == f->names[i][1] && lower((*at)[2]) == f->names[i][2]) {
            *at += 3;
            *out = f->min + i;
            return 0;
        }
    }
    return number(at, out) == 0 && *out >= f->min && *out <= f->max ? 0 : -1;
}

/* One of those between commas. */
static int item(const struct field *f, const char **at, uint64_t *set)
{
    int first = f->min, last = f->max, step = 1;
    bool one = false;

    if (**at == '*') {
        ++*at;
    } else {
        if (value(f, at, &first) < 0)
            return -1;
        last = first;
        one = **at != '-';
        if (!one && (++*at, value(f, at, &last) < 0 || last < first))
            return -1;
    }
    if (**at == '/') {
        ++*at;
        /* A step behind one value reads in some crons as a range to the end, and in others as the value alone. */
        if (one || number(at, &step) < 0 || step < 1 || step > f->max - f->min)
            return -1;
    }
    for (int v = first; v <= last; v += step)
        *set |= UINT64_C(1) << v;
    return 0;
}

static int read_field(const struct field *f, const char **at, uint64_t *set, bool *every, struct err *err)
{
    const char *start = *at;

    *set = 0;
    *every = *start == '*';
    for (;;) {
        if (item(f, at, set) < 0)
            break;
        if (**at == '\0' || **at == ' ')
            return 0;
        if (**at != ',')
            break;
        ++*at;
    }
    return fail(err, CORAX_E_ARGS, "%s of the rule, \"%.*s\", must be *, numbers from %d to %d%s, ranges or lists of them: 1-5, 0,30, */10", f->name,
                (int)strcspn(start, " ") < 40 ? (int)strcspn(start, " ") : 40, start, f->min, f->max, f->names ? ", names" : "");
}

static const char *shorthand(const char *text)
{
    static const struct {
        const char *name, *rule;
    } all[] = { { "@hourly", "0 * * * *" },  { "@daily", "0 0 * * *" },  { "@midnight", "0 0 * * *" }, { "@weekly", "0 0 * * 0" },
                { "@monthly", "0 0 1 * *" }, { "@yearly", "0 0 1 1 *" }, { "@annually", "0 0 1 1 *" } };

    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        if (strcmp(text, all[i].name) == 0)
            return all[i].rule;
    return text;
}

/* With a year that has a 29 February. */
static bool ever_comes(const struct cron *c)
{
    if (!c->every_weekday)
        return true; /* alone, or beside a day of the month that may never come */
    for (int m = 1; m <= 12; m++)
        if ((c->months >> m & 1) && (c->days & ((UINT64_C(2) << zone_month_days(2000, m)) - 1)))
            return true;
    return false;
}

int cron_parse(struct cron *c, const char *text, struct err *err)
{
    uint64_t sets[N_FIELDS];
    bool every[N_FIELDS];
    const char *at = shorthand(text);
    size_t i;

    if (strlen(text) > CRON_MAX)
        return fail(err, CORAX_E_ARGS, "the rule has more than %d bytes", CRON_MAX);
    if (*at == '@')
        return fail(err, CORAX_E_ARGS, "\"%.20s\" is none of @hourly, @daily, @weekly, @monthly and @yearly", text);
    for (i = 0; i < N_FIELDS; i++) {
        at += strspn(at, " ");
        if (*at == '\0')
            break;
        if (read_field(&fields[i], &at, &sets[i], &every[i], err) < 0)
            return -1;
    }
    at += strspn(at, " ");
    if (i < N_FIELDS || *at != '\0')
        return fail(err, CORAX_E_ARGS, "the rule \"%.60s\" must have five fields: minute, hour, day of the month, month, day of the week", text);
    *c = (struct cron){ .minutes = sets[0],
                        .hours = (uint32_t)sets[1],
                        .days = (uint32_t)sets[2],
                        .months = (uint32_t)sets[3],
                        .weekdays = (uint8_t)((sets[4] | sets[4] >> 7) & 0x7f),
                        .every_hour = every[1],
                        .every_day = every[2],
                        .every_weekday = every[4] };
    return ever_comes(c) ? 0 : fail(err, CORAX_E_ARGS, "the rule \"%.60s\" never comes true: no such month has such a day", text);
}

static bool fits_day(const struct cron *c, int64_t days)
{
    int year, month, day, weekday = (int)((days + 4) % 7); /* 1970 began on a Thursday */
    bool by_day, by_weekday;

    zone_date(days, &year, &month, &day);
    by_day = c->days >> day & 1;
    by_weekday = c->weekdays >> weekday & 1;
    if (!(c->months >> month & 1))
        return false;
    return c->every_day || c->every_weekday ? by_day && by_weekday : by_day || by_weekday;
}

/* The instants of one local time that count for this rule; the least of those behind `after`. */
static int64_t instant_of(const struct cron *c, int64_t local_s, int64_t after_s)
{
    int64_t at[2], skipped_to;
    int n = zone_instants(local_s, at, &skipped_to);

    if (n == 0 && !c->every_hour) {
        at[0] = skipped_to;
        n = 1;
    }
    if (n == 2 && !c->every_hour)
        n = 1;
    for (int i = 0; i < n; i++)
        if (at[i] > after_s)
            return at[i];
    return NEVER;
}

/* The least instant of that local day behind `after`.  Local times of a day are not in the order of their instants where clocks
 * are set back, so on such a day all are looked at; on others the first that fits is it. */
static int64_t first_of_day(const struct cron *c, int64_t days, int64_t after_s)
{
    const int64_t begin = days * ZONE_DAY_S;
    int64_t offset = zone_local(begin - 2 * ZONE_DAY_S) - (begin - 2 * ZONE_DAY_S), best = NEVER;
    bool plain = zone_local(begin + 3 * ZONE_DAY_S) - (begin + 3 * ZONE_DAY_S) == offset;

    for (int hour = 0; hour < 24; hour++) {
        for (int minute = 0; (c->hours >> hour & 1) && minute < 60; minute++) {
            int64_t local_s = begin + hour * 3600 + minute * 60, at;

            if (!(c->minutes >> minute & 1))
                continue;
            at = !plain ? instant_of(c, local_s, after_s) : local_s - offset > after_s ? local_s - offset : NEVER;
            if (at < best)
                best = at;
            if (plain && best != NEVER)
                return best;
        }
    }
    return best;
}

int64_t cron_next(const struct cron *c, int64_t after_ms)
{
    const int64_t after_s = after_ms / 1000, today = zone_local(after_s) / ZONE_DAY_S;
    int64_t best;

    /* From yesterday: clocks that are set back at midnight show it once more. */
    for (int64_t days = today - 1; days < today + MAX_DAYS && days <= LAST_DAY; days++) {
        if (!fits_day(c, days))
            continue;
        best = first_of_day(c, days, after_s);
        if (best != NEVER)
            return best * 1000;
    }
    return INT64_MAX;
}
