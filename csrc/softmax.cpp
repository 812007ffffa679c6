// Softmax and log-softmax over the last axis, row by row: a row is read for its maximum, for its
// sum and for its output, and stays in the cache meanwhile.
#include "rows.h"

namespace weft::WEFT_ISA {
namespace {

// body(n) for each row n of x.
template <class Body> inline void each_row(const Array& x, const Body& body) {
    if (x.size == 0) return;
    parallel_rows(rows(x), axis(x, -1), [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; row++) body(row);
    });
}

template <class T> inline void softmax_row(const T* x, T* y, int64_t C) {
    const vf peak = splat(row_max(x, C));
    const vf scale = splat(
        1.0f / row_sum(C, [&](int64_t i, auto part) { return exp(load(x + i, part) - peak); }));
    vectors(0, C, [&](int64_t i, auto part) {
        store(y + i, exp(load(x + i, part) - peak) * scale, part);
    });
}

template <class T> inline void softmax_gradient_row(const T* dy, const T* y, T* dx, int64_t C) {
    const vf dot = splat(
        row_sum(C, [&](int64_t i, auto part) { return load(dy + i, part) * load(y + i, part); }));
    vectors(0, C, [&](int64_t i, auto part) {
        store(dx + i, load(y + i, part) * (load(dy + i, part) - dot), part);
    });
}

template <class T> inline void log_softmax_row(const T* x, T* y, int64_t C) {
    const vf peak = splat(row_max(x, C));
    const vf log_total = splat(__builtin_logf(
        row_sum(C, [&](int64_t i, auto part) { return exp(load(x + i, part) - peak); })));
    vectors(0, C, [&](int64_t i, auto part) {
        store(y + i, load(x + i, part) - peak - log_total, part);
    });
}

template <class T> inline void log_softmax_gradient_row(const T* dy, const T* y, T* dx, int64_t C) {
    const vf total = splat(row_sum(C, [&](int64_t i, auto part) { return load(dy + i, part); }));
    vectors(0, C, [&](int64_t i, auto part) {
        store(dx + i, load(dy + i, part) - exp(load(y + i, part)) * total, part);
    });
}

} // namespace

void softmax_forward(const Array& x, const Array& y) {
    with_type(x.dtype, [&](auto* type) {
        using T = element<decltype(type)>;
        const int64_t C = axis(x, -1);
        each_row(x, [&](int64_t n) { softmax_row(data<T>(x) + n * C, data<T>(y) + n * C, C); });
    });
}

void softmax_backward(const Array& dy, const Array& y, const Array& dx) {
    with_type(y.dtype, [&](auto* type) {
        using T = element<decltype(type)>;
        const int64_t C = axis(y, -1);
        each_row(y, [&](int64_t n) {
            const int64_t i = n * C;
            softmax_gradient_row(data<T>(dy) + i, data<T>(y) + i, data<T>(dx) + i, C);
        });
    });
}

void log_softmax_forward(const Array& x, const Array& y) {
    with_type(x.dtype, [&](auto* type) {
        using T = element<decltype(type)>;
        const int64_t C = axis(x, -1);
        each_row(x, [&](int64_t n) { log_softmax_row(data<T>(x) + n * C, data<T>(y) + n * C, C); });
    });
}

void log_softmax_backward(const Array& dy, const Array& y, const Array& dx) {
    with_type(y.dtype, [&](auto* type) {
        using T = element<decltype(type)>;
        const int64_t C = axis(y, -1);
        each_row(y, [&](int64_t n) {
            const int64_t i = n * C;
            log_softmax_gradient_row(data<T>(dy) + i, data<T>(y) + i, data<T>(dx) + i, C);
        });
    });
}

} // namespace weft::WEFT_ISA
