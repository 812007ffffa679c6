// Activations and their gradients, one pass each.
#include "activation.h"
#include "loops.h"

namespace weft::WEFT_ISA {
namespace {

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

void relu2_forward(const Array& x, const Array& y) {
    map(
        [](vf u) {
            const vf r = u < 0.0f ? zero() : u;
            return r * r;
        },
        y, x);
}

void relu2_backward(const Array& dy, const Array& x, const Array& dx) {
    map([](vf d, vf u) { return d * (2.0f * (u < 0.0f ? zero() : u)); }, dx, dy, x);
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
