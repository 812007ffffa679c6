// Attention's forward pass in tiles with a running softmax (FlashAttention, arXiv:2205.14135): a
// row's maximum and sum are corrected as further keys come in, so that no more than one tile of
// weights is ever in memory. attention_backward.cpp goes the way back.
#include "attention_tile.h"

namespace weft::WEFT_ISA {
namespace {

constexpr int64_t ROWS =
    256;                   // queries (of all heads of a group) that share one packing of the keys
constexpr int64_t FEW = 4; // so few queries are computed one by one, without packing

struct Forward {
    Heads q, k, v;
    float scale;
    bool causal;
    Dropout dropout;
    const Array &y, &lse;

    int64_t group() const { return q.heads() / k.heads(); }
    int64_t seen(int64_t i) const { return causal ? i + 1 + k.times() - q.times() : k.times(); }
    uint64_t element(int64_t b, int64_t h, int64_t i, int64_t j) const {
        return uint64_t(((b * q.heads() + h) * q.times() + i) * k.times() + j);
    }
    float& lse_at(int64_t b, int64_t h, int64_t i) const {
        return data<float>(lse)[(b * q.heads() + h) * q.times() + i];
    }

    // y(b, i, h) = sums * factor
    void store_row(int64_t b, int64_t i, int64_t h, const float* sums, float factor) const {
        const int64_t D = q.size(), at = ((b * q.times() + i) * q.heads() + h) * D;
        for (int64_t d = 0; d < D; d += LANES) {
            const vf value = load_some(sums + d, D - d) * factor;
            if (y.dtype == Dtype::bf16)
                store_some(data<bf16>(y) + at + d, value, D - d);
            else
                store_some(data<float>(y) + at + d, value, D - d);
        }
    }
};

// ---- many queries -------------------------------------------------------------------------------

// Queries [i0, i1) of all the query heads of one key head.
class Strip {
  public:
    Strip(const Forward& f, int64_t b, int64_t kv, int64_t i0, int64_t i1)
        : f(f), b(b), kv(kv), i0(i0), i1(i1), T(i1 - i0), rows(T * f.group()), D(f.q.size()),
          width(padded(D)), queries(rows * D), sums(rows * width), peak(rows), total(rows),
          keys(BLOCK * D), values(BLOCK * width) {}

    void run() {
        for (int64_t r = 0; r < rows; r++) peak[r] = -__builtin_inff(), total[r] = 0;
        memset(sums, 0, size_t(rows * width) * 4);
        each_block([&](int64_t r, int64_t n, int64_t h, int64_t i) {
            pack_left(f.q.by_time(b, i, h), n, D, queries + r * D);
        });
        for (int64_t j0 = 0; j0 < f.seen(i1 - 1); j0 += BLOCK) add_keys(j0);
        for (int64_t r = 0; r < rows; r++) {
            const int64_t h = kv * f.group() + r / T, i = i0 + r % T;
            f.store_row(b, i, h, sums + r * width, 1 / total[r]);
            f.lse_at(b, h, i) = peak[r] + __builtin_logf(total[r]);
        }
    }

  private:
    // body(row, rows, head, query) for each BLOCK of queries of each head.
    template <class Body> void each_block(const Body& body) {
        for (int64_t g = 0; g < f.group(); g++)
            for (int64_t i = i0; i < i1; i += BLOCK)
                body(g * T + i - i0, least(BLOCK, i1 - i), kv * f.group() + g, i);
    }

    void add_keys(int64_t j0) {
        const int64_t n = least(BLOCK, f.seen(i1 - 1) - j0);
        pack_right(f.k.by_time(b, j0, kv), n, D, keys);
        pack_right(f.v.by_size(b, j0, kv), D, n, values);
        each_block([&](int64_t r, int64_t m, int64_t h, int64_t i) {
            if (f.seen(i + m - 1) > j0)
                add_tile(r, m, h, i, j0, least(n, f.seen(i + m - 1) - j0), n);
        });
    }

    // Queries i .. i + m, which are rows r .. r + m here, against keys j0 .. j0 + n, of a block in
    // which `packed` keys were packed.
    void add_tile(int64_t r, int64_t m, int64_t h, int64_t i, int64_t j0, int64_t n,
                  int64_t packed) {
        alignas(64) float weights[BLOCK * BLOCK];
        float correction[BLOCK];
        auto keys_of = [&](int64_t row, int64_t rows) { // that any of these rows sees
            return least(n, f.seen(i + row + rows - 1) - j0);
        };
        multiply<Left::panels>(
            queries + r * D, m, keys, n, D,
            [&](int64_t row, int64_t rows) { return Extent{keys_of(row, rows), 0, D}; },
            [&](int64_t row, int64_t j, vf s) { store(weights + row * BLOCK + j, s * f.scale); });
        for (int64_t row = 0; row < m; row++) {
            const int64_t visible = least(n, f.seen(i + row) - j0);
            correction[row] = soften(weights + row * BLOCK, visible, n, r + row);
            if (f.dropout.p > 0) drop(weights + row * BLOCK, f.element(b, h, i + row, j0), n);
        }
        float* out = sums + r * width;
        multiply<Left::rows>(
            weights, m, values, D, packed,
            [&](int64_t, int64_t) {
                return Extent{D, 0, n};
            }, // a hidden NaN counts, as in the definition
            [&](int64_t row, int64_t d, vf s) {
                float* p = out + row * width + d;
                store(p, fma(load(p), splat(correction[row]), s));
            });
    }

