// Attention's backward pass: the weights are computed again from each row's lse, tile by tile. One
// task is one key head with all the query heads that read it, so nothing is added up across
// threads.
#include "attention_tile.h"

namespace weft::WEFT_ISA {
namespace {

struct Backward {
    Heads dy, q, k, v, y;
    const float* lse;
    float scale;
    bool causal;
    Dropout dropout;
    const Array &dq, &dk, &dv;

    int64_t group() const { return q.heads() / k.heads(); }
    int64_t seen(int64_t i) const { return causal ? i + 1 + k.times() - q.times() : k.times(); }
    uint64_t row(int64_t b, int64_t h, int64_t i) const {
        return uint64_t((b * q.heads() + h) * q.times() + i);
    }
};

// out(b, t .. t + n, h) = rows of `width` floats.
void store_rows(const Array& out, int64_t b, int64_t t, int64_t h, int64_t n, const float* rows,
                int64_t width) {
    const int64_t T = out.shape[1], H = out.shape[2], D = out.shape[3];
    for (int64_t i = 0; i < n; i++)
        for (int64_t d = 0; d < D; d += LANES) {
            const int64_t at = ((b * T + t + i) * H + h) * D + d;
            const vf value = load(rows + i * width + d);
            if (out.dtype == Dtype::bf16)
                store_some(data<bf16>(out) + at, value, D - d);
            else
                store_some(data<float>(out) + at, value, D - d);
        }
}

template <class T> inline float dot_of(const T* x, const T* y, int64_t n) {
    vf sums = zero();
    for (int64_t d = 0; d < n; d += LANES) {
        const int64_t m = least(LANES, n - d);
        sums = m == LANES ? fma(load(x + d), load(y + d), sums)
                          : fma(load(x + d, m), load(y + d, m), sums);
    }
    return sum(sums);
}

inline void add_to(float* p, vf x) { store(p, load(p) + x); }

class KeyHead {
  public:
    KeyHead(const Backward& f, int64_t b, int64_t kv)
        : f(f), b(b), kv(kv), T(f.k.times()), D(f.q.size()), width(padded(D)),
          blocks(ceil_div(T, BLOCK)), k_by_time(blocks * BLOCK * D), v_by_time(blocks * BLOCK * D),
          k_by_size(blocks * BLOCK * width), dk(blocks * BLOCK * width), dv(blocks * BLOCK * width),
          q_left(BLOCK * D), dy_left(BLOCK * D), q_right(BLOCK * width), dy_right(BLOCK * width),
          dq(BLOCK * width), weights(BLOCK * BLOCK), gradients(BLOCK * BLOCK) {}

    void run() {
        for (int64_t c = 0; c < blocks; c++) {
            const int64_t j = c * BLOCK, n = least(BLOCK, T - j);
            pack_right(f.k.by_time(b, j, kv), n, D, k_by_time + j * D);
            pack_right(f.v.by_time(b, j, kv), n, D, v_by_time + j * D);
            pack_right(f.k.by_size(b, j, kv), D, n, k_by_size + j * width);
        }
        memset(dk, 0, size_t(blocks * BLOCK * width) * 4);
        memset(dv, 0, size_t(blocks * BLOCK * width) * 4);
        for (int64_t h = kv * f.group(); h < (kv + 1) * f.group(); h++)
            for (int64_t i = 0; i < f.q.times(); i += BLOCK)
                query_block(h, i, least(BLOCK, f.q.times() - i));
        store_rows(f.dk, b, 0, kv, T, dk, width);
        store_rows(f.dv, b, 0, kv, T, dv, width);
    }

  private:
    void query_block(int64_t h, int64_t i, int64_t m) {
        pack_left(f.q.by_time(b, i, h), m, D, q_left);
        pack_left(f.dy.by_time(b, i, h), m, D, dy_left);
        pack_right(f.q.by_size(b, i, h), D, m, q_right);
        pack_right(f.dy.by_size(b, i, h), D, m, dy_right);
        for (int64_t r = 0; r < m; r++) {
            const void *x = f.dy.at(b, i + r, h), *y = f.y.at(b, i + r, h);
            delta[r] = f.y.array.dtype == Dtype::bf16
                           ? dot_of(static_cast<const bf16*>(x), static_cast<const bf16*>(y), D)
                           : dot_of(static_cast<const float*>(x), static_cast<const float*>(y), D);
        }
        memset(dq, 0, size_t(m * width) * 4);
        const int64_t seen = f.seen(i + m - 1);
        for (int64_t j = 0; j < seen; j += BLOCK)
            tile(h, i, m, j, least(BLOCK, seen - j), least(BLOCK, T - j));
        store_rows(f.dq, b, i, h, m, dq, width);
    }

