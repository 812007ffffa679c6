// What becomes of the finished sums of a product before they are rounded and stored.
#pragma once
#include "activation.h"
#include "matmul_pack.h"
#include "philox.h"

namespace weft::WEFT_ISA {
namespace {

constexpr int VECTORS = 2; // of neighbouring columns that are computed together
constexpr int NR = VECTORS * LANES;

// y = residual + dropout(sum + bias), or gelu(sum + bias), or sum * gelu'(pre): what is absent is
// left out. `pre`, `residual` and the mask have the shape of the output.
struct Epilogue {
    enum class Gelu { none, forward, backward };

    Array bias; // (columns,)
    Gelu gelu = Gelu::none;
    bool tanh = true;   // the approximation of GPT-2
    Array pre;          // what went into gelu: written by forward, read by backward
    double dropout = 0; // probability
    uint64_t key = 0;
    Array residual;
    int64_t columns = 0; // of the output

    bool plain() const {
        return !bias.data && gelu == Gelu::none && !residual.data && dropout == 0;
    }

    // sums[j] are columns `column` + j LANES... of a row; the first n exist.
    void operator()(vf (&sums)[VECTORS], int64_t row, int64_t column, int64_t n) const {
        const int64_t at = row * columns + column;
        for (int j = 0; j < VECTORS && n > j * LANES; j++) {
            const int64_t some = n - j * LANES, here = at + j * LANES;
            if (bias.data) sums[j] = sums[j] + read(bias, column + j * LANES, some);
            if (gelu == Gelu::forward) {
                write(pre, here, sums[j], some);
                sums[j] = WEFT_ISA::gelu(sums[j], tanh);
            } else if (gelu == Gelu::backward)
                sums[j] = sums[j] * gelu_slope(read(pre, here, some), tanh);
        }
        if (dropout > 0) drop(sums, at, least(n, NR));
        for (int j = 0; j < VECTORS && n > j * LANES && residual.data; j++)
            sums[j] = sums[j] + read(residual, at + j * LANES, n - j * LANES);
    }

  private:
    static vf read(const Array& a, int64_t at, int64_t n) {
        if (a.dtype == Dtype::bf16) return load_some(data<const bf16>(a) + at, n);
        return load_some(data<const float>(a) + at, n);
    }

    static void write(const Array& a, int64_t at, vf x, int64_t n) {
        if (a.dtype == Dtype::bf16)
            store_some(data<bf16>(a) + at, x, n);
        else
            store_some(data<float>(a) + at, x, n);
    }

    void drop(vf (&sums)[VECTORS], int64_t at, int64_t n) const {
        uint32_t words[NR] = {};
        philox_fill(key, uint64_t(at), n, words);
        const uint32_t threshold = dropout_threshold(dropout);
        const float scale = float(1 / (1 - dropout));
        for (int j = 0; j < VECTORS; j++) {
            vu word;
            memcpy(&word, words + j * LANES, sizeof word);
            sums[j] = word >= threshold ? sums[j] * scale : zero();
        }
    }
};

} // namespace
} // namespace weft::WEFT_ISA
