// embedding.cpp and loss.cpp for Python: the kernels that read ids, which are checked here.
#include "binding.h"
#include "integers.h"
#include <string.h>

namespace weft {
namespace {

void check_ids(const char* function, const Array& ids, int64_t limit, const int64_t* ignored) {
    for (int64_t i = 0; i < ids.size; i++) {
        const int64_t id = integer_at(ids, i);
        if ((id < 0 || id >= limit) && !(ignored && id == *ignored))
            fail(PyExc_IndexError, "%s: id %lld is out of range; the table has %lld rows", function,
                 (long long)id, (long long)limit);
    }
}

void require_ids(const Array& ids) {
    if (!is_integer(ids)) throw Unsupported(); // other integers; or a mistake, which it names
}

Out embedding_forward(const In& w, const In& ids) {
    require_floats(w.array);
    require_ids(ids);
    if (w->dims != 2) fail_shapes("embedding", "w", w, "ids", ids);
    if (ids->dims >= MAX_DIMS) throw Unsupported();
    check_ids("embedding", ids, w->shape[0], nullptr);
    int64_t shape[MAX_DIMS];
    for (int i = 0; i < ids->dims; i++) shape[i] = ids->shape[i];
    shape[ids->dims] = w->shape[1];
    Out y = allocate(w->dtype, shape, ids->dims + 1);
    Section section(y.array.size);
    kernels().embedding_forward(w, ids, y);
    return y;
}

Out embedding_backward(const In& dy, const In& ids, int64_t V) {
    require_floats(dy.array);
    require_ids(ids);
    if (V < 0) fail(PyExc_ValueError, "embedding: V is %lld; it cannot be negative", (long long)V);
    bool fits = dy->dims == ids->dims + 1;
    for (int i = 0; fits && i < ids->dims; i++) fits = dy->shape[i] == ids->shape[i];
    if (!fits) fail_shapes("embedding", "dy", dy, "ids", ids);
    check_ids("embedding", ids, V, nullptr);
    Out dw = allocate(Dtype::f32, {V, axis(dy, -1)});
    Section section(dy->size + dw.array.size);
    kernels().embedding_backward(dy, ids, dw);
    return dw;
}

// ---- cross entropy ------------------------------------------------------------------------------

void check_loss(const Array& logits, const Array& targets, int64_t ignore_index) {
    require_floats(logits);
    require_ids(targets);
    if (logits.dims != 2 || targets.dims != 1 || targets.size != logits.shape[0])
        fail_shapes("cross entropy", "logits", logits, "targets", targets);
    if (targets.size && !logits.shape[1])
        fail(PyExc_ValueError, "cross entropy: logits have no classes; give them one");
    check_ids("cross entropy", targets, logits.shape[1], &ignore_index);
}

std::tuple<Out, Out> cross_entropy_forward(const In& logits, const In& targets,
                                           int64_t ignore_index) {
    check_loss(logits, targets, ignore_index);
    Out losses = like(targets, Dtype::f32), lse = like(targets, Dtype::f32);
    run(logits->size,
        [&] { kernels().cross_entropy_forward(logits, targets, ignore_index, losses, lse); });
    return {losses, lse};
}

Out cross_entropy_backward(const In& dlosses, const In& logits, const In& targets, const In& lse,
                           int64_t ignore_index) {
    check_loss(logits, targets, ignore_index);
    if (!dlosses.is(Dtype::f32) || !lse.is(Dtype::f32)) throw Unsupported();
    require_same_shape("cross entropy", "dlosses", dlosses, "targets", targets);
    require_same_shape("cross entropy", "lse", lse, "targets", targets);
    Out dlogits = like(logits);
    Section section(logits->size);
    kernels().cross_entropy_backward(dlosses, logits, targets, lse, ignore_index, dlogits);
    return dlogits;
}

std::tuple<Out, Out, Out> linear_cross_entropy(const In& x, const In& w, const In& targets,
                                               int64_t ignore_index, double scale) {
    require_floats(x.array, w.array);
    require_ids(targets);
    if (x->dims != 2 || w->dims != 2 || x->shape[1] != w->shape[1])
        fail_shapes("linear cross entropy", "x", x, "w", w);
    if (targets->dims != 1 || targets->shape[0] != x->shape[0])
        fail_shapes("linear cross entropy", "x", x, "targets", targets);
    if (targets->size && !w->shape[0])
        fail(PyExc_ValueError, "linear cross entropy: w has no rows; give it one for each class");
    check_ids("linear cross entropy", targets, w->shape[0], &ignore_index);
    if (x->shape[1] == 0) throw Unsupported(); // no features, but perhaps more classes than memory
    Out losses = like(targets, Dtype::f32), dx = like(x), dw = like(w, Dtype::f32);
    if (targets->size == 0) memset(dw.array.data, 0, size_t(dw.array.size) * 4);
    run(dx.array.size * 8 + dw.array.size * 8, [&] {
        kernels().linear_cross_entropy(x, w, targets, ignore_index, float(scale), losses, dx, dw);
    });
    return {std::move(losses), std::move(dx), std::move(dw)};
}

} // namespace

void bind_tokens(nb::module_& m) {
    def(m, "embedding_forward", &embedding_forward, "w"_a, "ids"_a);
    def(m, "embedding_backward", &embedding_backward, "dy"_a, "ids"_a, "V"_a);
    def(m, "cross_entropy_forward", &cross_entropy_forward, "logits"_a, "targets"_a,
        "ignore_index"_a);
    def(m, "cross_entropy_backward", &cross_entropy_backward, "dlosses"_a, "logits"_a, "targets"_a,
        "lse"_a, "ignore_index"_a);
    def(m, "linear_cross_entropy", &linear_cross_entropy, "x"_a, "w"_a, "targets"_a,
        "ignore_index"_a, "scale"_a);
}

} // namespace weft