    // Queries i .. i + m against keys j .. j + n, of a block in which `packed` keys were packed.
    void tile(int64_t h, int64_t i, int64_t m, int64_t j, int64_t n, int64_t packed) {
        auto keys_of = [&](int64_t row, int64_t rows) { // that any of these rows sees
            return least(n, f.seen(i + row + rows - 1) - j);
        };
        auto scores = [&](int64_t row, int64_t rows) { return Extent{keys_of(row, rows), 0, D}; };
        multiply<Left::panels>(
            q_left, m, k_by_time + j * D, n, D, scores,
            [&](int64_t row, int64_t c, vf s) { store(weights + row * BLOCK + c, s * f.scale); });
        multiply<Left::panels>(
            dy_left, m, v_by_time + j * D, n, D, [&](int64_t, int64_t) { return Extent{n, 0, D}; },
            [&](int64_t row, int64_t c, vf s) { store(gradients + row * BLOCK + c, s); });
        for (int64_t r = 0; r < m; r++) differentiate(r, h, i + r, j, n);
        auto queries = [&](int64_t, int64_t) { return Extent{D, 0, m}; };
        multiply<Left::columns>(
            weights, n, dy_right, D, m, queries,
            [&](int64_t key, int64_t d, vf s) { add_to(dv + (j + key) * width + d, s); });
        multiply<Left::columns>(
            gradients, n, q_right, D, m, queries,
            [&](int64_t key, int64_t d, vf s) { add_to(dk + (j + key) * width + d, s); });
        multiply<Left::rows>(
            gradients, m, k_by_size + j * width, D, packed,
            [&](int64_t, int64_t) { return Extent{D, 0, n}; },
            [&](int64_t row, int64_t d, vf s) { add_to(dq + row * width + d, s); });
    }

    // One row of the tile: scores -> weights (dropped ones 0), dweights -> scale * dscores.
    void differentiate(int64_t r, int64_t h, int64_t i, int64_t j, int64_t n) {
        float *p = weights + r * BLOCK, *g = gradients + r * BLOCK;
        const int64_t visible = least(n, f.seen(i) - j);
        const float log_total = f.lse[f.row(b, h, i)];
        float mask[BLOCK] = {};
        const bool drops = f.dropout.p > 0;
        if (drops) f.dropout.mask(f.row(b, h, i) * uint64_t(T) + uint64_t(j), n, mask);
        for (int64_t c = visible > 0 ? visible : 0; c < ceil_div(n, LANES) * LANES; c++)
            p[c] = -__builtin_inff();
        for (int64_t c = 0; c < n; c += LANES) {
            const vf weight = exp(load(p + c) - log_total);
            const vf keep = drops ? load(mask + c) : splat(1.0f);
            store(p + c, weight * keep);
            store(g + c, weight * (load(g + c) * keep - delta[r]) * f.scale);
        }
    }

    const Backward& f;
    int64_t b, kv, T, D, width, blocks;
    Scratch<float> k_by_time, v_by_time, k_by_size, dk, dv; // all keys
    Scratch<float> q_left, dy_left, q_right, dy_right, dq;  // one block of queries
    Scratch<float> weights, gradients;                      // one tile
    float delta[BLOCK];                                     // y . dy of each query
};

} // namespace

void attention_backward(const Array& dy, const Array& q, const Array& k, const Array& v,
                        const Array& y, const Array& lse, float scale, bool causal, double dropout,
                        uint64_t key, const Array& dq, const Array& dk, const Array& dv) {
    const Backward f{{dy},           {q}, {k}, {v}, {y}, data<float>(lse), scale, causal,
                     {dropout, key}, dq,  dk,  dv};
    const int64_t heads = f.k.heads();
    parallel(k.shape[0] * heads, [&](int64_t i) { KeyHead(f, i / heads, i % heads).run(); });
}

} // namespace weft::WEFT_ISA
