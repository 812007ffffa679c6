// Packed weights times rows of activations, panel by panel: loading, and the sums of a few rows at
// once. Every sum runs over k in one order, whatever the number of rows, so that a sequence's bits
// do not depend on what else is in the batch. Layouts: decoder.h.
#pragma once
#include "decoder.h"
#include "kernel.h"

namespace weft::WEFT_ISA {
namespace {

constexpr int VECTORS_OF_PANEL = int(PANEL) / LANES;
constexpr int ROWS_TOGETHER = LANES == 16 ? 6 : LANES == 8 ? 3 : 2;
constexpr int PANELS_TOGETHER = LANES == 16 ? 4 : 2;

typedef vi vi_unaligned __attribute__((aligned(4), may_alias));
inline vi load_ints(const void* p) { return *static_cast<const vi_unaligned*>(p); }
inline vi splat_int(int32_t x) { return vi{} + x; }
inline vi splat_units(const void* p) { // four bytes, in each lane
    int32_t x;
    memcpy(&x, p, 4);
    return splat_int(x);
}
inline vf to_floats(vi x) { return __builtin_convertvector(x, vf); }

inline int32_t add_lanes(vi x) {
#if defined(__AVX512F__)
    return _mm512_reduce_add_epi32((__m512i)x);
#else
    int32_t added = 0;
    for (int i = 0; i < LANES; i++) added += x[i];
    return added;
#endif
}

inline float half_to_float(uint16_t h) {
    const uint32_t sign = uint32_t(h & 0x8000) << 16, magnitude = h & 0x7fff;
    uint32_t bits;
    if (magnitude >= 0x7c00)
        bits = (magnitude << 13) | 0x7f800000;
    else if (magnitude >= 0x400)
        bits = (magnitude << 13) + (112u << 23);
    else { // a subnormal half is a normal float: count in units of 2^-24
        const float value = float(magnitude) * 5.9604645e-8f;
        memcpy(&bits, &value, 4);
    }
    bits |= sign;
    float y;
    memcpy(&y, &bits, 4);
    return y;
}

// LANES float16 as floats.
inline vf load_halves(const void* p) {
#if defined(__AVX512F__)
    return (vf)_mm512_cvtph_ps(_mm256_loadu_si256(static_cast<const __m256i*>(p)));
#elif defined(__F16C__)
    return (vf)_mm256_cvtph_ps(_mm_loadu_si128(static_cast<const __m128i*>(p)));
#else
    uint16_t h[LANES];
    memcpy(h, p, sizeof h);
    float t[LANES];
    for (int i = 0; i < LANES; i++) t[i] = half_to_float(h[i]);
    return load(t);
#endif
}

// sum + two products of bfloat16 in each lane.
inline vf dot_pairs(vf sum, vi w, vi x) {
#if defined(__AVX512BF16__)
    return (vf)_mm512_dpbf16_ps((__m512)sum, (__m512bh)w, (__m512bh)x);
#else
    sum = fma(as_float(w << 16), as_float(x << 16), sum);
    const vi upper = splat_int(int32_t(0xffff0000));
    return fma(as_float(w & upper), as_float(x & upper), sum);
#endif
}

// sum + four products in each lane: unsigned bytes of w, signed bytes of x.
inline vi dot_quads(vi sum, vi w, vi x) {
#if defined(__AVX512VNNI__)
    return (vi)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)w, (__m512i)x);
#elif defined(__AVX512BW__)
    const __m512i low = _mm512_set1_epi16(255), v = (__m512i)w, u = (__m512i)x;
    const __m512i even = _mm512_srai_epi16(_mm512_slli_epi16(u, 8), 8);
    sum += (vi)_mm512_madd_epi16(_mm512_and_si512(v, low), even);
    return sum + (vi)_mm512_madd_epi16(_mm512_srli_epi16(v, 8), _mm512_srai_epi16(u, 8));
#elif defined(__AVX2__)
    const __m256i low = _mm256_set1_epi16(255), v = (__m256i)w, u = (__m256i)x;
    const __m256i even = _mm256_srai_epi16(_mm256_slli_epi16(u, 8), 8);
    sum += (vi)_mm256_madd_epi16(_mm256_and_si256(v, low), even);
    return sum + (vi)_mm256_madd_epi16(_mm256_srli_epi16(v, 8), _mm256_srai_epi16(u, 8));
#elif defined(__SSE2__)
    const __m128i low = _mm_set1_epi16(255), v = (__m128i)w, u = (__m128i)x;
    const __m128i even = _mm_srai_epi16(_mm_slli_epi16(u, 8), 8);
    sum += (vi)_mm_madd_epi16(_mm_and_si128(v, low), even);
    return sum + (vi)_mm_madd_epi16(_mm_srli_epi16(v, 8), _mm_srai_epi16(u, 8));
#else
    for (int byte = 0; byte < 4; byte++)
        sum += (vi)(((vu)w >> (8 * byte)) & 255u) * ((x << (24 - 8 * byte)) >> 24);
    return sum;
#endif
}

