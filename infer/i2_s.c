#include "infer/i2_s.h"

#include <math.h>
#include <stdlib.h>

#define N_SAMPLES 128 /* of the values of a row or a column that are counted */
#define SURE      8.0 /* standard deviations; nobody sees them by chance */

/* Codes are in the bits of a byte from the highest two down; all but that is the layout. */
static unsigned code_at(enum i2_s_layout layout, const struct matrix *m, size_t row, size_t col)
{
    const unsigned char *bytes = m->data;
    size_t at, place;

    switch (layout) {
    case I2_S_X86: /* 128 values of a row in 32 bytes */
        at = row * m->row_bytes + col / 128 * 32 + col % 32;
        place = col % 128 / 32;
        break;
    case I2_S_ARM: /* 64 in 16 */
        at = row * m->row_bytes + col / 64 * 16 + col % 16;
        place = col % 64 / 16;
        break;
    default: /* one of each of four rows in a byte */
        at = row / 4 * m->k + col;
        place = row % 4;
        break;
    }
    return bytes[at] >> (6 - 2 * place) & 3;
}

static size_t at_most(size_t n, size_t most)
{
    return n < most ? n : most;
}

/* How many of a row's first values are not 0 [m->n_rows]. */
static void count_rows(enum i2_s_layout layout, const struct matrix *m, double *out)
{
    for (size_t r = 0; r < m->n_rows; r++) {
        out[r] = 0;
        for (size_t c = 0; c < at_most(m->k, N_SAMPLES); c++)
            out[r] += code_at(layout, m, r, c) != 1;
    }
}

/* How many of a column's first values are not 0 [m->k]. */
static void count_columns(enum i2_s_layout layout, const struct matrix *m, double *out)
{
    for (size_t c = 0; c < m->k; c++)
        out[c] = 0;
    for (size_t r = 0; r < at_most(m->n_rows, N_SAMPLES); r++)
        for (size_t c = 0; c < m->k; c++)
            out[c] += code_at(layout, m, r, c) != 1;
}

/* Pearson's r times sqrt(n); 0 where one of them is constant. */
static double relation(const double *x, const double *y, size_t n)
{
    double mean_x = 0, mean_y = 0, xx = 0, yy = 0, xy = 0;

    for (size_t i = 0; i < n; i++) {
        mean_x += x[i] / (double)n;
        mean_y += y[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        xx += (x[i] - mean_x) * (x[i] - mean_x);
        yy += (y[i] - mean_y) * (y[i] - mean_y);
        xy += (x[i] - mean_x) * (y[i] - mean_y);
    }
    return xx > 0 && yy > 0 ? xy / sqrt(xx * yy) * sqrt((double)n) : 0;
}

void i2_s_add(struct i2_s_evidence *e, const struct matrix *gate, const struct matrix *up, const struct matrix *down)
{
    const size_t n = down->k;
    double *columns = calloc(2 * n, sizeof *columns), *rows;

    if (!columns)
        return; /* a file that is let through: nothing worse */
    rows = columns + n;
    for (enum i2_s_layout layout = 0; layout < I2_S_N_LAYOUTS; layout++) {
        if (layout == I2_S_FOUR_ROWS && (down->n_rows % 4 || gate->n_rows % 4))
            continue; /* no such file */
        count_columns(layout, down, columns);
        count_rows(layout, gate, rows);
        e->z[layout] += relation(columns, rows, n);
        count_rows(layout, up, rows);
        e->z[layout] += relation(columns, rows, n);
    }
    e->n += 2;
    free(columns);
}

int i2_s_check(const struct i2_s_evidence *e, struct err *err)
{
    static const char *const packed[] = { "", "on ARM, 64 values in 16 bytes", "four rows in each byte" };
    const double scale = e->n ? 1 / sqrt((double)e->n) : 0, z = e->z[I2_S_X86] * scale;

    for (enum i2_s_layout other = I2_S_ARM; other < I2_S_N_LAYOUTS; other++)
        if (e->z[other] * scale >= SURE && e->z[other] * scale >= 2 * z)
            return fail(err, CORAX_E_ARGS,
                        "matrices of type I2_S are packed %s: of its layouts this program reads that of x86, 128 values in 32 "
                        "bytes; convert the model again, or as TQ2_0", packed[other]);
    return 0;
}
