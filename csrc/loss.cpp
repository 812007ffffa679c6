// Cross entropy of logits (N, V) against target ids (N,), in float32. The targets have been checked
// by the caller.
#include "integers.h"
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

template <class T>
inline void gradient_row(const T* x, int64_t V, int64_t target, float dloss, float lse, T* dx) {
    const vf shift = splat(lse), scale = splat(dloss);
    vectors(0, V, [&](int64_t i, auto part) {
        store(dx + i, exp(load(x + i, part) - shift) * scale, part);
    });
    const float p = exp(splat(to_float(x[target]) - lse))[0];
    dx[target] = from_float<T>((p - 1.0f) * dloss);
}

} // namespace

void cross_entropy_forward(const Array& logits, const Array& targets, int64_t ignore_index,
                           const Array& losses, const Array& lse) {
    const int64_t N = axis(logits, 0), V = axis(logits, 1);
    with_type(logits.dtype, [&](auto* type) {
        using T = element<decltype(type)>;
        parallel_rows(N, V, [&](int64_t begin, int64_t end) {
            for (int64_t n = begin; n < end; n++) {
                const int64_t target = integer_at(targets, n);
                loss_row(data<const T>(logits) + n * V, V, target, target != ignore_index,
                         data<float>(losses)[n], data<float>(lse)[n]);
            }
        });
    });
}

void cross_entropy_backward(const Array& dlosses, const Array& logits, const Array& targets,
                            const Array& lse, int64_t ignore_index, const Array& dlogits) {
    const int64_t N = axis(logits, 0), V = axis(logits, 1);
    with_type(logits.dtype, [&](auto* type) {
        using T = element<decltype(type)>;
        parallel_rows(N, V, [&](int64_t begin, int64_t end) {
            for (int64_t n = begin; n < end; n++) {
                const int64_t target = integer_at(targets, n);
                T* dx = data<T>(dlogits) + n * V;
                if (target == ignore_index)
                    memset(dx, 0, size_t(V) * sizeof(T));
                else
                    gradient_row(data<const T>(logits) + n * V, V, target, data<float>(dlosses)[n],
                                 data<float>(lse)[n], dx);
            }
        });
    });
}

} // namespace weft::WEFT_ISA
