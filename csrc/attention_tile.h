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

// x in the first n lanes, `other` in the others, n being anything.
inline vf only(vf x, int64_t n, vf other) {
    return lane_numbers() < int32_t(n < LANES ? n : LANES) ? x : other;
}

// Queries and keys: query i sees the keys [first(i), seen(i)).
struct Scene {
    Heads q, k;
    float scale;
    Sight sight;

    int64_t group() const { return q.heads() / k.heads(); }
    int64_t place(int64_t i) const { return i + k.times() - q.times(); } // among the keys
    int64_t seen(int64_t i) const { return sight.causal ? place(i) + 1 : k.times(); }
    int64_t first(int64_t i) const {
        const int64_t hidden = place(i) + 1 - sight.window;
        return sight.window > 0 && hidden > 0 ? hidden : 0;
    }
    // Where the tiles of `keys` keys begin that query i, or one behind it, sees.
    int64_t begin(int64_t i, int64_t keys) const { return first(i) / keys * keys; }
    // Of keys j .. j + n, so many from j on cover all that query i sees; 0 if it sees none of them.
    int64_t visible(int64_t i, int64_t j, int64_t n) const {
        const int64_t end = least(n, seen(i) - j);
        return first(i) < j + end ? end : 0;
    }
    uint64_t row(int64_t b, int64_t h, int64_t i) const {
        return uint64_t((b * q.heads() + h) * q.times() + i);
    }
    uint64_t element(int64_t b, int64_t h, int64_t i, int64_t j) const {
        return row(b, h, i) * uint64_t(k.times()) + uint64_t(j);
    }

    // Are products of queries i .. i + m with the keys from j on more or less than scores / scale?
    bool adjusts(int64_t i, int64_t m, int64_t j) const {
        return sight.slopes || first(i + m - 1) > j;
    }
    // Query i's products with the keys j .. j + n -> scores: scaled, less slope times distance
    // (ALiBi, arXiv:2108.12409), and -inf before the window. May write up to a multiple of LANES.
    void adjust(float* s, int64_t h, int64_t i, int64_t j, int64_t n) const {
        const vf slope = splat(sight.slopes ? -sight.slopes[h] : 0.0f);
        const vf lanes = __builtin_convertvector(lane_numbers(), vf);
        const int64_t hidden = first(i) - j;
        for (int64_t c = 0; c < n; c += LANES) {
            const vf distance = splat(float(place(i) - j - c)) - lanes;
            const vf score = fma(slope, distance, load(s + c) * scale);
            store(s + c, only(splat(-__builtin_inff()), hidden - c, score));
        }
    }
};

// body(begin, end) for ranges of [0, n), a few for each thread, as setting up costs as much as a
// small head. No index hears of another, so where a range ends does not change a bit.
template <class Body> inline void parallel_tasks(int64_t n, const Body& body) {
    constexpr int64_t TASKS = 4; // for each thread, where there are as many
    parallel_ranges(n, ceil_div(n, TASKS * num_threads()), body);
}

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

} // namespace
} // namespace weft::WEFT_ISA
