// A recurrent layer's walk through time: its weights packed once, and each step's product with the
// state of the step before, whose sums a cell (recurrent.cpp) turns into the next state while they
// are in the cache.
#pragma once
#include "packed_product.h"

namespace weft::WEFT_ISA {
namespace {

template <class T> constexpr bool ON_TILES = false;
#if defined(__AMX_BF16__)
template <> constexpr bool ON_TILES<bf16> = true;
#endif

constexpr int64_t MOST_PANELS = 4; // whose sums are made together
template <class T> constexpr int64_t ROW_BLOCK = ON_TILES<T> ? 32 : ROWS_TOGETHER;

// Sums of one block of rows, panel beside panel.
struct alignas(64) StepSums {
    float of[32][MOST_PANELS * PANEL];
};

// ---- weights ------------------------------------------------------------------------------------

// Makes room for panels of `depth`, all zeros; fill(panel's number, panel) writes what is not.
template <class T, class Fill>
inline void pack_weights(Packed& to, uint8_t* memory, int64_t panels, int64_t depth,
                         const Fill& fill) {
    to.kind = sizeof(T) == 2 ? Weight::bf16 : Weight::f32;
    to.outputs = panels * PANEL, to.inputs = depth, to.data = memory;
    parallel_ranges(panels, 1, [&](int64_t begin, int64_t end) {
        for (int64_t p = begin; p < end; p++) {
            uint8_t* panel = memory + p * to.panel_bytes();
            memset(panel, 0, size_t(to.panel_bytes()));
            fill(p, reinterpret_cast<T*>(panel));
        }
    });
}

// Where weight k of an output is in a panel; the outputs of one k are PAIR apart.
template <class T> constexpr int64_t PAIR = sizeof(T) == 2 ? 2 : 1;
template <class T> inline int64_t place(int64_t k) {
    return k / PAIR<T> * PAIR<T> * PANEL + k % PAIR<T>;
}

// ---- one product --------------------------------------------------------------------------------

template <int R, int P>
inline void keep_sums(const Input& x, const Packed& w, int64_t p, float* to) {
    Sums<R, P> sums = {};
    add_panels<R, P>(x, w, p, sums);
    for (int i = 0; i < R; i++)
        for (int j = 0; j < P; j++)
            for (int v = 0; v < VECTORS_OF_PANEL; v++)
                store(to + i * MOST_PANELS * PANEL + j * PANEL + v * LANES, sums[i][j][v]);
}

template <int R>
inline void vector_sums(const Input& x, const Packed& w, int64_t p, int64_t n, float* to) {
    if constexpr (PANELS_TOGETHER == 4) {
        if (n == 4) return keep_sums<R, 4>(x, w, p, to);
        if (n == 3) return keep_sums<R, 3>(x, w, p, to);
    }
    for (; n >= 2; n -= 2, p += 2, to += 2 * PANEL) keep_sums<R, 2>(x, w, p, to);
    if (n) keep_sums<R, 1>(x, w, p, to);
}

template <int R = ROWS_TOGETHER>
inline void some_sums(const Input& x, const Packed& w, int64_t p, int64_t n, float* to) {
    if constexpr (R > 1) {
        if (x.count < R) return some_sums<R - 1>(x, w, p, n, to);
    }
    vector_sums<R>(x, w, p, n, to);
}

#if defined(__AMX_BF16__)
// Rows 16 (TALL: 32), panels p and p + 1 (WIDE).
template <bool TALL, bool WIDE>
inline void tile_sums(const bf16* a, int64_t stride, const Packed& w, int64_t p, float* to) {
    constexpr int64_t ROW = MOST_PANELS * PANEL;
    const uint8_t* panel = w.panel(p);
    const int64_t step = w.panel_bytes();
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int64_t k = 0; k < w.depth(); k += BLOCK_K, panel += 64 * TILE_ROWS) {
        _tile_loadd(4, a + k, stride * 2);
        _tile_loadd(6, panel, 64);
        _tile_dpbf16ps(0, 4, 6);
        if constexpr (WIDE) {
            _tile_loadd(7, panel + step, 64);
            _tile_dpbf16ps(1, 4, 7);
        }
        if constexpr (TALL) {
            _tile_loadd(5, a + TILE_ROWS * stride + k, stride * 2);
            _tile_dpbf16ps(2, 5, 6);
            if constexpr (WIDE) _tile_dpbf16ps(3, 5, 7);
        }
    }
    _tile_stored(0, to, ROW * 4);
    if constexpr (WIDE) _tile_stored(1, to + PANEL, ROW * 4);
    if constexpr (TALL) {
        _tile_stored(2, to + TILE_ROWS * ROW, ROW * 4);
        if constexpr (WIDE) _tile_stored(3, to + TILE_ROWS * ROW + PANEL, ROW * 4);
    }
}

inline void row_sums(const bf16* x, int64_t stride, int64_t count, const Packed& w, int64_t p,
                     int64_t n, float* to) {
    const bool tall = count > TILE_ROWS;
    for (; n >= 2; n -= 2, p += 2, to += 2 * PANEL)
        tall ? tile_sums<true, true>(x, stride, w, p, to)
             : tile_sums<false, true>(x, stride, w, p, to);
    if (n)
        tall ? tile_sums<true, false>(x, stride, w, p, to)
             : tile_sums<false, false>(x, stride, w, p, to);
}
#else
struct TileSession {};

inline void row_sums(const bf16* x, int64_t stride, int64_t count, const Packed& w, int64_t p,
                     int64_t n, float* to) {
    some_sums(Input{nullptr, x, nullptr, nullptr, nullptr, count, stride}, w, p, n, to);
}
#endif

inline void row_sums(const float* x, int64_t stride, int64_t count, const Packed& w, int64_t p,
                     int64_t n, float* to) {
    some_sums(Input{x, nullptr, nullptr, nullptr, nullptr, count, stride}, w, p, n, to);
}

// ---- the walk -----------------------------------------------------------------------------------

// What steps multiply: two times (B, depth), the one that is read and the one that is written.
template <class T> class StepState {
  public:
    StepState(int64_t B, int64_t depth)
        : stride(depth + (ON_TILES<T> ? BLOCK_K : 0)), // or a tile's rows would share cache sets
          half(rounded_up(B, 32) * stride), memory(2 * half) {
        memset(static_cast<void*>(memory), 0, size_t(2 * half) * sizeof(T));
    }
    T* row(int64_t step, int64_t b) const { return memory + step % 2 * half + b * stride; }
    const int64_t stride;

  private:
    int64_t half;
    Scratch<T> memory;
};

// `steps` steps of a cell over B rows and `units` panels of 16 units. Before each but the first of
// a cell that starts from nothing, the sums of the state of the step before. Cell:
//   GATES                    panels of sums for each panel of units
//   FROM_NOTHING             whether the first step has no sums
//   unit(step, row, u, sums, next)  panel u of units of a row; next is the row of the next state
template <class T, class Cell> struct Walk {
    const Cell& cell;
    const Packed& w;
    const StepState<T>& state;
    int64_t steps, B, units;

    static constexpr int64_t GROUP = Cell::GATES > 1 ? 1 : MOST_PANELS; // panels of units

    void rows(int64_t step, int64_t row, int64_t n, int64_t u, int64_t group) const {
        StepSums sums;
        if (Cell::FROM_NOTHING && step == 0)
            memset(&sums, 0, sizeof sums);
        else
            row_sums(state.row(step, row), state.stride, n, w, u * Cell::GATES, group * Cell::GATES,
                     sums.of[0]);
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < group; j++)
                cell.unit(step, row + i, u + j, sums.of[i] + j * Cell::GATES * PANEL,
                          state.row(step + 1, row + i));
    }

