// Dropout by Philox: the mask is a function of (key, element), so forward and backward are one.
#include "loops.h"
#include "philox.h"

namespace weft::WEFT_ISA {
namespace {

typedef vu vu_unaligned __attribute__((aligned(4), may_alias));

constexpr int64_t BATCH = 1024; // words drawn at a time; they stay in the first-level cache

template <class X, class Y>
inline void drop_range(const X* x, uint32_t threshold, float scale, uint64_t key, Y* y,
                       int64_t begin, int64_t end) {
    uint32_t words[BATCH];
    for (int64_t base = begin; base < end; base += BATCH) {
        const int64_t stop = base + BATCH < end ? base + BATCH : end;
        philox_fill(key, uint64_t(base), BATCH, words);
        vectors(base, stop, [&](int64_t i, auto part) {
            const vu word = *(const vu_unaligned*)(words + (i - base));
            const vf kept = load(x + i, part) * scale;
            store(y + i, word >= threshold ? kept : zero(), part);
        });
    }
}

} // namespace

void dropout(const Array& x, double p, uint64_t key, const Array& y) {
    with_type(x.dtype, [&](auto* type_x) {
        with_type(y.dtype, [&](auto* type_y) {
            using Y = element<decltype(type_y)>;
            const auto* from = data<const element<decltype(type_x)>>(x);
            parallel_ranges(x.size, GRAIN, [&](int64_t begin, int64_t end) {
                Y* out = data<Y>(y);
                if (p < 1)
                    drop_range(from, dropout_threshold(p), float(1 / (1 - p)), key, out, begin,
                               end);
                else
                    memset(out + begin, 0, size_t(end - begin) * sizeof(Y));
            });
        });
    });
}

} // namespace weft::WEFT_ISA
