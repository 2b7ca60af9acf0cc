/*
 * infer/quant.h - the number formats that a tensor of a GGUF file may have.
 *
 * A format is a row of blocks; a block holds `block` values in `bytes` bytes.  The table knows more formats than the
 * kernels can multiply, so that a file can be inspected, and refused with the name of what it uses.
 *
 * Source: GGUF specification and the block sizes of its published formats; Q8_0 is 32 int8 values behind one half-
 * precision scale, value = scale * int8.
 */
#ifndef INFER_QUANT_H
#define INFER_QUANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum quant_type { QUANT_F32 = 0, QUANT_F16 = 1, QUANT_Q8_0 = 8 }; /* ids as in the file; those that can be run */

#define QUANT_Q8_0_BLOCK 32
#define QUANT_Q8_0_BYTES 34

struct quant_format {
    uint32_t    id;
    const char *name;
    uint32_t    block; /* values in a block */
    uint32_t    bytes; /* of a block */
    bool        runs;  /* has kernels */
};

const struct quant_format *quant_find(uint32_t id); /* NULL: unknown */

float    quant_half_to_float(uint16_t half);
uint16_t quant_float_to_half(float); /* rounds to nearest, ties to even */

/* n values of a row into out[n]; type must be one that runs, n a multiple of its block. */
void quant_dequantize(enum quant_type type, const void *row, size_t n, float *out);
/* The other way, for tests and tools: row takes n / 32 * 34 bytes. */
void quant_quantize_q8_0(const float *x, size_t n, void *row);

#endif