    // scores -> weights e^(score - peak), of which the first `visible` count and the others up to n
    // are 0; returns what the sums so far must be multiplied by.
    float soften(float* w, int64_t visible, int64_t n, int64_t row) {
        if (visible <= 0) {
            memset(w, 0, size_t(n) * 4);
            return 1;
        }
        vf highest = splat(peak[row]);
        for (int64_t j = visible; j < ceil_div(n, LANES) * LANES; j++) w[j] = -__builtin_inff();
        for (int64_t j = 0; j < n; j += LANES) highest = max(highest, load(w + j));
        const float before = peak[row], now = max(highest);
        vf added = zero();
        for (int64_t j = 0; j < n; j += LANES) {
            const vf e = exp(load(w + j) - now);
            store(w + j, e);
            added = added + e;
        }
        const float factor = exp(splat(before - now))[0];
        peak[row] = now;
        total[row] = total[row] * factor + sum(added);
        return factor;
    }

    void drop(float* w, uint64_t element, int64_t n) {
        float mask[BLOCK];
        f.dropout.mask(element, n, mask);
        for (int64_t j = 0; j < n; j++) w[j] *= mask[j];
    }

    const Forward& f;
    int64_t b, kv, i0, i1, T, rows, D, width;
    Scratch<float> queries, sums, peak, total, keys, values;
};

// ---- few queries, as in decoding ----------------------------------------------------------------

template <class T> inline float dot(const float* x, const T* y, int64_t n) {
    vf sums = zero();
    int64_t d = 0;
    for (; d + LANES <= n; d += LANES) sums = fma(load(x + d), load(y + d), sums);
    if (d < n) sums = fma(load(x + d, n - d), load(y + d, n - d), sums);
    return sum(sums);
}

template <class T> inline void add_scaled(float* y, const T* x, float factor, int64_t n) {
    int64_t d = 0;
    for (; d + LANES <= n; d += LANES) store(y + d, fma(splat(factor), load(x + d), load(y + d)));
    if (d < n) store(y + d, fma(splat(factor), load(x + d, n - d), load(y + d, n - d)), n - d);
}

// w: scores -> weights e^(score - highest); returns their sum, and adds their log to the highest.
float soften_row(float* w, int64_t n, float& highest_plus_log) {
    vf highest = splat(-__builtin_inff()), added = zero();
    for (int64_t j = n; j < ceil_div(n, LANES) * LANES; j++) w[j] = -__builtin_inff();
    for (int64_t j = 0; j < n; j += LANES) highest = max(highest, load(w + j));
    const float peak = max(highest);
    for (int64_t j = 0; j < n; j += LANES) {
        const vf e = exp(load(w + j) - peak);
        store(w + j, e);
        added = added + e;
    }
    const float total = sum(added);
    highest_plus_log = peak + __builtin_logf(total);
    return total;
}

template <class T> void one_query(const Forward& f, int64_t b, int64_t h, int64_t i) {
    const int64_t D = f.q.size(), n = f.seen(i), kv = h / f.group();
    const int64_t k_step = f.k.array.stride[1], v_step = f.v.array.stride[1];
    const T *k = static_cast<const T*>(f.k.at(b, 0, kv)),
            *v = static_cast<const T*>(f.v.at(b, 0, kv));
    Scratch<float> query(D), weights(n + LANES), sums(D);
    pack_left(f.q.by_time(b, i, h), 1, D, query);
    for (int64_t j = 0; j < n; j++) weights[j] = dot(query, k + j * k_step, D) * f.scale;
    const float total = soften_row(weights, n, f.lse_at(b, h, i));
    if (f.dropout.p > 0)
        for (int64_t j = 0; j < n; j += BLOCK) {
            float mask[BLOCK];
            const int64_t m = least(BLOCK, n - j);
            f.dropout.mask(f.element(b, h, i, j), m, mask);
            for (int64_t c = 0; c < m; c++) weights[j + c] *= mask[c];
        }
    memset(sums, 0, size_t(D) * 4);
    for (int64_t j = 0; j < n; j++) add_scaled<T>(sums, v + j * v_step, weights[j], D);
    f.store_row(b, i, h, sums, 1 / total);
}

void few_queries(const Forward& f, int64_t B) {
    const int64_t H = f.q.heads(), T = f.q.times();
    auto body = [&](int64_t index) {
        const int64_t b = index / (H * T), h = index / T % H, i = index % T;
        if (f.k.array.dtype == Dtype::bf16)
            one_query<bf16>(f, b, h, i);
        else
            one_query<float>(f, b, h, i);
    };
    const int64_t n = B * H * T;
    if (n * f.k.times() * f.q.size() > 1 << 17) return parallel(n, body);
    for (int64_t index = 0; index < n; index++) body(index);
}

} // namespace

void attention_forward(const Array& q, const Array& k, const Array& v, float scale, bool causal,
                       double dropout, uint64_t key, const Array& y, const Array& lse) {
    const Forward f{{q}, {k}, {v}, scale, causal, {dropout, key}, y, lse};
    const int64_t B = q.shape[0], T = f.q.times(), heads = f.k.heads();
    if (y.size == 0) return;
    if (T <= FEW && k.dtype == v.dtype) return few_queries(f, B);
    const int64_t share = ROWS / f.group() / BLOCK * BLOCK, strip = share > BLOCK ? share : BLOCK;
    const int64_t strips = ceil_div(T, strip);
    parallel(B * heads * strips, [&](int64_t index) {
        const int64_t s =
            strips - 1 - index % strips; // with a causal mask the last ones are longest
        const int64_t kv = index / strips % heads, b = index / strips / heads;
        Strip(f, b, kv, s * strip, least(T, (s + 1) * strip)).run();
    });
}

} // namespace weft::WEFT_ISA
