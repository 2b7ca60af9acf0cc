/* NEON: attention, as infer/kernels_attend.h has it, and what keys and values are rounded by. */
#include "infer/kernels.h"

#ifdef __aarch64__

#include "infer/quant.h"

KERNELS_UNROLLED

#define TARGET

#include "infer/kernels_neon_vector.h"

#include "infer/kernels_attend.h"

void kernels_neon_attend(const struct attend_block *b)
{
    attend_any(b);
}

void kernels_neon_attend_merge(size_t n_rows, size_t width, struct attend_sums so_far, struct attend_sums more)
{
    merge_rows(n_rows, width, so_far, more);
}

void kernels_neon_to_half(const float *x, size_t n, uint16_t *out)
{
    const float32x4_t most = vdupq_n_f32(QUANT_HALF_MAX), least = vdupq_n_f32(-QUANT_HALF_MAX);
    size_t i = 0;

    for (; i + 4 <= n; i += 4)
        vst1_u16(out + i, vreinterpret_u16_f16(vcvt_f16_f32(vmaxq_f32(vminq_f32(vld1q_f32(x + i), most), least))));
    kernels_plain.to_half(x + i, n - i, out + i);
}

/* To nearest, ties to even: half of the last place is added, and of what is no number a bit stays. */
void kernels_neon_to_bf16(const float *x, size_t n, uint16_t *out)
{
    size_t i = 0;

    for (; i + 4 <= n; i += 4) {
        const float32x4_t v = vld1q_f32(x + i);
        const uint32x4_t bits = vreinterpretq_u32_f32(v), odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
        const uint16x4_t near = vshrn_n_u32(vaddq_u32(bits, vaddq_u32(odd, vdupq_n_u32(0x7fff))), 16);
        const uint16x4_t none = vorr_u16(vshrn_n_u32(bits, 16), vdup_n_u16(0x40));

        vst1_u16(out + i, vbsl_u16(vmovn_u32(vceqq_f32(v, v)), near, none));
    }
    kernels_plain.to_bf16(x + i, n - i, out + i);
}

KERNELS_UNROLLED_END

#endif
