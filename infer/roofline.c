#include "infer/roofline.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "infer/kernels.h"
#include "util/clock.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

#define BUFFER  ((size_t)256 << 20)
#define PIECE   ((size_t)1 << 20) /* that a thread reads at a time */
#define ROUNDS  100000            /* of twelve instructions: some 0.3 ms */
#define CHUNKS  10                /* of so many rounds for each thread */
#define CHAINS  12                /* sums that do not wait for each other */
#define REPEATS 3                 /* of each measurement, of which the best counts: what is in the way is not the machine's */
#define TARGET(X) __attribute__((target(X), noinline))

struct roofline_buffer {
    unsigned char *bytes;
    volatile float sink; /* so that nothing is left out as useless */
};

struct job {
    const struct roofline_buffer *buffer;
    float (*run)(const unsigned char *bytes, size_t n);
    volatile float *sink;
};

struct roofline_buffer *roofline_create(struct err *err)
{
    struct roofline_buffer *b = calloc(1, sizeof *b);

    if (!b || !(b->bytes = aligned_alloc(64, BUFFER))) {
        free(b);
        fail(err, CORAX_E_LIMIT, "out of memory for %zu MB to read", BUFFER >> 20);
        return NULL;
    }
    memset(b->bytes, 1, BUFFER);
    return b;
}

void roofline_destroy(struct roofline_buffer *b)
{
    if (b)
        free(b->bytes);
    free(b);
}

/* --- loops -------------------------------------------------------------------------------------------------------- */

static float read_plain(const unsigned char *bytes, size_t n)
{
    const uint64_t *x = (const uint64_t *)bytes;
    uint64_t a = 0, b = 0, c = 0, d = 0;

    for (size_t i = 0; i < n / sizeof *x; i += 4) {
        a |= x[i];
        b |= x[i + 1];
        c |= x[i + 2];
        d |= x[i + 3];
    }
    return (float)(a | b | c | d);
}

#ifdef __x86_64__

#define EACH_CHAIN _Pragma("GCC unroll 12") for (int c = 0; c < CHAINS; c++)

#define DOES(NAME, WANTS, VECTOR, START, STEP, END)                        \
    TARGET(WANTS) static float NAME(const unsigned char *bytes, size_t n)  \
    {                                                                      \
        const VECTOR one = START;                                          \
        VECTOR sums[CHAINS];                                               \
                                                                           \
        (void)bytes;                                                       \
        EACH_CHAIN sums[c] = one;                                          \
        for (size_t i = 0; i < n; i++) {                                   \
            EACH_CHAIN                                                     \
            {                                                              \
                STEP;                                                      \
                __asm__("" : "+v"(sums[c]));                               \
            }                                                              \
        }                                                                  \
        EACH_CHAIN __asm__ volatile("" : : "v"(sums[c])); /* all wanted */ \
        return END;                                                        \
    }

#define AVX512 "avx512f,avx512bw,avx512dq,avx512vl"

DOES(fma_avx2, "avx2,fma", __m256, _mm256_set1_ps(0.5f), sums[c] = _mm256_fmadd_ps(sums[c], one, one), _mm256_cvtss_f32(sums[0]))
DOES(fma_avx512, AVX512, __m512, _mm512_set1_ps(0.5f), sums[c] = _mm512_fmadd_ps(sums[c], one, one), _mm512_cvtss_f32(sums[0]))
DOES(dot_avx2, "avx2", __m256i, _mm256_set1_epi8(1),
     __m256i x = one; __asm__ volatile("" : "+x"(x)) /* not multiplied once for all */;
     sums[c] = _mm256_add_epi16(sums[c], _mm256_maddubs_epi16(x, x)), (float)_mm256_extract_epi16(sums[0], 0))
DOES(dot_vnni, AVX512 ",avx512vnni", __m512i, _mm512_set1_epi8(1), sums[c] = _mm512_dpbusd_epi32(sums[c], one, one),
     (float)_mm_cvtsi128_si32(_mm512_castsi512_si128(sums[0])))
DOES(dot_bf16, AVX512 ",avx512bf16", __m512, _mm512_set1_ps(0.5f), sums[c] = _mm512_dpbf16_ps(sums[c], (__m512bh)one, (__m512bh)one),
     _mm512_cvtss_f32(sums[0]))

