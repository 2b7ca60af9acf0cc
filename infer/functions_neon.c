/* NEON: infer/functions_vector.h. */
#include "infer/functions.h"

#ifdef __aarch64__

#include <stdint.h>

#define TARGET

#include "infer/kernels_neon_vector.h"

#include "infer/functions_vector.h"

const struct functions functions_neon = FUNCTIONS;

#endif
