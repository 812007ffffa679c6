// RNN, GRU and LSTM over a whole sequence, forward and back through time: what each cell does with
// the sums of a step. How the steps are walked is in recurrent.h.
#include "recurrent.h"
#include "matmul_dot.h"

namespace weft::WEFT_ISA {
namespace {

inline vf get(const float* p, int64_t n) { return n >= LANES ? load(p) : load(p, n); }
inline vf get(const bf16* p, int64_t n) { return n >= LANES ? load(p) : load(p, n); }
template <class T> inline void put(T* p, vf x, int64_t n) {
    n >= LANES ? store(p, x) : store(p, x, n);
}

// body(v, c, n) for the vectors of panel u that hold units: number, first unit, how many.
template <class Body> inline void unit_vectors(int64_t u, int64_t C, const Body& body) {
    for (int v = 0; v < VECTORS_OF_PANEL; v++) {
        const int64_t c = u * PANEL + v * LANES;
        if (c < C) body(v, c, C - c < LANES ? C - c : LANES);
    }
}

struct Sizes {
    int64_t T, B, C, units; // units: panels of 16
    Sizes(const Array& hidden)
        : T(axis(hidden, 0) - 1), B(axis(hidden, 1)), C(axis(hidden, 2)),
          units((C + PANEL - 1) / PANEL) {}
    int64_t padded() const { return units * PANEL; }
};

// ---- packing ------------------------------------------------------------------------------------

// For forward: panels of gate 0, 1, ... of 16 units, then of the next 16; w (G C, C).
template <class T> struct ForwardWeights {
    Scratch<uint8_t> memory;
    Packed packed;

    ForwardWeights(const Array& w, const Sizes& s, int64_t G)
        : memory(s.units * G * PANEL * rounded_up(s.C, BLOCK_K) * int64_t(sizeof(T))) {
        with_type(w.dtype, [&](auto* type) {
            const auto* from = data<const element<decltype(type)>>(w);
            pack_weights<T>(packed, memory, s.units * G, rounded_up(s.C, BLOCK_K),
                            [&](int64_t p, T* panel) {
                                const int64_t c = p / G * PANEL, n = lesser(PANEL, s.C - c);
                                for (int64_t lane = 0; lane < n; lane++) {
                                    const auto* row = from + (p % G * s.C + c + lane) * s.C;
                                    T* to = panel + lane * PAIR<T>;
                                    for (int64_t k = 0; k < s.C; k++)
                                        to[place<T>(k)] = from_float<T>(to_float(row[k]));
                                }
                            });
        });
    }
};

// For backward: 16 units' panels of all gates' columns, each gate's padded to whole panels.
template <class T> struct BackwardWeights {
    Scratch<uint8_t> memory;
    Packed packed;

    BackwardWeights(const Array& w, const Sizes& s, int64_t G)
        : memory(s.units * PANEL * rounded_up(G * s.padded(), BLOCK_K) * int64_t(sizeof(T))) {
        with_type(w.dtype, [&](auto* type) {
            const auto* from = data<const element<decltype(type)>>(w);
            pack_weights<T>(packed, memory, s.units, rounded_up(G * s.padded(), BLOCK_K),
                            [&](int64_t p, T* panel) {
                                const int64_t n = lesser(PANEL, s.C - p * PANEL);
                                for (int64_t row = 0; row < G * s.C; row++) {
                                    const auto* some = from + row * s.C + p * PANEL;
                                    const int64_t gate = row / s.C;
                                    T* to = panel + place<T>(row + gate * (s.padded() - s.C));
                                    for (int64_t lane = 0; lane < n; lane++)
                                        to[lane * PAIR<T>] = from_float<T>(to_float(some[lane]));
                                }
                            });
        });
    }
};

// y = x, from float32 to T, LANES at a time.
template <class T> void copy_rows(const float* x, T* y, int64_t n) {
    vectors(0, n, [&](int64_t i, auto part) { store(y + i, load(x + i, part), part); });
}

constexpr int64_t FEW = 4; // rows in all: packing the weights would take longer than the steps

// All steps of a few rows, the weights read where they are.
template <class T, class W, class Cell>
void walk_in_place(const W* w, const Sizes& s, const T* hidden, const Cell& cell) {
    constexpr int64_t G = Cell::GATES;
    const Scratch<float> x(s.B * s.C), sums(s.B * G * s.C);
    const Scratch<T> unused(s.padded());
    for (int64_t t = 0; t < s.T; t++) {
        const T* before = hidden + t * s.B * s.C;
        for (int64_t i = 0; i < s.B * s.C; i++) x[i] = to_float(before[i]);
        parallel_ranges(G * s.C, 128, [&](int64_t begin, int64_t end) {
            dot_product(s.B, x, w + begin * s.C, s.C, s.C, sums + begin, G * s.C, end - begin);
        });
        for (int64_t row = 0; row < s.B; row++)
            for (int64_t u = 0; u < s.units; u++) {
                alignas(64) float of[G * PANEL] = {};
                for (int64_t g = 0; g < G; g++)
                    copy_elements(of + g * PANEL, sums + (row * G + g) * s.C + u * PANEL,
                                  lesser(PANEL, s.C - u * PANEL));
                cell.unit(t, row, u, of, static_cast<T*>(unused));
            }
    }
}

template <class T, class Cell>
void walk_in_place(const Array& w, const Sizes& s, const T* hidden, const Cell& cell) {
    if (w.dtype == Dtype::bf16)
        walk_in_place(data<const bf16>(w), s, hidden, cell);
    else if (sizeof(T) == 2) // the weights count as bfloat16
        walk_in_place(data<const rounded>(w), s, hidden, cell);
    else
        walk_in_place(data<const float>(w), s, hidden, cell);
}

template <class T, class Cell>
void walk_forward(const Array& w, const Array& h0, const Array& hidden, const Array& h,
                  const Cell& cell) {
    const Sizes s(hidden);
    const float* first = data<const float>(h0);
    copy_rows(first, data<float>(h), s.B * s.C);
    copy_rows(first, data<T>(hidden), s.B * s.C);
    if (s.T * s.B <= FEW) return walk_in_place<T>(w, s, data<const T>(hidden), cell);
    const ForwardWeights<T> weights(w, s, Cell::GATES);
    const StepState<T> state(s.B, weights.packed.inputs);
    for (int64_t b = 0; b < s.B; b++) copy_rows(first + b * s.C, state.row(0, b), s.C);
    Walk<T, Cell>{cell, weights.packed, state, s.T, s.B, s.units}.run();
}

template <class T, class Cell>
void walk_back(const Array& w, const Array& hidden, const Array& dh, const Array& dh0, int64_t G,
               const Cell& cell) {
    const Sizes s(hidden);
    const BackwardWeights<T> weights(w, s, G);
    const StepState<T> state(s.B, weights.packed.inputs);
    copy_rows(data<const float>(dh), data<float>(dh0), s.B * s.C);
    Walk<T, Cell>{cell, weights.packed, state, s.T + 1, s.B, s.units}.run();
}

// dw (G C, C) = dᵀ (G C, T B) by the hidden states before each step (T B, C).
void weight_gradient(void* d, const Array& hidden, int64_t G, const Array& dw) {
    const Sizes s(hidden);
    Array left, right;
    left.data = d, left.dtype = right.dtype = hidden.dtype, right.data = hidden.data;
    left.dims = right.dims = 2, left.shape[0] = right.shape[0] = s.T * s.B;
    left.shape[1] = G * s.C, right.shape[1] = s.C;
    left.size = left.shape[0] * left.shape[1], right.size = right.shape[0] * s.C;
    matmul(left, right, true, false, dw);
}

// ---- RNN ----------------------------------------------------------------------------------------

template <class T> struct RnnForward {
    static constexpr int GATES = 1;
    static constexpr bool FROM_NOTHING = false;
    Sizes s;
    const T* pre;
    T* hidden;
    float* h;

    void unit(int64_t t, int64_t row, int64_t u, const float* sums, T* next) const {
        unit_vectors(u, s.C, [&](int v, int64_t c, int64_t n) {
            const int64_t at = (t * s.B + row) * s.C + c;
            const vf y = tanh(get(pre + at, n) + load(sums + v * LANES));
            put(hidden + at + s.B * s.C, y, n);
            put(h + row * s.C + c, y, n);
            store(next + c, y);
        });
    }
};

// Step s is time T - 1 - s, and step T the gradient of what was there before the first.
template <class T> struct RnnBackward {
    static constexpr int GATES = 1;
    static constexpr bool FROM_NOTHING = true;
    Sizes s;
    const T *dy, *hidden;
    T* dpre;
    float* dh0;

    void unit(int64_t step, int64_t row, int64_t u, const float* sums, T* next) const {
        unit_vectors(u, s.C, [&](int v, int64_t c, int64_t n) {
            const int64_t t = s.T - 1 - step, at = (t * s.B + row) * s.C + c;
            float* kept = dh0 + row * s.C + c;
            vf dh = step ? load(sums + v * LANES) : get(kept, n);
            if (t < 0) return put(kept, dh, n);
            dh = dh + get(dy + at, n);
            const vf y = get(hidden + at + s.B * s.C, n), d = dh * (1.0f - y * y);
            put(dpre + at, d, n);
            store(next + c, d);
        });
    }
};

// ---- GRU ----------------------------------------------------------------------------------------

template <class T> struct GruForward {
    static constexpr int GATES = 3;
    static constexpr bool FROM_NOTHING = false;
    Sizes s;
    const T* pre;
    const float* bias; // or null
    T *hidden, *gates;
    float* h;

    vf sum_of(const float* sums, int g, int v, int64_t c, int64_t n) const {
        const vf x = load(sums + g * PANEL + v * LANES);
        return bias ? x + get(bias + g * s.C + c, n) : x;
    }

    void unit(int64_t t, int64_t row, int64_t u, const float* sums, T* next) const {
        unit_vectors(u, s.C, [&](int v, int64_t c, int64_t n) {
            const int64_t at = t * s.B + row;
            const T* x = pre + at * 3 * s.C + c;
            T* gate = gates + at * 4 * s.C + c;
            float* kept = h + row * s.C + c;
            const vf r = sigmoid(get(x, n) + sum_of(sums, 0, v, c, n));
            const vf z = sigmoid(get(x + s.C, n) + sum_of(sums, 1, v, c, n));
            const vf m = sum_of(sums, 2, v, c, n);
            const vf candidate = tanh(get(x + 2 * s.C, n) + r * m);
            const vf y = (1.0f - z) * candidate + z * get(kept, n);
            put(gate, r, n), put(gate + s.C, z, n);
            put(gate + 2 * s.C, candidate, n), put(gate + 3 * s.C, m, n);
            put(hidden + (at + s.B) * s.C + c, y, n);
            put(kept, y, n);
            store(next + c, y);
        });
    }
};

template <class T> struct GruBackward {
    static constexpr int GATES = 1;
    static constexpr bool FROM_NOTHING = true;
    Sizes s;
    const T *dy, *hidden, *gates;
    T *dpre, *dsums; // of what comes from x, and of what comes from h
    float* dh0;

    void unit(int64_t step, int64_t row, int64_t u, const float* sums, T* next) const {
        unit_vectors(u, s.C, [&](int v, int64_t c, int64_t n) {
            const int64_t t = s.T - 1 - step, at = t * s.B + row;
            float* kept = dh0 + row * s.C + c;
            vf dh = load(sums + v * LANES) + get(kept, n);
            if (t < 0) return put(kept, dh, n);
            dh = dh + get(dy + at * s.C + c, n);
            const T* gate = gates + at * 4 * s.C + c;
            const vf r = get(gate, n), z = get(gate + s.C, n), y = get(gate + 2 * s.C, n);
            const vf m = get(gate + 3 * s.C, n), before = get(hidden + at * s.C + c, n);
            const vf dn = dh * (1.0f - z) * (1.0f - y * y);
            const vf dz = dh * (before - y) * z * (1.0f - z), dr = dn * m * r * (1.0f - r);
            const vf dm = dn * r;
            put(kept, dh * z, n);
            T *d = dpre + at * 3 * s.C + c, *e = dsums + at * 3 * s.C + c;
            put(d, dr, n), put(d + s.C, dz, n), put(d + 2 * s.C, dn, n);
            put(e, dr, n), put(e + s.C, dz, n), put(e + 2 * s.C, dm, n);
            store(next + c, dr), store(next + s.padded() + c, dz);
            store(next + 2 * s.padded() + c, dm);
        });
    }
};

// ---- LSTM ---------------------------------------------------------------------------------------

template <class T> struct LstmForward {
    static constexpr int GATES = 4;
    static constexpr bool FROM_NOTHING = false;
    Sizes s;
    const T* pre;
    T *hidden, *gates;
    float *cells, *h;

    void unit(int64_t t, int64_t row, int64_t u, const float* sums, T* next) const {
        unit_vectors(u, s.C, [&](int v, int64_t c, int64_t n) {
            const int64_t at = t * s.B + row;
            const T* x = pre + at * 4 * s.C + c;
            T* gate = gates + at * 4 * s.C + c;
            const auto a = [&](int g) {
                return get(x + g * s.C, n) + load(sums + g * PANEL + v * LANES);
            };
            const vf i = sigmoid(a(0)), f = sigmoid(a(1)), g = tanh(a(2)), o = sigmoid(a(3));
            float* cell = cells + at * s.C + c;
            const vf state = f * get(cell, n) + i * g, y = o * tanh(state);
            put(gate, i, n), put(gate + s.C, f, n);
            put(gate + 2 * s.C, g, n), put(gate + 3 * s.C, o, n);
            put(cell + s.B * s.C, state, n);
            put(hidden + (at + s.B) * s.C + c, y, n);
            put(h + row * s.C + c, y, n);
            store(next + c, y);
        });
    }
};

template <class T> struct LstmBackward {
    static constexpr int GATES = 1;
    static constexpr bool FROM_NOTHING = true;
    Sizes s;
    const T *dy, *gates;
    const float* cells;
    T* dpre;
    float *dh0, *dc0;

    void unit(int64_t step, int64_t row, int64_t u, const float* sums, T* next) const {
        unit_vectors(u, s.C, [&](int v, int64_t c, int64_t n) {
            const int64_t t = s.T - 1 - step, at = t * s.B + row;
            float *kept = dh0 + row * s.C + c, *carried = dc0 + row * s.C + c;
            vf dh = step ? load(sums + v * LANES) : get(kept, n);
            if (t < 0) return put(kept, dh, n);
            dh = dh + get(dy + at * s.C + c, n);
            const T* gate = gates + at * 4 * s.C + c;
            const vf i = get(gate, n), f = get(gate + s.C, n), g = get(gate + 2 * s.C, n);
            const vf o = get(gate + 3 * s.C, n);
            const float* cell = cells + at * s.C + c;
            const vf y = tanh(get(cell + s.B * s.C, n));
            const vf dc = get(carried, n) + dh * o * (1.0f - y * y);
            const vf di = dc * g * i * (1.0f - i), df = dc * get(cell, n) * f * (1.0f - f);
            const vf dg = dc * i * (1.0f - g * g), d_o = dh * y * o * (1.0f - o);
            put(carried, dc * f, n);
            T* d = dpre + at * 4 * s.C + c;
            put(d, di, n), put(d + s.C, df, n), put(d + 2 * s.C, dg, n), put(d + 3 * s.C, d_o, n);
            T* to = next + c;
            store(to, di), store(to + s.padded(), df);
            store(to + 2 * s.padded(), dg), store(to + 3 * s.padded(), d_o);
        });
    }
};

// y (M,) = the sums of the columns of x (N, M), 64 rows at a time.
template <class T> void add_columns(const T* x, int64_t N, int64_t M, float* y) {
    parallel_ranges(M, 4 * LANES, [&](int64_t begin, int64_t end) {
        vectors(begin, end, [&](int64_t c, auto part) {
            vf total = zero();
            for (int64_t first = 0; first < N; first += 64) {
                vf some = zero();
                for (int64_t r = first; r < lesser(first + 64, N); r++)
                    some += load(x + r * M + c, part);
                total += some;
            }
            store(y + c, total, part);
        });
    });
}

} // namespace

void rnn_forward(const Array& pre, const Array& w, const Array& h0, const Array& hidden,
                 const Array& h) {
    with_type(pre.dtype, [&](auto* type) {
        using T = element<decltype(type)>;
        const RnnForward<T> cell{Sizes(hidden), data<const T>(pre), data<T>(hidden),
                                 data<float>(h)};
        walk_forward<T>(w, h0, hidden, h, cell);
    });
}

void rnn_backward(const Array& dy, const Array& dh, const Array& w, const Array& hidden,
                  const Array& dpre, const Array& dw, const Array& dh0) {
    with_type(hidden.dtype, [&](auto* type) {
        using T = element<decltype(type)>;
        const RnnBackward<T> cell{Sizes(hidden), data<const T>(dy), data<const T>(hidden),
                                  data<T>(dpre), data<float>(dh0)};
        walk_back<T>(w, hidden, dh, dh0, 1, cell);
        weight_gradient(dpre.data, hidden, 1, dw);
    });
}

void gru_forward(const Array& pre, const Array& w, const Array& b, const Array& h0,
                 const Array& hidden, const Array& gates, const Array& h) {
    with_type(pre.dtype, [&](auto* type) {
        using T = element<decltype(type)>;
        const GruForward<T> cell{Sizes(hidden),   data<const T>(pre), data<const float>(b),
                                 data<T>(hidden), data<T>(gates),     data<float>(h)};
        walk_forward<T>(w, h0, hidden, h, cell);
    });
}

void gru_backward(const Array& dy, const Array& dh, const Array& w, const Array& hidden,
                  const Array& gates, const Array& dpre, const Array& dw, const Array& db,
                  const Array& dh0) {
    with_type(hidden.dtype, [&](auto* type) {
        using T = element<decltype(type)>;
        const Sizes s(hidden);
        const Scratch<T> dsums(s.T * s.B * 3 * s.C);
        const GruBackward<T> cell{
            s,     data<const T>(dy), data<const T>(hidden), data<const T>(gates), data<T>(dpre),
            dsums, data<float>(dh0)};
        walk_back<T>(w, hidden, dh, dh0, 3, cell);
        weight_gradient(dsums, hidden, 3, dw);
        add_columns<T>(dsums, s.T * s.B, 3 * s.C, data<float>(db));
    });
}

void lstm_forward(const Array& pre, const Array& w, const Array& h0, const Array& c0,
                  const Array& hidden, const Array& cells, const Array& gates, const Array& h) {
    with_type(pre.dtype, [&](auto* type) {
        using T = element<decltype(type)>;
        const Sizes s(hidden);
        copy_rows(data<const float>(c0), data<float>(cells), s.B * s.C);
        const LstmForward<T> cell{s,
                                  data<const T>(pre),
                                  data<T>(hidden),
                                  data<T>(gates),
                                  data<float>(cells),
                                  data<float>(h)};
        walk_forward<T>(w, h0, hidden, h, cell);
    });
}

void lstm_backward(const Array& dy, const Array& dh, const Array& dc, const Array& w,
                   const Array& hidden, const Array& cells, const Array& gates, const Array& dpre,
                   const Array& dw, const Array& dh0, const Array& dc0) {
    with_type(hidden.dtype, [&](auto* type) {
        using T = element<decltype(type)>;
        const Sizes s(hidden);
        copy_rows(data<const float>(dc), data<float>(dc0), s.B * s.C);
        const LstmBackward<T> cell{s,
                                   data<const T>(dy),
                                   data<const T>(gates),
                                   data<const float>(cells),
                                   data<T>(dpre),
                                   data<float>(dh0),
                                   data<float>(dc0)};
        walk_back<T>(w, hidden, dh, dh0, 4, cell);
        weight_gradient(dpre.data, hidden, 4, dw);
    });
}

} // namespace weft::WEFT_ISA
