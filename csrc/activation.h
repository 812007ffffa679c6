// The formulas of the activations on vectors, as in src/weft/kernels/reference/activation.py.
#pragma once
#include "kernels.h"
#include "simd.h"

namespace weft::WEFT_ISA {
namespace {

constexpr float TANH_SCALE = 0.79788456080286536f; // sqrt(2 / pi)
constexpr float TANH_CUBIC = 0.044715f;
constexpr float DENSITY = 0.39894228040143268f; // 1 / sqrt(2 pi)

// As reference/normal.py has it, with the degree-10 interpolant: 1.7e-7 relative.
constexpr float TAIL[] = {9.441064298e-02f,  1.703976840e-01f, 1.243791580e-01f, 7.170806080e-02f,
                          3.086593747e-02f,  8.488349617e-03f, 5.025865394e-04f, -6.298726076e-04f,
                          -1.771117677e-04f, 3.577668394e-05f, 1.878671719e-05f};

inline vf sigmoid(vf x) { return reciprocal(1.0f + exp(-x)); }

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
    const vf u = (4.0f - z) * reciprocal(4.0f + z), e = power_of_two(z * z * (-0.5f * LOG2_E));
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

// f(x) and f'(x), which have most of their work in common.
struct Bent {
    vf y, slope;
};

template <Curve curve> inline Bent bend(vf x) {
    if constexpr (curve == Curve::gelu) {
        const Normal n = normal(x);
        return {x * n.cdf, fma(x, n.pdf, n.cdf)};
    } else if constexpr (curve == Curve::gelu_tanh) {
        const vf cdf = tanh_cdf(x), y = x * cdf;
        const vf inner = fma(splat(3 * TANH_CUBIC), x * x, 1.0f);
        return {y, fma(y * (1.0f - cdf) * (2 * TANH_SCALE), inner, cdf)};
    } else {
        const vf above = x < 0.0f ? zero() : x; // and a NaN
        if constexpr (curve == Curve::relu2) return {above * above, above + above};
        return {above, x > 0.0f ? splat(1.0f) : zero()};
    }
}

inline vf gelu(vf x, bool tanh) { return x * (tanh ? tanh_cdf(x) : normal(x).cdf); }

inline vf gelu_slope(vf x, bool tanh) { return tanh ? tanh_slope(x) : normal_slope(x); }

} // namespace
} // namespace weft::WEFT_ISA
