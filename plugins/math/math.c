/*
 * math.c - exact arithmetic and unit conversion.
 *
 * calc.c evaluates, units.c converts, number.c reads and writes decimals; here they become two tools.
 */
#include <stdbool.h>
#include <string.h>

#include <corax/plugin.h>

#include "calc.h"
#include "number.h"
#include "units.h"

/* Digits up to which a result is written exactly, and to how many it is rounded otherwise. */
#define CALC_EXACT    40
#define CALC_ROUND    15
#define CONVERT_EXACT 15
#define CONVERT_ROUND 10

static int refuse(const struct corax_host *h, struct corax_call *c, int status, const char *text)
{
    h->fail(c, status, text, strlen(text));
    return status;
}

static int too_long(const struct corax_host *h, struct corax_call *c)
{
    return refuse(h, c, CORAX_E_LIMIT, "the result is too large or too small to write: at most 1000 digits");
}

static int calc_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    const char *text;
    size_t text_len;
    char err[160], out[NUMBER_TEXT_SIZE];
    mpq_t value;
    int rc;

    (void)args;
    (void)len;
    rc = h->arg(c, "/expression", &text, &text_len);
    if (rc != CORAX_OK)
        return refuse(h, c, CORAX_E_ARGS, "expression is missing: give a string");
    mpq_init(value);
    if (!calc_evaluate(value, text, text_len, err, sizeof err))
        rc = refuse(h, c, CORAX_E_ARGS, err);
    else if (!number_format(value, CALC_EXACT, CALC_ROUND, out))
        rc = too_long(h, c);
    else
        rc = h->result(c, "text/plain", out, strlen(out));
    mpq_clear(value);
    return rc;
}

/* A JSON number, all its digits kept. */
static bool read_value(mpq_t out, const char *text, size_t len)
{
    bool negative = len > 0 && text[0] == '-';
    size_t used = number_parse(out, text + negative, len - negative);

    if (used == 0 || used != len - negative)
        return false;
    if (negative)
        mpq_neg(out, out);
    return true;
}

static int convert_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    const char *value_text, *from, *to;
    size_t value_len, from_len, to_len, out_len;
    char err[256], out[NUMBER_TEXT_SIZE + 8];
    mpq_t value;
    int rc;

    (void)args;
    (void)len;
    if (h->arg(c, "/value", &value_text, &value_len) != CORAX_OK || h->arg(c, "/from", &from, &from_len) != CORAX_OK ||
        h->arg(c, "/to", &to, &to_len) != CORAX_OK)
        return refuse(h, c, CORAX_E_ARGS, "give value (a number), from and to (unit symbols)");
    if (value_len > CALC_MAX_LEN)
        return refuse(h, c, CORAX_E_ARGS, "value has too many digits: at most 1000 are allowed");
    mpq_init(value);
    if (!read_value(value, value_text, value_len)) {
        rc = refuse(h, c, CORAX_E_ARGS,
                    "value is not a number that can be read: its exponent must be from -1000 to 1000");
    } else if (!units_convert(value, from, from_len, to, to_len, err, sizeof err)) {
        rc = refuse(h, c, CORAX_E_ARGS, err);
    } else if (!number_format(value, CONVERT_EXACT, CONVERT_ROUND, out)) {
        rc = too_long(h, c);
    } else {
        out_len = strlen(out);
        out[out_len++] = ' ';
        memcpy(out + out_len, to, to_len); /* a known symbol: at most 5 bytes */
        rc = h->result(c, "text/plain", out, out_len + to_len);
    }
    mpq_clear(value);
    return rc;
}

static const struct corax_tool calc_tool = {
    .size = sizeof calc_tool,
    .traits = CORAX_TRAIT_IDEMPOTENT,
    .name = "calc",
    .summary = "Compute an arithmetic expression exactly: decimal numbers, + - * / ^ ( ), sqrt(x), abs(x), round(x,n).",
    .args_schema = "{\"type\":\"object\",\"properties\":{"
                   "\"expression\":{\"type\":\"string\",\"description\":\"for example (1.5+2)^2/3\"}},"
                   "\"required\":[\"expression\"],\"additionalProperties\":false}",
    .call = calc_call,
};

static const struct corax_tool convert_tool = {
    .size = sizeof convert_tool,
    .traits = CORAX_TRAIT_IDEMPOTENT,
    .name = "convert",
    .summary = "Convert a value between units of mass, length, volume, time, temperature, energy, pressure or amount.",
    .args_schema = "{\"type\":\"object\",\"properties\":{"
                   "\"value\":{\"type\":\"number\"},"
                   "\"from\":{\"type\":\"string\",\"description\":\"unit symbol, for example mg\"},"
                   "\"to\":{\"type\":\"string\",\"description\":\"unit symbol, for example g\"}},"
                   "\"required\":[\"value\",\"from\",\"to\"],\"additionalProperties\":false}",
    .call = convert_call,
};

static const struct corax_tool *const tools[] = { &calc_tool, &convert_tool, NULL };

static const struct corax_plugin plugin = {
    CORAX_PLUGIN_HEADER, .name = "math", .version = "1", .license = "Apache-2.0", .tools = tools,
};

const struct corax_plugin *corax_plugin_entry(void)
{
    return &plugin;
}
