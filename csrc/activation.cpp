// Activations and their gradients, one pass each. The formulas are those of
// src/weft/kernels/reference/activation.py.
#include "loops.h"

namespace weft::WEFT_ISA {
namespace {

constexpr float TANH_SCALE = 0.79788456080286536f; // sqrt(2 / pi)
constexpr float TANH_CUBIC = 0.044715f;
constexpr float DENSITY = 0.39894228040143268f; // 1 / sqrt(2 pi)

// As reference/normal.py has it, with the degree-10 interpolant: 1.7e-7 relative.
constexpr float TAIL[] = {9.441064298e-02f,  1.703976840e-01f, 1.243791580e-01f, 7.170806080e-02f,
                          3.086593747e-02f,  8.488349617e-03f, 5.025865394e-04f, -6.298726076e-04f,
                          -1.771117677e-04f, 3.577668394e-05f, 1.878671719e-05f};

inline vf sigmoid(vf x) { return 1.0f / (1.0f + exp(-x)); }

inline vf tanh_cdf(vf x) {
    const vf cubic = fma(x * x * TANH_CUBIC, x, x);
    return sigmoid(cubic * (2 * TANH_SCALE));
}

inline vf tanh_slope(vf x) {
    const vf cdf = tanh_cdf(x);
    const vf inner = fma(splat(3 * TANH_CUBIC), x * x, 1.0f);
    return fma(x * cdf * (1.0f - cdf) * (2 * TANH_SCALE), inner, cdf);
}

struct Normal {
    vf cdf, pdf;
};

inline Normal normal(vf x) {
    const vf z = min(splat(20.0f), abs(x)); // the tail at 20 is 0 in float32
    const vf u = (4.0f - z) / (4.0f + z), e = exp(z * z * -0.5f);
    vf p = splat(TAIL[10]);
    for (int i = 9; i >= 0; i--) p = fma(p, u, TAIL[i]);
    const vf tail = e * p;
    return {x < 0.0f ? tail : 1.0f - tail, e * DENSITY};
}

inline vf normal_slope(vf x) {
    const Normal n = normal(x);
    return fma(x, n.pdf, n.cdf);
}

inline vf silu_slope(vf x) {
    const vf s = sigmoid(x);
    return s * fma(x, 1.0f - s, 1.0f);
}

template <class T>
inline void swiglu_range(const Array& dy, const Array& gate, const Array& up, const Array& dgate,
                         const Array& dup, int64_t begin, int64_t end) {
    vectors(begin, end, [&](int64_t i, auto part) {
        const vf d = load(data<const T>(dy) + i, part), g = load(data<const T>(gate) + i, part);
        const vf s = sigmoid(g), silu = g * s;
        const vf slope = s * fma(g, 1.0f - s, 1.0f);
        store(data<T>(dgate) + i, d * load(data<const T>(up) + i, part) * slope, part);
        store(data<T>(dup) + i, d * silu, part);
    });
}

} // namespace

void gelu_forward(const Array& x, bool tanh, const Array& y) {
    if (tanh)
        map([](vf u) { return u * tanh_cdf(u); }, y, x);
    else
        map([](vf u) { return u * normal(u).cdf; }, y, x);
}

void gelu_backward(const Array& dy, const Array& x, bool tanh, const Array& dx) {
    if (tanh)
        map([](vf d, vf u) { return d * tanh_slope(u); }, dx, dy, x);
    else
        map([](vf d, vf u) { return d * normal_slope(u); }, dx, dy, x);
}

void relu_forward(const Array& x, const Array& y) {
    map([](vf u) { return u < 0.0f ? zero() : u; }, y, x); // a NaN is not below 0, and stays
}

void relu_backward(const Array& dy, const Array& y, const Array& dx) {
    map([](vf d, vf u) { return u > 0.0f ? d : zero(); }, dx, dy, y);
}

void sigmoid_forward(const Array& x, const Array& y) {
    map([](vf u) { return sigmoid(u); }, y, x);
}

void sigmoid_backward(const Array& dy, const Array& y, const Array& dx) {
    map([](vf d, vf s) { return d * s * (1.0f - s); }, dx, dy, y);
}

void tanh_forward(const Array& x, const Array& y) {
    map([](vf u) { return WEFT_ISA::tanh(u); }, y, x);
}

void tanh_backward(const Array& dy, const Array& y, const Array& dx) {
    map([](vf d, vf t) { return d * (1.0f - t * t); }, dx, dy, y);
}

void silu_forward(const Array& x, const Array& y) {
    map([](vf u) { return u * sigmoid(u); }, y, x);
}

void silu_backward(const Array& dy, const Array& x, const Array& dx) {
    map([](vf d, vf u) { return d * silu_slope(u); }, dx, dy, x);
}

void swiglu_forward(const Array& gate, const Array& up, const Array& y) {
    map([](vf g, vf u) { return g * sigmoid(g) * u; }, y, gate, up);
}

void swiglu_backward(const Array& dy, const Array& gate, const Array& up, const Array& dgate,
                     const Array& dup) {
    with_type(dy.dtype, [&](auto* type) {
        using T = element<decltype(type)>;
        parallel_ranges(dy.size, GRAIN, [&](int64_t begin, int64_t end) {
            swiglu_range<T>(dy, gate, up, dgate, dup, begin, end);
        });
    });
}

} // namespace weft::WEFT_ISA
