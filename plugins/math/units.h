/*
 * plugins/math/units.h - the units that convert knows, exactly.
 */
#ifndef PLUGINS_MATH_UNITS_H
#define PLUGINS_MATH_UNITS_H

#include <stdbool.h>
#include <stddef.h>

#include <gmp.h>

/*
 * value in unit `from` becomes value in unit `to`.  false with a sentence in err that names what would work.  Symbols are
 * matched exactly: mL and ML differ.
 */
bool units_convert(mpq_t value, const char *from, size_t from_len, const char *to, size_t to_len, char *err,
                   size_t err_size);

#endif
