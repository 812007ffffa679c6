// One float32 vector type, `vf`, of LANES elements, and what the kernels do with it. Everything is
// static in the namespace of the instruction set that this file is being compiled for, so that no
// two compilations can be mixed up by the linker. Only matmul.cpp's micro-kernels go below it.
//
// Error bounds of the functions below, measured over the float32 inputs: exp 1.0 ulp, tanh 1.3 ulp,
// erf 1.2 ulp. Kernels run with subnormals flushed to zero, so a result below 1.2e-38 is 0.
#pragma once
#include "array.h"
#include <stddef.h>
#include <string.h>
#if defined(__SSE2__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#ifndef WEFT_ISA // an editor that reads this file alone
#define WEFT_ISA baseline
#endif

namespace weft::WEFT_ISA {

#if defined(__AVX512F__)
constexpr int LANES = 16;
#elif defined(__AVX2__)
constexpr int LANES = 8;
#else
constexpr int LANES = 4;
#endif

typedef float vf __attribute__((vector_size(4 * LANES)));
typedef int32_t vi __attribute__((vector_size(4 * LANES)));
typedef uint32_t vu __attribute__((vector_size(4 * LANES)));
typedef uint16_t vh __attribute__((vector_size(2 * LANES))); // the bits of LANES bfloat16
typedef vf vf_unaligned __attribute__((aligned(4), may_alias));
typedef vh vh_unaligned __attribute__((aligned(2), may_alias));

// ---- making, loading, storing -------------------------------------------------------------------

static inline vf splat(float x) { return x - vf{}; } // not 0 + x, which would lose the sign of -0
static inline vf zero() { return vf{}; }
static inline vi as_int(vf x) { return (vi)x; }
static inline vf as_float(vi x) { return (vf)x; }

static inline vf load(const float* p) { return *(const vf_unaligned*)p; }
static inline void store(float* p, vf x) { *(vf_unaligned*)p = x; }

// A bfloat16 is the upper half of a float32.
static inline vf widen(vh h) {
#if defined(__AVX512F__)
    return (vf)_mm512_slli_epi32(_mm512_cvtepu16_epi32((__m256i)h), 16);
#elif defined(__AVX2__)
    return (vf)_mm256_slli_epi32(_mm256_cvtepu16_epi32((__m128i)h), 16);
#else
    return (vf)(__builtin_convertvector(h, vu) << 16);
#endif
}

// Round to nearest even; a NaN stays a NaN.
static inline vh narrow(vf x) {
#if defined(__AVX512BF16__)
    return (vh)_mm512_cvtneps_pbh((__m512)x);
#else
    const vu bits = (vu)x;
    const vu rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    const vu upper = x == x ? rounded : (bits >> 16) | 0x40;
#if defined(__AVX512F__)
    return (vh)_mm512_cvtepi32_epi16((__m512i)upper);
#elif defined(__AVX2__)
    const __m256i halves = _mm256_packus_epi32((__m256i)upper, (__m256i)upper);
    return (vh)_mm256_castsi256_si128(_mm256_permute4x64_epi64(halves, 0x08));
#else
    return __builtin_convertvector(upper, vh);
#endif
#endif
}

static inline vf load(const bf16* p) { return widen(*(const vh_unaligned*)p); }
static inline void store(bf16* p, vf x) { *(vh_unaligned*)p = narrow(x); }

struct rounded { // a float32 in memory that counts as the nearest bfloat16
    float value;
};
static inline vf load(const rounded* p) { return widen(narrow(load(&p->value))); }

// The first n elements, 0 <= n <= LANES; lanes beyond them load as 0 and are not stored.
#if defined(__AVX512F__)
static inline uint16_t first(int64_t n) { return (uint16_t)((1u << n) - 1); }
static inline vf load(const float* p, int64_t n) { return (vf)_mm512_maskz_loadu_ps(first(n), p); }
static inline void store(float* p, vf x, int64_t n) { _mm512_mask_storeu_ps(p, first(n), x); }
static inline vf load(const bf16* p, int64_t n) {
    return widen((vh)_mm256_maskz_loadu_epi16(first(n), p));
}
static inline void store(bf16* p, vf x, int64_t n) {
    _mm256_mask_storeu_epi16(p, first(n), (__m256i)narrow(x));
}
#else
static inline vf load(const float* p, int64_t n) {
    float t[LANES] = {};
    for (int64_t i = 0; i < n; i++) t[i] = p[i];
    return load(t);
}
static inline void store(float* p, vf x, int64_t n) {
    for (int64_t i = 0; i < n; i++) p[i] = x[i];
}
static inline vf load(const bf16* p, int64_t n) {
    vh t = {};
    for (int64_t i = 0; i < n; i++) t[i] = p[i].bits;
    return widen(t);
}
static inline void store(bf16* p, vf x, int64_t n) {
    const vh t = narrow(x);
    for (int64_t i = 0; i < n; i++) p[i].bits = t[i];
}
#endif

// Bytes with a sign, as a cache of keys and values may hold them.
static inline vf load(const int8_t* p) {
#if defined(__AVX512F__)
    return (vf)_mm512_cvtepi32_ps(
        _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
#else
    float t[LANES];
    for (int i = 0; i < LANES; i++) t[i] = float(p[i]);
    return load(t);
#endif
}
static inline vf load(const int8_t* p, int64_t n) {
    float t[LANES] = {};
    for (int64_t i = 0; i < n; i++) t[i] = float(p[i]);
    return load(t);
}

// Scalars, with the same rounding.
static inline float widen(bf16 x) {
    const uint32_t bits = (uint32_t)x.bits << 16;
    float y;
    memcpy(&y, &bits, 4);
    return y;
}
static inline float to_float(float x) { return x; }
static inline float to_float(bf16 x) { return widen(x); }
template <class T> static inline T from_float(float x);
template <> inline float from_float<float>(float x) { return x; }
template <> inline bf16 from_float<bf16>(float x) { return {narrow(splat(x))[0]}; }

// ---- arithmetic (vf has + - * / and comparisons, which give a mask for ?:) ----------------------

// a * b + c, rounded once where the instruction set has it. Nothing else is ever fused: the
// compiler is told -ffp-contract=off, so that results do not depend on its version.
static inline vf fma(vf a, vf b, vf c) {
#if defined(__AVX512F__)
    return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
    return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__ARM_NEON) && defined(__aarch64__)
    return (vf)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
    return a * b + c;
#endif
}
static inline vf fma(vf a, vf b, float c) { return fma(a, b, splat(c)); }

// A NaN in b comes through, one in a does not. (Compilers make two instructions of a mask and ?:.)
#if defined(__AVX512F__)
static inline vf max(vf a, vf b) { return (vf)_mm512_max_ps((__m512)a, (__m512)b); }
static inline vf min(vf a, vf b) { return (vf)_mm512_min_ps((__m512)a, (__m512)b); }
#elif defined(__AVX2__)
static inline vf max(vf a, vf b) { return (vf)_mm256_max_ps((__m256)a, (__m256)b); }
static inline vf min(vf a, vf b) { return (vf)_mm256_min_ps((__m256)a, (__m256)b); }
#elif defined(__SSE2__)
static inline vf max(vf a, vf b) { return (vf)_mm_max_ps((__m128)a, (__m128)b); }
static inline vf min(vf a, vf b) { return (vf)_mm_min_ps((__m128)a, (__m128)b); }
#else
static inline vf max(vf a, vf b) { return a > b ? a : b; }
static inline vf min(vf a, vf b) { return a < b ? a : b; }
#endif
static inline vf abs(vf x) { return as_float(as_int(x) & 0x7fffffff); }
static inline vf copysign(vf x, vf sign) {
    return as_float((as_int(x) & 0x7fffffff) | (as_int(sign) & (int32_t)0x80000000));
}

static inline vf sqrt(vf x) {
#if defined(__AVX512F__)
    return (vf)_mm512_sqrt_ps((__m512)x);
#elif defined(__AVX2__)
    return (vf)_mm256_sqrt_ps((__m256)x);
#else
    for (int i = 0; i < LANES; i++) x[i] = __builtin_sqrtf(x[i]);
    return x;
#endif
}

// 1 / x for x of 1 or more, infinity and NaN; within 1.1 ulp. Where there is an estimate of 14
// bits, a step of Newton's, which takes a quarter of a division's time.
static inline vf reciprocal(vf x) {
#if defined(__AVX512F__)
    const vf most = min(splat(3e38f), x); // infinity would be multiplied by 0
    const vf guess = (vf)_mm512_rcp14_ps((__m512)most);
    return guess * (vf)_mm512_fnmadd_ps((__m512)most, (__m512)guess, (__m512)splat(2.0f));
#else
    return 1.0f / x;
#endif
}

// ---- reductions, always in the same order: halves onto halves -----------------------------------

static inline float sum(vf x) {
#if defined(__AVX512F__)
    return _mm512_reduce_add_ps((__m512)x); // in this very order
#else
    float t[LANES];
    store(t, x);
    for (int half = LANES / 2; half; half /= 2)
        for (int i = 0; i < half; i++) t[i] += t[i + half];
    return t[0];
#endif
}

static inline float max(vf x) {
#if defined(__AVX512F__)
    return _mm512_reduce_max_ps((__m512)x);
#else
    float t[LANES];
    store(t, x);
    for (int half = LANES / 2; half; half /= 2)
        for (int i = 0; i < half; i++) t[i] = t[i] > t[i + half] ? t[i] : t[i + half];
    return t[0];
#endif
}

// ---- elementary functions -----------------------------------------------------------------------

// e^x = 2^n e^r with |r| <= ln(2)/2; polynomial and the split of ln 2 from Cephes (Moshier 1989).
static inline vf exp(vf x) {
    x = max(splat(-104.0f), min(splat(89.0f), x));
    constexpr float SHIFT =
        12582912.0f; // 1.5 * 2^23: adding it rounds to an integer, in the low bits
    const vf shifted = fma(x, splat(1.44269504088896341f), SHIFT);
    const vf n = shifted - SHIFT;
    vf r = fma(n, splat(-0.693359375f), x);
    r = fma(n, splat(2.12194440e-4f), r);
    vf p = splat(1.9875691500e-4f);
    p = fma(p, r, 1.3981999507e-3f);
    p = fma(p, r, 8.3334519073e-3f);
    p = fma(p, r, 4.1665795894e-2f);
    p = fma(p, r, 1.6666665459e-1f);
    p = fma(p, r, 5.0000001201e-1f);
    p = fma(p, r * r, r) + 1.0f;
#if defined(__AVX512F__)
    return (vf)_mm512_scalef_ps((__m512)p, (__m512)n);
#else
    // In two steps, because 2^n itself over- or underflows before the product does.
    const vi power = as_int(shifted) - as_int(splat(SHIFT));
    const vi half = power >> 1;
    return p * as_float((half + 127) << 23) * as_float((power - half + 127) << 23);
#endif
}

// 2^t: 0 from -150 down, NaN stays. The polynomial is a minimax fit on [-1/2, 1/2]; with its
// roundings it is within 2.8 * 2^-24, relative.
static inline vf power_of_two(vf t) {
    constexpr float SHIFT = 12582912.0f; // see exp()
    t = max(splat(-150.0f), t);
#if !defined(__AVX512F__)
    t = min(splat(192.0f), t);
#endif
    const vf shifted = t + SHIFT, n = shifted - SHIFT, r = t - n;
    vf p = fma(splat(1.3264727e-3f), r, 9.671513e-3f);
    p = fma(p, r, 5.5507336e-2f);
    p = fma(p, r, 2.4022242e-1f);
    p = fma(p, r, 6.93147e-1f);
    p = fma(p, r, 1.0f);
#if defined(__AVX512F__)
    return (vf)_mm512_scalef_ps((__m512)p, (__m512)n);
#else
    const vi power = as_int(shifted) - as_int(splat(SHIFT)), half = power >> 1;
    return p * as_float((half + 127) << 23) * as_float((power - half + 127) << 23);
#endif
}
constexpr float LOG2_E = 1.44269504088896341f;

// Odd polynomial near 0 (Cephes), else 1 - 2 / (e^2x + 1).
static inline vf tanh(vf x) {
    const vf a = abs(x), s = x * x;
    vf p = splat(-5.70498872745e-3f);
    p = fma(p, s, 2.06390887954e-2f);
    p = fma(p, s, -5.37397155531e-2f);
    p = fma(p, s, 1.33314422036e-1f);
    p = fma(p, s, -3.33332819422e-1f);
    p = fma(p * s, x, x);
    const vf far = copysign(1.0f - 2.0f * reciprocal(exp(a + a) + 1.0f), x);
    return a < 0.625f ? p : x == x ? far : x;
}

// Minimax approximations by N. Juffa: x P(x^2) near 0, else 1 - e^Q(|x|).
static inline vf erf(vf x) {
    const vf a = abs(x), s = x * x;
    vf near = splat(-5.96761703e-4f);
    near = fma(near, s, 4.99119423e-3f);
    near = fma(near, s, -2.67681349e-2f);
    near = fma(near, s, 1.12819925e-1f);
    near = fma(near, s, -3.76125336e-1f);
    near = fma(near, s, 1.28379166e-1f);
    near = fma(near, x, x);
    const vf t = min(splat(4.0f), a); // erf(4) rounds to 1; the polynomial is made for no more
    const vf u = t * t;
    vf q = fma(splat(-1.72853470e-5f), t, 3.83197126e-4f);
    q = fma(q, u, fma(splat(-3.88396438e-3f), t, 2.42546219e-2f));
    q = fma(q, t, -1.06777877e-1f);
    q = fma(q, t, -6.34846687e-1f);
    q = fma(q, t, -1.28717512e-1f);
    q = fma(q, t, -t);
    const vf far = copysign(1.0f - exp(q), x);
    return a > 0.927734375f ? far : near;
}

} // namespace weft::WEFT_ISA
