/*
 * infer/i2_s.c: matrices whose units are more or less busy, as training makes them, packed in each of the three layouts; and
 * matrices without any such relation, which nobody can tell apart.
 *
 * Not covered: published files of other layouts, of which none is at hand.  A small model trained for 400 steps gives z 25 in the
 * layout that it is packed in, at most 6 in another.
 */
#include "infer/i2_s.h"

#include <stdlib.h>
#include <string.h>

#include "tests/infer/tiny_gguf.h"
#include "tests/tap.h"

enum { N_EMBD = 256, N_FF = 768 };

/* Where a layout has the code of a value: written once more, from the description. */
static void put(enum i2_s_layout layout, unsigned char *bytes, size_t k, size_t row, size_t col, unsigned code)
{
    const size_t i = row * k + col;

    if (layout == I2_S_X86)
        bytes[i / 128 * 32 + i % 32] |= (unsigned char)(code << (6 - i % 128 / 32 * 2));
    else if (layout == I2_S_ARM)
        bytes[i / 64 * 16 + i % 16] |= (unsigned char)(code << (6 - i % 64 / 16 * 2));
    else
        bytes[(row / 4) * k + col] |= (unsigned char)(code << (6 - row % 4 * 2));
}

/* busy [N_FF]: how likely the weights of a unit are not 0; units are the rows, or the columns of down. */
static struct matrix make(enum i2_s_layout layout, size_t k, size_t n_rows, bool is_down, const double *busy, uint64_t *random)
{
    unsigned char *bytes = calloc(k * n_rows / 4, 1);

    for (size_t r = 0; r < n_rows; r++)
        for (size_t c = 0; c < k; c++) {
            const bool zero = (double)(tiny_random(random) >> 11) * 0x1p-53 > busy[is_down ? c : r];

            put(layout, bytes, k, r, c, zero ? 1 : tiny_random(random) % 2 * 2);
        }
    return (struct matrix){ .data = bytes, .type = QUANT_I2_S, .k = k, .n_rows = n_rows, .row_bytes = k / 4, .scale = 1 };
}

/* spread: between the least and the most busy units. */
static int check(enum i2_s_layout layout, double spread, struct err *err)
{
    struct i2_s_evidence e = { { 0 } };
    uint64_t random = 21;

    for (int layer = 0; layer < 2; layer++) {
        struct matrix gate, up, down;
        double busy[N_FF];

        for (size_t i = 0; i < N_FF; i++)
            busy[i] = 0.6 + spread * ((double)(tiny_random(&random) >> 11) * 0x1p-53 - 0.5);
        gate = make(layout, N_EMBD, N_FF, false, busy, &random);
        up = make(layout, N_EMBD, N_FF, false, busy, &random);
        down = make(layout, N_FF, N_EMBD, true, busy, &random);
        i2_s_add(&e, &gate, &up, &down);
        free((void *)gate.data);
        free((void *)up.data);
        free((void *)down.data);
    }
    diag("z %.1f %.1f %.1f", e.z[0] / 2, e.z[1] / 2, e.z[2] / 2);
    return i2_s_check(&e, err);
}

int main(void)
{
    struct err err = { 0 };

    plan_later();
    ok(check(I2_S_X86, 0.3, &err) == 0, "the layout of x86 is read");
    ok(check(I2_S_ARM, 0.3, &err) < 0 && strstr(err.msg, "on ARM, 64 values"), "that of ARM is refused");
    ok(check(I2_S_FOUR_ROWS, 0.3, &err) < 0 && strstr(err.msg, "four rows in each byte"), "so is that of four rows");
    for (enum i2_s_layout layout = 0; layout < I2_S_N_LAYOUTS; layout++)
        ok(check(layout, 0, &err) == 0, "weights without a relation are let through, in layout %d", (int)layout);
    done();
    return tap_status();
}
