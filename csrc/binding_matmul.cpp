// matmul.cpp for Python.
#include "binding.h"
#include <nanobind/stl/string.h>

namespace weft {
namespace {

Out matmul(const In& a, const In& b, bool transpose_a, bool transpose_b) {
    require_floats(a.array, b.array);
    const int dims = a->dims;
    if (dims < 2 || b->dims != dims) fail_shapes("matmul", "a", a, "b", b);
    for (int i = 0; i < dims - 2; i++)
        if (a->shape[i] != b->shape[i]) fail_shapes("matmul", "a", a, "b", b);
    if (axis(a, transpose_a ? -2 : -1) != axis(b, transpose_b ? -1 : -2))
        fail_shapes("matmul", "a", a, "b", b);
    int64_t shape[MAX_DIMS];
    for (int i = 0; i < dims - 2; i++) shape[i] = a->shape[i];
    shape[dims - 2] = axis(a, transpose_a ? -1 : -2);
    shape[dims - 1] = axis(b, transpose_b ? -2 : -1);
    Out y = allocate(a->dtype, shape, dims);
    Section section(y.array.size * 8);
    kernels().matmul(a, b, transpose_a, transpose_b, y);
    return y;
}

void require_linear(const char* function, const Array& x, const Array& w) {
    if (x.dims != 2 || w.dims != 2 || x.shape[1] != w.shape[1])
        fail_shapes(function, "x", x, "w", w);
}

void require_bias(const char* function, const Array& w, const std::optional<In>& b) {
    if (!b) return;
    require_floats(b->array);
    if (b->array.dims != 1 || b->array.shape[0] != w.shape[0])
        fail_shapes(function, "w", w, "b", *b);
}

// An array (rows, columns) that may be absent.
void require_matrix(const char* function, const char* name, const std::optional<In>& a,
                    const Array& x, int64_t rows, int64_t columns) {
    if (!a) return;
    require_floats(a->array);
    if (a->array.dims != 2 || a->array.shape[0] != rows || a->array.shape[1] != columns)
        fail_shapes(function, "x", x, name, *a);
}

Out linear_forward(const In& x, const In& w, const std::optional<In>& b,
                   const std::optional<In>& residual, double p, uint64_t key) {
    require_floats(x.array, w.array);
    require_linear("linear_forward", x, w);
    require_bias("linear_forward", w, b);
    require_matrix("linear_forward", "residual", residual, x, x->shape[0], w->shape[0]);
    if (!(p >= 0 && p < 1)) throw Unsupported(); // the definition knows p = 1, and what is an error
    Out y = allocate(residual ? residual->array.dtype : x->dtype, {x->shape[0], w->shape[0]});
    Section section(y.array.size * 8);
    kernels().linear_forward(x, w, absent_or(b), absent_or(residual), p, key, y);
    return y;
}

Curve curve_of(const std::string& name) {
    if (name == "gelu") return Curve::gelu;
    if (name == "gelu_tanh") return Curve::gelu_tanh;
    if (name == "relu") return Curve::relu;
    if (name == "relu2") return Curve::relu2;
    throw Unsupported(); // the definition says what there is
}

std::tuple<Out, Out> linear_activation_forward(const In& x, const In& w, const std::optional<In>& b,
                                               const std::string& activation) {
    require_floats(x.array, w.array);
    require_linear("linear_activation_forward", x, w);
    require_bias("linear_activation_forward", w, b);
    const Curve curve = curve_of(activation);
    Out slope = allocate(x->dtype, {x->shape[0], w->shape[0]}), y = like(slope);
    run(y.array.size * 8,
        [&] { kernels().linear_activation_forward(x, w, absent_or(b), curve, slope, y); });
    return {std::move(slope), std::move(y)};
}

std::tuple<Out, Out, std::optional<Out>> backward(const char* function, const In& dy, const In& x,
                                                  const In& w, bool bias,
                                                  const std::optional<In>& slope) {
    require_floats(dy.array, x.array, w.array);
    require_linear(function, x, w);
    if (dy->dims != 2 || dy->shape[0] != x->shape[0] || dy->shape[1] != w->shape[0])
        fail_shapes(function, "dy", dy, "w", w);
    require_matrix(function, "slope", slope, x, x->shape[0], x->shape[1]);
    Out dx = like(x), dw = like(w, Dtype::f32);
    std::optional<Out> db;
    if (bias) db = allocate(Dtype::f32, {w->shape[0]});
    run(dx.array.size * 8 + dw.array.size * 8, [&] {
        kernels().linear_backward(dy, x, w, absent_or(slope), dx, dw, db ? db->array : Array{});
    });
    return {std::move(dx), std::move(dw), std::move(db)};
}

std::tuple<Out, Out, std::optional<Out>> linear_backward(const In& dy, const In& x, const In& w,
                                                         bool bias) {
    return backward("linear_backward", dy, x, w, bias, {});
}

std::tuple<Out, Out, std::optional<Out>>
linear_scaled_backward(const In& dy, const In& x, const In& w, bool bias, const In& slope) {
    return backward("linear_scaled_backward", dy, x, w, bias, slope);
}

void require_same_floats(const char* function, const char* name, const Array& a, const char* like,
                         const Array& b) {
    require_floats(a);
    require_same_shape(function, like, b, name, a);
    if (a.dtype != b.dtype) throw Unsupported();
}

std::tuple<Out, Out> linear_swiglu_forward(const In& x, const In& w, const std::optional<In>& b,
                                           const In& gate) {
    require_floats(x.array, w.array, gate.array);
    require_linear("linear_swiglu_forward", x, w);
    require_bias("linear_swiglu_forward", w, b);
    Out up = allocate(x->dtype, {x->shape[0], w->shape[0]});
    require_same_floats("linear_swiglu_forward", "gate", gate, "up", up);
    Out y = like(up);
    run(y.array.size * 8,
        [&] { kernels().linear_swiglu_forward(x, w, absent_or(b), gate, up, y); });
    return {std::move(up), std::move(y)};
}

std::tuple<Out, Out, Out, std::optional<Out>> linear_swiglu_backward(const In& dy, const In& x,
                                                                     const In& w, bool bias,
                                                                     const In& gate, const In& up) {
    require_floats(dy.array, x.array, w.array);
    require_linear("linear_swiglu_backward", x, w);
    if (dy->dims != 2 || dy->shape[0] != x->shape[0] || dy->shape[1] != w->shape[0])
        fail_shapes("linear_swiglu_backward", "dy", dy, "w", w);
    require_same_floats("linear_swiglu_backward", "gate", gate, "x", x);
    require_same_floats("linear_swiglu_backward", "up", up, "x", x);
    Out dgate = like(x), dup = like(x), dw = like(w, Dtype::f32);
    std::optional<Out> db;
    if (bias) db = allocate(Dtype::f32, {w->shape[0]});
    run(dup.array.size * 8 + dw.array.size * 8, [&] {
        kernels().linear_swiglu_backward(dy, x, w, gate, up, dgate, dup, dw,
                                         db ? db->array : Array{});
    });
    return {std::move(dgate), std::move(dup), std::move(dw), std::move(db)};
}

} // namespace

void bind_matmul(nb::module_& m) {
    def(m, "matmul", &matmul, "a"_a, "b"_a, "transpose_a"_a = false, "transpose_b"_a = false);
    def(m, "linear_forward", &linear_forward, "x"_a, "w"_a, "b"_a.none(), "residual"_a = nb::none(),
        "p"_a = 0.0, "key"_a = 0);
    def(m, "linear_activation_forward", &linear_activation_forward, "x"_a, "w"_a, "b"_a.none(),
        "activation"_a);
    def(m, "linear_swiglu_forward", &linear_swiglu_forward, "x"_a, "w"_a, "b"_a.none(), "gate"_a);
    def(m, "linear_swiglu_backward", &linear_swiglu_backward, "dy"_a, "x"_a, "w"_a, "bias"_a,
        "gate"_a, "up"_a);
    def(m, "linear_backward", &linear_backward, "dy"_a, "x"_a, "w"_a, "bias"_a);
    def(m, "linear_scaled_backward", &linear_scaled_backward, "dy"_a, "x"_a, "w"_a, "bias"_a,
        "slope"_a);
}

} // namespace weft
