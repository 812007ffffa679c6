// Tiles of attention: BLOCK queries against BLOCK keys, in float32, as four products of the kind
// that matmul's micro-kernel does. What a tile reads is packed first; what it computes stays in the
// cache.
#pragma once
#include "matmul_micro.h"
#include "philox.h"

namespace weft::WEFT_ISA {
namespace {

constexpr int BLOCK = 64; // a multiple of every NR

inline int64_t padded(int64_t n) { return ceil_div(n, NR) * NR; }

// One array (B, T, H, D) whose last axis is contiguous.
struct Heads {
    const Array& array;

    int64_t times() const { return array.shape[1]; }
    int64_t heads() const { return array.shape[2]; }
    int64_t size() const { return array.shape[3]; }
    const void* at(int64_t b, int64_t t, int64_t h) const {
        const int64_t* s = array.stride;
        return static_cast<const char*>(array.data) +
               (b * s[0] + t * s[1] + h * s[2]) * dtype_bytes(array.dtype);
    }
    // Rows are times, from t on, and the depth is D; or the other way round.
    Operand by_time(int64_t b, int64_t t, int64_t h) const {
        return {at(b, t, h), array.dtype, array.stride[1], 1};
    }
    Operand by_size(int64_t b, int64_t t, int64_t h) const {
        return {at(b, t, h), array.dtype, 1, array.stride[1]};
    }
};

// Panels of NR rows, one after another: ceil(rows / NR) * NR * depth floats.
inline void pack_right(const Operand& o, int64_t rows, int64_t depth, float* to) {
    for (int64_t r = 0; r < rows; r += NR)
        pack_panel<Floats>(o, r, least(NR, rows - r), 0, depth, (int32_t*)to + r * depth, NR);
}

// Panels of up to MR rows: rows * depth floats.
inline void pack_left(const Operand& o, int64_t rows, int64_t depth, float* to) {
    const Cut cut(rows, MR);
    for (int64_t i = 0; i < cut.count; i++)
        pack_panel<Floats>(o, cut.start(i), cut.size(i), 0, depth,
                           (int32_t*)to + cut.start(i) * depth, cut.size(i));
}

// How the left operand of a tile's product lies in memory, see accumulate().
enum class Left { panels, rows, columns };

template <Left left, int H, class Done>
void multiply_panel(const float* a, const float* b, int64_t depth, const Done& done) {
    constexpr int ROW = left == Left::rows ? BLOCK : 1;
    constexpr int STEP = left == Left::panels ? H : left == Left::rows ? 1 : BLOCK;
    vf sums[H][VECTORS] = {};
    accumulate<Floats, H, ROW, STEP>((const int32_t*)a, (const int32_t*)b, depth, sums);
#pragma GCC unroll 16
    for (int i = 0; i < H; i++) {
#pragma GCC unroll 4
        for (int j = 0; j < VECTORS; j++) done(i, j * LANES, sums[i][j]);
    }
}

template <Left left, int H = MR, class Done>
inline void multiply_height(int64_t height, const float* a, const float* b, int64_t depth,
                            const Done& done) {
    if constexpr (H > 1) {
        if (height < H) return multiply_height<left, H - 1>(height, a, b, depth, done);
    }
    multiply_panel<left, H>(a, b, depth, done);
}

// What of a product a panel of left rows needs: a causal mask makes the rest 0.
struct Extent {
    int64_t columns, from, to; // of the depth [from, to)
};

// done(i, j, sums) for rows i and columns j.. of left (rows, depth) right (depth, columns), where
// extent(i, n) says how much of it rows i .. i + n need. The right operand's panels were packed
// over a depth of `packed`.
template <Left left, class GetExtent, class Done>
inline void multiply(const float* a, int64_t rows, const float* b, int64_t columns, int64_t packed,
                     const GetExtent& extent, const Done& done) {
    const Cut cut(rows, MR);
    for (int64_t j = 0; j < columns; j += NR)
        for (int64_t p = 0; p < cut.count; p++) {
            const int64_t i0 = cut.start(p), height = cut.size(p);
            const Extent e = extent(i0, height);
            if (j >= e.columns) continue;
            const float* first = left == Left::panels ? a + i0 * packed + e.from * height
                                 : left == Left::rows ? a + i0 * BLOCK + e.from
                                                      : a + i0 + e.from * BLOCK;
            multiply_height<left>(height, first, b + j * packed + e.from * NR, e.to - e.from,
                                  [&](int i, int lane, vf sum) { done(i0 + i, j + lane, sum); });
        }
}

// Dropout of weights: row i of the tile's mask, 1/(1-p) or 0, for keys [first, first + n).
struct Dropout {
    double p;
    uint64_t key;

    void mask(uint64_t element, int64_t n, float* out) const {
        uint32_t words[BLOCK];
        philox_fill(key, element, n, words);
        const uint32_t threshold = dropout_threshold(p);
        const float scale = float(1 / (1 - p));
        for (int64_t j = 0; j < n; j++) out[j] = words[j] >= threshold ? scale : 0.0f;
    }
};

} // namespace
} // namespace weft::WEFT_ISA
