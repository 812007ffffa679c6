// What becomes of the finished sums of a product before they are rounded and stored.
#pragma once
#include "activation.h"
#include "matmul_pack.h"
#include "philox.h"

namespace weft::WEFT_ISA {
namespace {

constexpr int VECTORS = 2; // of neighbouring columns that are computed together
constexpr int NR = VECTORS * LANES;
constexpr int64_t CACHED = 1 << 20; // bytes of output that may stay in a cache

// 2 * LANES neighbours; `past_caches` where the output is too large to stay in one, so that its
// lines need not be read before they are written.
inline bool whole_lines(const void* p) { return reinterpret_cast<uintptr_t>(p) % 64 == 0; }

inline void store_pair(float* p, vf x, vf y, bool past_caches) {
#if defined(__AVX512F__)
    if (past_caches && whole_lines(p)) {
        _mm512_stream_ps(p, (__m512)x), _mm512_stream_ps(p + LANES, (__m512)y);
        return;
    }
#endif
    (void)past_caches;
    store(p, x), store(p + LANES, y);
}

inline void store_pair(bf16* p, vf x, vf y, bool past_caches) {
#if defined(__AVX512BF16__)
    const __m512i pair = (__m512i)_mm512_cvtne2ps_pbh((__m512)y, (__m512)x);
    if (past_caches && whole_lines(p))
        _mm512_stream_si512(reinterpret_cast<__m512i*>(p), pair);
    else
        _mm512_storeu_si512(p, pair);
#else
    (void)past_caches;
    store(p, x), store(p + LANES, y);
#endif
}

// The first n of NR columns.
template <class T>
inline void store_columns(T* to, const vf (&x)[VECTORS], int64_t n, bool past_caches) {
    if constexpr (VECTORS == 2) {
        if (n >= NR) return store_pair(to, x[0], x[1], past_caches);
    }
#pragma GCC unroll 4
    for (int j = 0; j < VECTORS; j++) store_some(to + j * LANES, x[j], n - j * LANES);
}

// y = residual + dropout(activation(sum + bias)); what is absent is left out. `slope`, `gate`,
// `up`, `dgate`, `residual` and the mask have the shape of the output.
struct Epilogue {
    enum class Activation {
        none,
        curve,           // slope = f'(sum); f(sum)
        scaled,          // sum * slope: back through a curve
        swiglu,          // up = sum; silu(gate) * up
        swiglu_gradient, // dgate = sum * up * silu'(gate); sum * silu(gate)
    };

    Array bias; // (columns,)
    Activation activation = Activation::none;
    Curve curve = Curve::gelu;
    Array slope, gate, up, dgate;
    double dropout = 0; // probability
    uint64_t key = 0;
    Array residual;
    int64_t columns = 0; // of the output

    bool plain() const {
        return !bias.data && activation == Activation::none && !residual.data && dropout == 0;
    }

    // Rows [begin, end) from row `row` on, NR columns from `column` on: store(i, finished sums).
    template <class Store>
    void whole(const float* sums, int64_t begin, int64_t end, int64_t row, int64_t column,
               const Store& store) const {
        with_activation([&](auto type) {
            vf biases[VECTORS];
            for (int j = 0; j < VECTORS; j++)
                biases[j] = bias.data ? read(bias, column + j * LANES, LANES) : zero();
            for (int64_t i = begin; i < end; i++) {
                vf x[VECTORS];
                for (int j = 0; j < VECTORS; j++)
                    x[j] = load(sums + i * NR + j * LANES) + biases[j];
                const int64_t at = (row + i) * columns + column;
                activate(type, x, at, NR);
                if (dropout > 0) drop(x, at, NR);
                if (residual.data) add_residual(x, at, NR);
                store(i, x);
            }
        });
    }

    // sums[j] are columns `column` + j LANES... of a row; the first n exist.
    void operator()(vf (&sums)[VECTORS], int64_t row, int64_t column, int64_t n) const {
        const int64_t at = row * columns + column;
        for (int j = 0; j < VECTORS && n > j * LANES && bias.data; j++)
            sums[j] = sums[j] + read(bias, column + j * LANES, n - j * LANES);
        with_activation([&](auto type) { activate(type, sums, at, n); });
        if (dropout > 0) drop(sums, at, least(n, NR));
        if (residual.data) add_residual(sums, at, n);
    }

