// y = f(x wᵀ + b) with packed weights: which rows and panels a task computes, on vectors or on
// tiles, and what happens to finished sums.
#pragma once
#include "activation.h"
#include "loops.h"
#include "packed_blocks.h"

namespace weft::WEFT_ISA {
namespace {

enum class Finish { plain, gelu, relu, swiglu, residual };

// Rows of y, `stride` floats apart; what lies behind the outputs, up to whole vectors, is not
// touched. A residual is y itself.
struct Output {
    float* y;
    int64_t stride;
    Finish finish = Finish::plain;
    bool tanh = true;
};

inline int64_t lesser(int64_t a, int64_t b) { return a < b ? a : b; }
inline int64_t rounded_up(int64_t n, int64_t step) { return (n + step - 1) / step * step; }

// Sums of panel p (and for SwiGLU of p + 1), in one row.
inline void finish_panel(const Packed& w, const Output& out, int64_t row, int64_t p, const vf* sums,
                         const vf* up) {
    for (int v = 0; v < VECTORS_OF_PANEL; v++) {
        const int64_t n = p * PANEL + v * LANES, left = w.outputs - n;
        if (left <= 0) return;
        const int64_t some = left < LANES ? left : LANES;
        vf x = w.bias ? sums[v] + load(w.bias + n, some) : sums[v];
        int64_t to = n;
        if (out.finish == Finish::swiglu) {
            const vf second = w.bias ? up[v] + load(w.bias + n + PANEL, some) : up[v];
            x = x * sigmoid(x) * second;
            to = p / 2 * PANEL + v * LANES;
        } else if (out.finish == Finish::gelu)
            x = gelu(x, out.tanh);
        else if (out.finish == Finish::relu)
            x = max(zero(), x); // in this order a NaN comes through
        float* y = out.y + row * out.stride + to;
        if (out.finish == Finish::residual) x += load(y, some);
        store(y, x, some);
    }
}

template <int R, int P>
inline void finish_panels(const Packed& w, const Output& out, int64_t row, int64_t p,
                          const Sums<R, P>& sums) {
    for (int i = 0; i < R; i++)
        if (out.finish == Finish::swiglu) {
            if constexpr (P % 2 == 0)
                for (int j = 0; j < P; j += 2)
                    finish_panel(w, out, row + i, p + j, sums[i][j], sums[i][j + 1]);
        } else
            for (int j = 0; j < P; j++) finish_panel(w, out, row + i, p + j, sums[i][j], nullptr);
}

// ---- on vectors ---------------------------------------------------------------------------------

template <int R, int P>
void rows_and_panels(const Input& x, const Packed& w, int64_t row, int64_t p, const Output& out) {
    Sums<R, P> sums = {};
    add_panels<R, P>(x.from(row), w, p, sums);
    finish_panels<R, P>(w, out, row, p, sums);
}

template <int P, int R = ROWS_TOGETHER>
inline void some_rows(int64_t rows, const Input& x, const Packed& w, int64_t row, int64_t p,
                      const Output& out) {
    if constexpr (R > 1) {
        if (rows < R) return some_rows<P, R - 1>(rows, x, w, row, p, out);
    }
    rows_and_panels<R, P>(x, w, row, p, out);
}

template <int P>
inline void all_rows(const Input& x, const Packed& w, int64_t p, const Output& out) {
    for (int64_t row = 0; row < x.count; row += ROWS_TOGETHER)
        some_rows<P>(lesser(ROWS_TOGETHER, x.count - row), x, w, row, p, out);
}

// Panels [p, end), a few at a time; with SwiGLU an even number.
inline void on_vectors(const Input& x, const Packed& w, int64_t p, int64_t end, const Output& out) {
    for (; p + PANELS_TOGETHER <= end; p += PANELS_TOGETHER)
        all_rows<PANELS_TOGETHER>(x, w, p, out);
    for (; p + 2 <= end; p += 2) all_rows<2>(x, w, p, out);
    if (p < end) all_rows<1>(x, w, p, out);
}

// ---- on tiles -----------------------------------------------------------------------------------

#if defined(__AMX_BF16__)
constexpr int64_t TILE_ROWS = 16;

struct TileSession {
    TileSession() {
        struct alignas(64) {
            uint8_t palette = 1, start_row = 0, reserved[14] = {};
            uint16_t row_bytes[16] = {};
            uint8_t rows[16] = {};
        } shape;
        for (int i = 0; i < 8; i++) shape.row_bytes[i] = 64, shape.rows[i] = 16;
        _tile_loadconfig(&shape);
    }
    ~TileSession() { _tile_release(); }
};

// sums[32][32]: rows 16 (TALL: 32) from `row` on, panels p and p + 1 (WIDE).
template <bool TALL, bool WIDE>
inline void multiply_tiles(const Input& x, int64_t row, const uint8_t* panel, int64_t step,
                           float* sums) {
    const bf16* a = x.narrow + row * x.depth;
    const int64_t stride = x.depth * 2;
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int64_t k = 0; k < x.depth; k += BLOCK_K, panel += 64 * TILE_ROWS) {
        _tile_loadd(4, a + k, stride);
        _tile_loadd(6, panel, 64);
        _tile_dpbf16ps(0, 4, 6);
        if constexpr (WIDE) {
            _tile_loadd(7, panel + step, 64);
            _tile_dpbf16ps(1, 4, 7);
        }
        if constexpr (TALL) {
            _tile_loadd(5, a + TILE_ROWS * x.depth + k, stride);
            _tile_dpbf16ps(2, 5, 6);
            if constexpr (WIDE) _tile_dpbf16ps(3, 5, 7);
        }
    }
    _tile_stored(0, sums, 128);
    _tile_stored(1, sums + TILE_ROWS, 128);
    if constexpr (TALL) {
        _tile_stored(2, sums + TILE_ROWS * 32, 128);
        _tile_stored(3, sums + TILE_ROWS * 33, 128);
    }
}

// Panels p and perhaps p + 1 at `panel`, `step` bytes apart, against all rows.
inline void tile_panels(const Input& x, const Packed& w, int64_t p, bool wide, const uint8_t* panel,
                        int64_t step, const Output& out) {
    alignas(64) float sums[32 * 32];
    for (int64_t row = 0; row < x.count; row += 2 * TILE_ROWS) {
        const bool tall = x.count - row > TILE_ROWS;
        if (tall)
            wide ? multiply_tiles<true, true>(x, row, panel, step, sums)
                 : multiply_tiles<true, false>(x, row, panel, step, sums);
        else
            wide ? multiply_tiles<false, true>(x, row, panel, step, sums)
                 : multiply_tiles<false, false>(x, row, panel, step, sums);
        for (int64_t i = 0; i < lesser(2 * TILE_ROWS, x.count - row); i++) {
            const vf first = load(sums + i * 32), second = load(sums + i * 32 + PANEL);
            finish_panel(w, out, row + i, p, &first, &second);
            if (wide && out.finish != Finish::swiglu)
                finish_panel(w, out, row + i, p + 1, &second, nullptr);
        }
    }
}
#endif

// ---- many rows: weights of few bits become numbers first ----------------------------------------

// One panel as bfloat16 pairs where those are multiplied, else as floats.
#if defined(__AVX512BF16__)
constexpr Weight EXPANDED = Weight::bf16;
#else
constexpr Weight EXPANDED = Weight::f32;
#endif

// A panel of int8 or int4, four k's at a time: each lane holds those of one output.
inline void expand_panel(const Packed& w, int64_t p, uint8_t* to) {
    const uint8_t *from = w.panel(p), *scales = from + w.weight_bytes();
    const bool four = w.kind == Weight::int4;
    const vi low = splat_int(15);
    for (int64_t b = 0; b < w.depth() / BLOCK_K; b++)
        for (int v = 0; v < VECTORS_OF_PANEL; v++) {
            const vf scale = load_halves(scales + (b * PANEL + v * LANES) * 2);
            for (int g = 0; g < 8; g++) {
                const int64_t row = four ? b * 4 + g % 4 : b * 8 + g;
                const vu bytes = (vu)load_ints(from + row * 4 * PANEL + v * 4 * LANES);
                vf x[4];
                for (int i = 0; i < 4; i++) {
                    const vi q = four ? (vi)(bytes >> (8 * i + (g < 4 ? 0 : 4))) & low
                                      : (vi)(bytes >> (8 * i)) & 255;
                    x[i] = to_floats(q - (four ? 8 : 128)) * scale;
                }
                const int64_t k = b * BLOCK_K + 4 * g;
                if (EXPANDED == Weight::f32) {
                    float* t = reinterpret_cast<float*>(to) + k * PANEL + v * LANES;
                    for (int i = 0; i < 4; i++) store(t + i * PANEL, x[i]);
                } else
                    for (int i = 0; i < 4; i += 2) {
                        const vi even = __builtin_convertvector(narrow(x[i]), vi);
                        const vi odd = __builtin_convertvector(narrow(x[i + 1]), vi);
                        const vi pairs = even | (odd << 16);
                        memcpy(to + ((k + i) / 2 * PANEL + v * LANES) * 4, &pairs, sizeof pairs);
                    }
            }
        }
}

// ---- the product --------------------------------------------------------------------------------

// What `multiply` wants its input as.
inline Weight input_kind(const Packed& w, bool many) {
    return many && w.kind != Weight::f32 && w.kind != Weight::bf16 ? EXPANDED : w.kind;
}

constexpr int64_t TASKS = 16; // per product, of whole groups of panels

inline int64_t panels_of_task(const Packed& w) {
    return rounded_up((w.panels() + TASKS - 1) / TASKS, PANELS_TOGETHER);
}

// Panels [p, ...) of w that lie in `memory`, as panels of a whole matrix.
inline Packed panels_at(const uint8_t* memory, int64_t p, Packed w) {
    w.source = nullptr;
    w.data = reinterpret_cast<const uint8_t*>(reinterpret_cast<uintptr_t>(memory) -
                                              uintptr_t(p * w.panel_bytes()));
    return w;
}

inline void pack_source(const Packed& w, int64_t p, int64_t end, uint8_t* memory) {
    if (!pack_panels(*w.source, w, p, end, memory))
        __atomic_store_n(w.infinite, true, __ATOMIC_RELAXED);
}

// Row n of the matrix as floats: to (inputs,).
inline void number_row(const Packed& w, int64_t n, float* to) {
    if (!w.source) return unpack_row(w, n, to);
    const int64_t p = n / PANEL;
    Scratch<uint8_t> panel(w.panel_bytes());
    pack_source(w, p, p + 1, panel);
    unpack_row(panels_at(panel, p, w), n, to);
}

inline void multiply_panels(const Input& x, const Packed& w, int64_t p, int64_t end, bool many,
                            const Output& out);

constexpr int64_t PACKED_AT_ONCE = 1 << 19; // bytes: they stay in the second-level cache

// A matrix that is not packed yet: a few panels are, and are multiplied while they are in cache.
inline void multiply_source(const Input& x, const Packed& w, int64_t p, int64_t end, bool many,
                            const Output& out) {
    const int64_t step = w.panel_bytes();
    const int64_t some = lesser(end - p, rounded_up(PACKED_AT_ONCE / step + 1, PANELS_TOGETHER));
    Scratch<uint8_t> panels(some * step);
    for (; p < end; p += some) {
        const int64_t until = lesser(end, p + some);
        pack_source(w, p, until, panels);
        multiply_panels(x, panels_at(panels, p, w), p, until, many, out);
    }
}

inline void multiply_panels(const Input& x, const Packed& w, int64_t p, int64_t end, bool many,
                            const Output& out) {
    if (w.source) return multiply_source(x, w, p, end, many, out);
    const bool expands = many && (w.kind == Weight::int8 || w.kind == Weight::int4);
    if (!expands) {
#if defined(__AMX_BF16__)
        if (w.kind == Weight::bf16) {
            TileSession session;
            for (; p < end; p += 2)
                tile_panels(x, w, p, p + 1 < end, w.panel(p), w.panel_bytes(), out);
            return;
        }
#endif
        return on_vectors(x, w, p, end, out);
    }
    Packed wide = w; // two panels of it
    wide.kind = EXPANDED;
    const int64_t step = wide.panel_bytes();
    Scratch<uint8_t> panels(2 * step);
    for (; p < end; p += 2) {
        const int64_t n = lesser(2, end - p);
        for (int64_t i = 0; i < n; i++) expand_panel(w, p + i, panels + i * step);
#if defined(__AMX_BF16__)
        TileSession session;
        tile_panels(x, w, p, n == 2, panels, step, out);
#else
        on_vectors(x, panels_at(panels, p, wide), p, p + n, out);
#endif
    }
}

// All outputs of all rows, on all threads.
inline void multiply(const Input& x, const Packed& w, bool many, const Output& out) {
    parallel_ranges(w.panels(), panels_of_task(w), [&](int64_t begin, int64_t end) {
        multiply_panels(x, w, begin, end, many, out);
    });
}

// ---- rows as input ------------------------------------------------------------------------------

// Owns what an Input of up to `rows` rows of up to `widest` (a multiple of 32) points to.
class InputMemory {
  public:
    InputMemory(int64_t rows, int64_t widest, bool narrow_too, bool bytes_too)
        : narrow(narrow_too ? rounded_up(rows, 32) * widest : 0), // tiles read rows beyond the last
          bytes(bytes_too ? rows * widest : 0), scales(bytes_too ? rows * widest / BLOCK_K : 0),
          offsets(bytes_too ? rows * widest / BLOCK_K : 0) {}

