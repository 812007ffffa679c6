// attention.cpp and attention_backward.cpp for Python.
#include "binding.h"

namespace weft {
namespace {

void require_heads(const char* function, const Array& q, const Array& k, const Array& v,
                   bool causal) {
    if (q.dims != 4 || k.dims != 4 || q.shape[0] != k.shape[0] || q.shape[3] != k.shape[3] ||
        k.shape[2] == 0 || q.shape[2] % k.shape[2])
        fail_shapes(function, "q", q, "k", k);
    require_same_shape(function, "k", k, "v", v);
    if (k.shape[1] == 0 || (causal && q.shape[1] > k.shape[1]))
        fail(PyExc_ValueError, "%s: %zd queries, %zd keys: a query would see no key", function,
             Py_ssize_t(q.shape[1]), Py_ssize_t(k.shape[1]));
}

void require_dropout(const char* function, double p) {
    if (!(p >= 0 && p < 1)) fail(PyExc_ValueError, "%s: dropout must be in [0, 1)", function);
}

std::tuple<Out, Out> attention_forward(const Strided& q, const Strided& k, const Strided& v,
                                       double scale, bool causal, double dropout, uint64_t key) {
    require_floats(q.array, k.array, v.array);
    require_heads("attention_forward", q, k, v, causal);
    require_dropout("attention_forward", dropout);
    Out y = like(q), lse = allocate(Dtype::f32, {q->shape[0], q->shape[2], q->shape[1]});
    Section section(q->size * k->shape[1]);
    kernels().attention_forward(q, k, v, float(scale), causal, dropout, key, y, lse);
    return {std::move(y), std::move(lse)};
}

std::tuple<Out, Out, Out> attention_backward(const In& dy, const Strided& q, const Strided& k,
                                             const Strided& v, const In& y, const In& lse,
                                             double scale, bool causal, double dropout,
                                             uint64_t key) {
    require_floats(dy.array, q.array, k.array, v.array, y.array);
    if (!lse.is(Dtype::f32) || dy->dtype != y->dtype) throw Unsupported();
    require_heads("attention_backward", q, k, v, causal);
    require_same_shape("attention_backward", "dy", dy, "q", q);
    require_same_shape("attention_backward", "y", y, "q", q);
    require_dropout("attention_backward", dropout);
    if (lse->dims != 3 || lse->shape[0] != q->shape[0] || lse->shape[1] != q->shape[2] ||
        lse->shape[2] != q->shape[1])
        fail_shapes("attention_backward", "lse", lse, "q", q);
    Out dq = like(q), dk = like(k, q->dtype), dv = like(v, q->dtype);
    Section section(q->size * k->shape[1]);
    kernels().attention_backward(dy, q, k, v, y, lse, float(scale), causal, dropout, key, dq, dk,
                                 dv);
    return {std::move(dq), std::move(dk), std::move(dv)};
}

} // namespace

void bind_attention(nb::module_& m) {
    def(m, "attention_forward", &attention_forward, "q"_a, "k"_a, "v"_a, "scale"_a, "causal"_a,
        "dropout"_a, "key"_a);
    def(m, "attention_backward", &attention_backward, "dy"_a, "q"_a, "k"_a, "v"_a, "y"_a, "lse"_a,
        "scale"_a, "causal"_a, "dropout"_a, "key"_a);
}

} // namespace weft
