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
    // Without queries, any number of heads fits into no memory; without sizes, all scores are 0.
    // The definition knows both.
    if (q.size == 0) throw Unsupported();
}

// `window` and `slopes` as the kernels take them, if they fit with the rest.
Sight sight_of(const char* function, bool causal, int64_t window, const std::optional<In>& slopes,
               const Array& q) {
    if (window < 0) fail(PyExc_ValueError, "%s: a window must not be negative", function);
    if ((window || slopes) && !causal)
        fail(PyExc_ValueError, "%s: a window and slopes need causal attention", function);
    if (!slopes) return {causal, window};
    const Array& s = *slopes;
    if (s.dims != 1 || s.shape[0] != q.shape[2]) fail_shapes(function, "slopes", s, "q", q);
    if (s.dtype != Dtype::f32) throw Unsupported();
    return {causal, window, data<float>(s)};
}

void require_dropout(const char* function, double p) {
    if (!(p >= 0 && p < 1)) fail(PyExc_ValueError, "%s: dropout must be in [0, 1)", function);
}

void require_lse(const char* function, const Array& lse, const Array& q) {
    if (lse.dims != 3 || lse.shape[0] != q.shape[0] || lse.shape[1] != q.shape[2] ||
        lse.shape[2] != q.shape[1])
        fail_shapes(function, "lse", lse, "q", q);
}

std::tuple<Out, Out> attention_forward(const Strided& q, const Strided& k, const Strided& v,
                                       double scale, bool causal, double dropout, uint64_t key,
                                       int64_t window, const std::optional<In>& slopes) {
    require_floats(q.array, k.array, v.array);
    require_heads("attention_forward", q, k, v, causal);
    require_dropout("attention_forward", dropout);
    const Sight sight = sight_of("attention_forward", causal, window, slopes, q);
    Out y = like(q), lse = allocate(Dtype::f32, {q->shape[0], q->shape[2], q->shape[1]});
    Section section(q->size * k->shape[1]);
    kernels().attention_forward(q, k, v, float(scale), sight, dropout, key, y, lse);
    return {std::move(y), std::move(lse)};
}

std::tuple<Out, Out, Out> attention_backward(const In& dy, const Strided& q, const Strided& k,
                                             const Strided& v, const In& y, const In& lse,
                                             double scale, bool causal, double dropout,
                                             uint64_t key, int64_t window,
                                             const std::optional<In>& slopes) {
    require_floats(dy.array, q.array, k.array, v.array, y.array);
    if (!lse.is(Dtype::f32) || dy->dtype != y->dtype) throw Unsupported();
    require_heads("attention_backward", q, k, v, causal);
    require_same_shape("attention_backward", "dy", dy, "q", q);
    require_same_shape("attention_backward", "y", y, "q", q);
    require_dropout("attention_backward", dropout);
    const Sight sight = sight_of("attention_backward", causal, window, slopes, q);
    require_lse("attention_backward", lse, q);
    Out dq = like(q), dk = like(k, q->dtype), dv = like(v, q->dtype);
    Section section(q->size * k->shape[1]);
    kernels().attention_backward(dy, q, k, v, y, lse, float(scale), sight, dropout, key, dq, dk,
                                 dv);
    return {std::move(dq), std::move(dk), std::move(dv)};
}

// Heads [first, first + n) of an array (B, T, heads, D).
Array heads_of(const Array& a, int64_t first, int64_t n) {
    Array part = a;
    part.data = static_cast<char*>(a.data) + first * a.stride[2] * dtype_bytes(a.dtype);
    part.shape[2] = n, part.size = a.shape[0] * a.shape[1] * n * a.shape[3];
    return part;
}

Out attention_qkv_backward(const In& dy, const Strided& qkv, const In& y, const In& lse,
                           double scale, bool causal, double dropout, uint64_t key, int64_t window,
                           const std::optional<In>& slopes) {
    require_floats(dy.array, qkv.array, y.array);
    if (!lse.is(Dtype::f32) || dy->dtype != y->dtype) throw Unsupported();
    const char* name = "attention_qkv_backward";
    require_same_shape(name, "y", y, "dy", dy);
    if (dy->dims != 4 || qkv->dims != 4 || qkv->shape[2] <= dy->shape[2] ||
        (qkv->shape[2] - dy->shape[2]) % 2)
        fail_shapes(name, "qkv", qkv, "dy", dy);
    const int64_t H = dy->shape[2], n = (qkv->shape[2] - H) / 2;
    const Array q = heads_of(qkv, 0, H), k = heads_of(qkv, H, n), v = heads_of(qkv, H + n, n);
    require_heads(name, q, k, v, causal);
    require_same_shape(name, "q", q, "dy", dy);
    require_dropout(name, dropout);
    const Sight sight = sight_of(name, causal, window, slopes, q);
    require_lse(name, lse, q);
    Out dqkv = like(qkv);
    run(dy->size * qkv->shape[1], [&] {
        kernels().attention_backward(dy, q, k, v, y, lse, float(scale), sight, dropout, key,
                                     heads_of(dqkv, 0, H), heads_of(dqkv, H, n),
                                     heads_of(dqkv, H + n, n));
    });
    return dqkv;
}

} // namespace

void bind_attention(nb::module_& m) {
    def(m, "attention_forward", &attention_forward, "q"_a, "k"_a, "v"_a, "scale"_a, "causal"_a,
        "dropout"_a, "key"_a, "window"_a = 0, "slopes"_a = nb::none());
    def(m, "attention_backward", &attention_backward, "dy"_a, "q"_a, "k"_a, "v"_a, "y"_a, "lse"_a,
        "scale"_a, "causal"_a, "dropout"_a, "key"_a, "window"_a = 0, "slopes"_a = nb::none());
    def(m, "attention_qkv_backward", &attention_qkv_backward, "dy"_a, "qkv"_a, "y"_a, "lse"_a,
        "scale"_a, "causal"_a, "dropout"_a, "key"_a, "window"_a = 0, "slopes"_a = nb::none());
}

} // namespace weft