    // Fetch what rows [row, row + rows) will be combined with: it lies a whole row apart in memory,
    // and would be waited for line by line.
    void prefetch(int64_t row, int64_t rows, int64_t column) const {
        if (residual.data) prefetch(residual, row, rows, column);
        if (gate.data) prefetch(gate, row, rows, column);
        if (activation == Activation::scaled) prefetch(slope, row, rows, column);
        if (activation == Activation::swiglu_gradient) prefetch(up, row, rows, column);
    }

  private:
    void prefetch(const Array& a, int64_t row, int64_t rows, int64_t column) const {
        const int64_t item = dtype_bytes(a.dtype);
        const char* p = static_cast<const char*>(a.data) + (row * columns + column) * item;
        for (int64_t i = 0; i < rows; i++, p += columns * item) {
            __builtin_prefetch(p);
            __builtin_prefetch(p + NR * item - 1);
        }
    }

    template <Activation activation_, Curve curve_ = Curve::gelu> struct Type {
        static constexpr Activation activation = activation_;
        static constexpr Curve curve = curve_;
    };

    // body(Type): chosen once for a whole loop.
    template <class Body> void with_activation(const Body& body) const {
        switch (activation) {
        case Activation::none:
            return body(Type<Activation::none>{});
        case Activation::scaled:
            return body(Type<Activation::scaled>{});
        case Activation::swiglu:
            return body(Type<Activation::swiglu>{});
        case Activation::swiglu_gradient:
            return body(Type<Activation::swiglu_gradient>{});
        case Activation::curve:
            break;
        }
        switch (curve) {
        case Curve::gelu:
            return body(Type<Activation::curve, Curve::gelu>{});
        case Curve::gelu_tanh:
            return body(Type<Activation::curve, Curve::gelu_tanh>{});
        case Curve::relu:
            return body(Type<Activation::curve, Curve::relu>{});
        case Curve::relu2:
            return body(Type<Activation::curve, Curve::relu2>{});
        }
    }

    template <class Type>
    inline __attribute__((always_inline)) void activate(Type, vf (&x)[VECTORS], int64_t at,
                                                        int64_t n) const {
        constexpr Activation activation = Type::activation;
        if constexpr (activation == Activation::none) return;
        if constexpr (activation == Activation::swiglu) write(up, at, x, n);
        vf other[VECTORS] = {};
        for (int j = 0; j < VECTORS && n > j * LANES; j++) {
            const int64_t here = at + j * LANES, some = n - j * LANES;
            if constexpr (activation == Activation::curve) {
                const Bent bent = bend<Type::curve>(x[j]);
                x[j] = bent.y, other[j] = bent.slope;
            } else if constexpr (activation == Activation::scaled) {
                x[j] = x[j] * read(slope, here, some);
            } else {
                const vf g = read(gate, here, some), s = sigmoid(g);
                if constexpr (activation == Activation::swiglu_gradient)
                    other[j] = x[j] * read(up, here, some) * (s * fma(g, 1.0f - s, 1.0f));
                x[j] = x[j] * (g * s);
            }
        }
        if constexpr (activation == Activation::curve) write(slope, at, other, n);
        if constexpr (activation == Activation::swiglu_gradient) write(dgate, at, other, n);
    }

    inline __attribute__((always_inline)) void add_residual(vf (&x)[VECTORS], int64_t at,
                                                            int64_t n) const {
        for (int j = 0; j < VECTORS && n > j * LANES; j++)
            x[j] = x[j] + read(residual, at + j * LANES, n - j * LANES);
    }

    static inline __attribute__((always_inline)) vf read(const Array& a, int64_t at, int64_t n) {
        if (a.dtype == Dtype::bf16) return load_some(data<const bf16>(a) + at, n);
        return load_some(data<const float>(a) + at, n);
    }

    static inline __attribute__((always_inline)) void write(const Array& a, int64_t at,
                                                            const vf (&x)[VECTORS], int64_t n) {
        const bool past_caches = a.size * dtype_bytes(a.dtype) > CACHED;
        if (a.dtype == Dtype::bf16)
            store_columns(data<bf16>(a) + at, x, n, past_caches);
        else
            store_columns(data<float>(a) + at, x, n, past_caches);
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
