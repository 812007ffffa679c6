// Sums of squares, in float64: two chains of half a vector each.
#pragma once
#include "kernel.h"

namespace weft::WEFT_ISA {
namespace {

typedef double vdouble __attribute__((vector_size(4 * LANES))); // LANES / 2 of them
typedef float half_vf __attribute__((vector_size(2 * LANES)));
typedef half_vf half_vf_unaligned __attribute__((aligned(4), may_alias));

constexpr int64_t AHEAD = 512; // floats: one stream alone gets half of what memory gives

inline vdouble load_doubles(const float* p) {
    return __builtin_convertvector(*(const half_vf_unaligned*)p, vdouble);
}

inline double sum_of_squares(const float* x, int64_t n) {
    vdouble a = {}, b = {};
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        __builtin_prefetch(x + i + AHEAD);
        const vdouble low = load_doubles(x + i), high = load_doubles(x + i + LANES / 2);
        a += low * low, b += high * high;
    }
    a += b;
    double total = 0;
    for (int lane = 0; lane < LANES / 2; lane++) total += a[lane];
    for (; i < n; i++) total += double(x[i]) * double(x[i]);
    return total;
}

} // namespace
} // namespace weft::WEFT_ISA
