// New tokens through the whole stack in one call, the native twin of models/transformer.py with a
// cache. A few tokens of many sequences go together as rows; a long prompt goes by itself, in
// pieces, with products on tiles and attention as in training. Which way a sequence goes depends on
// itself alone, so its bits do not depend on the others.
#include "packed_product.h"
#include "rows.h"

namespace weft::WEFT_ISA {
namespace {

constexpr int64_t PROMPT = 32;        // so many new tokens of a sequence go by themselves
constexpr int64_t PROMPT_PIECE = 512; // and are read in pieces of so many: memory is bounded
constexpr int64_t LARGE = 1 << 20;    // bytes of a matrix whose pieces change hands
constexpr int64_t ROWS = 64;          // of a batch that go together

struct Row {
    const DecoderSequence* sequence;
    int64_t position, token;
    float* logits; // or null
};

int64_t padded(int64_t n) { return rounded_up(n, BLOCK_K); }

// ---- norms and positions ------------------------------------------------------------------------

// y = norm(x) over the n elements of a row; y may be x.
void normalise(const float* x, float* y, const Norm& norm, bool centred, float eps, int64_t n) {
    const float mean =
        centred ? row_sum(n, [&](int64_t i, auto part) { return load(x + i, part); }) / float(n)
                : 0.0f;
    const float square = row_sum(n, [&](int64_t i, auto part) {
        const vf c = keep(load(x + i, part) - mean, part);
        return c * c;
    });
    const vf rstd = splat(1.0f / __builtin_sqrtf(square / float(n) + eps));
    vectors(0, n, [&](int64_t i, auto part) {
        vf v = (load(x + i, part) - mean) * rstd;
        if (norm.weight) v = v * load(norm.weight + i, part);
        if (norm.bias) v = v + load(norm.bias + i, part);
        store(y + i, v, part);
    });
}

void rotate(float* x, const float* cos, const float* sin, int64_t half) {
    vectors(0, half, [&](int64_t i, auto part) {
        const vf a = load(x + i, part), b = load(x + half + i, part);
        const vf c = load(cos + i, part), s = load(sin + i, part);
        store(x + i, fma(a, c, -b * s), part);
        store(x + half + i, fma(b, c, a * s), part);
    });
}

// ---- the cache ----------------------------------------------------------------------------------

// f(null pointer of the element type)
template <class F> inline void with_cache(CacheType type, const F& f) {
    if (type == CacheType::f32)
        f(static_cast<float*>(nullptr));
    else if (type == CacheType::bf16)
        f(static_cast<bf16*>(nullptr));
    else
        f(static_cast<int8_t*>(nullptr));
}

// One head's keys or values of one layer.
struct Lines {
    void* data;
    float* scales;
};

Lines lines(const DecoderModel& m, const DecoderSequence& s, bool values, int64_t layer,
            int64_t head) {
    const int64_t line = (layer * m.kv_heads + head) * s.length;
    const int64_t bytes = s.type == CacheType::f32 ? 4 : s.type == CacheType::bf16 ? 2 : 1;
    void* all = values ? s.values : s.keys;
    float* scales = values ? s.value_scales : s.key_scales;
    return {static_cast<uint8_t*>(all) + line * m.head_dim * bytes,
            scales ? scales + line : nullptr};
}

void put(float* to, const float* x, int64_t D, float*) { memcpy(to, x, size_t(D) * 4); }
void put(bf16* to, const float* x, int64_t D, float*) {
    vectors(0, D, [&](int64_t i, auto part) { store(to + i, load(x + i, part), part); });
}
void put(int8_t* to, const float* x, int64_t D, float* scale) {
    float most = 0;
    for (int64_t i = 0; i < D; i++)
        most = __builtin_fabsf(x[i]) > most ? __builtin_fabsf(x[i]) : most;
    *scale = most / 127.0f;
    for (int64_t i = 0; i < D; i++) {
        const float q = *scale > 0 ? __builtin_rintf(x[i] / *scale) : 0.0f;
        to[i] = int8_t(q > 127 ? 127 : q < -127 ? -127 : q == q ? q : 0);
    }
}

void append(const DecoderModel& m, const Row& row, int64_t layer, bool values, int64_t head,
            const float* x) {
    const Lines to = lines(m, *row.sequence, values, layer, head);
    with_cache(row.sequence->type, [&](auto* type) {
        using T = element<decltype(type)>;
        put(static_cast<T*>(to.data) + row.position * m.head_dim, x, m.head_dim,
            to.scales ? to.scales + row.position : nullptr);
    });
}

// Norms and positions of a row's query heads that share key/value head `head`, and of its key, in
// place; the key and the value go into the cache. qkv: all heads of q, then of k, then of v.
void enter(const DecoderModel& m, const DecoderLayer& layer, int64_t index, const Row& row,
           int64_t head, float* qkv) {
    const int64_t D = m.head_dim, group = m.heads / m.kv_heads;
    float *q = qkv + head * group * D, *k = qkv + (m.heads + head) * D;
    for (int64_t h = 0; h <= group; h++) {
        float* x = h < group ? q + h * D : k;
        const Norm& norm = h < group ? layer.q_norm : layer.k_norm;
        if (norm.weight) normalise(x, x, norm, false, m.eps, D);
        if (m.cos) rotate(x, m.cos + row.position * (D / 2), m.sin + row.position * (D / 2), D / 2);
    }
    append(m, row, index, false, head, k);
    append(m, row, index, true, head, qkv + (m.heads + m.kv_heads + head) * D);
}

// ---- attention of single rows -------------------------------------------------------------------

template <class T> float dot(const float* q, const T* k, int64_t D) {
    vf sums = zero();
    vectors(0, D,
            [&](int64_t i, auto part) { sums = fma(load(q + i, part), load(k + i, part), sums); });
    return sum(sums);
}

// scores -> weights that add up to 1
void soften(float* w, int64_t n) {
    const float peak = row_max(w, n);
    vf total = zero();
    vectors(0, n, [&](int64_t i, auto part) {
        const vf e = exp(load(w + i, part) - peak);
        total += keep(e, part);
        store(w + i, e, part);
    });
    const vf share = splat(1.0f / sum(total));
    vectors(0, n, [&](int64_t i, auto part) { store(w + i, load(w + i, part) * share, part); });
}

constexpr int AT_ONCE = 4; // vectors of an output that stay in registers

template <class T>
void weighted_values(const float* w, const T* v, int64_t n, int64_t D, float* y) {
    int64_t d = 0;
    for (; d + AT_ONCE * LANES <= D; d += AT_ONCE * LANES) {
        vf sums[AT_ONCE] = {};
        for (int64_t j = 0; j < n; j++)
            for (int i = 0; i < AT_ONCE; i++)
                sums[i] = fma(splat(w[j]), load(v + j * D + d + i * LANES), sums[i]);
        for (int i = 0; i < AT_ONCE; i++) store(y + d + i * LANES, sums[i]);
    }
    vectors(d, D, [&](int64_t i, auto part) {
        vf total = zero();
        for (int64_t j = 0; j < n; j++) total = fma(splat(w[j]), load(v + j * D + i, part), total);
        store(y + i, total, part);
    });
}

// The query heads that share key/value head `head`: q, y (heads, D).
void attend(const DecoderModel& m, const Row& row, int64_t layer, int64_t head, const float* q,
            float* y) {
    const int64_t D = m.head_dim, n = row.position + 1, group = m.heads / m.kv_heads;
    const float scale = 1.0f / __builtin_sqrtf(float(D));
    const Lines keys = lines(m, *row.sequence, false, layer, head);
    const Lines values = lines(m, *row.sequence, true, layer, head);
    Scratch<float> weights(n);
    with_cache(row.sequence->type, [&](auto* type) {
        using T = element<decltype(type)>;
        const T *k = static_cast<const T*>(keys.data), *v = static_cast<const T*>(values.data);
        for (int64_t h = head * group; h < (head + 1) * group; h++) {
            for (int64_t j = 0; j < n; j++) {
                const float score = dot(q + h * D, k + j * D, D) * scale;
                weights[j] = keys.scales ? score * keys.scales[j] : score;
            }
            soften(weights, n);
            for (int64_t j = 0; values.scales && j < n; j++) weights[j] *= values.scales[j];
            weighted_values(weights, v, n, D, y + h * D);
        }
    });
}

// ---- attention of a long prompt, as in training -------------------------------------------------

// Heads of `from` (count rows, `stride` apart) as (1, count, heads, D).
Array heads_array(void* data, Dtype dtype, int64_t count, int64_t heads, int64_t D, int64_t time,
                  int64_t head) {
    Array a;
    a.data = data, a.dtype = dtype, a.dims = 4, a.size = count * heads * D;
    const int64_t shape[] = {1, count, heads, D}, stride[] = {0, time, head, 1};
    for (int i = 0; i < 4; i++) a.shape[i] = shape[i], a.stride[i] = stride[i];
    return a;
}

template <class T> void copy_rows(const float* x, int64_t stride, int64_t count, int64_t n, T* to) {
    parallel_rows(count, n, [&](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; r++)
            vectors(0, n, [&](int64_t i, auto part) {
                store(to + r * n + i, load(x + r * stride + i, part), part);
            });
    });
}

// An int8 cache's first n positions of one layer as T: (kv_heads, n, D).
template <class T>
void widen_cache(const DecoderModel& m, const DecoderSequence& s, bool values, int64_t layer,
                 int64_t n, T* to) {
    const int64_t D = m.head_dim;
    parallel(m.kv_heads, [&](int64_t head) {
        const Lines from = lines(m, s, values, layer, head);
        for (int64_t j = 0; j < n; j++)
            vectors(0, D, [&](int64_t i, auto part) {
                const vf q = load(static_cast<const int8_t*>(from.data) + j * D + i, part);
                store(to + (head * n + j) * D + i, q * splat(from.scales[j]), part);
            });
    });
}

// Rows of one sequence at neighbouring positions; qkv and y `stride` and `y_stride` floats apart.
template <class T>
void attend_together(const DecoderModel& m, const Row* row, int64_t count, int64_t layer,
                     const float* qkv, int64_t stride, float* y, int64_t y_stride) {
    const DecoderSequence& s = *row->sequence;
    const int64_t D = m.head_dim, H = m.heads, kv = m.kv_heads, n = row->position + count;
    const Dtype dtype = sizeof(T) == 4 ? Dtype::f32 : Dtype::bf16;
    const bool bytes = s.type == CacheType::int8;
    Scratch<T> q(count * H * D), result(count * H * D), k(bytes ? kv * n * D : 0),
        v(bytes ? kv * n * D : 0);
    Scratch<float> lse(count * H);
    copy_rows(qkv, stride, count, H * D, static_cast<T*>(q));
    if (bytes) {
        widen_cache(m, s, false, layer, n, static_cast<T*>(k));
        widen_cache(m, s, true, layer, n, static_cast<T*>(v));
    }
    const int64_t apart = bytes ? n * D : s.length * D;
    void* keys = bytes ? static_cast<T*>(k) : lines(m, s, false, layer, 0).data;
    void* values = bytes ? static_cast<T*>(v) : lines(m, s, true, layer, 0).data;
    Array log_sums;
    log_sums.data = lse, log_sums.size = count * H;
    attention_forward(
        heads_array(q, dtype, count, H, D, H * D, D), heads_array(keys, dtype, n, kv, D, D, apart),
        heads_array(values, dtype, n, kv, D, D, apart), 1.0f / __builtin_sqrtf(float(D)), {true},
        0.0, 0, heads_array(result, dtype, count, H, D, H * D, D), log_sums);
    parallel_rows(count, H * D, [&](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; r++)
            vectors(0, H * D, [&](int64_t i, auto part) {
                store(y + r * y_stride + i, load(result + r * H * D + i, part), part);
            });
    });
}

