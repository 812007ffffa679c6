// Loops over rows whose ends are written once: a body gets the index i and either Whole, LANES
// elements, or Part{n}, the last n < LANES; load, store and keep take it as their last argument.
#pragma once
#include "kernel.h"

namespace weft::WEFT_ISA {

struct Whole {};
struct Part {
    int64_t n;
};

// body(i, Whole or Part) over [begin, end).
template <class Body> static inline void vectors(int64_t begin, int64_t end, const Body& body) {
    int64_t i = begin;
    for (; i + LANES <= end; i += LANES) body(i, Whole{});
    if (i < end) body(i, Part{end - i});
}

template <class T> static inline vf load(const T* p, Whole) { return load(p); }
template <class T> static inline vf load(const T* p, Part part) { return load(p, part.n); }
template <class T> static inline void store(T* p, vf x, Whole) { store(p, x); }
template <class T> static inline void store(T* p, vf x, Part part) { store(p, x, part.n); }

static inline vi lane_numbers() {
#if defined(__AVX512F__)
    return vi{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
#elif defined(__AVX2__)
    return vi{0, 1, 2, 3, 4, 5, 6, 7};
#else
    return vi{0, 1, 2, 3};
#endif
}

// x in the lanes that exist, `other` beyond them: for sums and maxima.
static inline vf keep(vf x, Whole, float = 0) { return x; }
static inline vf keep(vf x, Part part, float other = 0) {
    return lane_numbers() < int32_t(part.n) ? x : splat(other);
}

// Tiles of a kernel over N rows of C elements: as many rows as make a task worth its while.
template <class Body> static inline void parallel_rows(int64_t N, int64_t C, const Body& body) {
    parallel_ranges(N, C < GRAIN ? GRAIN / (C > 0 ? C : 1) : 1, body);
}

// y[i] = f(x[i]...) in arrays of one dtype and shape.
template <class F, class... X> static inline void map(const F& f, const Array& y, const X&... x) {
    with_type(y.dtype, [&](auto* type) {
        using T = element<decltype(type)>;
        parallel_ranges(y.size, GRAIN, [&](int64_t begin, int64_t end) {
            vectors(begin, end, [&](int64_t i, auto part) {
                store(data<T>(y) + i, f(load(data<const T>(x) + i, part)...), part);
            });
        });
    });
}

} // namespace weft::WEFT_ISA
