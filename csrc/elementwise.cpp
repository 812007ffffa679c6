// Sums, products and conversions of arrays of one shape, float32 or bfloat16 each.
#include "loops.h"

namespace weft::WEFT_ISA {
namespace {

// y[i] = f(a[i], b[i]), each of the three arrays in its own dtype.
template <class F> inline void combine(const Array& a, const Array& b, const Array& y, const F& f) {
    with_type(a.dtype, [&](auto* ta) {
        with_type(b.dtype, [&](auto* tb) {
            with_type(y.dtype, [&](auto* ty) {
                using A = element<decltype(ta)>;
                using B = element<decltype(tb)>;
                using Y = element<decltype(ty)>;
                parallel_ranges(y.size, GRAIN, [&](int64_t begin, int64_t end) {
                    vectors(begin, end, [&](int64_t i, auto part) {
                        const vf u = load(data<A>(a) + i, part), v = load(data<B>(b) + i, part);
                        store(data<Y>(y) + i, f(u, v), part);
                    });
                });
            });
        });
    });
}

} // namespace

void add(const Array& a, const Array& b, const Array& y) {
    combine(a, b, y, [](vf u, vf v) { return u + v; });
}

void mul(const Array& a, const Array& b, const Array& y) {
    combine(a, b, y, [](vf u, vf v) { return u * v; });
}

void cast(const Array& x, const Array& y) {
    with_type(x.dtype, [&](auto* tx) {
        with_type(y.dtype, [&](auto* ty) {
            using X = element<decltype(tx)>;
            using Y = element<decltype(ty)>;
            parallel_ranges(y.size, GRAIN, [&](int64_t begin, int64_t end) {
                vectors(begin, end, [&](int64_t i, auto part) {
                    store(data<Y>(y) + i, load(data<X>(x) + i, part), part);
                });
            });
        });
    });
}

} // namespace weft::WEFT_ISA
