// elementwise.cpp for Python.
#include "binding.h"

namespace weft {
namespace {

Out add(const In& a, const In& b) {
    require_floats(a.array, b.array);
    require_same_shape("add", "a", a, "b", b);
    const bool both = a.is(Dtype::bf16) && b.is(Dtype::bf16);
    Out y = like(a, both ? Dtype::bf16 : Dtype::f32);
    Section section(y.array.size);
    kernels().add(a, b, y);
    return y;
}

} // namespace

void bind_elementwise(nb::module_& m) {
    def(m, "add", &add, "a"_a, "b"_a);
}

} // namespace weft