    // Blocks of rows of nearly the same height.
    void block(int64_t step, int64_t begin, int64_t end, int64_t u, int64_t last) const {
        const int64_t n = end - begin, count = (n + ROW_BLOCK<T> - 1) / ROW_BLOCK<T>;
        for (; u < last; u += GROUP)
            for (int64_t i = 0; i < count; i++) {
                const int64_t from = ON_TILES<T> ? i * ROW_BLOCK<T> : n * i / count;
                const int64_t to =
                    ON_TILES<T> ? lesser(n, from + ROW_BLOCK<T>) : n * (i + 1) / count;
                rows(step, begin + from, to - from, u, lesser(GROUP, last - u));
            }
    }

    // Rows know nothing of each other: where the weights fit into each thread's cache, each goes
    // through all steps with rows of its own. Else each has its outputs, whose weights stay in its
    // cache, and they wait for each other after each step.
    void run() const {
        int64_t threads = num_threads() < processors() ? num_threads() : processors();
        const int64_t least = ON_TILES<T> ? TILE_BLOCK : ROWS_TOGETHER;
        if (threads == 1 || (w.bytes() <= CACHED && B >= threads * least)) return by_rows(threads);
        Team::run([](void* walk, Team& team,
                     int index) { static_cast<const Walk*>(walk)->by_outputs(team, index); },
                  const_cast<Walk*>(this));
    }

  private:
    static constexpr int64_t TILE_BLOCK = 16;
    static constexpr int64_t CACHED = 1 << 20; // bytes: half of a large L2

    void by_rows(int64_t threads) const {
        parallel(threads, [&](int64_t i) {
            TileSession session;
            (void)session;
            for (int64_t step = 0; step < steps; step++)
                block(step, B * i / threads, B * (i + 1) / threads, 0, units);
        });
    }

    void by_outputs(Team& team, int index) const {
        TileSession session;
        (void)session;
        struct Step {
            const Walk& walk;
            int64_t step;
        } now{*this, 0};
        for (; now.step < steps; now.step++)
            team.share(
                index, now.step, units, team.size(),
                [](void* context, int64_t begin, int64_t end) {
                    const Step& s = *static_cast<Step*>(context);
                    s.walk.block(s.step, 0, s.walk.B, begin, end);
                },
                &now);
    }
};

} // namespace
} // namespace weft::WEFT_ISA
