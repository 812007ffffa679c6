// Sums over rows, as the gradients of a norm's weights are: in pieces, so that all threads take
// part.
#pragma once
#include "rows.h"

namespace weft::WEFT_ISA {
namespace {

// The rows are cut into pieces, as many for any number of threads; each piece sums into its own
// dw and db, and the pieces are then added in their order.
constexpr int64_t MAX_PIECES = 64, MIN_PIECE_ROWS = 16;

struct Pieces {
    int64_t rows, count;
    explicit Pieces(int64_t N) {
        rows = (N + MAX_PIECES - 1) / MAX_PIECES;
        rows = rows < MIN_PIECE_ROWS ? MIN_PIECE_ROWS : rows;
        count = (N + rows - 1) / rows;
    }
};

inline void clear(float* p, int64_t n) {
    for (int64_t i = 0; i < n; i++) p[i] = 0;
}

// partial (count, C) -> total (C,).
inline void add_pieces(const float* partial, int64_t count, const Array& total) {
    const int64_t C = total.size;
    parallel_ranges(C, 256, [&](int64_t begin, int64_t end) {
        vectors(begin, end, [&](int64_t i, auto part) {
            vf s = zero();
            for (int64_t piece = 0; piece < count; piece++)
                s += load(partial + piece * C + i, part);
            store(data<float>(total) + i, s, part);
        });
    });
}

template <class T> inline void accumulate(float* sums, int64_t i, vf x, T part) {
    store(sums + i, load(sums + i, part) + x, part);
}

} // namespace
} // namespace weft::WEFT_ISA
