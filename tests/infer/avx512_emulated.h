/*
 * tests/infer/avx512_emulated.h - AVX-512 on processors that have AVX2: what tests/infer/avx512.sh includes ahead of each file that
 * is written for AVX-512, instead of its instructions.
 *
 * Most of them come from SIMDe, as functions under the names of gcc's, and those that it has not, or has otherwise than Intel describes
 * them, from here.  What neither has is gcc's own, which does not compile without AVX-512, so none can be forgotten.
 *
 * Source: Intel Intrinsics Guide; Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2.
 */
#ifndef TESTS_INFER_AVX512_EMULATED_H
#define TESTS_INFER_AVX512_EMULATED_H

#include <cpuid.h>
#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>

/* Otherwise SIMDe's products are rounded before something is added. */
#if !defined(SIMDE_X86_FMA_NATIVE) || !SIMDE_NATURAL_VECTOR_SIZE_LE(256)
#error "compile with -mavx2 -mfma -mf16c"
#endif

#define EMULATED __attribute__((unused)) static inline

/* The same 64 bytes by lanes and by halves, for which there are instructions. */
union emulated_lanes {
    __m512   f;
    __m512i  i;
    __m256   half_f[2];
    __m256i  half_i[2];
    float    lane_f[16];
    int32_t  lane_i[16];
    uint32_t lane_u[16];
};

/* --- loads and stores with masks: lanes that are off are not touched ------------------------------------------------ */

EMULATED void emulated_load(void *to, const void *from, size_t n, size_t size, uint32_t mask)
{
    memset(to, 0, n * size);
    for (size_t i = 0; i < n; i++)
        if (mask >> i & 1)
            memcpy((char *)to + i * size, (const char *)from + i * size, size);
}

EMULATED void emulated_store(void *to, const void *from, size_t n, size_t size, uint32_t mask)
{
    for (size_t i = 0; i < n; i++)
        if (mask >> i & 1)
            memcpy((char *)to + i * size, (const char *)from + i * size, size);
}

EMULATED __m512 emulated_mm512_maskz_loadu_ps(__mmask16 k, const void *p)
{
    __m512 v;

    emulated_load(&v, p, 16, sizeof(float), k);
    return v;
}

EMULATED __m128 emulated_mm_maskz_loadu_ps(__mmask8 k, const void *p)
{
    __m128 v;

    emulated_load(&v, p, 4, sizeof(float), k);
    return v;
}

EMULATED __m512i emulated_mm512_maskz_loadu_epi16(__mmask32 k, const void *p)
{
    __m512i v;

    emulated_load(&v, p, 32, sizeof(int16_t), k);
    return v;
}

EMULATED __m256i emulated_mm256_maskz_loadu_epi16(__mmask16 k, const void *p)
{
    __m256i v;

    emulated_load(&v, p, 16, sizeof(int16_t), k);
    return v;
}

EMULATED void emulated_mm512_mask_storeu_ps(void *p, __mmask16 k, __m512 v)
{
    emulated_store(p, &v, 16, sizeof(float), k);
}

EMULATED void emulated_mm_mask_storeu_ps(void *p, __mmask8 k, __m128 v)
{
    emulated_store(p, &v, 4, sizeof(float), k);
}

/* --- conversions: AVX2 has them of halves --------------------------------------------------------------------------- */

EMULATED __m512 emulated_mm512_cvtepi32_ps(__m512i a)
{
    const union emulated_lanes from = { .i = a };
    const union emulated_lanes to = { .half_f = { _mm256_cvtepi32_ps(from.half_i[0]), _mm256_cvtepi32_ps(from.half_i[1]) } };

    return to.f;
}

EMULATED __m512i emulated_mm512_cvtepi8_epi32(__m128i a)
{
    const union emulated_lanes to = { .half_i = { _mm256_cvtepi8_epi32(a), _mm256_cvtepi8_epi32(_mm_srli_si128(a, 8)) } };

    return to.i;
}

EMULATED __m512i emulated_mm512_cvtepu8_epi32(__m128i a)
{
    const union emulated_lanes to = { .half_i = { _mm256_cvtepu8_epi32(a), _mm256_cvtepu8_epi32(_mm_srli_si128(a, 8)) } };

    return to.i;
}

