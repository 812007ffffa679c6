// LayerNorm and RMSNorm. x, w, b and the output may each be float32 or bfloat16; the statistics and
// the gradients of w and b are float32.
#include "pieces.h"

namespace weft::WEFT_ISA {
namespace {

// w or b as float32, `absent` in each place where there is none: (C,).
class Parameter {
  public:
    Parameter(const Array& a, int64_t C, float absent) : values(C) {
        if (!a.data)
            for (int64_t i = 0; i < C; i++) values[i] = absent;
        else
            with_type(a.dtype, [&](auto* type) {
                for (int64_t i = 0; i < C; i++)
                    values[i] = to_float(data<element<decltype(type)>>(a)[i]);
            });
    }
    operator const float*() const { return values; }

  private:
    Scratch<float> values;
};

// f(X, Y) with the element types of two arrays, as null pointers.
template <class F> inline void with_types(const Array& x, const Array& y, const F& f) {
    with_type(x.dtype, [&](auto* a) { with_type(y.dtype, [&](auto* b) { f(a, b); }); });
}

template <class X> inline float mean_square(const X* x, vf mean, int64_t C) {
    return row_sum(C,
                   [&](int64_t i, auto part) {
                       const vf centred = load(x + i, part) - mean;
                       return centred * centred;
                   }) /
           float(C);
}

// Rows come from memory as slowly as one stream gives them, unless they are asked for ahead.
constexpr int64_t AHEAD = 2048; // bytes

template <class X> inline void fetch_ahead(const X* x, int64_t C) {
    for (int64_t i = 0; i < C * int64_t(sizeof(X)); i += 64)
        __builtin_prefetch(reinterpret_cast<const char*>(x) + AHEAD + i);
}

// ---- one row ------------------------------------------------------------------------------------

template <class X, class Y>
inline void normalise(const X* x, Y* y, const float* w, const float* b, vf mean, vf rstd,
                      int64_t C) {
    vectors(0, C, [&](int64_t i, auto part) {
        const vf n = (load(x + i, part) - mean) * rstd;
        store(y + i, fma(n, load(w + i, part), load(b + i, part)), part);
    });
}

// dx = rstd (dn - mean(dn) - n mean(dn n)) + before, dn = dy w; RMSNorm leaves mean(dn) out.
template <class D, class X>
inline void gradient_row(const D* dy, const X* x, const X* before, X* dx, const float* w, vf mean,
                         vf rstd, bool centred, int64_t C) {
    const auto dn = [&](int64_t i, auto part) { return load(dy + i, part) * load(w + i, part); };
    const auto n = [&](int64_t i, auto part) { return (load(x + i, part) - mean) * rstd; };
    const vf along_1 = splat(centred ? row_sum(C, dn) / float(C) : 0.0f);
    const vf along_n = splat(
        row_sum(C, [&](int64_t i, auto part) { return dn(i, part) * n(i, part); }) / float(C));
    vectors(0, C, [&](int64_t i, auto part) {
        const vf own = (dn(i, part) - along_1 - n(i, part) * along_n) * rstd;
        store(dx + i, before ? own + load(before + i, part) : own, part);
    });
}

template <class D, class X>
inline void parameter_row(const D* dy, const X* x, float* dw, float* db, vf mean, vf rstd,
                          int64_t C) {
    vectors(0, C, [&](int64_t i, auto part) {
        const vf d = load(dy + i, part);
        if (dw) accumulate(dw, i, d * (load(x + i, part) - mean) * rstd, part);
        if (db) accumulate(db, i, d, part);
    });
}

// ---- both norms ---------------------------------------------------------------------------------

// mean is absent for RMSNorm, before where x has no other gradient yet.
void backward(const Array& dy, const Array& x, const Array& w, const Array& mean, const Array& rstd,
              const Array& before, const Array& dx, const Array& dw, const Array& db) {
    const int64_t C = axis(x, -1), N = rows(x);
    const Pieces pieces(N);
    const Parameter weight(w, C, 1.0f);
    const Scratch<float> sums_w(dw.data ? pieces.count * C : 0);
    const Scratch<float> sums_b(db.data ? pieces.count * C : 0);
    with_types(dy, x, [&](auto* type_dy, auto* type_x) {
        using D = element<decltype(type_dy)>;
        using X = element<decltype(type_x)>;
        parallel(pieces.count, [&](int64_t piece) {
            float* piece_w = dw.data ? sums_w + piece * C : nullptr;
            float* piece_b = db.data ? sums_b + piece * C : nullptr;
            if (piece_w) clear(piece_w, C);
            if (piece_b) clear(piece_b, C);
            const int64_t begin = piece * pieces.rows;
            const int64_t end = begin + pieces.rows < N ? begin + pieces.rows : N;
            for (int64_t n = begin; n < end; n++) {
                const vf m = splat(mean.data ? data<float>(mean)[n] : 0.0f);
                const vf r = splat(data<float>(rstd)[n]);
                const D* d = data<D>(dy) + n * C;
                const X* u = data<X>(x) + n * C;
                const X* b = before.data ? data<const X>(before) + n * C : nullptr;
                fetch_ahead(d, C), fetch_ahead(u, C);
                if (b) fetch_ahead(b, C);
                gradient_row(d, u, b, data<X>(dx) + n * C, weight, m, r, mean.data != nullptr, C);
                if (piece_w || piece_b) parameter_row(d, u, piece_w, piece_b, m, r, C);
            }
        });
    });
    if (dw.data) add_pieces(sums_w, pieces.count, dw);
    if (db.data) add_pieces(sums_b, pieces.count, db);
}

} // namespace

void layer_norm_forward(const Array& x, const Array& w, const Array& b, float eps, const Array& y,
                        const Array& mean, const Array& rstd) {
    const int64_t C = axis(x, -1);
    const Parameter weight(w, C, 1.0f), bias(b, C, 0.0f);
    with_types(x, y, [&](auto* type_x, auto* type_y) {
        using X = element<decltype(type_x)>;
        using Y = element<decltype(type_y)>;
        parallel_rows(rows(x), C, [&](int64_t begin, int64_t end) {
            for (int64_t n = begin; n < end; n++) {
                const X* u = data<X>(x) + n * C;
                fetch_ahead(u, C);
                const float m =
                    row_sum(C, [&](int64_t i, auto part) { return load(u + i, part); }) / float(C);
                const float r = 1.0f / __builtin_sqrtf(mean_square(u, splat(m), C) + eps);
                data<float>(mean)[n] = m, data<float>(rstd)[n] = r;
                normalise(u, data<Y>(y) + n * C, weight, bias, splat(m), splat(r), C);
            }
        });
    });
}

void layer_norm_backward(const Array& dy, const Array& x, const Array& w, const Array& mean,
                         const Array& rstd, const Array& before, const Array& dx, const Array& dw,
                         const Array& db) {
    backward(dy, x, w, mean, rstd, before, dx, dw, db);
}

void rms_norm_forward(const Array& x, const Array& w, float eps, const Array& y,
                      const Array& rstd) {
    const int64_t C = axis(x, -1);
    const Parameter weight(w, C, 1.0f), bias(Array{}, C, 0.0f);
    with_types(x, y, [&](auto* type_x, auto* type_y) {
        using X = element<decltype(type_x)>;
        using Y = element<decltype(type_y)>;
        parallel_rows(rows(x), C, [&](int64_t begin, int64_t end) {
            for (int64_t n = begin; n < end; n++) {
                const X* u = data<X>(x) + n * C;
                fetch_ahead(u, C);
                const float r = 1.0f / __builtin_sqrtf(mean_square(u, zero(), C) + eps);
                data<float>(rstd)[n] = r;
                normalise(u, data<Y>(y) + n * C, weight, bias, zero(), splat(r), C);
            }
        });
    });
}

void rms_norm_backward(const Array& dy, const Array& x, const Array& w, const Array& rstd,
                       const Array& before, const Array& dx, const Array& dw) {
    backward(dy, x, w, Array{}, rstd, before, dx, dw, Array{});
}

} // namespace weft::WEFT_ISA
