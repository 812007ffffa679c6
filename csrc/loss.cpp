// Cross entropy of logits (N, V) against target ids (N,), in float32. The targets have been checked
// by the caller.
#include "loss.h"
#include "integers.h"

namespace weft::WEFT_ISA {

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
