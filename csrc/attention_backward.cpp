// Attention's backward pass: the weights are computed again from each row's
// lse, tile by tile. One task is one key head with all the query heads that
// read it, so nothing is added up across threads.
#include "attention_tile.h"

namespace weft::WEFT_ISA {
namespace {

struct Backward : Scene {
    Heads dy, v, y, dq, dk, dv;
    const float* lse;
    Dropout dropout;
};

template <class T> inline float dot_of(const T* x, const T* y, int64_t n) {
    vf sums = zero();
    vectors(0, n,
            [&](int64_t d, auto part) { sums = fma(load(x + d, part), load(y + d, part), sums); });
    return sum(sums);
}

// out(b, t .. t + n, h) = the columns of `rows`, BLOCK of them in each row,
// times a factor.
void store_columns(const Heads& out, int64_t b, int64_t t, int64_t h, int64_t n, const float* rows,
                   float factor) {
    const int64_t D = out.size();
    Scratch<float> row(LANES * padded(D));
    for (int64_t c = 0; c < n; c += LANES) {
        for (int64_t d = 0; d < D; d += LANES) {
            vi v[LANES];
#pragma GCC unroll 16
            for (int i = 0; i < LANES; i++) v[i] = as_int(load(rows + (d + i) * BLOCK + c));
            transpose(v);
#pragma GCC unroll 16
            for (int i = 0; i < LANES; i++) store(row + i * padded(D) + d, as_float(v[i]));
        }
        for (int64_t i = 0; i < least(LANES, n - c); i++)
            out.store_row(b, t + c + i, h, row + i * padded(D), factor);
    }
}

// What is summed up over the queries, dk and dv, is kept with a row for each d:
// then the weights are the right operand of all three products into which they
// go, and need not be turned.
template <class Products> class KeyHead {
    using Element = typename Products::Element;
    static constexpr int DEPTH = Products::Unit::DEPTH;
    static constexpr int64_t UNITS = BLOCK / DEPTH; // of a depth of BLOCK

  public:
    explicit KeyHead(const Backward& f)
        : f(f), T(f.k.times()), D(f.q.size()), width(padded(D)), units(Products::units(D)),
          blocks(ceil_div(T, BLOCK)), k_by_time(blocks * BLOCK * units),
          v_by_time(blocks * BLOCK * units), k_by_size(blocks * UNITS * width),
          q_by_time(BLOCK * units), dy_by_time(BLOCK * units), q_by_size(width * UNITS),
          dy_by_size(width * UNITS), weights(UNITS * BLOCK), gradients(UNITS * BLOCK),
          dk(blocks * BLOCK * width), dv(blocks * BLOCK * width), dq(BLOCK * width),
          scores(BLOCK * BLOCK), changes(BLOCK * BLOCK), gradient_rows(BLOCK * BLOCK) {}

    void run(int64_t batch, int64_t key_head) {
        b = batch, kv = key_head;
        for (int64_t c = 0; c < blocks; c++) {
            const int64_t j = c * BLOCK, n = least(BLOCK, T - j);
            Products::pack_right(f.k.by_time(b, j, kv), n, D, units, k_by_time + j * units);
            Products::pack_right(f.v.by_time(b, j, kv), n, D, units, v_by_time + j * units);
            Products::pack_right(f.k.by_size(b, j, kv), D, n, UNITS, k_by_size + c * UNITS * width);
        }
        memset(dk, 0, size_t(blocks * BLOCK * width) * 4);
        memset(dv, 0, size_t(blocks * BLOCK * width) * 4);
        for (int64_t h = kv * f.group(); h < (kv + 1) * f.group(); h++)
            for (int64_t i = 0; i < f.q.times(); i += BLOCK)
                add_queries(h, i, least(BLOCK, f.q.times() - i));
        for (int64_t j = 0; j < T; j += BLOCK) {
            const int64_t n = least(BLOCK, T - j);
            store_columns(f.dk, b, j, kv, n, dk + j * width, f.scale);
            store_columns(f.dv, b, j, kv, n, dv + j * width, 1);
        }
    }

  private:
    void add_queries(int64_t h, int64_t i, int64_t m) {
        Products::pack_left(f.q.by_time(b, i, h), m, D, q_by_time);
        Products::pack_left(f.dy.by_time(b, i, h), m, D, dy_by_time);
        Products::pack_left(f.q.by_size(b, i, h), D, m, q_by_size);
        Products::pack_left(f.dy.by_size(b, i, h), D, m, dy_by_size);
        for (int64_t r = 0; r < m; r++) {
            const void *x = f.dy.at(b, i + r, h), *y = f.y.at(b, i + r, h);
            with_type(f.y.array.dtype, [&](auto* type) {
                using T = element<decltype(type)>;
                delta[r] = dot_of(static_cast<const T*>(x), static_cast<const T*>(y), D);
            });
            shift[r] = f.lse[f.row(b, h, i + r)] * LOG2_E;
        }
        const int64_t seen = f.seen(i + m - 1);
        for (int64_t j = f.begin(i, BLOCK); j < seen; j += BLOCK)
            add_tile(h, i, m, j, least(BLOCK, seen - j));
        for (int64_t r = 0; r < m; r++) f.dq.store_row(b, i + r, h, dq + r * width, f.scale);
    }

    // Queries i .. i + m against keys j .. j + n. In a block that some queries
    // see, all are multiplied with all keys, hidden ones with weight 0: a hidden
    // NaN counts in the definition.
    void add_tile(int64_t h, int64_t i, int64_t m, int64_t j, int64_t n) {
        const auto all = [&](int64_t, int64_t) { return BLOCK + width; };
        Products::template product<0>(
            q_by_time, k_by_time + j * units, {m, n, units, units, false}, scores, BLOCK,
            [&](int64_t row, int64_t rows) { return f.seen(i + row + rows - 1) - j; });
        Products::template product<0>(dy_by_time, v_by_time + j * units,
                                      {m, n, units, units, false}, changes, BLOCK, all);
        factor = f.scale;
        if (f.adjusts(i, m, j)) {
            for (int64_t r = 0; r < m; r++)
                f.adjust(scores + r * BLOCK, h, i + r, j, least(n, f.seen(i + r) - j));
            factor = 1;
        }
        decide(f.dropout.on, [&](auto drops) { differentiate(drops, h, i, m, j, n); });
        const int64_t queries = Products::units(m);
        Products::template product<0>(dy_by_size, weights, {D, n, queries, UNITS, true},
                                      dv + j * width, BLOCK, all);
        Products::template product<0>(q_by_size, gradients, {D, n, queries, UNITS, true},
                                      dk + j * width, BLOCK, all);
        Products::template product<UNITS>(
            reinterpret_cast<const int32_t*>(static_cast<Element*>(gradient_rows)),
            k_by_size + j / BLOCK * UNITS * width,
            {m, D, Products::units(n), UNITS, j > f.begin(i, BLOCK)}, dq, width, all);
    }

    // Scores and changes of the weights -> dropped weights, and gradients of the
    // scores, but for the constant factors 1/(1 - p) and scale.
    template <class Drops>
    void differentiate(Drops drops, int64_t h, int64_t i, int64_t m, int64_t j, int64_t n) {
        uint32_t words[DEPTH][BLOCK] = {}; // of hidden keys none are drawn
        for (int64_t r = 0; r < round_up(m, Products::STEP); r += DEPTH) {
            int64_t visible[DEPTH] = {};
            for (int64_t s = 0; s < least(DEPTH, m - r); s++) {
                visible[s] = least(n, f.seen(i + r + s) - j);
                if (Drops::value && visible[s] > 0)
                    f.dropout.draw(f.element(b, h, i + r + s, j), visible[s], words[s]);
            }
            int64_t c = 0;
            for (; c + NR <= visible[0] && r + DEPTH <= m; c += NR)
                differentiate_unit(drops, Yes{}, r, m, c, n, visible, words);
            for (; c < n; c += NR) differentiate_unit(drops, No{}, r, m, c, n, visible, words);
        }
    }

    // NR columns of DEPTH rows; of a whole unit there is all, and all is visible.
    template <class Drops, class Whole>
    void differentiate_unit(Drops, Whole, int64_t r, int64_t m, int64_t c, int64_t n,
                            const int64_t (&visible)[DEPTH],
                            const uint32_t (&words)[DEPTH][BLOCK]) {
        vf p[DEPTH][VECTORS] = {}, g[DEPTH][VECTORS] = {};
        const Dropout dropout = f.dropout;
        const vf to_power = splat(factor * LOG2_E), kept = splat(dropout.scale);
        const float *score = scores + r * BLOCK + c, *change = changes + r * BLOCK + c;
#pragma GCC unroll 2
        for (int s = 0; s < DEPTH; s++) {
            if (!Whole::value && r + s >= m) break;
            const vf less = splat(-shift[r + s]), before = splat(-delta[r + s]);
#pragma GCC unroll 4
            for (int l = 0; l < VECTORS; l++) {
                const int64_t column = c + l * LANES, at = s * BLOCK + l * LANES;
                vf exponent = fma(load(score + at), to_power, less);
                if (!Whole::value) // a hidden score is -inf, and its weight 0 or NaN
                    exponent = only(exponent, visible[s] - column, less - __builtin_inff());
                const vf weight = power_of_two(exponent);
                const vf keep = Drops::value ? dropout.kept(words[s] + column, kept) : kept;
                p[s][l] = Drops::value ? weight * keep : weight;
                g[s][l] = weight * fma(load(change + at), keep, before);
                if (!Whole::value) g[s][l] = only(g[s][l], n - column, zero());
            }
            Products::put(gradient_rows + (r + s) * BLOCK + c, g[s][0], g[s][1]);
        }
        const int64_t at = (c / NR * UNITS + r / DEPTH) * NR;
        Products::put_unit(weights + at, p);
        Products::put_unit(gradients + at, g);
    }

    const Backward& f;
    int64_t b = 0, kv = 0; // the one at work
    int64_t T, D, width, units, blocks;
    Scratch<int32_t> k_by_time, v_by_time, k_by_size; // all keys
    Scratch<int32_t> q_by_time, dy_by_time, q_by_size,
        dy_by_size;                      // one block of queries
    Scratch<int32_t> weights, gradients; // one tile, as right operands
    Scratch<float> dk, dv, dq, scores, changes;
    Scratch<Element> gradient_rows;
    float factor; // from what a tile's `scores` are to scores
    float delta[BLOCK],
        shift[BLOCK]; // y . dy of each query, and its lse times log2(e)
    typename Products::Session session;
};

template <class Products> void each_key_head(const Backward& f) {
    const int64_t heads = f.k.heads(), all = f.k.array.shape[0] * heads;
    parallel_tasks(all, [&](int64_t begin, int64_t end) {
        KeyHead<Products> head(f);
        for (int64_t i = begin; i < end; i++) head.run(i / heads, i % heads);
    });
}

} // namespace

void attention_backward(const Array& dy, const Array& q, const Array& k, const Array& v,
                        const Array& y, const Array& lse, float scale, const Sight& sight,
                        double dropout, uint64_t key, const Array& dq, const Array& dk,
                        const Array& dv) {
    const Backward f{{{q}, {k}, scale, sight}, {dy},          {v}, {y}, {dq}, {dk}, {dv},
                     data<float>(lse),         {dropout, key}};
    if (f.dy.narrow() && f.q.narrow() && f.k.narrow() && f.v.narrow())
        each_key_head<NarrowProducts>(f);
    else
        each_key_head<WideProducts>(f);
}

} // namespace weft::WEFT_ISA