EMULATED __m512i emulated_mm512_cvtepu16_epi32(__m256i a)
{
    const union emulated_lanes to = {
        .half_i = { _mm256_cvtepu16_epi32(_mm256_castsi256_si128(a)), _mm256_cvtepu16_epi32(_mm256_extracti128_si256(a, 1)) }
    };

    return to.i;
}

EMULATED __m512 emulated_mm512_cvtph_ps(__m256i a)
{
    const union emulated_lanes to = {
        .half_f = { _mm256_cvtph_ps(_mm256_castsi256_si128(a)), _mm256_cvtph_ps(_mm256_extracti128_si256(a, 1)) }
    };

    return to.f;
}

/* --- whole numbers -------------------------------------------------------------------------------------------------- */

EMULATED __mmask16 emulated_mm512_cmplt_epi32_mask(__m512i a, __m512i b)
{
    const union emulated_lanes x = { .i = a }, y = { .i = b };
    uint32_t mask = 0;

    for (int i = 0; i < 16; i++)
        mask |= (uint32_t)(x.lane_i[i] < y.lane_i[i]) << i;
    return (__mmask16)mask;
}

EMULATED __m512i emulated_mm512_mask_sllv_epi32(__m512i src, __mmask16 k, __m512i a, __m512i count)
{
    const union emulated_lanes x = { .i = a }, n = { .i = count };
    union emulated_lanes to = { .i = src };

    for (int i = 0; i < 16; i++)
        if (k >> i & 1)
            to.lane_u[i] = n.lane_u[i] < 32 ? x.lane_u[i] << n.lane_u[i] : 0;
    return to.i;
}

/* --- f32 ------------------------------------------------------------------------------------------------------------ */

/*
 * a 2^floor(b), rounded once: in double any a times 2^300 or 2^-300 is exact, and enough to leave f32.  SIMDe rounds 2^floor(b) to f32 first,
 * so that it is infinity for 0.7 * 2^128 and no number for 0 * 2^200, and takes subnormal numbers for 0.
 */
EMULATED __m512 emulated_mm512_scalef_ps(__m512 a, __m512 b)
{
    const union emulated_lanes x = { .f = a }, n = { .f = b };
    union emulated_lanes to;

    for (int i = 0; i < 16; i++) {
        const float by = floorf(n.lane_f[i]);

        if (isfinite(by))
            to.lane_f[i] = (float)ldexp((double)x.lane_f[i], by < -300 ? -300 : by > 300 ? 300 : (int)by);
        else /* the product with infinity, with 0 instead of 2^-infinity, or no number */
            to.lane_f[i] = x.lane_f[i] * (by < 0 ? 0 : by);
    }
    return to.f;
}

/* Two of the lower and two of the upper 128 bits of a and b, each chosen by two bits. */
EMULATED __m512 emulated_mm512_shuffle_f32x4(__m512 a, __m512 b, const int by)
{
    const union emulated_lanes x = { .f = a }, y = { .f = b };
    union emulated_lanes to;

    for (int i = 0; i < 4; i++)
        memcpy(to.lane_f + 4 * i, (i < 2 ? x : y).lane_f + 4 * (by >> 2 * i & 3), 4 * sizeof(float));
    return to.f;
}

/* In the order of gcc's: 8 lanes apart, then 4, 2 and 1. */
EMULATED float emulated_mm512_reduce_add_ps(__m512 a)
{
    union emulated_lanes x = { .f = a };

    for (int n = 8; n > 0; n /= 2)
        for (int i = 0; i < n; i++)
            x.lane_f[i] += x.lane_f[i + n];
    return x.lane_f[0];
}

EMULATED float emulated_mm512_reduce_max_ps(__m512 a)
{
    union emulated_lanes x = { .f = a };

    for (int n = 8; n > 0; n /= 2)
        for (int i = 0; i < n; i++)
            x.lane_f[i] = x.lane_f[i] > x.lane_f[i + n] ? x.lane_f[i] : x.lane_f[i + n];
    return x.lane_f[0];
}

/* --- BF16: subnormal numbers are 0, what goes in and what comes out ------------------------------------------------- */

