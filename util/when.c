#include "util/when.h"

#include <stdbool.h>
#include <string.h>

#include "util/zone.h"

/* So many digits, as a number; moves on behind them. */
static bool digits(const char **at, int n, int *out)
{
    const char *p = *at;

    *out = 0;
    for (int i = 0; i < n; i++, p++) {
        if (*p < '0' || *p > '9')
            return false;
        *out = *out * 10 + (*p - '0');
    }
    *at = p;
    return true;
}

static bool character(const char **at, const char *any_of)
{
    if (**at == '\0' || strchr(any_of, **at) == NULL)
        return false;
    ++*at;
    return true;
}

/* "2026-11-28" as days since 1970. */
static bool date(const char **at, int64_t *days)
{
    int year, month, day;

    if (!digits(at, 4, &year) || !character(at, "-") || !digits(at, 2, &month) || !character(at, "-") ||
        !digits(at, 2, &day) || year < 1 || month < 1 || month > 12 || day < 1 || day > zone_month_days(year, month))
        return false;
    *days = zone_days(year, month, day);
    return true;
}

/* "14:30", "14:30:15" as seconds of a day. */
static bool time_of_day(const char **at, bool needs_seconds, int64_t *seconds)
{
    int hour, minute, second = 0;

    if (!digits(at, 2, &hour) || !character(at, ":") || !digits(at, 2, &minute))
        return false;
    if (character(at, ":") ? !digits(at, 2, &second) : needs_seconds)
        return false;
    *seconds = hour * 3600 + minute * 60 + second;
    return hour < 24 && minute < 60 && second < 60;
}

static bool fraction(const char **at, int64_t *ms)
{
    int n = 0;

    *ms = 0;
    if (!character(at, "."))
        return true;
    for (; **at >= '0' && **at <= '9'; ++*at, n++)
        if (n < 3)
            *ms = *ms * 10 + (**at - '0');
    for (int i = n; i < 3; i++)
        *ms *= 10;
    return n > 0;
}

/* "Z", "+01:00" as seconds ahead of UTC. */
static bool offset(const char **at, int64_t *seconds)
{
    bool west = **at == '-';
    int hour, minute;

    *seconds = 0;
    if (character(at, "Zz"))
        return true;
    if (!character(at, "+-") || !digits(at, 2, &hour) || !character(at, ":") || !digits(at, 2, &minute) || hour > 23 || minute > 59)
        return false;
    *seconds = (west ? -1 : 1) * (hour * 3600 + minute * 60);
    return true;
}

int when_parse(const char *text, int64_t *ms, struct err *err)
{
    int64_t days = 0, seconds = 0, part = 0, ahead = 0, value;
    const char *at = text;

    if (!date(&at, &days) || !character(&at, "Tt ") || !time_of_day(&at, true, &seconds) || !fraction(&at, &part) ||
        !offset(&at, &ahead) || *at != '\0')
        return fail(err, CORAX_E_ARGS, "\"%.40s\" is no time: write 2026-11-28T14:30:00+01:00, or Z for UTC", text);
    value = (days * ZONE_DAY_S + seconds - ahead) * 1000 + part;
    if (value < WHEN_MIN_MS || value > WHEN_MAX_MS)
        return fail(err, CORAX_E_ARGS, "\"%.40s\" must lie between the years 2001 and 9999", text);
    *ms = value;
    return 0;
}

int when_parse_duration(const char *text, int64_t *ms, struct err *err)
{
    static const struct {
        char unit;
        int64_t ms;
    } units[] = { { 'w', 7 * ZONE_DAY_S * 1000 }, { 'd', ZONE_DAY_S * 1000 }, { 'h', 3600000 }, { 'm', 60000 }, { 's', 1000 } };
    const size_t n_units = sizeof(units) / sizeof(*units);
    int64_t sum = 0, n;
    const char *at = text;
    size_t unit = 0;
    int n_digits;

    while (*at && unit < n_units) {
        for (n = 0, n_digits = 0; *at >= '0' && *at <= '9' && n_digits < 10; at++, n_digits++)
            n = n * 10 + (*at - '0');
        while (unit < n_units && units[unit].unit != *at)
            unit++;
        if (n_digits == 0 || unit == n_units)
            break;
        if (n > WHEN_MAX_DURATION_MS / units[unit].ms || (sum += n * units[unit].ms) > WHEN_MAX_DURATION_MS)
            return fail(err, CORAX_E_ARGS, "\"%.40s\" is longer than ten years", text);
        unit++;
        at++;
    }
    if (*at != '\0' || sum == 0)
        return fail(err, CORAX_E_ARGS, "\"%.40s\" is no duration: write 90s, 10m, 1h30m or 1d", text);
    *ms = sum;
    return 0;
}

static int first_instant(const char *text, int64_t local_s, int64_t *ms, struct err *err)
{
    int64_t at[2], skipped_to;

    if (zone_instants(local_s, at, &skipped_to) == 0)
        return fail(err, CORAX_E_ARGS, "\"%.40s\" never comes: clocks are set forward over it", text);
    if (at[0] * 1000 < WHEN_MIN_MS || at[0] * 1000 > WHEN_MAX_MS)
        return fail(err, CORAX_E_ARGS, "\"%.40s\" must lie between the years 2001 and 9999", text);
    *ms = at[0] * 1000;
    return 0;
}

static bool word(const char **at, const char *w)
{
    size_t len = strlen(w);

    if (strncmp(*at, w, len) != 0)
        return false;
    *at += len;
    return true;
}

int when_parse_local(const char *text, int64_t now_ms, int64_t *ms, struct err *err)
{
    int64_t days = zone_local(now_ms / 1000) / ZONE_DAY_S, seconds, value = 0;
    const char *at = text;
    bool named = true;

    if (*text == '+') {
        if (when_parse_duration(text + 1, &value, err) < 0)
            return -1;
        *ms = now_ms + value;
        return 0;
    }
    if (strlen(text) > 10 && strchr("Tt", text[10]))
        return when_parse(text, ms, err);
    if (word(&at, "tomorrow "))
        days++;
    else if (!word(&at, "today ") && !(date(&at, &days) && character(&at, " "))) {
        at = text;
        days = zone_local(now_ms / 1000) / ZONE_DAY_S;
        named = false;
    }
    if (!time_of_day(&at, false, &seconds) || *at != '\0')
        return fail(err, CORAX_E_ARGS,
                    "\"%.40s\" is no time: write 14:30, \"tomorrow 08:00\", \"2026-12-24 18:00\", +10m or"
                    " 2026-11-28T14:30:00Z",
                    text);
    if (first_instant(text, days * ZONE_DAY_S + seconds, &value, err) < 0)
        return -1;
    if (!named && value <= now_ms && first_instant(text, (days + 1) * ZONE_DAY_S + seconds, &value, err) < 0)
        return -1;
    *ms = value;
    return 0;
}
