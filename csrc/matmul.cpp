// Matrix products, plain, as a linear layer, and as the last layer with its loss. Most go through
// panels (matmul_product.h), a few rows through dot products (matmul_dot.h).
#include "integers.h"
#include "loss.h"
#include "matmul_dot.h"
#include "matmul_product.h"
#include "pieces.h"

namespace weft::WEFT_ISA {
namespace {

constexpr int64_t TINY = 2048;                                // multiplications not worth packing
constexpr int64_t HALVED_WEIGHT = 1 << 17, HALVED_ROWS = 512; // see gradients_of_parameters

// ---- products too small or too narrow for panels ------------------------------------------------

float element_at(const Operand& o, int64_t row, int64_t k) {
    const int64_t at = row * o.row_stride + k * o.depth_stride;
    if (o.dtype == Dtype::bf16) return widen(static_cast<const bf16*>(o.data)[at]);
    const float x = static_cast<const float*>(o.data)[at];
    return o.round ? widen(from_float<bf16>(x)) : x;
}

template <class T>
void tiny_product(const Operand& a, const Operand& b, int64_t M, int64_t N, int64_t K, Output out,
                  const Epilogue& epilogue) {
    for (int64_t i = 0; i < M; i++)
        for (int64_t j = 0; j < N; j++) {
            float sum = 0;
            for (int64_t k = 0; k < K; k++) sum += element_at(a, i, k) * element_at(b, j, k);
            vf sums[VECTORS] = {splat(sum)};
            if (!epilogue.plain()) epilogue(sums, i, j, 1);
            static_cast<T*>(out.data)[i * out.stride + j] = from_float<T>(sums[0][0]);
        }
}

template <class W, class T>
void narrow_product(const Operand& a, const Operand& b, int64_t M, int64_t N, int64_t K, Output out,
                    const Epilogue& epilogue) {
    Scratch<float> x(M * K);
    for (int64_t i = 0; i < M; i++)
        for (int64_t k = 0; k < K; k++) x[i * K + k] = element_at(a, i, k);
    const int64_t grain = ceil_div(32768, K * NR) * NR;
    auto body = [&](int64_t begin, int64_t end) {
        const int64_t n = end - begin;
        Scratch<float> y(M * n + LANES);
        dot_product<W>(M, x, static_cast<const W*>(b.data) + begin * b.row_stride, b.row_stride, K,
                       y, n, n);
        for (int64_t i = 0; i < M; i++)
            for (int64_t j = 0; j < n; j += NR) {
                vf sums[VECTORS];
                for (int v = 0; v < VECTORS; v++)
                    sums[v] = load_some(y + i * n + j + v * LANES, n - j - v * LANES);
                if (!epilogue.plain()) epilogue(sums, i, begin + j, n - j);
                T* to = static_cast<T*>(out.data) + i * out.stride + begin + j;
                for (int v = 0; v < VECTORS; v++)
                    store_some(to + v * LANES, sums[v], n - j - v * LANES);
            }
    };
    if (M * N * K < SMALL / 8)
        body(int64_t(0), N);
    else
        parallel_ranges(N, grain, body);
}

// ---- choosing -----------------------------------------------------------------------------------

template <class T>
void product_as(const Operand& a, const Operand& b, int64_t M, int64_t N, int64_t K, Output out,
                const Epilogue& epilogue) {
    if (M == 0 || N == 0) return;
    if (M * N * K <= TINY) return tiny_product<T>(a, b, M, N, K, out, epilogue);
    const bool narrow_a = a.dtype == Dtype::bf16 || a.round;
    const bool narrow_b = b.dtype == Dtype::bf16 || b.round;
    const bool tiles = narrow_a && narrow_b && NarrowKernel::FAST;
    if (b.depth_stride == 1 && M <= (tiles ? DOT_ROWS : 3 * DOT_ROWS)) {
        if (b.dtype == Dtype::bf16) return narrow_product<bf16, T>(a, b, M, N, K, out, epilogue);
        if (b.round) return narrow_product<rounded, T>(a, b, M, N, K, out, epilogue);
        return narrow_product<float, T>(a, b, M, N, K, out, epilogue);
    }
    if (narrow_a && narrow_b)
        packed_product<NarrowKernel, T>(a, b, M, N, K, out, epilogue);
    else
        packed_product<Vectors<Floats>, T>(a, b, M, N, K, out, epilogue);
}

void product(const Operand& a, const Operand& b, int64_t M, int64_t N, int64_t K, const Array& out,
             int64_t offset, const Epilogue& epilogue) {
    if (out.dtype == Dtype::bf16)
        product_as<bf16>(a, b, M, N, K, {data<bf16>(out) + offset, N}, epilogue);
    else
        product_as<float>(a, b, M, N, K, {data<float>(out) + offset, N}, epilogue);
}

const void* element_pointer(const Array& a, int64_t offset) {
    return static_cast<const char*>(a.data) + offset * dtype_bytes(a.dtype);
}

// A contiguous (rows, depth) matrix, or (depth, rows) if transposed.
Operand operand(const Array& a, bool transposed, int64_t offset = 0, bool round = false) {
    const int64_t length = axis(a, -1);
    return {element_pointer(a, offset), a.dtype, transposed ? 1 : length, transposed ? length : 1,
            round && a.dtype == Dtype::f32};
}

// y (M,) = the sum of `rows` rows of x, `stride` apart: 64 at a time, so that rounding does not
// grow with all of them, and as they lie in memory.
template <class T> void sum_rows(const T* x, int64_t stride, int64_t rows, int64_t M, float* y) {
    constexpr int64_t TOGETHER = 64;
    const Scratch<float> sums(M);
    clear(y, M);
    for (int64_t begin = 0; begin < rows; begin += TOGETHER) {
        clear(sums, M);
        for (int64_t r = begin; r < least(begin + TOGETHER, rows); r++)
            vectors(0, M, [&](int64_t c, auto part) {
                accumulate(sums, c, load(x + r * stride + c, part), part);
            });
        vectors(0, M, [&](int64_t c, auto part) { accumulate(y, c, load(sums + c, part), part); });
    }
}

// Rows [begin, end) of x (N, M), columns from `column` on, as many as y has.
void sum_rows(const Array& x, int64_t begin, int64_t end, int64_t column, int64_t n, float* y) {
    const int64_t M = axis(x, 1), at = begin * M + column;
    if (x.dtype == Dtype::bf16)
        sum_rows(data<const bf16>(x) + at, M, end - begin, n, y);
    else
        sum_rows(data<const float>(x) + at, M, end - begin, n, y);
}

void column_sums(const Array& x, const Array& y) {
    const int64_t N = axis(x, 0), M = axis(x, 1);
    const Pieces pieces(N);
    const Scratch<float> sums(pieces.count * M);
    parallel(pieces.count, [&](int64_t piece) {
        const int64_t begin = piece * pieces.rows, end = least(begin + pieces.rows, N);
        sum_rows(x, begin, end, 0, M, sums + piece * M);
    });
    add_pieces(sums, pieces.count, y);
}

} // namespace

void matmul(const Array& a, const Array& b, bool transpose_a, bool transpose_b, const Array& y) {
    const int64_t M = axis(y, -2), N = axis(y, -1), K = axis(a, transpose_a ? -2 : -1);
    const int64_t batches = y.size ? y.size / (M * N) : 0;
    auto one = [&](int64_t i) {
        product(operand(a, transpose_a, i * M * K), operand(b, !transpose_b, i * K * N), M, N, K, y,
                i * M * N, Epilogue{});
    };
    if (batches > 1 && M * N * K * batches >= SMALL / 8) return parallel(batches, one);
    for (int64_t i = 0; i < batches; i++) one(i);
}

void linear_forward(const Array& x, const Array& w, const Array& b, const Array& residual,
                    double dropout, uint64_t key, const Array& y) {
    const int64_t N = axis(x, 0), K = axis(x, 1), M = axis(w, 0);
    Epilogue epilogue;
    epilogue.bias = b, epilogue.residual = residual, epilogue.columns = M;
    epilogue.dropout = dropout, epilogue.key = key;
    product(operand(x, false), operand(w, false, 0, x.dtype == Dtype::bf16), N, M, K, y, 0,
            epilogue);
}

void linear_activation_forward(const Array& x, const Array& w, const Array& b, Curve curve,
                               const Array& slope, const Array& y) {
    const int64_t N = axis(x, 0), K = axis(x, 1), M = axis(w, 0);
    Epilogue epilogue;
    epilogue.bias = b, epilogue.slope = slope, epilogue.columns = M;
    epilogue.activation = Epilogue::Activation::curve, epilogue.curve = curve;
    product(operand(x, false), operand(w, false, 0, x.dtype == Dtype::bf16), N, M, K, y, 0,
            epilogue);
}

void linear_swiglu_forward(const Array& x, const Array& w, const Array& b, const Array& gate,
                           const Array& up, const Array& y) {
    const int64_t N = axis(x, 0), K = axis(x, 1), M = axis(w, 0);
    Epilogue epilogue;
    epilogue.bias = b, epilogue.gate = gate, epilogue.up = up, epilogue.columns = M;
    epilogue.activation = Epilogue::Activation::swiglu;
    product(operand(x, false), operand(w, false, 0, x.dtype == Dtype::bf16), N, M, K, y, 0,
            epilogue);
}

namespace {

// dw = dyᵀ x and, if wanted, db = the column sums of dy. Each half of the rows by itself, where
// they are many for a small weight: they were written by different threads, whose caches have
// them. The halves are the same for any number of threads, and so are the bits.
void gradients_of_parameters(const Array& dy, const Array& x, const Array& dw, const Array& db) {
    const int64_t N = axis(x, 0), K = axis(x, 1), M = axis(dw, 0);
    if (M * K > HALVED_WEIGHT || N < HALVED_ROWS || M * K * N < 2 * SMALL) {
        product(operand(dy, true), operand(x, true), M, K, N, dw, 0, Epilogue{});
        if (db.data) column_sums(dy, db);
        return;
    }
    const int64_t middle = ceil_div(N / 2, 32) * 32, parts = most(num_threads() / 2, 1);
    const int64_t share = ceil_div(ceil_div(M, parts), 32) * 32;
    const Scratch<float> second(M * K), sums(2 * M);
    Array rest = dw;
    rest.data = second;
    parallel(2 * parts, [&](int64_t i) {
        const int64_t half = i / parts, begin = i % parts * share;
        if (begin >= M) return;
        const int64_t row = half * middle, end = half ? N : middle, n = least(share, M - begin);
        product_as<float>(operand(dy, true, row * M + begin), operand(x, true, row * K), n, K,
                          end - row, {data<float>(half ? rest : dw) + begin * K, K}, Epilogue{});
        if (db.data) sum_rows(dy, row, end, begin, n, sums + half * M + begin);
    });
    add(dw, rest, dw);
    if (!db.data) return;
    vectors(0, M, [&](int64_t c, auto part) {
        store(data<float>(db) + c, load(sums + c, part) + load(sums + M + c, part), part);
    });
}

// dx goes through the epilogue.
void backward(const Array& dy, const Array& x, const Array& w, const Epilogue& epilogue,
              const Array& dx, const Array& dw, const Array& db) {
    const int64_t N = axis(x, 0), K = axis(x, 1), M = axis(w, 0);
    product(operand(dy, false), operand(w, true, 0, x.dtype == Dtype::bf16), N, K, M, dx, 0,
            epilogue);
    gradients_of_parameters(dy, x, dw, db);
}

} // namespace

void linear_backward(const Array& dy, const Array& x, const Array& w, const Array& slope,
                     const Array& dx, const Array& dw, const Array& db) {
    Epilogue epilogue;
    if (slope.data) epilogue.activation = Epilogue::Activation::scaled;
    epilogue.slope = slope, epilogue.columns = axis(x, 1);
    backward(dy, x, w, epilogue, dx, dw, db);
}

void linear_swiglu_backward(const Array& dy, const Array& x, const Array& w, const Array& gate,
                            const Array& up, const Array& dgate, const Array& dup, const Array& dw,
                            const Array& db) {
    Epilogue epilogue;
    epilogue.activation = Epilogue::Activation::swiglu_gradient;
    epilogue.gate = gate, epilogue.up = up, epilogue.dgate = dgate;
    epilogue.columns = axis(x, 1);
    backward(dy, x, w, epilogue, dup, dw, db);
}

namespace {

constexpr int64_t LOGITS = int64_t(128) << 20; // bytes of them that are in memory at a time

// Rows [begin, begin + n) of x with all of w. Their logits are overwritten by their gradients.
template <class T>
void loss_of_rows(const Array& x, const Array& w, const Array& targets, int64_t ignore_index,
                  float scale, int64_t begin, int64_t n, T* logits, int64_t stride,
                  const Array& losses, const Array& dx, const Array& dw) {
    const int64_t K = axis(x, 1), V = axis(w, 0);
    const bool round = x.dtype == Dtype::bf16;
    const Operand rows = operand(x, false, begin * K), columns = operand(x, true, begin * K);
    product_as<T>(rows, operand(w, false, 0, round), n, V, K, {logits, stride}, Epilogue{});
    parallel_rows(n, V, [&](int64_t i0, int64_t i1) {
        for (int64_t i = i0; i < i1; i++) {
            T* row = logits + i * stride;
            const int64_t target = integer_at(targets, begin + i);
            float& loss = data<float>(losses)[begin + i];
            float lse;
            loss_row(row, V, target, target != ignore_index, loss, lse);
            if (target == ignore_index)
                memset(static_cast<void*>(row), 0, size_t(V) * sizeof(T));
            else
                gradient_row(row, V, target, scale, lse, row);
            for (int64_t v = V; v < stride; v++) row[v] = T{};
        }
    });
    const Operand left{logits, x.dtype, stride, 1, false, true};
    const Operand left_transposed{logits, x.dtype, 1, stride};
    product(left, operand(w, true, 0, round), n, K, V, dx, begin * K, Epilogue{});
    Epilogue add;
    if (begin > 0) add.residual = dw, add.columns = K;
    product(left_transposed, columns, V, K, n, dw, 0, add);
}

} // namespace

void linear_cross_entropy(const Array& x, const Array& w, const Array& targets,
                          int64_t ignore_index, float scale, const Array& losses, const Array& dx,
                          const Array& dw) {
    const int64_t N = axis(x, 0), V = axis(w, 0);
    with_type(x.dtype, [&](auto* type) {
        using T = element<decltype(type)>;
        const int64_t stride = ceil_div(V, 32) * 32, bytes = N * stride * int64_t(sizeof(T));
        const int64_t chunk = ceil_div(N, most(ceil_div(bytes, LOGITS), 1));
        const Scratch<T> logits(chunk * stride);
        for (int64_t i = 0; i < N; i += chunk)
            loss_of_rows<T>(x, w, targets, ignore_index, scale, i, least(chunk, N - i), logits,
                            stride, losses, dx, dw);
    });
}

} // namespace weft::WEFT_ISA