// ---- what the two ways through the stack share --------------------------------------------------

// Rows of floats, padded to multiples of 32. The stream is (count, C); `wide` holds q, k and v (Q)
// and then the inside of the MLP (I); `narrow` what a product reads: a norm (C), or heads (A).
struct Buffers {
    int64_t C, Q, A, I;
    Scratch<float> x, wide, narrow;

    Buffers(const DecoderModel& m, int64_t count)
        : C(padded(m.width)), Q(padded((m.heads + 2 * m.kv_heads) * m.head_dim)),
          A(padded(m.heads * m.head_dim)), I(padded(m.inner)), x(count * C),
          wide(count * (Q > I ? Q : I)), narrow(count * (C > A ? C : A)) {}
    int64_t widest() const { return I > C ? (I > A ? I : A) : (C > A ? C : A); }
};

Finish inside(const DecoderModel& m) { // the MLP
    return m.gated ? Finish::swiglu : m.relu ? Finish::relu : Finish::gelu;
}

// What lies behind the n elements of a row must be 0, since products read it.
inline void clear_behind(float* row, int64_t stride, int64_t n) {
    for (int64_t i = n; i < stride; i++) row[i] = 0;
}

void embed(const DecoderModel& m, const Row& row, float* to, int64_t C) {
    number_row(m.embedding, row.token, to);
    clear_behind(to, C, m.width);
    if (!m.positions) return;
    const float* place = m.positions + row.position * m.width;
    vectors(0, m.width, [&](int64_t i, auto part) {
        store(to + i, load(to + i, part) + load(place + i, part), part);
    });
}

