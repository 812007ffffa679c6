// Cross entropy of one row of logits, and its gradient.
#pragma once
#include "rows.h"

namespace weft::WEFT_ISA {
namespace {

template <class T>
inline void loss_row(const T* x, int64_t V, int64_t target, bool counted, float& loss, float& lse) {
    const float peak = row_max(x, V);
    const vf peaks = splat(peak);
    const float log_total = __builtin_logf(
        row_sum(V, [&](int64_t i, auto part) { return exp(load(x + i, part) - peaks); }));
    lse = peak + log_total;
    loss = counted ? log_total - (to_float(x[target]) - peak) : 0.0f; // not via lse, which rounds
}

// dx may be x itself.
template <class T>
inline void gradient_row(const T* x, int64_t V, int64_t target, float dloss, float lse, T* dx) {
    const vf shift = splat(lse), scale = splat(dloss);
    const float p = exp(splat(to_float(x[target]) - lse))[0];
    vectors(0, V, [&](int64_t i, auto part) {
        store(dx + i, exp(load(x + i, part) - shift) * scale, part);
    });
    dx[target] = from_float<T>((p - 1.0f) * dloss);
}

} // namespace
} // namespace weft::WEFT_ISA
