// A product with few rows on the left, as in decoding: each weight is read once, in place, and the
// time is that of reading the weights. Rows of the right operand must be contiguous along the
// depth.
#pragma once
#include "matmul_pack.h"

namespace weft::WEFT_ISA {
namespace {

constexpr int DOT_ROWS = 8; // that are computed together

template <class T> inline vf load_first(const T* p, int64_t n) {
    T t[LANES] = {};
    copy_elements(t, p, n);
    return load(t);
}

// y[i][j] = x_i . w_j for H rows x and R rows w, both of length K. Each sum is LANES sums, added up
// in a fixed order at the end.
template <int H, int R, class W>
void dots(const float* x, const W* w, int64_t w_stride, int64_t K, float* y, int64_t y_stride) {
    vf sums[H][R] = {};
    int64_t k = 0;
    for (; k + LANES <= K; k += LANES) {
        vf right[R];
        for (int j = 0; j < R; j++) right[j] = load(w + j * w_stride + k);
        for (int i = 0; i < H; i++) {
            const vf left = load(x + i * K + k);
            for (int j = 0; j < R; j++) sums[i][j] = fma(left, right[j], sums[i][j]);
        }
    }
    if (k < K)
        for (int i = 0; i < H; i++) {
            const vf left = load(x + i * K + k, K - k);
            for (int j = 0; j < R; j++)
                sums[i][j] = fma(left, load_first(w + j * w_stride + k, K - k), sums[i][j]);
        }
    for (int i = 0; i < H; i++)
        for (int j = 0; j < R; j++) y[i * y_stride + j] = sum(sums[i][j]);
}

template <int H, class W>
inline void dot_rows(const float* x, const W* w, int64_t w_stride, int64_t K, float* y,
                     int64_t y_stride, int64_t n) {
    constexpr int R = H <= 2 ? 4 : 2;
    int64_t j = 0;
    for (; j + R <= n; j += R) dots<H, R>(x, w + j * w_stride, w_stride, K, y + j, y_stride);
    for (; j < n; j++) dots<H, 1>(x, w + j * w_stride, w_stride, K, y + j, y_stride);
}

template <class W, int H = DOT_ROWS>
inline void dot_group(int64_t M, const float* x, const W* w, int64_t w_stride, int64_t K, float* y,
                      int64_t y_stride, int64_t n) {
    if constexpr (H > 1) {
        if (M < H) return dot_group<W, H - 1>(M, x, w, w_stride, K, y, y_stride, n);
    }
    dot_rows<H>(x, w, w_stride, K, y, y_stride, n);
}

// y (M, n) = x (M, K) wᵀ.
template <class W>
inline void dot_product(int64_t M, const float* x, const W* w, int64_t w_stride, int64_t K,
                        float* y, int64_t y_stride, int64_t n) {
    for (int64_t i = 0; i < M; i += DOT_ROWS)
        dot_group(M - i < DOT_ROWS ? M - i : DOT_ROWS, x + i * K, w, w_stride, K, y + i * y_stride,
                  y_stride, n);
}

} // namespace
} // namespace weft::WEFT_ISA
