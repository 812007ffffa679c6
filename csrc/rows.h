// Reductions of a row, always in the same order: the lanes of a vector, then halves onto halves.
#pragma once
#include "loops.h"

namespace weft::WEFT_ISA {

// Sum of f(i, Whole or Part), a vector, over a row of C. Four partial sums hide the latency of the
// addition and make the rounding error of a long row smaller.
template <class F> static inline float row_sum(int64_t C, const F& f) {
    vf a = zero(), b = zero(), c = zero(), d = zero();
    int64_t i = 0;
    for (; i + 4 * LANES <= C; i += 4 * LANES) {
        a += f(i, Whole{}), b += f(i + LANES, Whole{});
        c += f(i + 2 * LANES, Whole{}), d += f(i + 3 * LANES, Whole{});
    }
    vectors(i, C, [&](int64_t j, auto part) { a += keep(f(j, part), part); });
    return sum((a + b) + (c + d));
}

template <class T> static inline float row_max(const T* x, int64_t C) {
    const float lowest = -__builtin_inff();
    vf peak = splat(lowest);
    vectors(0, C,
            [&](int64_t i, auto part) { peak = max(peak, keep(load(x + i, part), part, lowest)); });
    return max(peak);
}

} // namespace weft::WEFT_ISA
