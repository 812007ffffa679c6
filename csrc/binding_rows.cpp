// softmax.cpp, norm.cpp and rotary.cpp for Python.
#include "binding.h"
#include <string.h>

namespace weft {
namespace {

void require_alike(const char* function, const Array& dy, const Array& y) {
    require_floats(dy, y);
    require_same_shape(function, "dy", dy, "y", y);
    if (dy.dtype != y.dtype) throw Unsupported();
}

using Unary = Kernels::softmax_forward_type* Kernels::*;
using Gradient = Kernels::softmax_backward_type* Kernels::*;

template <Unary kernel> Out forward(const In& x) {
    require_floats(x.array);
    if (x->dims == 0) throw Unsupported();
    Out y = like(x);
    Section section(x->size);
    (kernels().*kernel)(x, y);
    return y;
}

template <Gradient kernel> Out backward(const In& dy, const In& y) {
    require_alike("softmax", dy, y);
    if (y->dims == 0) throw Unsupported();
    Out dx = like(y);
    Section section(y->size);
    (kernels().*kernel)(dy, y, dx);
    return dx;
}

// ---- norms --------------------------------------------------------------------------------------

void require_rows(const char* function, const Array& x) {
    require_floats(x);
    if (x.dims == 0 || axis(x, -1) == 0)
        fail(PyExc_ValueError, "%s: the last axis of x is empty; it must have an element",
             function);
}

// w or b, if present: (C,).
void require_parameter(const char* function, const char* name, const Array& x, const Array& p) {
    if (!p.data) return;
    require_floats(p);
    if (p.dims != 1 || axis(p, 0) != axis(x, -1)) fail_shapes(function, "x", x, name, p);
}

// mean or rstd: (N, 1).
void require_statistic(const char* function, const char* name, const Array& x, const Array& s) {
    if (s.dtype != Dtype::f32) throw Unsupported();
    if (s.dims != 2 || s.shape[0] != rows(x) || s.shape[1] != 1)
        fail_shapes(function, "x", x, name, s);
}

// What x has as its gradient already, if anything: like x.
void require_before(const char* function, const Array& x, const Array& before) {
    if (!before.data) return;
    require_same_shape(function, "before", before, "x", x);
    if (before.dtype != x.dtype) throw Unsupported();
}

std::tuple<Out, Out, Out> layer_norm_forward(const In& x, std::optional<In> w, std::optional<In> b,
                                             double eps, const Precision& dtype) {
    const Array weight = absent_or(w), bias = absent_or(b);
    require_rows("layer_norm", x);
    require_parameter("layer_norm", "w", x, weight);
    require_parameter("layer_norm", "b", x, bias);
    Out y = like(x, dtype.dtype), mean = allocate(Dtype::f32, {rows(x), 1});
    Out rstd = allocate(Dtype::f32, {rows(x), 1});
    if (x->size) // else C may be more than there is memory for
        run(x->size,
            [&] { kernels().layer_norm_forward(x, weight, bias, float(eps), y, mean, rstd); });
    return {y, mean, rstd};
}

std::optional<Out> gradient_of(const Array& x, bool wanted) {
    if (!wanted) return {};
    return allocate(Dtype::f32, {axis(x, -1)});
}

// The sum over no rows.
const std::optional<Out>& cleared(const std::optional<Out>& a) {
    if (a) memset(a->array.data, 0, size_t(a->array.size) * sizeof(float));
    return a;
}

Array absent_or(const std::optional<Out>& a) { return a ? a->array : Array{}; }

std::tuple<Out, std::optional<Out>, std::optional<Out>>
layer_norm_backward(const In& dy, const In& x, std::optional<In> w, const In& mean, const In& rstd,
                    bool bias, std::optional<In> before) {
    const Array weight = weft::absent_or(w), onto = weft::absent_or(before);
    require_rows("layer_norm", x);
    require_floats(dy.array);
    require_same_shape("layer_norm", "dy", dy, "x", x);
    require_parameter("layer_norm", "w", x, weight);
    require_statistic("layer_norm", "mean", x, mean);
    require_statistic("layer_norm", "rstd", x, rstd);
    require_before("layer_norm", x, onto);
    Out dx = like(x);
    std::optional<Out> dw = gradient_of(x, weight.data), db = gradient_of(x, bias);
    if (!x->size) return {dx, cleared(dw), cleared(db)};
    run(x->size, [&] {
        kernels().layer_norm_backward(dy, x, weight, mean, rstd, onto, dx, absent_or(dw),
                                      absent_or(db));
    });
    return {dx, dw, db};
}

std::tuple<Out, Out> rms_norm_forward(const In& x, std::optional<In> w, double eps,
                                      const Precision& dtype) {
    const Array weight = weft::absent_or(w);
    require_rows("rms_norm", x);
    require_parameter("rms_norm", "w", x, weight);
    Out y = like(x, dtype.dtype), rstd = allocate(Dtype::f32, {rows(x), 1});
    if (x->size) run(x->size, [&] { kernels().rms_norm_forward(x, weight, float(eps), y, rstd); });
    return {y, rstd};
}

std::tuple<Out, std::optional<Out>> rms_norm_backward(const In& dy, const In& x,
                                                      std::optional<In> w, const In& rstd,
                                                      std::optional<In> before) {
    const Array weight = weft::absent_or(w), onto = weft::absent_or(before);
    require_rows("rms_norm", x);
    require_floats(dy.array);
    require_same_shape("rms_norm", "dy", dy, "x", x);
    require_parameter("rms_norm", "w", x, weight);
    require_statistic("rms_norm", "rstd", x, rstd);
    require_before("rms_norm", x, onto);
    Out dx = like(x);
    std::optional<Out> dw = gradient_of(x, weight.data);
    if (!x->size) return {dx, cleared(dw)};
    run(x->size,
        [&] { kernels().rms_norm_backward(dy, x, weight, rstd, onto, dx, absent_or(dw)); });
    return {dx, dw};
}

// ---- rotary positions ---------------------------------------------------------------------------

Out rotary(const In& x, const In& cos, const In& sin, float direction) {
    require_floats(x.array);
    if (!cos.is(Dtype::f32) || !sin.is(Dtype::f32)) throw Unsupported();
    if (x->dims != 4 || x->shape[3] % 2 || cos->dims != 2 || cos->shape[0] != x->shape[1] ||
        cos->shape[1] != x->shape[3] / 2)
        fail_shapes("rotary", "x", x, "cos", cos);
    require_same_shape("rotary", "cos", cos, "sin", sin);
    Out y = like(x);
    Section section(x->size);
    kernels().rotary(x, cos, sin, direction, y);
    return y;
}

Out rotary_forward(const In& x, const In& cos, const In& sin) { return rotary(x, cos, sin, 1); }

Out rotary_backward(const In& dy, const In& cos, const In& sin) { return rotary(dy, cos, sin, -1); }

// A projection, its heads' norms and its angles.
void require_projection(const char* function, const Array& qkv, int64_t heads,
                        const std::optional<In>& wq, const std::optional<In>& wk, const Array& cos,
                        const Array& sin) {
    require_floats(qkv);
    if (cos.dtype != Dtype::f32 || sin.dtype != Dtype::f32) throw Unsupported();
    if (qkv.dims != 4 || qkv.shape[3] % 2 || cos.dims != 2 || cos.shape[0] != qkv.shape[1] ||
        cos.shape[1] != qkv.shape[3] / 2)
        fail_shapes(function, "qkv", qkv, "cos", cos);
    require_same_shape(function, "cos", cos, "sin", sin);
    if (heads < 1 || heads >= qkv.shape[2] || (qkv.shape[2] - heads) % 2)
        fail(PyExc_ValueError, "%s: %zd heads do not hold %zd queries, keys and values", function,
             Py_ssize_t(qkv.shape[2]), Py_ssize_t(heads));
    if (wq.has_value() != wk.has_value() || qkv.size == 0) throw Unsupported();
    for (const std::optional<In>* w : {&wq, &wk}) {
        if (!*w) continue;
        const Array& weight = **w;
        if (weight.dtype != Dtype::f32) throw Unsupported();
        if (weight.dims != 1 || weight.shape[0] != qkv.shape[3])
            fail_shapes(function, "qkv", qkv, "w", weight);
    }
}

std::tuple<Out, std::optional<Out>> rotary_qkv_forward(const In& qkv, int64_t heads,
                                                       const std::optional<In>& wq,
                                                       const std::optional<In>& wk, double eps,
                                                       const In& cos, const In& sin) {
    require_projection("rotary_qkv_forward", qkv, heads, wq, wk, cos, sin);
    Out y = like(qkv);
    std::optional<Out> rstd;
    const int64_t turned = (heads + qkv->shape[2]) / 2;
    if (wq) rstd = allocate(Dtype::f32, {qkv->shape[0], qkv->shape[1], turned});
    run(qkv->size, [&] {
        kernels().rotary_qkv_forward(qkv, heads, weft::absent_or(wq), weft::absent_or(wk),
                                     float(eps), cos, sin, y, absent_or(rstd));
    });
    return {std::move(y), std::move(rstd)};
}

std::tuple<Out, std::optional<Out>, std::optional<Out>>
rotary_qkv_backward(const In& dy, const In& qkv, int64_t heads, const std::optional<In>& wq,
                    const std::optional<In>& wk, const std::optional<In>& rstd, const In& cos,
                    const In& sin) {
    const char* name = "rotary_qkv_backward";
    require_projection(name, qkv, heads, wq, wk, cos, sin);
    require_alike(name, dy, qkv);
    if (rstd.has_value() != wq.has_value()) throw Unsupported();
    if (rstd) {
        const Array& r = *rstd;
        if (r.dtype != Dtype::f32) throw Unsupported();
        if (r.dims != 3 || r.shape[0] != qkv->shape[0] || r.shape[1] != qkv->shape[1] ||
            r.shape[2] != (heads + qkv->shape[2]) / 2)
            fail_shapes(name, "qkv", qkv, "rstd", r);
    }
    Out dqkv = like(qkv);
    std::optional<Out> dwq, dwk;
    if (wq)
        dwq = allocate(Dtype::f32, {qkv->shape[3]}), dwk = allocate(Dtype::f32, {qkv->shape[3]});
    run(qkv->size, [&] {
        kernels().rotary_qkv_backward(dy, qkv, heads, weft::absent_or(wq), weft::absent_or(wk),
                                      weft::absent_or(rstd), cos, sin, dqkv, absent_or(dwq),
                                      absent_or(dwk));
    });
    return {std::move(dqkv), std::move(dwq), std::move(dwk)};
}

} // namespace

void bind_rows(nb::module_& m) {
    def(m, "softmax_forward", &forward<&Kernels::softmax_forward>, "x"_a);
    def(m, "softmax_backward", &backward<&Kernels::softmax_backward>, "dy"_a, "y"_a);
    def(m, "log_softmax_forward", &forward<&Kernels::log_softmax_forward>, "x"_a);
    def(m, "log_softmax_backward", &backward<&Kernels::log_softmax_backward>, "dy"_a, "y"_a);
    def(m, "layer_norm_forward", &layer_norm_forward, "x"_a, "w"_a.none(), "b"_a.none(), "eps"_a,
        "dtype"_a);
    def(m, "layer_norm_backward", &layer_norm_backward, "dy"_a, "x"_a, "w"_a.none(), "mean"_a,
        "rstd"_a, "bias"_a, "before"_a.none() = nb::none());
    def(m, "rms_norm_forward", &rms_norm_forward, "x"_a, "w"_a.none(), "eps"_a, "dtype"_a);
    def(m, "rms_norm_backward", &rms_norm_backward, "dy"_a, "x"_a, "w"_a.none(), "rstd"_a,
        "before"_a.none() = nb::none());
    def(m, "rotary_forward", &rotary_forward, "x"_a, "cos"_a, "sin"_a);
    def(m, "rotary_backward", &rotary_backward, "dy"_a, "cos"_a, "sin"_a);
    def(m, "rotary_qkv_forward", &rotary_qkv_forward, "qkv"_a, "heads"_a, "wq"_a.none(),
        "wk"_a.none(), "eps"_a, "cos"_a, "sin"_a);
    def(m, "rotary_qkv_backward", &rotary_qkv_backward, "dy"_a, "qkv"_a, "heads"_a, "wq"_a.none(),
        "wk"_a.none(), "rstd"_a.none(), "cos"_a, "sin"_a);
}

} // namespace weft
