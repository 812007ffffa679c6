// Attention's forward pass in tiles with a running softmax (FlashAttention,
// arXiv:2205.14135): a row's maximum and sum are corrected as further keys come
// in, so that no more than one tile of weights is ever in memory.
// attention_backward.cpp goes the way back.
#include "attention_tile.h"

namespace weft::WEFT_ISA {
namespace {

constexpr int64_t ROWS = 256; // queries (of all heads of a group) that share one packing of keys
constexpr int64_t KEYS = 128; // keys of a tile
constexpr int64_t FEW = 4;    // so few queries are computed one by one, without packing

struct Forward : Scene {
    Heads v, y;
    Dropout dropout;
    float* lse;
};

// ---- many queries
// -------------------------------------------------------------------------------

// Queries [i0, i1) of all the query heads of one key head. Each head has
// `height` rows here, of which the last few may be padding.
template <class Products> class Strip {
    using Element = typename Products::Element;
    static constexpr int DEPTH = Products::Unit::DEPTH;

  public:
    // For up to `most` queries.
    Strip(const Forward& f, int64_t most)
        : f(f), rows(height_of(most) * f.group()), D(f.q.size()), width(padded(D)),
          units(Products::units(D)), value_units(Products::units(KEYS)), queries(rows * units),
          keys(KEYS * units), values(width * value_units), sums(rows * width), peak(rows),
          total(rows), scores(BLOCK * KEYS),
          rounded_weights(sizeof(Element) == 4 ? 0 : BLOCK * KEYS) {}

    void run(int64_t batch, int64_t key_head, int64_t begin, int64_t end) {
        b = batch, kv = key_head, i0 = begin, i1 = end;
        height = height_of(i1 - i0), rows = height * f.group();
        for (int64_t r = 0; r < rows; r++) peak[r] = -__builtin_inff(), total[r] = 0;
        each_block([&](int64_t r, int64_t n, int64_t h, int64_t i) {
            Products::pack_left(f.q.by_time(b, i, h), n, D, queries + r * units);
        });
        for (int64_t j0 = f.begin(i0, KEYS); j0 < f.seen(i1 - 1); j0 += KEYS) add_keys(j0);
        each_block([&](int64_t r, int64_t n, int64_t h, int64_t i) {
            for (int64_t row = 0; row < n; row++) {
                const float sum = total[r + row];
                f.y.store_row(b, i + row, h, sums + (r + row) * width, f.dropout.scale / sum);
                f.lse[f.row(b, h, i + row)] = peak[r + row] + __builtin_logf(sum);
            }
        });
    }

  private:
    static int64_t height_of(int64_t n) { return round_up(n, round_up(LANES, Products::HEIGHT)); }

    // body(row, rows, head, query) for each BLOCK of queries of each head.
    template <class Body> void each_block(const Body& body) {
        for (int64_t g = 0; g < f.group(); g++)
            for (int64_t i = i0; i < i1; i += BLOCK)
                body(g * height + i - i0, least(BLOCK, i1 - i), kv * f.group() + g, i);
    }

    void add_keys(int64_t j0) {
        const int64_t n = least(KEYS, f.seen(i1 - 1) - j0);
        Products::pack_right(f.k.by_time(b, j0, kv), n, D, units, keys);
        Products::pack_right(f.v.by_size(b, j0, kv), D, n, value_units, values);
        each_block([&](int64_t r, int64_t m, int64_t h, int64_t i) {
            if (f.seen(i + m - 1) > j0 && f.begin(i, KEYS) <= j0)
                add_tile(r, m, h, i, j0, least(n, f.seen(i + m - 1) - j0));
        });
    }

    // Queries i .. i + m, which are rows r .. r + m here, against keys j0 .. j0 +
    // n.
    void add_tile(int64_t r, int64_t m, int64_t h, int64_t i, int64_t j0, int64_t n) {
        Products::template product<0>(
            queries + r * units, keys, {m, n, units, units, false}, scores, KEYS,
            [&](int64_t row, int64_t rows) { return f.seen(i + row + rows - 1) - j0; });
        factor = f.scale;
        if (f.adjusts(i, m, j0)) {
            for (int64_t row = 0; row < m; row++)
                f.adjust(scores + row * KEYS, h, i + row, j0, f.visible(i + row, j0, n));
            factor = 1;
        }
        const bool more = j0 > f.begin(i, KEYS);
        float shift[BLOCK];
        raise(r, m, i, j0, n, more, shift);
        decide(f.dropout.on, [&](auto drops) {
            for (int64_t row = 0; row < m; row++)
                total[r + row] += soften(drops, row, f.visible(i + row, j0, n), n, shift[row],
                                         f.element(b, h, i + row, j0));
        });
        // All keys up to n count, hidden ones with weight 0: a hidden NaN counts in
        // the definition.
        Products::template product<KEYS / DEPTH>(
            reinterpret_cast<const int32_t*>(weights()), values,
            {m, D, Products::units(n), value_units, more}, sums + r * width, width,
            [&](int64_t, int64_t) { return D; });
    }

    // With more keys the peaks rise, and with them what was summed up so far
    // falls. `shift`: the peaks, times log2(e). A query that has seen no key yet has peak -inf.
    void raise(int64_t r, int64_t m, int64_t i, int64_t j0, int64_t n, bool more, float* shift) {
        float highest[BLOCK];
        for (int64_t row = 0; row < m; row++)
            highest[row] = peak_of(scores + row * KEYS, f.visible(i + row, j0, n));
        for (int64_t row = 0; row < m; row += LANES) {
            const vf before = load(peak + r + row), now = max(before, load(highest + row));
            const vf fall = before == now ? splat(1) : power_of_two((before - now) * LOG2_E);
            store(peak + r + row, now), store(shift + row, now * LOG2_E);
            store(highest + row, fall);
            store(total + r + row, load(total + r + row) * fall);
        }
        for (int64_t row = 0; row < m && more; row++) {
            if (highest[row] == 1) continue;
            float* sum = sums + (r + row) * width;
            for (int64_t d = 0; d < width; d += LANES) store(sum + d, load(sum + d) * highest[row]);
        }
    }

    float peak_of(float* s, int64_t visible) const {
        vf highest = splat(-__builtin_inff());
        int64_t j = 0;
        for (; j + LANES <= visible; j += LANES) highest = max(highest, load(s + j) * factor);
        if (j < visible)
            highest =
                max(highest, keep(load(s + j) * factor, Part{visible - j}, -__builtin_inff()));
        return max(highest);
    }

    Element* weights() { // of floats, in the scores' place
        if constexpr (sizeof(Element) == 4)
            return scores;
        else
            return rounded_weights;
    }

    // A row's scores -> weights 2^(score - shift), after dropout if there is any;
    // returns what they add up to before it. The first `visible` count, the
    // others up to n are 0.
    template <class Drops>
    float soften(Drops, int64_t row, int64_t visible, int64_t n, float shift, uint64_t element) {
        const float* s = scores + row * KEYS;
        Element* w = weights() + row * KEYS;
        const Dropout dropout = f.dropout;
        uint32_t words[KEYS];
        if (Drops::value && visible > 0) dropout.draw(element, visible, words);
        vf added[VECTORS] = {};
        const vf to_power = splat(factor * LOG2_E), less = splat(-shift);
        const auto unit = [&](int64_t j, auto whole) {
            vf e[VECTORS];
#pragma GCC unroll 4
            for (int c = 0; c < VECTORS; c++) {
                const int64_t at = j + c * LANES;
                e[c] = power_of_two(fma(load(s + at), to_power, less));
                if (!decltype(whole)::value) e[c] = only(e[c], visible - at, zero());
                added[c] = added[c] + e[c];
                if (Drops::value) e[c] = dropout.kept(words + at, e[c]);
            }
            Products::put(w + j, e[0], e[1]);
        };
        int64_t j = 0;
        for (; j + NR <= visible; j += NR) unit(j, Yes{});
        for (; j < n && j < visible; j += NR) unit(j, No{});
        for (; j < n; j += NR) Products::put(w + j, zero(), zero());
        return sum(added[0] + added[1]);
    }

    const Forward& f;
    int64_t b = 0, kv = 0, i0 = 0, i1 = 0, height = 0, rows; // of what is at work
    int64_t D, width, units, value_units;
    Scratch<int32_t> queries, keys, values;
    Scratch<float> sums, peak, total, scores;
    Scratch<bf16> rounded_weights;
    float factor; // from what a tile's `scores` are to scores
    typename Products::Session session;
};

// ---- few queries, as in decoding
// ----------------------------------------------------------------

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

// w: scores -> weights e^(score - highest); returns their sum, and adds their
// log to the highest.
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
    const int64_t D = f.q.size(), j0 = f.first(i), n = f.seen(i) - j0, kv = h / f.group();
    const int64_t k_step = f.k.array.stride[1], v_step = f.v.array.stride[1];
    const T *k = static_cast<const T*>(f.k.at(b, j0, kv)),
            *v = static_cast<const T*>(f.v.at(b, j0, kv));
    Scratch<float> query(D), weights(round_up(n, KEYS)), sums(D);
    WideProducts::pack_left(f.q.by_time(b, i, h), 1, D, (int32_t*)(float*)query);
    for (int64_t j = 0; j < n; j++) weights[j] = dot(query, k + j * k_step, D);
    f.adjust(weights, h, i, j0, n);
    const float total = soften_row(weights, n, f.lse[f.row(b, h, i)]);
    for (int64_t j = 0; j < n && f.dropout.on; j += KEYS) {
        uint32_t words[KEYS];
        f.dropout.draw(f.element(b, h, i, j0 + j), KEYS, words);
        for (int64_t c = j; c < j + KEYS; c += LANES)
            store(weights + c, f.dropout.kept(words + c - j, load(weights + c)));
    }
    memset(sums, 0, size_t(D) * 4);
    for (int64_t j = 0; j < n; j++) add_scaled<T>(sums, v + j * v_step, weights[j], D);
    f.y.store_row(b, i, h, sums, f.dropout.scale / total);
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

template <class Products> void many_queries(const Forward& f, int64_t B) {
    const int64_t T = f.q.times(), heads = f.k.heads();
    const int64_t share = ROWS / f.group() / BLOCK * BLOCK, strip = share > BLOCK ? share : BLOCK;
    const int64_t strips = ceil_div(T, strip);
    parallel_tasks(B * heads * strips, [&](int64_t begin, int64_t end) {
        Strip<Products> work(f, least(T, strip));
        for (int64_t index = begin; index < end; index++) {
            // with a causal mask the last ones are longest
            const int64_t s = strips - 1 - index % strips;
            const int64_t kv = index / strips % heads, b = index / strips / heads;
            work.run(b, kv, s * strip, least(T, (s + 1) * strip));
        }
    });
}

} // namespace

void attention_forward(const Array& q, const Array& k, const Array& v, float scale,
                       const Sight& sight, double dropout, uint64_t key, const Array& y,
                       const Array& lse) {
    const Forward f{{{q}, {k}, scale, sight}, {v}, {y}, {dropout, key}, data<float>(lse)};
    if (y.size == 0) return;
    if (f.q.times() <= FEW && k.dtype == v.dtype) return few_queries(f, q.shape[0]);
    if (f.q.narrow() && f.k.narrow() && f.v.narrow())
        many_queries<NarrowProducts>(f, q.shape[0]);
    else
        many_queries<WideProducts>(f, q.shape[0]);
}

} // namespace weft::WEFT_ISA