void normalise_stream(const DecoderModel& m, const Norm& norm, const float* x, float* y,
                      int64_t C) {
    normalise(x, y, norm, m.layer_norm, m.eps, m.width);
    clear_behind(y, C, m.width);
}

// ---- a piece of a long prompt: one parallel loop after the other --------------------------------

class Prompt {
  public:
    Prompt(const DecoderModel& m, const Row* row, int64_t count)
        : m(m), row(row), count(count), b(m, count), memory(count, b.widest(), true, false) {}

    void run() {
        each_row([&](int64_t r) { embed(m, row[r], b.x + r * b.C, b.C); });
        for (int64_t layer = 0; layer < m.layers; layer++) block(m.layer[layer], layer);
        output();
    }

  private:
    template <class Body> void each_row(const Body& body) {
        parallel_rows(count, b.C, [&](int64_t begin, int64_t end) {
            for (int64_t r = begin; r < end; r++) body(r);
        });
    }

    void norm_rows(const Norm& norm) {
        each_row(
            [&](int64_t r) { normalise_stream(m, norm, b.x + r * b.C, b.narrow + r * b.C, b.C); });
    }

    void product(const Packed& w, const float* from, const Output& to) {
        const auto each = [&](const auto& body) { parallel_rows(count, w.depth(), body); };
        multiply(memory.convert(from, count, w.depth(), input_kind(w, true), each), w, true, to);
    }