// ---- rows of activations, as the weights of a kind take them ------------------------------------

// (count, depth) each, padded with zeros to Kp and, for tiles, to whole tiles of rows.
struct Input {
    const float* floats = nullptr;    // f32
    const bf16* narrow = nullptr;     // bf16
    const int8_t* bytes = nullptr;    // int8, int4: x = bytes * scale
    const float* scales = nullptr;    // (count, depth / 32)
    const int32_t* offsets = nullptr; // (count, depth / 32): -(128 or 8) times the sum of the bytes
    int64_t count = 0, depth = 0;

    Input from(int64_t row) const {
        const int64_t at = row * depth, block = row * (depth / BLOCK_K);
        Input rest = *this;
        if (floats) rest.floats += at;
        if (narrow) rest.narrow += at;
        if (bytes) rest.bytes += at, rest.scales += block, rest.offsets += block;
        rest.count -= row;
        return rest;
    }
};

// One block of 32 -> bytes, its scale and offset: x = q * scale, |q| <= 127, halves away from zero.
// What is not finite gives zeros and a scale that is NaN.
inline void quantise_block(const float* x, int8_t* q, float* scale, int32_t* offset, int bias) {
    constexpr int n = int(BLOCK_K) / LANES;
    vf v[n], peak = zero(), none = zero();
    for (int i = 0; i < n; i++) {
        v[i] = load(x + i * LANES);
        peak = max(peak, abs(v[i])), none += v[i] - v[i];
    }
    const float d = max(peak) / 127.0f + sum(none);
    const bool finite = d == d;
    const float one_over = finite && d > 0 ? 1.0f / d : 0.0f;
    const vf inverse = splat(one_over <= 3.4028234e38f ? one_over : 0.0f);
    *scale = d;
    vi total = vi{};
    for (int i = 0; i < n; i++) {
        const vf scaled = finite ? v[i] * inverse : zero(), size = abs(scaled);
        const vi whole = __builtin_convertvector(size, vi);
        const vi up = size - to_floats(whole) >= 0.5f; // -1 where it is
        const vi rounded = scaled < 0.0f ? up - whole : whole - up;
        total += rounded;
#if defined(__AVX512F__)
        _mm_storeu_si128(reinterpret_cast<__m128i*>(q + i * LANES),
                         _mm512_cvtepi32_epi8((__m512i)rounded));
#else
        for (int j = 0; j < LANES; j++) q[i * LANES + j] = int8_t(rounded[j]);
#endif
    }
    *offset = -bias * add_lanes(total);
}

// ---- sums: R rows against P panels --------------------------------------------------------------

template <int R, int P> using Sums = vf[R][P][VECTORS_OF_PANEL];

template <int R, int P>
inline void add_floats(const Input& x, const Packed& w, int64_t p, Sums<R, P>& sums) {
    const int64_t depth = x.depth, step = w.panel_bytes() / 4;
    const float* panel = reinterpret_cast<const float*>(w.panel(p));
    for (int64_t k = 0; k < depth; k++, panel += PANEL)
#pragma GCC unroll 8
        for (int j = 0; j < P; j++)
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS_OF_PANEL; v++) {
                const vf right = load(panel + j * step + v * LANES);
#pragma GCC unroll 8
                for (int i = 0; i < R; i++)
                    sums[i][j][v] = fma(splat(x.floats[i * depth + k]), right, sums[i][j][v]);
            }
}

template <int R, int P>
inline void add_narrow(const Input& x, const Packed& w, int64_t p, Sums<R, P>& sums) {
    const int64_t depth = x.depth, step = w.panel_bytes();
    const uint8_t* panel = w.panel(p);
    for (int64_t k = 0; k < depth; k += 2, panel += 4 * PANEL)
#pragma GCC unroll 8
        for (int j = 0; j < P; j++)
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS_OF_PANEL; v++) {
                const vi right = load_ints(panel + j * step + v * 4 * LANES);
#pragma GCC unroll 8
                for (int i = 0; i < R; i++)
                    sums[i][j][v] =
                        dot_pairs(sums[i][j][v], right, splat_units(x.narrow + i * depth + k));
            }
}