EMULATED uint16_t emulated_to_bf16(float x)
{
    uint32_t bits;

    memcpy(&bits, &x, sizeof bits);
    if ((bits & 0x7f800000) == 0)
        return (uint16_t)(bits >> 16 & 0x8000);
    if ((bits & 0x7fffffff) > 0x7f800000)
        return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

EMULATED __m512 emulated_no_subnormals(__m512 a)
{
    union emulated_lanes x = { .f = a };

    for (int i = 0; i < 16; i++)
        if ((x.lane_u[i] & 0x7f800000) == 0)
            x.lane_u[i] &= 0x80000000;
    return x.f;
}

/* The odd values' product is added first, then the even ones', each rounded once.  SIMDe begins with the even ones. */
EMULATED __m512 emulated_mm512_dpbf16_ps(__m512 sum, __m512bh a, __m512bh b)
{
    const union emulated_lanes x = { .i = (__m512i)a }, y = { .i = (__m512i)b };
    union emulated_lanes even[2], odd[2];

    for (int i = 0; i < 16; i++) {
        even[0].lane_u[i] = x.lane_u[i] << 16;
        even[1].lane_u[i] = y.lane_u[i] << 16;
        odd[0].lane_u[i] = x.lane_u[i] & 0xffff0000;
        odd[1].lane_u[i] = y.lane_u[i] & 0xffff0000;
    }
    sum = _mm512_fmadd_ps(emulated_no_subnormals(odd[0].f), emulated_no_subnormals(odd[1].f), emulated_no_subnormals(sum));
    sum = _mm512_fmadd_ps(emulated_no_subnormals(even[0].f), emulated_no_subnormals(even[1].f), emulated_no_subnormals(sum));
    return emulated_no_subnormals(sum);
}

EMULATED __m256i emulated_mm512_cvtneps_pbh(__m512 a)
{
    const union emulated_lanes x = { .f = a };
    uint16_t to[16];

    for (int i = 0; i < 16; i++)
        to[i] = emulated_to_bf16(x.lane_f[i]);
    return _mm256_loadu_si256((const __m256i *)to);
}

EMULATED __m128i emulated_mm256_cvtneps_pbh(__m256 a)
{
    float x[8];
    uint16_t to[8];

    _mm256_storeu_ps(x, a);
    for (int i = 0; i < 8; i++)
        to[i] = emulated_to_bf16(x[i]);
    return _mm_loadu_si128((const __m128i *)to);
}

/* --- what a file asks for ------------------------------------------------------------------------------------------- */

#pragma GCC system_header /* so that gcc does not warn of names that something else has */

#define _mm512_maskz_loadu_ps    emulated_mm512_maskz_loadu_ps
#define _mm_maskz_loadu_ps       emulated_mm_maskz_loadu_ps
#define _mm512_maskz_loadu_epi16 emulated_mm512_maskz_loadu_epi16
#define _mm256_maskz_loadu_epi16 emulated_mm256_maskz_loadu_epi16
#define _mm512_mask_storeu_ps    emulated_mm512_mask_storeu_ps
#define _mm_mask_storeu_ps       emulated_mm_mask_storeu_ps
#define _mm512_cvtepi32_ps       emulated_mm512_cvtepi32_ps
#define _mm512_cvtepi8_epi32     emulated_mm512_cvtepi8_epi32
#define _mm512_cvtepu8_epi32     emulated_mm512_cvtepu8_epi32
#define _mm512_cvtepu16_epi32    emulated_mm512_cvtepu16_epi32
#define _mm512_cvtph_ps          emulated_mm512_cvtph_ps
#define _mm512_cmplt_epi32_mask  emulated_mm512_cmplt_epi32_mask
#define _mm512_mask_sllv_epi32   emulated_mm512_mask_sllv_epi32
#define _mm512_scalef_ps         emulated_mm512_scalef_ps
#define _mm512_shuffle_f32x4     emulated_mm512_shuffle_f32x4
#define _mm512_reduce_add_ps     emulated_mm512_reduce_add_ps
#define _mm512_reduce_max_ps     emulated_mm512_reduce_max_ps
#define _mm512_dpbf16_ps         emulated_mm512_dpbf16_ps
#define _mm512_cvtneps_pbh       emulated_mm512_cvtneps_pbh
#define _mm256_cvtneps_pbh       emulated_mm256_cvtneps_pbh

/* Functions are not compiled for the processor they name, and infer/kernels.c is told that it runs on one. */
#define target(WHAT)
#define __builtin_cpu_supports(WHAT) 1
#define __get_cpuid_count(LEAF, SUBLEAF, A, B, C, D) ((void)(B), (void)(C), (void)(D), *(A) = 1U << 5, 1)

/* Where a function stands for each instruction, what is inlined and unrolled for speed would take minutes to compile. */
#define always_inline unused
#define _Pragma(WHAT)

#endif
