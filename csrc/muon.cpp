// Muon's step: momentum, the Newton-Schulz iteration in bfloat16, and the update, matrix by matrix.
// Many matrices go to the threads whole, so that what they are multiplied by stays in one core's
// caches; a few large ones are multiplied by all threads together.
#include "loops.h"
#include "matmul_product.h"
#include "squares.h"

namespace weft::WEFT_ISA {
namespace {

constexpr int64_t LARGE = int64_t(64) << 20; // multiplications of a product that all threads share

// A matrix of bfloat16, as the left operand of a product or the right one; or its transpose.
Operand rows_of(const bf16* x, int64_t columns) { return {x, Dtype::bf16, columns, 1}; }
Operand columns_of(const bf16* x, int64_t columns) { return {x, Dtype::bf16, 1, columns}; }

void multiply(const Operand& a, const Operand& b, int64_t M, int64_t N, int64_t K, bf16* out) {
    packed_product<NarrowKernel, bf16>(a, b, M, N, K, {out, N}, Epilogue{});
}

template <class Body> void each_vector(int64_t n, const Body& body) {
    parallel_ranges(n, GRAIN, [&](int64_t begin, int64_t end) { vectors(begin, end, body); });
}

// Moves the momentum on; returns the sum of squares of what is to be made orthogonal.
double move(const float* G, float* M, int64_t n, const MuonStep& s, float* step) {
    const vf scale = splat(float(s.scale)), fresh = splat(float(1 - s.momentum));
    const vf ahead = splat(float(s.nesterov ? s.momentum : 0));
    each_vector(n, [&](int64_t i, auto part) {
        const vf old = load(M + i, part), change = (load(G + i, part) * scale - old) * fresh;
        const vf mean = old + change;
        store(M + i, mean, part);
        store(step + i, s.nesterov ? fma(ahead, change, mean) : mean, part);
    });
    double sum = 0;
    for (int64_t i = 0; i < n; i += GRAIN) sum += sum_of_squares(step + i, least(GRAIN, n - i));
    return sum;
}

// y = factor x + diagonal I, of (n, n)
void with_diagonal(const bf16* x, int64_t n, float factor, float diagonal, bf16* y) {
    each_vector(n * n, [&](int64_t i, auto part) {
        store(y + i, load(x + i, part) * splat(factor), part);
    });
    for (int64_t i = 0; i < n * n; i += n + 1)
        y[i] = from_float<bf16>(widen(x[i]) * factor + diagonal);
}

class Iteration {
  public:
    Iteration(int64_t R, int64_t C)
        : R(R), C(C), n(R < C ? R : C), x(R * C), next(R * C), gram(n * n), inner(n * n),
          outer(n * n) {}

    bf16* start() { return x; }

    // (R, C) times a I + b G + c G G, G being the smaller of its products with itself.
    const bf16* run(const MuonStep& s) {
        const bool tall = R > C;
        bf16 *from = x, *to = next;
        for (int64_t i = 0; i < s.steps; i++) {
            const Operand side = tall ? columns_of(from, C) : rows_of(from, C);
            multiply(side, side, n, n, tall ? R : C, gram);
            with_diagonal(gram, n, float(s.c), float(s.b), inner);
            multiply(rows_of(gram, n), columns_of(inner, n), n, n, n, outer);
            for (int64_t k = 0; k < n * n; k += n + 1)
                outer[k] = from_float<bf16>(widen(outer[k]) + float(s.a));
            if (tall)
                multiply(rows_of(from, C), columns_of(outer, n), R, C, n, to);
            else
                multiply(rows_of(outer, n), columns_of(from, C), R, C, n, to);
            bf16* spent = from;
            from = to, to = spent;
        }
        return from;
    }

  private:
    int64_t R, C, n;
    Scratch<bf16> x, next, gram, inner, outer;
};

void update(float* P, const float* G, float* M, int64_t R, int64_t C, float rate,
            const MuonStep& s) {
    const Scratch<float> step(R * C);
    const double norm = __builtin_sqrt(move(G, M, R * C, s, step));
    const vf factor = splat(float(1 / (norm < s.eps ? s.eps : norm))); // a NaN stays one
    Iteration iteration(R, C);
    bf16* x = iteration.start();
    each_vector(R * C,
                [&](int64_t i, auto part) { store(x + i, load(step + i, part) * factor, part); });
    const bf16* y = iteration.run(s);
    const vf decay = splat(float(s.decay)), by = splat(rate);
    each_vector(R * C, [&](int64_t i, auto part) {
        store(P + i, load(P + i, part) * decay - by * load(y + i, part), part);
    });
}

} // namespace

void muon_step(const Lists& l, const int64_t* columns, const float* rates, const MuonStep& s) {
    int64_t largest = 0; // product, in multiplications
    const auto size = [&](int64_t i) { return l.ends[i] - (i ? l.ends[i - 1] : 0); };
    const auto one = [&](int64_t i) {
        if (size(i) == 0) return;
        update(l.arrays[0][i], l.arrays[1][i], l.arrays[2][i], size(i) / columns[i], columns[i],
               rates[i], s);
    };
    for (int64_t i = 0; i < l.count; i++)
        if (size(i)) largest = most(largest, size(i) * least(columns[i], size(i) / columns[i]));
    if (largest < LARGE || l.count >= 8 * num_threads()) return parallel(l.count, one);
    for (int64_t i = 0; i < l.count; i++) one(i);
}

} // namespace weft::WEFT_ISA