    // x (count, depth), padded with zeros; each(body) calls body(begin, end) for ranges of rows.
    template <class Each>
    Input convert(const float* x, int64_t count, int64_t depth, Weight kind, const Each& each) {
        if (kind == Weight::f32) return {x, nullptr, nullptr, nullptr, nullptr, count, depth};
        each([&](int64_t begin, int64_t end) { rows_of(x, begin, end, depth, kind); });
        if (kind == Weight::bf16) return {nullptr, narrow, nullptr, nullptr, nullptr, count, depth};
        return {nullptr, nullptr, bytes, scales, offsets, count, depth};
    }

  private:
    void rows_of(const float* x, int64_t begin, int64_t end, int64_t depth, Weight kind) {
        if (kind == Weight::bf16) {
            for (int64_t i = begin * depth; i < end * depth; i += LANES)
                store(narrow + i, load(x + i));
            return;
        }
        const int bias = kind == Weight::int8 ? 128 : 8;
        for (int64_t b = begin * depth / BLOCK_K; b < end * depth / BLOCK_K; b++)
            quantise_block(x + b * BLOCK_K, bytes + b * BLOCK_K, scales + b, offsets + b, bias);
    }

    Scratch<bf16> narrow;
    Scratch<int8_t> bytes;
    Scratch<float> scales;
    Scratch<int32_t> offsets;
};

inline bool is_bytes(Weight kind) { return kind == Weight::int8 || kind == Weight::int4; }

} // namespace
} // namespace weft::WEFT_ISA
