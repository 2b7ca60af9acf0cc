/*
 * units.c - the table of units.
 *
 * A unit is a number of its dimension's first unit, times a factor and plus an offset (temperatures alone have one), each
 * an exact fraction.  Sources: the SI brochure (9th edition) for the SI, eV and the litre; the international yard and pound
 * (1959) for in, ft, mi, lb, oz and, with standard gravity 9.80665 m/s2, psi; 231 cubic inches for the US gallon;
 * the thermochemical calorie, 4.184 J; the conventional millimetre of mercury, 13.5951 g/cm3 at standard gravity.
 */
#include "units.h"

#include <stdio.h>
#include <string.h>

struct unit {
    const char *symbol, *dimension;
    const char *factor; /* in units of the dimension's first, as a fraction */
    const char *offset; /* added after the factor; NULL: 0 */
};

static const struct unit units[] = {
    { "kg", "mass", "1", NULL },
    { "g", "mass", "1/1000", NULL },
    { "mg", "mass", "1/1000000", NULL },
    { "ug", "mass", "1/1000000000", NULL },
    { "t", "mass", "1000", NULL },
    { "lb", "mass", "45359237/100000000", NULL },
    { "oz", "mass", "45359237/1600000000", NULL },

    { "m", "length", "1", NULL },
    { "km", "length", "1000", NULL },
    { "cm", "length", "1/100", NULL },
    { "mm", "length", "1/1000", NULL },
    { "um", "length", "1/1000000", NULL },
    { "nm", "length", "1/1000000000", NULL },
    { "in", "length", "254/10000", NULL },
    { "ft", "length", "3048/10000", NULL },
    { "mi", "length", "1609344/1000", NULL },

    { "L", "volume", "1", NULL },
    { "mL", "volume", "1/1000", NULL },
    { "uL", "volume", "1/1000000", NULL },
    { "m3", "volume", "1000", NULL },
    { "gal", "volume", "3785411784/1000000000", NULL },

    { "s", "time", "1", NULL },
    { "min", "time", "60", NULL },
    { "h", "time", "3600", NULL },
    { "d", "time", "86400", NULL },
    { "ms", "time", "1/1000", NULL },

    /* of the kelvin: C + 273.15, (F + 459.67) * 5/9 */
    { "C", "temperature", "1", "27315/100" },
    { "F", "temperature", "5/9", "229835/900" },
    { "K", "temperature", "1", NULL },

    { "J", "energy", "1", NULL },
    { "kJ", "energy", "1000", NULL },
    { "cal", "energy", "4184/1000", NULL },
    { "kcal", "energy", "4184", NULL },
    { "eV", "energy", "1602176634/10000000000000000000000000000", NULL },

    { "Pa", "pressure", "1", NULL },
    { "kPa", "pressure", "1000", NULL },
    { "bar", "pressure", "100000", NULL },
    { "atm", "pressure", "101325", NULL },
    { "mmHg", "pressure", "133322387415/1000000000", NULL },
    { "psi", "pressure", "44482216152605/6451600000", NULL },

    { "mol", "amount", "1", NULL },
    { "mmol", "amount", "1/1000", NULL },
    { "umol", "amount", "1/1000000", NULL },
};

#define N_UNITS (sizeof units / sizeof *units)
#define SHOWN   32 /* bytes of a unit that nobody knows which its error repeats */

static const struct unit *find_unit(const char *symbol, size_t len)
{
    for (size_t i = 0; i < N_UNITS; i++)
        if (strlen(units[i].symbol) == len && memcmp(units[i].symbol, symbol, len) == 0)
            return &units[i];
    return NULL;
}

/* The symbols of one dimension, or of all when dimension is NULL: "kg, g, mg". */
static void list_units(const char *dimension, char *out, size_t out_size)
{
    size_t at = 0;

    out[0] = '\0';
    for (size_t i = 0; i < N_UNITS; i++)
        if (dimension == NULL || strcmp(units[i].dimension, dimension) == 0)
            at += (size_t)snprintf(out + at, out_size - at, "%s%s", at > 0 ? ", " : "", units[i].symbol);
}

static bool unknown_unit(const char *symbol, size_t len, const struct unit *other, char *err, size_t err_size)
{
    char known[256];

    list_units(other ? other->dimension : NULL, known, sizeof known);
    if (len > SHOWN)
        for (len = SHOWN; len > 0 && ((unsigned char)symbol[len] & 0xc0) == 0x80; len--)
            ;
    snprintf(err, err_size, "unknown unit \"%.*s\": use one of %s", (int)len, symbol, known);
    return false;
}

/* The unit's value as one of its dimension's first, or back. */
static void to_base(mpq_t value, const struct unit *u, bool back)
{
    mpq_t factor, offset;

    mpq_init(factor);
    mpq_init(offset);
    mpq_set_str(factor, u->factor, 10);
    mpq_set_str(offset, u->offset ? u->offset : "0", 10);
    mpq_canonicalize(factor);
    mpq_canonicalize(offset);
    if (back) {
        mpq_sub(value, value, offset);
        mpq_div(value, value, factor);
    } else {
        mpq_mul(value, value, factor);
        mpq_add(value, value, offset);
    }
    mpq_clear(factor);
    mpq_clear(offset);
}

bool units_convert(mpq_t value, const char *from, size_t from_len, const char *to, size_t to_len, char *err,
                   size_t err_size)
{
    const struct unit *f = find_unit(from, from_len), *t = find_unit(to, to_len);

    if (f == NULL)
        return unknown_unit(from, from_len, t, err, err_size);
    if (t == NULL)
        return unknown_unit(to, to_len, f, err, err_size);
    if (strcmp(f->dimension, t->dimension) != 0) {
        snprintf(err, err_size, "cannot convert %s (%s) to %s (%s)", f->symbol, f->dimension, t->symbol, t->dimension);
        return false;
    }
    to_base(value, f, false);
    if (strcmp(f->dimension, "temperature") == 0 && mpq_sgn(value) < 0) {
        snprintf(err, err_size, "the temperature is below absolute zero (0 K, -273.15 C, -459.67 F)");
        return false;
    }
    to_base(value, t, true);
    return true;
}
