// Packing: the operands of a product, copied into panels that the micro-kernel reads front to back.
//
// A panel holds W rows of one operand over a range of the depth (the axis that is summed over), as
// [unit][row], so that each step along the depth is W contiguous units, zero where the operand has
// ended. A unit is 4 bytes: a float32, or a pair of bfloat16 that are neighbours along the depth.
#pragma once
#include "kernel.h"

namespace weft::WEFT_ISA {
namespace {

inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
inline int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

template <class T> inline void store_some(T* p, vf x, int64_t n) {
    if (n >= LANES)
        store(p, x);
    else if (n > 0)
        store(p, x, n);
}

template <class T> inline vf load_some(const T* p, int64_t n) {
    return n >= LANES ? load(p) : n > 0 ? load(p, n) : zero();
}

// One operand of a product as rows x depth. One of the strides (in elements) is 1.
struct Operand {
    const void* data;
    Dtype dtype;
    int64_t row_stride, depth_stride;
    bool round = false;  // float32 data are rounded to bfloat16 first
    bool padded = false; // rows go on with zeros up to a multiple of 64 bytes
};

// Vectors of units: `along` from LANES * DEPTH elements that are contiguous along the depth;
// `across` from LANES rows at DEPTH neighbouring depths, p0 and p1.
struct Floats {
    static constexpr int DEPTH = 1;
    template <class T> static vi along(const T* p) { return as_int(load(p)); }
    template <class T> static vi across(const T* p0, const T*) { return as_int(load(p0)); }
    static vf multiply_add(vf sum, vi a, vi b) { return fma(as_float(a), as_float(b), sum); }
};

#if defined(__AVX512BF16__)
struct Pairs {
    static constexpr int DEPTH = 2;
    static vi along(const bf16* p) { return (vi)_mm512_loadu_si512(p); }
    template <class T> static vi along(const T* p) {
        return (vi)_mm512_cvtne2ps_pbh((__m512)load(p + LANES), (__m512)load(p));
    }
    template <class T> static vi across(const T* p0, const T* p1) {
        const vu low = __builtin_convertvector(bits(p0), vu);
        const vu high = __builtin_convertvector(bits(p1), vu);
        return (vi)(low | (high << 16));
    }
    static vf multiply_add(vf sum, vi a, vi b) {
        return (vf)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
    }