// Of each block of 32 the sum is exact in integers; then scaled and added.
template <bool FOUR, int R, int P>
inline void add_bytes(const Input& x, const Packed& w, int64_t p, Sums<R, P>& sums) {
    constexpr int64_t BLOCK_BYTES = FOUR ? 16 * BLOCK_K / 2 : 16 * BLOCK_K;
    const int64_t depth = x.depth, step = w.panel_bytes(), blocks = depth / BLOCK_K;
    const uint8_t* panel = w.panel(p);
    const uint8_t* scales = panel + w.weight_bytes();
    const vi low = splat_int(0x0f0f0f0f), high = splat_int(int32_t(0xf0f0f0f0));
    for (int64_t b = 0; b < blocks; b++, panel += BLOCK_BYTES, scales += 2 * PANEL)
#pragma GCC unroll 8
        for (int j = 0; j < P; j++)
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS_OF_PANEL; v++) {
                // Two sums a row, so that a product need not wait for the one before it. Of int4
                // the second one takes the high halves where they are, as 16 times what they mean.
                vi whole[R], other[R];
                const uint8_t* at = panel + j * step + v * 4 * LANES;
                const int8_t* q = x.bytes + b * BLOCK_K;
#pragma GCC unroll 8
                for (int i = 0; i < R; i++)
                    whole[i] = splat_int(x.offsets[i * blocks + b]), other[i] = vi{};
#pragma GCC unroll 4
                for (int g = 0; g < 4; g++) {
                    vi first = load_ints(at + g * 4 * PANEL), second;
                    if constexpr (FOUR)
                        second = first & high, first = first & low;
                    else
                        second = load_ints(at + (g + 4) * 4 * PANEL);
#pragma GCC unroll 8
                    for (int i = 0; i < R; i++) {
                        const int8_t* row = q + i * depth + 4 * g;
                        whole[i] = dot_quads(whole[i], first, splat_units(row));
                        other[i] = dot_quads(other[i], second, splat_units(row + 16));
                    }
                }
#pragma GCC unroll 8
                for (int i = 0; i < R; i++) whole[i] += FOUR ? other[i] >> 4 : other[i];
                const vf scale = load_halves(scales + j * step + v * 2 * LANES);
#pragma GCC unroll 8
                for (int i = 0; i < R; i++)
                    sums[i][j][v] = fma(to_floats(whole[i]),
                                        scale * splat(x.scales[i * blocks + b]), sums[i][j][v]);
            }
}

template <int R, int P>
inline void add_panels(const Input& x, const Packed& w, int64_t p, Sums<R, P>& sums) {
    switch (w.kind) {
    case Weight::f32:
        return add_floats<R, P>(x, w, p, sums);
    case Weight::bf16:
        return add_narrow<R, P>(x, w, p, sums);
    case Weight::int8:
        return add_bytes<false, R, P>(x, w, p, sums);
    case Weight::int4:
        return add_bytes<true, R, P>(x, w, p, sums);
    }
}

// ---- weights as numbers -------------------------------------------------------------------------

// Row n of the matrix as floats: to (inputs,).
inline void unpack_row(const Packed& w, int64_t n, float* to) {
    const uint8_t* panel = w.panel(n / PANEL);
    const int64_t lane = n % PANEL, K = w.inputs;
    if (w.kind == Weight::f32) {
        const float* from = reinterpret_cast<const float*>(panel) + lane;
        for (int64_t k = 0; k < K; k++) to[k] = from[k * PANEL];
        return;
    }
    if (w.kind == Weight::bf16) {
        const bf16* from = reinterpret_cast<const bf16*>(panel) + lane * 2;
        for (int64_t k = 0; k < K; k++) to[k] = widen(from[k / 2 * 2 * PANEL + k % 2]);
        return;
    }
    const bool four = w.kind == Weight::int4;
    for (int64_t b = 0; b * BLOCK_K < K; b++) {
        uint16_t half;
        memcpy(&half, panel + w.weight_bytes() + (b * PANEL + lane) * 2, 2);
        const float scale = half_to_float(half);
        const uint8_t* block = panel + b * BLOCK_K * PANEL / (four ? 2 : 1) + lane * 4;
        for (int64_t i = 0; i < BLOCK_K && b * BLOCK_K + i < K; i++) {
            const uint8_t byte = block[(four ? i % 16 : i) / 4 * 4 * PANEL + i % 4];
            const int q = !four ? byte - 128 : (i < 16 ? byte & 15 : byte >> 4) - 8;
            to[b * BLOCK_K + i] = float(q) * scale;
        }
    }
}

} // namespace
} // namespace weft::WEFT_ISA
