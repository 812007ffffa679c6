// What attention's two passes share: arrays of heads, the exponential, the
// weights' dropout.
//
// A tile is BLOCK queries against some keys. Scores, weights and sums are
// float32. Where the instruction set multiplies bfloat16 and all arrays are
// bfloat16, weights and their gradients are rounded to it once more before they
// are multiplied (NarrowProducts), as FlashAttention does.
#pragma once
#include "attention_product.h"
#include "loops.h"
#include "philox.h"

namespace weft::WEFT_ISA {
namespace {

// One array (B, T, H, D) whose last axis is contiguous.
struct Heads {
    const Array& array;

    int64_t times() const { return array.shape[1]; }
    int64_t heads() const { return array.shape[2]; }
    int64_t size() const { return array.shape[3]; }
    bool narrow() const { return array.dtype == Dtype::bf16; }
    int64_t offset(int64_t b, int64_t t, int64_t h) const {
        return b * array.stride[0] + t * array.stride[1] + h * array.stride[2];
    }
    void* at(int64_t b, int64_t t, int64_t h) const {
        return static_cast<char*>(array.data) + offset(b, t, h) * dtype_bytes(array.dtype);
    }
    // Rows are times, from t on, and the depth is D; or the other way round.
    Operand by_time(int64_t b, int64_t t, int64_t h) const {
        return {at(b, t, h), array.dtype, array.stride[1], 1};
    }
    Operand by_size(int64_t b, int64_t t, int64_t h) const {
        return {at(b, t, h), array.dtype, 1, array.stride[1]};
    }

    // (b, t, h) = row * factor
    void store_row(int64_t b, int64_t t, int64_t h, const float* row, float factor) const {
        with_type(array.dtype, [&](auto* type) {
            using T = element<decltype(type)>;
            T* to = static_cast<T*>(at(b, t, h));
            vectors(0, size(), [&](int64_t d, auto part) {
                store(to + d, load(row + d, part) * factor, part);
            });
        });
    }
};

// 2^t: 0 from -150 down, NaN stays. The polynomial is a minimax fit on [-1/2,
// 1/2]; with its roundings it is within 2.8 * 2^-24, relative.
inline vf power_of_two(vf t) {
    constexpr float SHIFT = 12582912.0f; // see exp() in simd.h
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

// Dropout of weights: key `element + j` of a row is kept if its word is not
// below the threshold.
struct Dropout {
    bool on;
    uint32_t threshold;
    float scale; // of what is kept
    uint64_t key;

    Dropout(double p, uint64_t key)
        : on(p > 0), threshold(dropout_threshold(p)), scale(float(1 / (1 - p))), key(key) {}

    void draw(uint64_t element, int64_t n, uint32_t* words) const {
        philox_fill(key, element, n, words);
    }
    vf kept(const uint32_t* words, vf x) const { // x, or 0
        typedef vu vu_unaligned __attribute__((aligned(4), may_alias));
        return *(const vu_unaligned*)words >= threshold ? x : zero();
    }
};

struct Yes {
    static constexpr bool value = true;
};
struct No {
    static constexpr bool value = false;
};

// body(Yes or No): a condition that is the same for a whole loop, as a type.
template <class Body> inline void decide(bool condition, const Body& body) {
    if (condition)
        body(Yes{});
    else
        body(No{});
}

// x in the first n lanes, `other` in the others, n being anything.
inline vf only(vf x, int64_t n, vf other) {
    return lane_numbers() < int32_t(n < LANES ? n : LANES) ? x : other;
}

} // namespace
} // namespace weft::WEFT_ISA
