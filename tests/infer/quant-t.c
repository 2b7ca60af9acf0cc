/* infer/quant.c: half precision against the definition, for all 65,536 values, and Q8_0 there and back. */
#include "infer/quant.h"

#include <math.h>

#include "tests/infer/tiny_gguf.h"
#include "tests/tap.h"

static double half_by_definition(unsigned h)
{
    double sign = h & 0x8000 ? -1 : 1;
    unsigned exponent = h >> 10 & 31, mantissa = h & 0x3ff;

    if (exponent == 31)
        return mantissa ? NAN : sign * INFINITY;
    return exponent ? sign * ldexp(1 + mantissa / 1024.0, (int)exponent - 15) : sign * ldexp(mantissa / 1024.0, -14);
}

static void test_half(void)
{
    unsigned wrong = 0, back = 0, rounding = 0;

    for (unsigned h = 0; h < 65536; h++) {
        double want = half_by_definition(h);
        float got = quant_half_to_float((uint16_t)h);

        if (isnan(want)) {
            wrong += !isnan(got);
            continue;
        }
        wrong += (double)got != want;
        back += quant_float_to_half(got) != h;
        if ((h & 0x7c00) < 0x7800) { /* between h and the next: below the middle down, above it up */
            double next = half_by_definition(h + 1), middle = (want + next) / 2;

            rounding += quant_float_to_half((float)middle) != (h & 1 ? h + 1 : h);
            rounding += quant_float_to_half(nextafterf((float)middle, (float)want)) != h;
            rounding += quant_float_to_half(nextafterf((float)middle, (float)next)) != h + 1;
        }
    }
    is_int(wrong, 0, "every half has the value of its definition");
    is_int(back, 0, "and comes back as it was");
    is_int(rounding, 0, "between two halves the nearer one is taken, in the middle the even one");
    is_int(quant_float_to_half(1e6f), 0x7c00, "what is too large is infinity");
    is_int(quant_float_to_half(1e-9f), 0, "what is too small is 0");
}

static void test_q8_0(void)
{
    float x[64], y[64];
    unsigned char row[2 * QUANT_Q8_0_BYTES];
    uint64_t random = 3;
    double worst = 0;

    for (int round = 0; round < 200; round++) {
        double max[2] = { 0, 0 };

        for (int i = 0; i < 64; i++) {
            x[i] = tiny_normal(&random) * (float)(1 + round);
            max[i / 32] = fmax(max[i / 32], fabs((double)x[i]));
        }
        quant_quantize_q8_0(x, 64, row);
        quant_dequantize(QUANT_Q8_0, row, 64, y);
        for (int i = 0; i < 64; i++)
            worst = fmax(worst, fabs((double)x[i] - (double)y[i]) / max[i / 32]);
    }
    /* half a step of 1/127, and the scale's own rounding to half precision, 2^-11 of the value */
    ok(worst <= 0.5 / 127 + 0x1p-11, "Q8_0 is off by at most half a step (%.5f of the largest)", worst);
    memset(x, 0, sizeof x);
    quant_quantize_q8_0(x, 64, row);
    quant_dequantize(QUANT_Q8_0, row, 64, y);
    ok(y[0] == 0 && y[63] == 0, "zeros stay zeros");
}

int main(void)
{
    plan_later();
    test_half();
    test_q8_0();
    ok(quant_find(8) && quant_find(8)->runs && quant_find(12) && !quant_find(12)->runs && !quant_find(4),
       "formats: Q8_0 runs, Q4_K is known, 4 is not");
    done();
    return tap_status();
}
