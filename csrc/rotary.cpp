// Rotary positions: element i of a head and element i + D/2 turn by the angle of position t; and
// the same for all heads of a projection, queries and keys normalised before.
#include "pieces.h"

namespace weft::WEFT_ISA {

void rotary(const Array& x, const Array& cos, const Array& sin, float direction, const Array& y) {
    const int64_t T = axis(x, 1), H = axis(x, 2), D = axis(x, 3), half = D / 2;
    with_type(x.dtype, [&](auto* type) {
        using E = element<decltype(type)>;
        parallel_rows(axis(x, 0) * T, H * D, [&](int64_t begin, int64_t end) {
            for (int64_t head = begin * H; head < end * H; head++) {
                const int64_t t = head / H % T;
                const float *c = data<float>(cos) + t * half, *s = data<float>(sin) + t * half;
                const E *low = data<E>(x) + head * D, *high = low + half;
                E* out = data<E>(y) + head * D;
                vectors(0, half, [&](int64_t i, auto part) {
                    const vf a = load(low + i, part), b = load(high + i, part);
                    const vf turn = load(s + i, part) * direction, stay = load(c + i, part);
                    store(out + i, fma(a, stay, -b * turn), part);
                    store(out + half + i, fma(b, stay, a * turn), part);
                });
            }
        });
    });
}

namespace {

// The heads of one projection (B, T, H + 2 Hkv, D): H queries, then keys, then values.
struct Projection {
    int64_t T, all, D, half, queries, turned; // `turned`: queries and keys
    const float *cos, *sin, *wq, *wk;         // wq and wk null where nothing is normalised

    Projection(const Array& qkv, int64_t heads, const Array& wq, const Array& wk, const Array& cos,
               const Array& sin)
        : T(axis(qkv, 1)), all(axis(qkv, 2)), D(axis(qkv, 3)), half(D / 2), queries(heads),
          turned((heads + all) / 2), cos(data<float>(cos)), sin(data<float>(sin)),
          wq(data<float>(wq)), wk(data<float>(wk)) {}

    const float* weight(int64_t head) const { return head < queries ? wq : wk; }
};

// y = x rstd w, turned by angles whose cosines and sines are c and s; without w only turned.
template <class E>
inline void turn_head(const E* x, const float* w, float rstd, const float* c, const float* s,
                      int64_t half, E* y) {
    const auto scaled = [&](int64_t i, auto part) {
        const vf u = load(x + i, part);
        return w ? u * rstd * load(w + i, part) : u;
    };
    vectors(0, half, [&](int64_t i, auto part) {
        const vf a = scaled(i, part), b = scaled(half + i, part);
        const vf stay = load(c + i, part), turn = load(s + i, part);
        store(y + i, fma(a, stay, -b * turn), part);
        store(y + half + i, fma(b, stay, a * turn), part);
    });
}

// dy, turned back, in d; then dx = rstd (d w - n mean(d w n)), n = x rstd, and dw += d n.
template <class E>
inline void turn_head_back(const E* dy, const E* x, const float* w, float rstd, const float* c,
                           const float* s, int64_t half, float* d, E* dx, float* dw) {
    const int64_t D = 2 * half;
    vectors(0, half, [&](int64_t i, auto part) {
        const vf a = load(dy + i, part), b = load(dy + half + i, part);
        const vf stay = load(c + i, part), turn = load(s + i, part);
        store(d + i, fma(a, stay, b * turn), part);
        store(d + half + i, fma(b, stay, -a * turn), part);
    });
    if (!w)
        return vectors(0, D, [&](int64_t i, auto part) { store(dx + i, load(d + i, part), part); });
    const auto n = [&](int64_t i, auto part) { return load(x + i, part) * rstd; };
    const auto dn = [&](int64_t i, auto part) { return load(d + i, part) * load(w + i, part); };
    const float along =
        row_sum(D, [&](int64_t i, auto part) { return dn(i, part) * n(i, part); }) / float(D);
    vectors(0, D, [&](int64_t i, auto part) {
        accumulate(dw, i, load(d + i, part) * n(i, part), part);
        store(dx + i, (dn(i, part) - n(i, part) * along) * rstd, part);
    });
}

} // namespace

void rotary_qkv_forward(const Array& qkv, int64_t heads, const Array& wq, const Array& wk,
                        float eps, const Array& cos, const Array& sin, const Array& y,
                        const Array& rstd) {
    const Projection p(qkv, heads, wq, wk, cos, sin);
    with_type(qkv.dtype, [&](auto* type) {
        using E = element<decltype(type)>;
        parallel_rows(axis(qkv, 0) * p.T, p.all * p.D, [&](int64_t begin, int64_t end) {
            for (int64_t row = begin; row < end; row++) {
                const E* x = data<E>(qkv) + row * p.all * p.D;
                E* out = data<E>(y) + row * p.all * p.D;
                const int64_t at = row % p.T * p.half;
                for (int64_t h = 0; h < p.turned; h++) {
                    const E* u = x + h * p.D;
                    float r = 1;
                    if (p.wq) {
                        const auto square = [&](int64_t i, auto part) {
                            const vf v = load(u + i, part);
                            return v * v;
                        };
                        r = 1.0f / __builtin_sqrtf(row_sum(p.D, square) / float(p.D) + eps);
                        data<float>(rstd)[row * p.turned + h] = r;
                    }
                    turn_head(u, p.weight(h), r, p.cos + at, p.sin + at, p.half, out + h * p.D);
                }
                const int64_t values = p.turned * p.D;
                memcpy(static_cast<void*>(out + values), x + values,
                       size_t(p.all * p.D - values) * sizeof(E));
            }
        });
    });
}

void rotary_qkv_backward(const Array& dy, const Array& qkv, int64_t heads, const Array& wq,
                         const Array& wk, const Array& rstd, const Array& cos, const Array& sin,
                         const Array& dqkv, const Array& dwq, const Array& dwk) {
    const Projection p(qkv, heads, wq, wk, cos, sin);
    const int64_t N = axis(qkv, 0) * p.T;
    const Pieces pieces(N);
    const Scratch<float> sums_q(pieces.count * p.D), sums_k(pieces.count * p.D);
    with_type(qkv.dtype, [&](auto* type) {
        using E = element<decltype(type)>;
        parallel(pieces.count, [&](int64_t piece) {
            float *dq = sums_q + piece * p.D, *dk = sums_k + piece * p.D;
            clear(dq, p.D), clear(dk, p.D);
            const Scratch<float> d(p.D);
            const int64_t stop = (piece + 1) * pieces.rows;
            for (int64_t row = piece * pieces.rows; row < (stop < N ? stop : N); row++) {
                const int64_t first = row * p.all * p.D, at = row % p.T * p.half;
                const E *from = data<E>(dy) + first, *x = data<E>(qkv) + first;
                E* to = data<E>(dqkv) + first;
                for (int64_t h = 0; h < p.turned; h++) {
                    const float r = p.wq ? data<float>(rstd)[row * p.turned + h] : 1;
                    turn_head_back(from + h * p.D, x + h * p.D, p.weight(h), r, p.cos + at,
                                   p.sin + at, p.half, static_cast<float*>(d), to + h * p.D,
                                   h < p.queries ? dq : dk);
                }
                const int64_t values = p.turned * p.D;
                memcpy(static_cast<void*>(to + values), from + values,
                       size_t(p.all * p.D - values) * sizeof(E));
            }
        });
    });
    if (!p.wq) return;
    add_pieces(sums_q, pieces.count, dwq);
    add_pieces(sums_k, pieces.count, dwk);
}

} // namespace weft::WEFT_ISA