    void block(const DecoderLayer& layer, int64_t index) {
        norm_rows(layer.norm_1);
        product(layer.qkv, b.narrow, {b.wide, b.Q});
        each_row([&](int64_t r) {
            for (int64_t head = 0; head < m.kv_heads; head++)
                enter(m, layer, index, row[r], head, b.wide + r * b.Q);
            clear_behind(b.narrow + r * b.A, b.A, m.heads * m.head_dim);
        });
        if (row->sequence->type == CacheType::f32)
            attend_together<float>(m, row, count, index, b.wide, b.Q, b.narrow, b.A);
        else
            attend_together<bf16>(m, row, count, index, b.wide, b.Q, b.narrow, b.A);
        product(layer.out, b.narrow, {b.x, b.C, Finish::residual});
        norm_rows(layer.norm_2);
        product(layer.up, b.narrow, {b.wide, b.I, inside(m), m.tanh});
        each_row([&](int64_t r) { clear_behind(b.wide + r * b.I, b.I, m.inner); });
        product(layer.down, b.wide, {b.x, b.C, Finish::residual});
    }

    // All logits, or those of the last row, of the last piece.
    void output() {
        const int64_t first = row->logits ? 0 : count - 1, wanted = count - first;
        if (!row[first].logits) return;
        for (int64_t r = first; r < count; r++)
            normalise_stream(m, m.norm, b.x + r * b.C, b.narrow + (r - first) * b.C, b.C);
        const bool many = wanted > 1;
        const Weight kind = input_kind(m.head, many);
        InputMemory last(wanted, b.C, kind == Weight::bf16, is_bytes(kind));
        const auto each = [&](const auto& body) { parallel_rows(wanted, b.C, body); };
        multiply(last.convert(b.narrow, wanted, b.C, kind, each), m.head, many,
                 {row[first].logits, m.vocabulary});
    }

