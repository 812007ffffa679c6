// Optimizer steps in one pass, in place, and the sum of squares that clipping needs. All float32.
#include "loops.h"

namespace weft::WEFT_ISA {
namespace {

constexpr int64_t CHUNK = 1 << 16; // of sum_of_squares: as in the reference

typedef double vdouble __attribute__((vector_size(4 * LANES))); // LANES / 2 of them
typedef float half_vf __attribute__((vector_size(2 * LANES)));
typedef half_vf half_vf_unaligned __attribute__((aligned(4), may_alias));

inline vdouble load_doubles(const float* p) {
    return __builtin_convertvector(*(const half_vf_unaligned*)p, vdouble);
}

inline double chunk_sum(const float* x, int64_t n) {
    vdouble a = {}, b = {};
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        const vdouble low = load_doubles(x + i), high = load_doubles(x + i + LANES / 2);
        a += low * low, b += high * high;
    }
    a += b;
    double total = 0;
    for (int lane = 0; lane < LANES / 2; lane++) total += a[lane];
    for (; i < n; i++) total += double(x[i]) * double(x[i]);
    return total;
}

} // namespace

void adam_step(const Array& p, const Array& g, const Array& m, const Array& v, const AdamStep& s) {
    const vf decay = splat(float(s.decoupled ? 1 - s.lr * s.weight_decay : 1));
    const vf penalty = splat(float(s.weight_decay));
    const bool penalised = s.weight_decay != 0 && !s.decoupled; // 0 * infinity would be a NaN
    const vf blend = splat(float(1 - s.beta1)), keep_v = splat(float(s.beta2));
    const vf blend_v = splat(float(1 - s.beta2)), eps = splat(float(s.eps));
    const vf rate = splat(float(s.lr / s.correction1));
    const vf root = splat(float(1 / __builtin_sqrt(s.correction2)));
    float *P = data<float>(p), *M = data<float>(m), *S = data<float>(v);
    const float* G = data<float>(g);
    parallel_ranges(p.size, GRAIN, [&](int64_t begin, int64_t end) {
        vectors(begin, end, [&](int64_t i, auto part) {
            const vf old = load(P + i, part), raw = load(G + i, part);
            const vf grad = penalised ? fma(penalty, old, raw) : raw;
            const vf mean = load(M + i, part), first = fma(grad - mean, blend, mean);
            const vf second = fma(load(S + i, part), keep_v, blend_v * grad * grad);
            store(M + i, first, part), store(S + i, second, part);
            store(P + i, old * decay - rate * first / fma(sqrt(second), root, eps), part);
        });
    });
}

void sgd_step(const Array& p, const Array& g, const Array& buffer, const SgdStep& s) {
    const vf penalty = splat(float(s.weight_decay)), rate = splat(float(s.lr));
    const vf momentum = splat(s.first ? 0.0f : float(s.momentum));
    const vf fresh = splat(s.first ? 1.0f : float(1 - s.dampening));
    const vf look_ahead = splat(float(s.momentum));
    float *P = data<float>(p), *B = data<float>(buffer);
    const float* G = data<float>(g);
    parallel_ranges(p.size, GRAIN, [&](int64_t begin, int64_t end) {
        vectors(begin, end, [&](int64_t i, auto part) {
            const vf old = load(P + i, part);
            vf step = load(G + i, part);
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

double sum_of_squares(const Array& x) {
    const int64_t chunks = (x.size + CHUNK - 1) / CHUNK;
    const Scratch<double> partial(chunks);
    parallel(chunks, [&](int64_t i) {
        const int64_t begin = i * CHUNK, rest = x.size - begin;
        partial[i] = chunk_sum(data<const float>(x) + begin, rest < CHUNK ? rest : CHUNK);
    });
    double total = 0;
    for (int64_t i = 0; i < chunks; i++) total += partial[i];
    return total;
}

void scale_(const Array& x, float factor) {
    map([&](vf u) { return u * factor; }, x, x);
}

} // namespace weft::WEFT_ISA
