// Sums, products and conversions of arrays of one shape.
#include "kernel.h"

namespace weft::WEFT_ISA {

template <class A, class B, class Y>
static void add_range(const A* a, const B* b, Y* y, int64_t begin, int64_t end) {
    int64_t i = begin;
    for (; i + LANES <= end; i += LANES) store(y + i, load(a + i) + load(b + i));
    store(y + i, load(a + i, end - i) + load(b + i, end - i), end - i);
}

void add(const Array& a, const Array& b, const Array& y) {
    with_type(a.dtype, [&](auto* ta) {
        with_type(b.dtype, [&](auto* tb) {
            with_type(y.dtype, [&](auto* ty) {
                using A = element<decltype(ta)>;
                using B = element<decltype(tb)>;
                using Y = element<decltype(ty)>;
                parallel_ranges(y.size, GRAIN, [&](int64_t begin, int64_t end) {
                    add_range(data<A>(a), data<B>(b), data<Y>(y), begin, end);
                });
            });
        });
    });
}

} // namespace weft::WEFT_ISA