    const DecoderModel& m;
    const Row* row;
    int64_t count;
    Buffers b;
    InputMemory memory;
};

// ---- a few rows: all threads go through the stack together --------------------------------------

bool any_kind(const DecoderModel& m, bool (*is)(Weight)) {
    const DecoderLayer& l = m.layer[0];
    return is(l.qkv.kind) || is(l.out.kind) || is(l.up.kind) || is(l.down.kind) || is(m.head.kind);
}
bool is_narrow(Weight kind) { return kind == Weight::bf16; }

class Step {
  public:
    Step(const DecoderModel& m, const Row* row, int64_t count, bool chained)
        : m(m), row(row), count(count), chained(chained), b(m, count), outputs(count) {
        for (int64_t r = 0; r < count; r++) {
            clear_behind(b.narrow + r * b.A, b.A, m.heads * m.head_dim);
            if (!row[r].logits) continue;
            if (!wanted) logits = row[r].logits;
            outputs[wanted++] = r;
        }
    }

    void run() {
        Team::run(
            [](void* step, Team& team, int index) { static_cast<Step*>(step)->walk(team, index); },
            this);
    }

  private:
    // What one thread has for itself: rows that a product reads are made by every thread anew,
    // which is cheaper than waiting for another one to do it. One that comes late may read what is
    // being overwritten by then; it finds no piece left to do with it.
    struct Own {
        Team& team;
        int index;
        int64_t phase;
        Scratch<float> rows;
        InputMemory memory;

        bool late() const { return team.over(phase); }
    };

    void walk(Team& team, int index) {
        Own own{team, index, 0, Scratch<float>(count * b.widest()),
                InputMemory(count, b.widest(), any_kind(m, is_narrow), any_kind(m, is_bytes))};
        share(own, count, team.size(), [&](int64_t r) { embed(m, row[r], b.x + r * b.C, b.C); });
        for (int64_t layer = 0; layer < m.layers; layer++) block(own, m.layer[layer], layer);
        if (!wanted) return;
        for (int64_t i = 0; i < wanted && !own.late(); i++)
            normalise_stream(m, m.norm, b.x + outputs[i] * b.C, own.rows + i * b.C, b.C);
        product(own, m.head, own.rows, wanted, {logits, m.vocabulary});
    }

    // body(i) for each i in [0, n), in that many pieces, until all are done.
    template <class Body> void share(Own& own, int64_t n, int64_t pieces, const Body& body) {
        own.team.share(
            own.index, own.phase++, n, pieces,
            [](void* context, int64_t begin, int64_t end) {
                for (int64_t i = begin; i < end; i++) (*static_cast<const Body*>(context))(i);
            },
            const_cast<Body*>(&body));
    }

