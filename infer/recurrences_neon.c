/* NEON: infer/recurrences_vector.h. */
#include "infer/recurrences.h"

#ifdef __aarch64__

#include <stdbool.h>
#include <stdint.h>

#define TARGET

#include "infer/kernels_neon_vector.h"

#define MOST_STATES  8
#define MOST_VECTORS 2

#include "infer/recurrences_vector.h"

const struct recurrences recurrences_neon = RECURRENCES;

#endif