  private:
    static vh bits(const bf16* p) { return *(const vh_unaligned*)p; }
    template <class T> static vh bits(const T* p) { return narrow(load(p)); }
};
#else
using Pairs = Floats; // without a bfloat16 product, bfloat16 is widened while packing
#endif

// ---- LANES x LANES transposition ----------------------------------------------------------------

// (a0 b0 a1 b1 ...) of the lower or the upper halves.
#if defined(__AVX512F__)
inline vi interleave_low(vi a, vi b) {
    const vi m = {0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23};
    return (vi)_mm512_permutex2var_epi32((__m512i)a, (__m512i)m, (__m512i)b);
}
inline vi interleave_high(vi a, vi b) {
    const vi m = {8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
    return (vi)_mm512_permutex2var_epi32((__m512i)a, (__m512i)m, (__m512i)b);
}
#elif defined(__AVX2__)
inline vi interleave_low(vi a, vi b) {
    const __m256i low = _mm256_unpacklo_epi32((__m256i)a, (__m256i)b);
    const __m256i high = _mm256_unpackhi_epi32((__m256i)a, (__m256i)b);
    return (vi)_mm256_permute2x128_si256(low, high, 0x20);
}
inline vi interleave_high(vi a, vi b) {
    const __m256i low = _mm256_unpacklo_epi32((__m256i)a, (__m256i)b);
    const __m256i high = _mm256_unpackhi_epi32((__m256i)a, (__m256i)b);
    return (vi)_mm256_permute2x128_si256(low, high, 0x31);
}
#else
inline vi interleave_low(vi a, vi b) { return vi{a[0], b[0], a[1], b[1]}; }
inline vi interleave_high(vi a, vi b) { return vi{a[2], b[2], a[3], b[3]}; }
#endif

// log2(LANES) perfect shuffles of the rows move element (i, j) to (j, i); written out, or compilers
// keep the rows in memory.
inline __attribute__((always_inline)) void shuffle(const vi (&from)[LANES], vi (&to)[LANES]) {
#pragma GCC unroll 8
    for (int i = 0; i < LANES / 2; i++) {
        to[2 * i] = interleave_low(from[i], from[i + LANES / 2]);
        to[2 * i + 1] = interleave_high(from[i], from[i + LANES / 2]);
    }
}
inline __attribute__((always_inline)) void transpose(vi (&v)[LANES]) {
    vi a[LANES], b[LANES], c[LANES];
    shuffle(v, a);
    if constexpr (LANES == 4) return shuffle(a, v);
    shuffle(a, b);
    if constexpr (LANES == 8) return shuffle(b, v);
    shuffle(b, c);
    shuffle(c, v);
}

#if defined(__AVX512BF16__)
// 32 depths of 16 rows of bfloat16, transposed in blocks of 8 x 8: four of them lie in the
// lanes of one vector from the start, so that loads do a part of the shuffling.
inline void transposed_pairs(const bf16* p, int64_t stride, vi (&v)[LANES]) {
#pragma GCC unroll 2
    for (int side = 0; side < 2; side++, p += 8) {
        __m512i a[8], b[8], c[8];
#pragma GCC unroll 8
        for (int i = 0; i < 8; i++) {
            auto block = [&](int j) {
                return _mm_loadu_si128((const __m128i*)(p + (8 * j + i) * stride));
            };
            a[i] = _mm512_castsi128_si512(block(0));
            a[i] = _mm512_inserti32x4(a[i], block(1), 1);
            a[i] = _mm512_inserti32x4(a[i], block(2), 2);
            a[i] = _mm512_inserti32x4(a[i], block(3), 3);
        }
#pragma GCC unroll 4
        for (int i = 0; i < 8; i += 2) {
            b[i] = _mm512_unpacklo_epi16(a[i], a[i + 1]);
            b[i + 1] = _mm512_unpackhi_epi16(a[i], a[i + 1]);
        }
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) { // 0 and 2, 1 and 3, 4 and 6, 5 and 7
            const int k = i / 2 * 4 + i % 2, to = i / 2 * 4 + i % 2 * 2;
            c[to] = _mm512_unpacklo_epi32(b[k], b[k + 2]);
            c[to + 1] = _mm512_unpackhi_epi32(b[k], b[k + 2]);
        }
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) {
            v[8 * side + 2 * i] = (vi)_mm512_unpacklo_epi64(c[i], c[i + 4]);
            v[8 * side + 2 * i + 1] = (vi)_mm512_unpackhi_epi64(c[i], c[i + 4]);
        }
    }
}
#endif

// ---- panels -------------------------------------------------------------------------------------

inline void store_units(int32_t* p, vi x, int64_t n) { store((float*)p, as_float(x), n); }
inline void store_units(int32_t* p, vi x) { store((float*)p, as_float(x)); }

template <class T> inline void copy_elements(T* to, const T* from, int64_t n) {
    memcpy(static_cast<void*>(to), from, size_t(n) * sizeof(T));
}

// The first n < LANES * DEPTH elements, then zeros.
template <class Unit, class T> inline vi along(const T* p, int64_t n) {
    T t[LANES * Unit::DEPTH] = {};
    copy_elements(t, p, n);
    return Unit::along(t);
}

template <class Unit, class T> inline vi across(const T* p0, const T* p1, int64_t n) {
    T t0[LANES] = {}, t1[LANES] = {};
    copy_elements(t0, p0, n);
    if (p1) copy_elements(t1, p1, n);
    return Unit::across(t0, t1);
}

// A masked load where there is one: 14 rows of a left panel would go through memory otherwise.
template <> inline vi across<Floats, float>(const float* p0, const float*, int64_t n) {
    return as_int(load(p0, n));
}

// Store LANES units of a row of the panel that is W long and of which `room` units are left. Beyond
// W the next row begins, which is written later; only at the end of the panel there is none.
inline void store_row(int32_t* p, vi x, int64_t W, int64_t room) {
    if (W % LANES == 0 || (W < LANES && room >= LANES))
        store_units(p, x);
    else
        store_units(p, x, W < LANES ? W : LANES);
}

// Rows contiguous along the depth: LANES x LANES blocks are transposed.
template <class Unit, class T>
inline void pack_along(const T* source, int64_t row_stride, int64_t rows, int64_t depth,
                       int32_t* to, int64_t W) {
    constexpr int64_t STEP = LANES * Unit::DEPTH;
    const int64_t units = (depth + Unit::DEPTH - 1) / Unit::DEPTH;
    for (int64_t u = 0; u < units; u += LANES) {
        const int64_t left = depth - u * Unit::DEPTH, count = units - u < LANES ? units - u : LANES;
        for (int64_t r = 0; r < W; r += LANES) {
            vi v[LANES];
            const T* corner = source + r * row_stride + u * Unit::DEPTH;
            if (r + LANES <= rows && left >= STEP) {
#pragma GCC unroll 16
                for (int i = 0; i < LANES; i++) v[i] = Unit::along(corner + i * row_stride);
            } else {
                for (int i = 0; i < LANES; i++) {
                    const T* p = corner + i * row_stride;
                    v[i] = r + i >= rows  ? vi{}
                           : left >= STEP ? Unit::along(p)
                                          : along<Unit>(p, left);
                }
            }
            transpose(v);
            if (count == LANES && W % LANES == 0) {
#pragma GCC unroll 16
                for (int i = 0; i < LANES; i++) store_units(to + (u + i) * W + r, v[i]);
                continue;
            }
            for (int64_t i = 0; i < count; i++) {
                const int64_t at = (u + i) * W + r;
                if (W > LANES && W - r < LANES)
                    store_units(to + at, v[i], W - r);
                else
                    store_row(to + at, v[i], W, units * W - at);
            }
        }
    }
}

// Rows are neighbours in memory: each step along the depth is copied.
template <class Unit, class T>
inline void pack_across(const T* source, int64_t depth_stride, int64_t rows, int64_t depth,
                        int32_t* to, int64_t W) {
    const int64_t units = (depth + Unit::DEPTH - 1) / Unit::DEPTH;
    for (int64_t u = 0; u < units; u++) {
        const T* p0 = source + u * Unit::DEPTH * depth_stride;
        const bool paired = u * Unit::DEPTH + Unit::DEPTH - 1 < depth;
        const T* p1 = paired ? p0 + (Unit::DEPTH - 1) * depth_stride : nullptr;
        for (int64_t r = 0; r < W; r += LANES) {
            const int64_t at = u * W + r, n = rows - r;
            const vi v = n >= LANES && p1 ? Unit::across(p0 + r, p1 + r)
                         : n > 0 ? across<Unit>(p0 + r, p1 ? p1 + r : p1, n < LANES ? n : LANES)
                                 : vi{};
            if (W > LANES && W - r < LANES)
                store_units(to + at, v, W - r);
            else
                store_row(to + at, v, W, units * W - at);
        }
    }
}

template <class Unit, class T>
inline void pack_typed(const Operand& o, int64_t row, int64_t rows, int64_t begin, int64_t depth,
                       int32_t* to, int64_t W) {
    const T* p = static_cast<const T*>(o.data) + row * o.row_stride + begin * o.depth_stride;
    if (o.depth_stride == 1)
        pack_along<Unit>(p, o.row_stride, rows, depth, to, W);
    else
        pack_across<Unit>(p, o.depth_stride, rows, depth, to, W);
}

// Rows [row, row + rows) of the operand over [begin, begin + depth), as a panel of width W >= rows.
template <class Unit>
inline void pack_panel(const Operand& o, int64_t row, int64_t rows, int64_t begin, int64_t depth,
                       int32_t* to, int64_t W) {
    if (o.dtype == Dtype::bf16)
        pack_typed<Unit, bf16>(o, row, rows, begin, depth, to, W);
    else if (o.round)
        pack_typed<Unit, rounded>(o, row, rows, begin, depth, to, W);
    else
        pack_typed<Unit, float>(o, row, rows, begin, depth, to, W);
}

} // namespace
} // namespace weft::WEFT_ISA
