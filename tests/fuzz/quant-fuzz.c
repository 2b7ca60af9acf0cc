/*
 * Any bytes as blocks of any format, from any address; their values, or any others, written in another format.  Blocks of
 * ordinary numbers come back as numbers, no further off than if all were 0.
 *
 * The first byte is the id of the format to read, of which F32 is one, the second one that of the format to write.
 */
#include "infer/quant.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_VALUES 1024
#define SMALL      1e-2f /* half precision has few scales for what is smaller, and none for what is larger */
#define LARGE      1e4f

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(int condition)
{
    if (!condition)
        abort();
}

static void check_block(const float *x, const float *again, size_t n)
{
    double size = 0, error = 0;
    float top = 0;

    for (size_t i = 0; i < n; i++)
        top = fmaxf(top, isfinite(x[i]) ? fabsf(x[i]) : INFINITY);
    if (!(top >= SMALL && top <= LARGE))
        return;
    for (size_t i = 0; i < n; i++) {
        require(isfinite(again[i]));
        size += (double)x[i] * (double)x[i];
        error += ((double)x[i] - (double)again[i]) * ((double)x[i] - (double)again[i]);
    }
    require(error <= 1.01 * size);
}

/* x [n], padded with 0 to whole blocks. */
static void write_in(const struct quant_format *f, const float *x, size_t n)
{
    float values[MAX_VALUES + QUANT_MAX_BLOCK] = { 0 }, again[MAX_VALUES + QUANT_MAX_BLOCK];
    size_t n_blocks = (n + f->block - 1) / f->block;
    unsigned char *row = malloc(n_blocks * f->bytes + 1);

    memcpy(values, x, n * sizeof *x);
    quant_quantize((enum quant_type)f->id, values, NULL, n_blocks * f->block, row);
    f->dequantize(row, n_blocks * f->block, again);
    for (size_t b = 0; b < n_blocks; b++)
        check_block(values + b * f->block, again + b * f->block, f->block);
    free(row);
}

/* In memory that ends with the last block, for the sanitizer to see what is read behind it. */
static size_t read_blocks(const struct quant_format *f, const uint8_t *data, size_t len, float values[MAX_VALUES])
{
    size_t n_blocks = len / f->bytes < MAX_VALUES / f->block ? len / f->bytes : MAX_VALUES / f->block;
    unsigned char *row = malloc(n_blocks * f->bytes + 1);

    memcpy(row + 1, data, n_blocks * f->bytes);
    f->dequantize(row + 1, n_blocks * f->block, values);
    free(row);
    return n_blocks * f->block;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const struct quant_format *from = len >= 2 ? quant_find(data[0]) : NULL, *to = len >= 2 ? quant_find(data[1]) : NULL;
    float values[MAX_VALUES];
    size_t n;

    if (!from || !from->dequantize)
        return 0;
    n = read_blocks(from, data + 2, len - 2, values);
    if (to && to->quantize)
        write_in(to, values, n);
    return 0;
}
