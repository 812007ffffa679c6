// Optimizer steps in one pass over all parameters, in place, and the sum of squares that clipping
// needs. All float32. Work is cut from the concatenation of the arrays, so that many small ones are
// no more than one large one.
#include "loops.h"
#include "squares.h"

namespace weft::WEFT_ISA {
namespace {

constexpr int64_t CHUNK = 1 << 16; // of sum_of_squares: its partial sums

// The first array that ends after `position` of the concatenation.
inline int64_t array_at(const Lists& l, int64_t position) {
    int64_t low = 0, high = l.count;
    while (low < high) {
        const int64_t middle = (low + high) / 2;
        if (l.ends[middle] <= position)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

// body(i, begin, end) for the parts of arrays i that lie in [begin, end) of the concatenation.
template <class Body>
inline void pieces(const Lists& l, int64_t begin, int64_t end, const Body& body) {
    for (int64_t i = array_at(l, begin); begin < end; i++) {
        const int64_t start = i ? l.ends[i - 1] : 0, stop = l.ends[i] < end ? l.ends[i] : end;
        if (begin < stop) body(i, begin - start, stop - start);
        begin = stop;
    }
}

inline int64_t total(const Lists& l) { return l.count ? l.ends[l.count - 1] : 0; }

template <class Body> inline void parallel_pieces(const Lists& l, const Body& body) {
    parallel_ranges(total(l), GRAIN,
                    [&](int64_t begin, int64_t end) { pieces(l, begin, end, body); });
}

} // namespace

void adam_step(const Lists& lists, const double* corrections, const AdamStep& s) {
    const vf decay = splat(float(s.decoupled ? 1 - s.lr * s.weight_decay : 1));
    const vf penalty = splat(float(s.weight_decay)), scale = splat(float(s.scale));
    const bool penalised = s.weight_decay != 0 && !s.decoupled; // 0 * infinity would be a NaN
    const vf blend = splat(float(1 - s.beta1)), keep_v = splat(float(s.beta2));
    const vf blend_v = splat(float(1 - s.beta2)), eps = splat(float(s.eps));
    parallel_pieces(lists, [&](int64_t array, int64_t begin, int64_t end) {
        float *P = lists.arrays[0][array], *M = lists.arrays[2][array], *S = lists.arrays[3][array];
        const float* G = lists.arrays[1][array];
        const vf rate = splat(float(s.lr / corrections[2 * array]));
        const vf root = splat(float(1 / __builtin_sqrt(corrections[2 * array + 1])));
        vectors(begin, end, [&](int64_t i, auto part) {
            const vf old = load(P + i, part), raw = load(G + i, part) * scale;
            const vf grad = penalised ? fma(penalty, old, raw) : raw;
            const vf mean = load(M + i, part), first = fma(grad - mean, blend, mean);
            const vf second = fma(load(S + i, part), keep_v, blend_v * grad * grad);
            store(M + i, first, part), store(S + i, second, part);
            store(P + i, old * decay - rate * first / fma(sqrt(second), root, eps), part);
        });
    });
}

void sgd_step(const Lists& lists, const SgdStep& s) {
    const vf penalty = splat(float(s.weight_decay)), rate = splat(float(s.lr));
    const vf momentum = splat(s.first ? 0.0f : float(s.momentum));
    const vf fresh = splat(s.first ? 1.0f : float(1 - s.dampening));
    const vf look_ahead = splat(float(s.momentum)), scale = splat(float(s.scale));
    parallel_pieces(lists, [&](int64_t array, int64_t begin, int64_t end) {
        float *P = lists.arrays[0][array], *B = lists.arrays[2] ? lists.arrays[2][array] : nullptr;
        const float* G = lists.arrays[1][array];
        vectors(begin, end, [&](int64_t i, auto part) {
            const vf old = load(P + i, part);
            vf step = load(G + i, part) * scale;
            if (s.weight_decay != 0) step = fma(penalty, old, step);
            if (B) {
                // The first buffer may hold anything, a NaN too: it must not be multiplied by 0.
                const vf before = s.first ? zero() : load(B + i, part);
                const vf velocity = fma(momentum, before, fresh * step);
                store(B + i, velocity, part);
                step = s.nesterov ? fma(look_ahead, velocity, step) : velocity;
            }
            store(P + i, old - rate * step, part);
        });
    });
}

double sum_of_squares(const Lists& x) {
    const Scratch<double> partial((total(x) + CHUNK - 1) / CHUNK);
    parallel_ranges(total(x), CHUNK, [&](int64_t begin, int64_t end) {
        double sum = 0;
        pieces(x, begin, end, [&](int64_t array, int64_t from, int64_t to) {
            sum += sum_of_squares(x.arrays[0][array] + from, to - from);
        });
        partial[begin / CHUNK] = sum;
    });
    double sum = 0;
    for (int64_t i = 0; i * CHUNK < total(x); i++) sum += partial[i];
    return sum;
}

void scale_(const Lists& x, float factor) {
    parallel_pieces(x, [&](int64_t array, int64_t begin, int64_t end) {
        float* X = x.arrays[0][array];
        vectors(begin, end,
                [&](int64_t i, auto part) { store(X + i, load(X + i, part) * factor, part); });
    });
}

} // namespace weft::WEFT_ISA
