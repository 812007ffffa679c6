// elementwise.cpp, activation.cpp and dropout.cpp for Python.
#include "binding.h"
#include <nanobind/stl/vector.h>

namespace weft {
namespace {

Out empty(const std::vector<int64_t>& shape, const Precision& dtype) {
    if (shape.size() > size_t(MAX_DIMS)) throw Unsupported();
    for (const int64_t n : shape)
        if (n < 0) fail(PyExc_ValueError, "empty: a length is %lld", (long long)n);
    return allocate(dtype.dtype, shape.data(), int(shape.size()));
}

Dtype wider(const Array& a, const Array& b) {
    return a.dtype == Dtype::bf16 && b.dtype == Dtype::bf16 ? Dtype::bf16 : Dtype::f32;
}

Out add(const In& a, const In& b) {
    require_floats(a.array, b.array);
    require_same_shape("add", "a", a, "b", b);
    Out y = like(a, wider(a, b));
    Section section(y.array.size);
    kernels().add(a, b, y);
    return y;
}

Done add_(const InOut& dst, const In& src) {
    require_floats(dst.array, src.array);
    require_same_shape("add_", "dst", dst, "src", src);
    if (dst->data != src->data || dst->dtype != src->dtype) require_apart("add_", dst, src);
    run(dst->size, [&] { kernels().add(dst, src, dst); });
    return Done();
}

Out mul(const In& a, const In& b) {
    require_floats(a.array, b.array);
    require_same_shape("mul", "a", a, "b", b);
    Out y = like(a, wider(a, b));
    Section section(y.array.size);
    kernels().mul(a, b, y);
    return y;
}

Out cast(const In& x, const Precision& dtype) {
    require_floats(x.array);
    Out y = like(x, dtype.dtype);
    Section section(x->size);
    kernels().cast(x, y);
    return y;
}

// ---- activations --------------------------------------------------------------------------------

// Arrays of one shape; of one dtype, or else the reference does it.
void require_alike(const char* function, const char* a_name, const Array& a, const char* b_name,
                   const Array& b) {
    require_floats(a, b);
    require_same_shape(function, a_name, a, b_name, b);
    if (a.dtype != b.dtype) throw Unsupported();
}

using Unary = Kernels::relu_forward_type* Kernels::*;
using Gradient = Kernels::relu_backward_type* Kernels::*;

template <Unary kernel> Out forward(const In& x) {
    require_floats(x.array);
    Out y = like(x);
    Section section(x->size);
    (kernels().*kernel)(x, y);
    return y;
}

// y is the forward's output or its input, as the kernel has it.
template <Gradient kernel> Out backward(const In& dy, const In& y) {
    require_alike("activation", "dy", dy, "the array of the forward", y);
    Out dx = like(y);
    Section section(y->size);
    (kernels().*kernel)(dy, y, dx);
    return dx;
}

Out gelu_forward(const In& x, bool tanh) {
    require_floats(x.array);
    Out y = like(x);
    Section section(x->size);
    kernels().gelu_forward(x, tanh, y);
    return y;
}

Out gelu_backward(const In& dy, const In& x, bool tanh) {
    require_alike("gelu_backward", "dy", dy, "x", x);
    Out dx = like(x);
    Section section(x->size);
    kernels().gelu_backward(dy, x, tanh, dx);
    return dx;
}

Out swiglu_forward(const In& gate, const In& up) {
    require_alike("swiglu_forward", "gate", gate, "up", up);
    Out y = like(gate);
    Section section(gate->size);
    kernels().swiglu_forward(gate, up, y);
    return y;
}

std::tuple<Out, Out> swiglu_backward(const In& dy, const In& gate, const In& up) {
    require_alike("swiglu_backward", "gate", gate, "up", up);
    require_alike("swiglu_backward", "dy", dy, "gate", gate);
    Out dgate = like(gate), dup = like(up);
    run(gate->size, [&] { kernels().swiglu_backward(dy, gate, up, dgate, dup); });
    return {dgate, dup};
}

// ---- dropout ------------------------------------------------------------------------------------

Out dropout(const Array& x, double p, uint64_t key, Dtype dtype) {
    require_floats(x);
    if (!(p >= 0 && p <= 1)) throw Unsupported(); // the reference has the words for it
    Out y = like(x, dtype);
    Section section(x.size);
    kernels().dropout(x, p, key, y);
    return y;
}

Out dropout_forward(const In& x, double p, uint64_t key) { return dropout(x, p, key, x->dtype); }

Out dropout_backward(const In& dy, double p, uint64_t key, const Precision& dtype) {
    return dropout(dy, p, key, dtype.dtype);
}

} // namespace

void bind_elementwise(nb::module_& m) {
    def(m, "empty", &empty, "shape"_a, "dtype"_a);
    def(m, "add", &add, "a"_a, "b"_a);
    def(m, "add_", &add_, "dst"_a, "src"_a);
    def(m, "mul", &mul, "a"_a, "b"_a);
    def(m, "cast", &cast, "x"_a, "dtype"_a);
    def(m, "gelu_forward", &gelu_forward, "x"_a, "tanh"_a);
    def(m, "gelu_backward", &gelu_backward, "dy"_a, "x"_a, "tanh"_a);
    def(m, "relu_forward", &forward<&Kernels::relu_forward>, "x"_a);
    def(m, "relu_backward", &backward<&Kernels::relu_backward>, "dy"_a, "y"_a);
    def(m, "relu2_forward", &forward<&Kernels::relu2_forward>, "x"_a);
    def(m, "relu2_backward", &backward<&Kernels::relu2_backward>, "dy"_a, "x"_a);
    def(m, "sigmoid_forward", &forward<&Kernels::sigmoid_forward>, "x"_a);
    def(m, "sigmoid_backward", &backward<&Kernels::sigmoid_backward>, "dy"_a, "y"_a);
    def(m, "tanh_forward", &forward<&Kernels::tanh_forward>, "x"_a);
    def(m, "tanh_backward", &backward<&Kernels::tanh_backward>, "dy"_a, "y"_a);
    def(m, "silu_forward", &forward<&Kernels::silu_forward>, "x"_a);
    def(m, "silu_backward", &backward<&Kernels::silu_backward>, "dy"_a, "x"_a);
    def(m, "swiglu_forward", &swiglu_forward, "gate"_a, "up"_a);
    def(m, "swiglu_backward", &swiglu_backward, "dy"_a, "gate"_a, "up"_a);
    def(m, "dropout_forward", &dropout_forward, "x"_a, "p"_a, "key"_a);
    def(m, "dropout_backward", &dropout_backward, "dy"_a, "p"_a, "key"_a, "dtype"_a);
}

} // namespace weft
