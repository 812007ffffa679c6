// optimizer.cpp for Python.
#include "binding.h"
#include <math.h>

namespace weft {
namespace {

// float32, or else the reference: which takes float64, and says so of anything else.
template <class... Arrays>
void require_parameters(const char* function, const Array& p, const Arrays&... others) {
    if (p.dtype != Dtype::f32 || ((others.dtype != Dtype::f32) || ...)) throw Unsupported();
    (require_same_shape(function, "p", p, "another array", others), ...);
}

Done adam_step(const InOut& p, const In& g, const InOut& m, const InOut& v, double lr, double beta1,
               double beta2, double eps, double weight_decay, int64_t step, bool decoupled) {
    require_parameters("adam_step", p.array, g.array, m.array, v.array);
    if (step < 1)
        fail(PyExc_ValueError, "adam_step: step is %lld; steps count from 1", (long long)step);
    const double correction1 = 1 - pow(beta1, double(step));
    const double correction2 = 1 - pow(beta2, double(step));
    run(p->size, [&] {
        kernels().adam_step(
            p, g, m, v, {lr, beta1, beta2, eps, weight_decay, correction1, correction2, decoupled});
    });
    return Done();
}

Done sgd_step(const InOut& p, const In& g, std::optional<InOut> buf, double lr, double momentum,
              double dampening, double weight_decay, bool nesterov, bool first) {
    require_parameters("sgd_step", p.array, g.array);
    if (buf) require_parameters("sgd_step", p.array, buf->array);
    run(p->size, [&] {
        kernels().sgd_step(p, g, buf ? buf->array : Array{},
                           {lr, momentum, dampening, weight_decay, nesterov, first});
    });
    return Done();
}

double sum_of_squares(const In& x) {
    if (!x.is(Dtype::f32)) throw Unsupported();
    Section section(x->size);
    return kernels().sum_of_squares(x);
}

Done scale_(const InOut& x, double s) {
    if (!x.is(Dtype::f32)) throw Unsupported();
    run(x->size, [&] { kernels().scale_(x, float(s)); });
    return Done();
}

} // namespace

void bind_optimizer(nb::module_& m) {
    def(m, "adam_step", &adam_step, "p"_a, "g"_a, "m"_a, "v"_a, "lr"_a, "beta1"_a, "beta2"_a,
        "eps"_a, "weight_decay"_a, "step"_a, "decoupled"_a);
    def(m, "sgd_step", &sgd_step, "p"_a, "g"_a, "buf"_a.none(), "lr"_a, "momentum"_a, "dampening"_a,
        "weight_decay"_a, "nesterov"_a, "first"_a);
    def(m, "sum_of_squares", &sum_of_squares, "x"_a);
    def(m, "scale_", &scale_, "x"_a, "s"_a);
}

} // namespace weft