    // A small matrix in as many pieces as there are threads: each has its own in its cache.
    void product(Own& own, const Packed& w, const float* from, int64_t rows, const Output& to) {
        Input x;
        const auto alone = [&](const auto& body) { body(int64_t(0), rows); };
        if (!own.late()) x = own.memory.convert(from, rows, w.depth(), w.kind, alone);
        const int64_t size = panels_of_task(w), panels = w.panels();
        const int64_t tasks = (panels + size - 1) / size;
        share(own, tasks, w.bytes() > LARGE ? tasks : own.team.size(), [&](int64_t i) {
            multiply_panels(x, w, i * size, lesser(panels, (i + 1) * size), false, to);
        });
    }

    void norm_rows(Own& own, const Norm& norm) {
        for (int64_t r = 0; r < count && !own.late(); r++)
            normalise_stream(m, norm, b.x + r * b.C, own.rows + r * b.C, b.C);
    }

    void block(Own& own, const DecoderLayer& layer, int64_t index) {
        norm_rows(own, layer.norm_1);
        product(own, layer.qkv, own.rows, count, {b.wide, b.Q});
        attention(own, layer, index);
        product(own, layer.out, b.narrow, count, {b.x, b.C, Finish::residual});
        norm_rows(own, layer.norm_2);
        product(own, layer.up, own.rows, count, {b.wide, b.I, inside(m), m.tanh});
        if (b.I != m.inner)
            share(own, count, own.team.size(),
                  [&](int64_t r) { clear_behind(b.wide + r * b.I, b.I, m.inner); });
        product(own, layer.down, b.wide, count, {b.x, b.C, Finish::residual});
    }

    // A row sees the rows of its own sequence that come before it: where there are any, all keys
    // are entered first.
    void attention(Own& own, const DecoderLayer& layer, int64_t index) {
        const int64_t n = count * m.kv_heads;
        const auto enter_one = [&](int64_t i) {
            enter(m, layer, index, row[i / m.kv_heads], i % m.kv_heads,
                  b.wide + i / m.kv_heads * b.Q);
        };
        if (chained) share(own, n, own.team.size(), enter_one);
        share(own, n, count == 1 ? own.team.size() : n, [&](int64_t i) {
            if (!chained) enter_one(i);
            const int64_t r = i / m.kv_heads;
            attend(m, row[r], index, i % m.kv_heads, b.wide + r * b.Q, b.narrow + r * b.A);
        });
    }

    const DecoderModel& m;
    const Row* row;
    int64_t count;
    bool chained; // some sequence has more than one row
    Buffers b;
    Scratch<int64_t> outputs; // rows whose logits are wanted, which follow one another in memory
    int64_t wanted = 0;
    float* logits = nullptr;
};

Row row_of(const DecoderModel& m, const DecoderSequence& s, int64_t i) {
    float* logits = s.every ? s.logits + i * m.vocabulary : i + 1 == s.count ? s.logits : nullptr;
    return {&s, s.position + i, s.tokens[i], logits};
}

void read_prompt(const DecoderModel& m, const DecoderSequence& s) {
    Scratch<Row> rows(PROMPT_PIECE);
    for (int64_t i = 0; i < s.count; i += PROMPT_PIECE) {
        const int64_t n = lesser(PROMPT_PIECE, s.count - i);
        for (int64_t r = 0; r < n; r++) rows[r] = row_of(m, s, i + r);
        Prompt(m, rows, n).run();
    }
}

} // namespace

void decode(const DecoderModel& m, const DecoderSequence* sequences, int64_t count) {
    Scratch<Row> rows(ROWS + PROMPT);
    int64_t n = 0;
    bool chained = false;
    const auto flush = [&] {
        if (n) Step(m, rows, n, chained).run();
        n = 0, chained = false;
    };
    for (int64_t i = 0; i < count; i++) {
        const DecoderSequence& s = sequences[i];
        if (s.count >= PROMPT) {
            flush();
            read_prompt(m, s);
            continue;
        }
        for (int64_t t = 0; t < s.count; t++) rows[n++] = row_of(m, s, t);
        chained |= s.count > 1;
        if (n >= ROWS) flush();
    }
    flush();
}

} // namespace weft::WEFT_ISA
