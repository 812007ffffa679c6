// recurrent.cpp for Python.
#include "binding.h"

namespace weft {
namespace {

// What the definition has to do: other precisions, mixtures of them, and what is empty.
void require_layer(const Array& sequence, const Array& w) {
    require_floats(sequence, w);
    if (sequence.size == 0 || w.size == 0) throw Unsupported();
}

void require_shape(const char* function, const char* like, const Array& a, const char* name,
                   const Array& b, std::initializer_list<int64_t> shape) {
    bool same = b.dims == int(shape.size());
    for (int i = 0; same && i < b.dims; i++) same = b.shape[i] == shape.begin()[i];
    if (!same) fail_shapes(function, like, a, name, b);
}

// pre (T, B, G C), w (G C, C), h0 (B, C).
void require_forward(const char* function, const Array& pre, const Array& w, const Array& h0,
                     int64_t G) {
    require_layer(pre, w);
    if (pre.dims != 3 || w.dims != 2 || w.shape[0] != G * w.shape[1] || pre.shape[2] != w.shape[0])
        fail_shapes(function, "pre", pre, "w", w);
    require_shape(function, "pre", pre, "h0", h0, {pre.shape[1], w.shape[1]});
    if (h0.dtype != Dtype::f32) throw Unsupported();
}

// dy (T, B, C), dh (B, C), w (G C, C), hidden (T + 1, B, C).
void require_backward(const char* function, const Array& dy, const Array& dh, const Array& w,
                      const Array& hidden, int64_t G) {
    require_layer(dy, w);
    require_floats(hidden);
    if (dy.dims != 3 || w.dims != 2 || w.shape[0] != G * w.shape[1] || dy.shape[2] != w.shape[1])
        fail_shapes(function, "dy", dy, "w", w);
    const int64_t T = dy.shape[0], B = dy.shape[1], C = dy.shape[2];
    require_shape(function, "dy", dy, "dh", dh, {B, C});
    require_shape(function, "dy", dy, "hidden", hidden, {T + 1, B, C});
    if (dh.dtype != Dtype::f32 || dy.dtype != hidden.dtype) throw Unsupported();
}

void require_saved(const char* function, const Array& dy, const char* name, const Array& saved,
                   Dtype dtype, int64_t T, int64_t width) {
    require_shape(function, "dy", dy, name, saved, {T, dy.shape[1], width});
    if (saved.dtype != dtype) throw Unsupported();
}

int64_t work(const Array& w, const Array& sequence) { return w.size + sequence.size * 8; }

struct Shape {
    int64_t T, B, C;
    Shape(const Array& sequence, const Array& w)
        : T(sequence.shape[0]), B(sequence.shape[1]), C(w.shape[1]) {}
};

std::tuple<Out, Out> rnn_forward(const In& pre, const In& w, const In& h0) {
    require_forward("rnn_forward", pre, w, h0, 1);
    const Shape s(pre, w);
    Out hidden = allocate(pre->dtype, {s.T + 1, s.B, s.C}), h = like(h0);
    run(work(w, pre), [&] { kernels().rnn_forward(pre, w, h0, hidden, h); });
    return {std::move(hidden), std::move(h)};
}

std::tuple<Out, Out, Out> rnn_backward(const In& dy, const In& dh, const In& w, const In& hidden) {
    require_backward("rnn_backward", dy, dh, w, hidden, 1);
    Out dpre = like(dy), dw = like(w, Dtype::f32), dh0 = like(dh);
    run(work(w, dy), [&] { kernels().rnn_backward(dy, dh, w, hidden, dpre, dw, dh0); });
    return {std::move(dpre), std::move(dw), std::move(dh0)};
}

std::tuple<Out, Out, Out> gru_forward(const In& pre, const In& w, const std::optional<In>& b,
                                      const In& h0) {
    require_forward("gru_forward", pre, w, h0, 3);
    if (b) {
        require_shape("gru_forward", "w", w, "b", *b, {w->shape[0]});
        if (!b->is(Dtype::f32)) throw Unsupported();
    }
    const Shape s(pre, w);
    Out hidden = allocate(pre->dtype, {s.T + 1, s.B, s.C}), h = like(h0);
    Out gates = allocate(pre->dtype, {s.T, s.B, 4 * s.C});
    run(work(w, pre), [&] { kernels().gru_forward(pre, w, absent_or(b), h0, hidden, gates, h); });
    return {std::move(hidden), std::move(gates), std::move(h)};
}

std::tuple<Out, Out, Out, Out> gru_backward(const In& dy, const In& dh, const In& w,
                                            const In& hidden, const In& gates) {
    require_backward("gru_backward", dy, dh, w, hidden, 3);
    const Shape s(dy, w);
    require_saved("gru_backward", dy, "gates", gates, hidden->dtype, s.T, 4 * s.C);
    Out dpre = allocate(dy->dtype, {s.T, s.B, 3 * s.C}), dw = like(w, Dtype::f32), dh0 = like(dh);
    Out db = allocate(Dtype::f32, {3 * s.C});
    run(work(w, dy), [&] { kernels().gru_backward(dy, dh, w, hidden, gates, dpre, dw, db, dh0); });
    return {std::move(dpre), std::move(dw), std::move(db), std::move(dh0)};
}

std::tuple<Out, Out, Out, Out> lstm_forward(const In& pre, const In& w, const In& h0,
                                            const In& c0) {
    require_forward("lstm_forward", pre, w, h0, 4);
    require_same_shape("lstm_forward", "h0", h0, "c0", c0);
    if (!c0.is(Dtype::f32)) throw Unsupported();
    const Shape s(pre, w);
    Out hidden = allocate(pre->dtype, {s.T + 1, s.B, s.C}), h = like(h0);
    Out cells = allocate(Dtype::f32, {s.T + 1, s.B, s.C}), gates = like(pre);
    run(work(w, pre), [&] { kernels().lstm_forward(pre, w, h0, c0, hidden, cells, gates, h); });
    return {std::move(hidden), std::move(cells), std::move(gates), std::move(h)};
}

std::tuple<Out, Out, Out, Out> lstm_backward(const In& dy, const In& dh, const In& dc, const In& w,
                                             const In& hidden, const In& cells, const In& gates) {
    require_backward("lstm_backward", dy, dh, w, hidden, 4);
    require_same_shape("lstm_backward", "dh", dh, "dc", dc);
    if (!dc.is(Dtype::f32)) throw Unsupported();
    const Shape s(dy, w);
    require_saved("lstm_backward", dy, "cells", cells, Dtype::f32, s.T + 1, s.C);
    require_saved("lstm_backward", dy, "gates", gates, hidden->dtype, s.T, 4 * s.C);
    Out dpre = like(gates), dw = like(w, Dtype::f32), dh0 = like(dh), dc0 = like(dc);
    run(work(w, dy),
        [&] { kernels().lstm_backward(dy, dh, dc, w, hidden, cells, gates, dpre, dw, dh0, dc0); });
    return {std::move(dpre), std::move(dw), std::move(dh0), std::move(dc0)};
}

} // namespace

void bind_recurrent(nb::module_& m) {
    def(m, "rnn_forward", &rnn_forward, "pre"_a, "w"_a, "h0"_a);
    def(m, "rnn_backward", &rnn_backward, "dy"_a, "dh"_a, "w"_a, "hidden"_a);
    def(m, "gru_forward", &gru_forward, "pre"_a, "w"_a, "b"_a.none(), "h0"_a);
    def(m, "gru_backward", &gru_backward, "dy"_a, "dh"_a, "w"_a, "hidden"_a, "gates"_a);
    def(m, "lstm_forward", &lstm_forward, "pre"_a, "w"_a, "h0"_a, "c0"_a);
    def(m, "lstm_backward", &lstm_backward, "dy"_a, "dh"_a, "dc"_a, "w"_a, "hidden"_a, "cells"_a,
        "gates"_a);
}

} // namespace weft