#define READS(NAME, WANTS, VECTOR, LOAD, OR, END)                         \
    TARGET(WANTS) static float NAME(const unsigned char *bytes, size_t n) \
    {                                                                     \
        const VECTOR *x = (const VECTOR *)(const void *)bytes;            \
        VECTOR a = LOAD(x), b = a, c = a, d = a;                          \
                                                                          \
        for (size_t i = 0; i < n / sizeof *x; i += 4) {                   \
            a = OR(a, LOAD(x + i));                                       \
            b = OR(b, LOAD(x + i + 1));                                   \
            c = OR(c, LOAD(x + i + 2));                                   \
            d = OR(d, LOAD(x + i + 3));                                   \
        }                                                                 \
        a = OR(OR(a, b), OR(c, d));                                       \
        return END;                                                       \
    }

READS(read_avx2, "avx2", __m256i, _mm256_load_si256, _mm256_or_si256, (float)_mm256_extract_epi16(a, 0))
READS(read_avx512, AVX512, __m512i, _mm512_load_si512, _mm512_or_si512, (float)_mm_cvtsi128_si32(_mm512_castsi512_si128(a)))

#endif

/* --- measuring ---------------------------------------------------------------------------------------------------- */

static void run_piece(void *arg, unsigned chunk, unsigned thread)
{
    struct job *j = arg;

    (void)thread;
    *j->sink = j->run(j->buffer->bytes + chunk * PIECE, PIECE);
}

static void run_rounds(void *arg, unsigned chunk, unsigned thread)
{
    struct job *j = arg;

    (void)chunk, (void)thread;
    *j->sink = j->run(j->buffer->bytes, ROUNDS);
}

/* The seconds of the fastest of some runs. */
static double fastest(struct pool *pool, pool_fn *fn, struct job *job, unsigned n_chunks)
{
    double best = 0;

    for (int i = 0; i < REPEATS; i++) {
        const int64_t start = clock_mono_ns();
        double seconds;

        pool_run(pool, fn, job, n_chunks);
        seconds = (double)(clock_mono_ns() - start) / 1e9;
        best = i == 0 || seconds < best ? seconds : best;
    }
    return best;
}

static double bandwidth(const struct roofline_buffer *b, struct pool *pool, float (*run)(const unsigned char *, size_t), volatile float *sink)
{
    struct job job = { b, run, sink };

    return (double)BUFFER / fastest(pool, run_piece, &job, (unsigned)(BUFFER / PIECE));
}

/* each: operations of one instruction. */
static double peak(const struct roofline_buffer *b, struct pool *pool, float (*run)(const unsigned char *, size_t), double each, volatile float *sink)
{
    struct job job = { b, run, sink };
    const unsigned n_chunks = CHUNKS * pool_n_threads(pool);

    return each * CHAINS * ROUNDS * n_chunks / fastest(pool, run_rounds, &job, n_chunks);
}

struct roofline roofline_measure(const struct roofline_buffer *b, struct pool *pool)
{
    volatile float sink = 0;
    struct roofline r = { .read_bytes = bandwidth(b, pool, read_plain, &sink) };

#ifdef __x86_64__
    if (kernels_find("avx2")) {
        const double wide = bandwidth(b, pool, read_avx2, &sink);

        r.read_bytes = wide > r.read_bytes ? wide : r.read_bytes;
        r.f32 = peak(b, pool, fma_avx2, 16, &sink);
        r.int8 = peak(b, pool, dot_avx2, 64, &sink);
    }
    if (kernels_find("avx512")) {
        const double wide = bandwidth(b, pool, read_avx512, &sink), f32 = peak(b, pool, fma_avx512, 32, &sink);

        r.read_bytes = wide > r.read_bytes ? wide : r.read_bytes;
        r.f32 = f32 > r.f32 ? f32 : r.f32;
        r.int8 = peak(b, pool, dot_vnni, 128, &sink);
    }
    if (kernels_find("avx512bf16"))
        r.bf16 = peak(b, pool, dot_bf16, 64, &sink);
#endif
    (void)sink;
    return r;
}
