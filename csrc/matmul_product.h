// The product of two operands, after Goto and van de Geijn, "Anatomy of high-performance matrix
// multiplication" (2008). The right operand is packed into panels by all threads, a few megabytes
// at a time; then each thread takes tiles of rows, packs its part of the left operand (or reads it
// in place) so that it stays in the second-level cache, and runs all panels past it.
//
// A sum runs over the depth in one order, whatever the piece, the tile and the thread: sizes here
// change the time, never the bits.
#pragma once
#include "matmul_tiles.h"

namespace weft::WEFT_ISA {
namespace {

constexpr int64_t PIECE = 1 << 20;        // units of the right operand packed at a time: 4 MB
constexpr int64_t PIECE_DEPTH = 1 << 10;  // units, where a piece cannot have the whole depth
constexpr int64_t NEAR = 1 << 17;         // units of right panels that stay in L2: 512 KB
constexpr int64_t SHORT_PIECE = 1 << 16;  // units at a time where the output is small: 256 KB
constexpr int64_t SMALL_OUTPUT = 1 << 18; // elements
constexpr int64_t SMALL = 2 << 20;        // multiplications not worth waking other threads for

struct Output {
    void* data;
    int64_t stride;
};

// A piece of the output, rows and columns from `row` and `column` on; and a range of the depth.
struct Piece {
    int64_t row, column, depth, M, N, K;
    bool first, last; // of the depth
};

inline void prefetch(const void* p, int64_t bytes) {
    for (int64_t i = 0; i < bytes; i += 64)
        __builtin_prefetch(static_cast<const char*>(p) + i, 0, 2);
}

// One piece of out = a (M, K) b (N, K)ᵀ; the last of the depth goes through the epilogue.
// Unfinished sums wait in `sums`, whose rows are `sums_stride` long, in whole panels.
template <class Kernel, class T> class Product {
    using Unit = typename Kernel::Unit;
    static constexpr int64_t STEP = Kernel::CHUNK * Unit::DEPTH; // elements in a chunk
    static constexpr int64_t ROWS =
        Kernel::CHUNK > 1 ? 1 : 32 / Unit::DEPTH; // chunks packed at once

  public:
    Product(const Operand& a, const Operand& b, const Piece& piece, Output out, float* sums,
            int64_t sums_stride, const Epilogue& epilogue)
        : a(a), b(b), piece(piece), out(out), sums(sums), sums_stride(sums_stride),
          epilogue(epilogue), small(piece.M * piece.N * piece.K < SMALL),
          depth(ceil_div(piece.K, STEP), Kernel::DEPTH_BLOCK / Kernel::CHUNK),
          right(ceil_div(piece.N, NR)), rows(cut_rows()), columns(cut_columns()),
          packed_right(right * NR * depth.n * Kernel::CHUNK) {}

    void run() {
        each(depth.count * right, [&](int64_t i) { pack_right(i / right, i % right); });
        each(rows.count * columns.count,
             [&](int64_t i) { tile(i / columns.count, i % columns.count); });
    }

  private:
    // Tiles are cut in whole panels: so many rows that their part of the left operand stays in the
    // second-level cache, and so many tiles that each thread gets as much as the others.
    Cut cut_rows() const {
        const int64_t panels = ceil_div(piece.M, Kernel::HEIGHT);
        const int64_t fitting = Kernel::LEFT_UNITS / (Kernel::HEIGHT * units_of(0));
        const int64_t tiles = ceil_div(panels, fitting > 1 ? fitting : 1);
        const int64_t even = ceil_div(tiles, wanted()) * wanted();
        return Cut(panels, ceil_div(panels, tiles < 4 * wanted() ? even : tiles));
    }
    Cut cut_columns() const { return Cut(right, ceil_div(right, ceil_div(wanted(), rows.count))); }
    int64_t wanted() const { return small ? 1 : 2 * num_threads(); } // tiles

    template <class Body> void each(int64_t n, const Body& body) const {
        if (!small) return parallel(n, body);
        for (int64_t i = 0; i < n; i++) body(i);
    }

    int64_t units_of(int64_t d) const { return depth.size(d) * Kernel::CHUNK; }
    int64_t begin_of(int64_t d) const { return depth.start(d) * STEP; } // in elements of the piece
    int64_t length_of(int64_t d) const {
        return least(depth.size(d) * STEP, piece.K - begin_of(d));
    }
    int32_t* right_panel(int64_t d, int64_t j) const {
        return packed_right + (depth.start(d) * Kernel::CHUNK * right + j * units_of(d)) * NR;
    }
    bool in_place(int64_t height) const { return Kernel::reads_in_place(a, height, piece.K); }

    void pack_right(int64_t d, int64_t j) {
        int32_t* to = right_panel(d, j);
        pack_panel<Unit>(b, piece.column + j * NR, least(NR, piece.N - j * NR),
                         piece.depth + begin_of(d), length_of(d), to, NR);
        const int64_t units = ceil_div(length_of(d), Unit::DEPTH); // zeros up to a whole chunk
        memset(to + units * NR, 0, size_t(units_of(d) - units) * NR * 4);
    }

    void tile(int64_t r, int64_t c) {
        const int64_t top = rows.start(r) * Kernel::HEIGHT;
        const int64_t count = least(rows.size(r) * Kernel::HEIGHT, piece.M - top);
        const Cut panels(count, Kernel::HEIGHT, Kernel::EVEN);
        const Scratch<int32_t> left(panels.count * Kernel::HEIGHT * units_of(0));
        const int64_t j0 = columns.start(c), j1 = j0 + columns.size(c);
        typename Kernel::template Session<T> session(epilogue);
        for (int64_t d = 0; d < depth.count; d++) {
            pack_left(d, top, panels, left);
            const int64_t block = most(NEAR / (units_of(d) * NR), 1);
            for (int64_t j = j0; j < j1; j += block)
                for (int64_t i = 0; i < panels.count; i++)
                    pass(session, d, j, least(j + block, j1), top, panels, i, left);
        }
    }

    // The tile's part of the left operand, where it is not read in place. All panels go along the
    // depth side by side: neighbouring columns of one row of memory are then read together.
    void pack_left(int64_t d, int64_t top, const Cut& panels, int32_t* left) const {
        const int64_t step = a.depth_stride == 1 ? length_of(d) : ROWS * STEP;
        for (int64_t k = 0; k < length_of(d); k += step) {
            const int64_t length = least(step, length_of(d) - k), begin = piece.depth + begin_of(d);
            if (a.depth_stride != 1)
                prefetch_columns(top, panels.n, begin + k + step,
                                 least(step, length_of(d) - k - step));
            for (int64_t i = 0; i < panels.count; i++)
                if (!in_place(panels.size(i)))
                    Kernel::pack_left(
                        a, piece.row + top + panels.start(i), panels.size(i), begin + k, length,
                        panel_of(left, d, i) + k / Unit::DEPTH * Kernel::rows_of(panels.size(i)));
        }
    }

    void prefetch_columns(int64_t top, int64_t columns, int64_t begin, int64_t length) const {
        const int64_t item = dtype_bytes(a.dtype);
        for (int64_t k = begin; k < begin + length; k++)
            prefetch(static_cast<const char*>(a.data) +
                         (k * a.depth_stride + piece.row + top) * item,
                     columns * item);
    }

    template <class U> U* panel_of(U* left, int64_t d, int64_t i) const {
        return left + i * Kernel::HEIGHT * units_of(d);
    }

    // Left panel i past the right panels [j0, j1), which stay in the second-level cache from one
    // left panel to the next; the output is written along its rows.
    template <class Session>
    void pass(Session& session, int64_t d, int64_t j0, int64_t j1, int64_t top, const Cut& panels,
              int64_t i, const int32_t* left) const {
        const int64_t row = top + panels.start(i), height = panels.size(i);
        const bool more = i + 1 < panels.count && in_place(panels.size(i + 1));
        for (int64_t j = j0; j < j1; j++) {
            if (i == 0 && j + 1 < j1) prefetch(right_panel(d, j + 1), units_of(d) * NR * 4);
            if (more) prefetch_rows(d, row + height, panels.size(i + 1), j - j0, j1 - j0);
            Block<T> block = block_at(d, row, j);
            set_left(block, d, row, height, panel_of(left, d, i));
            session.run(height, block);
        }
    }

    // One part in `parts` of the next rows of the left operand, which are read in place.
    void prefetch_rows(int64_t d, int64_t row, int64_t height, int64_t part, int64_t parts) const {
        const int64_t share = ceil_div(height, parts), item = dtype_bytes(a.dtype);
        const char* p = static_cast<const char*>(a.data) + (piece.depth + begin_of(d)) * item;
        for (int64_t r = part * share; r < least(part * share + share, height); r++)
            prefetch(p + (piece.row + row + r) * a.row_stride * item, length_of(d) * item);
    }

    void set_left(Block<T>& block, int64_t d, int64_t row, int64_t height,
                  const int32_t* packed) const {
        if (in_place(height)) {
            const int64_t at = (piece.row + row) * a.row_stride + piece.depth + begin_of(d);
            block.a = reinterpret_cast<const int32_t*>(static_cast<const bf16*>(a.data) + at);
            block.a_row = a.row_stride / Unit::DEPTH, block.a_chunk = Kernel::CHUNK;
        } else {
            block.a = packed;
            block.a_row = Kernel::CHUNK, block.a_chunk = Kernel::CHUNK * Kernel::HEIGHT;
        }
    }

    Block<T> block_at(int64_t d, int64_t row, int64_t j) const {
        Block<T> block;
        block.b = right_panel(d, j), block.units = units_of(d);
        block.row = piece.row + row;
        block.column = piece.column + j * NR, block.columns = least(NR, piece.N - j * NR);
        block.out = static_cast<T*>(out.data) + block.row * out.stride + block.column;
        block.out_stride = out.stride;
        block.partial =
            sums ? sums + row * sums_stride + j * NR : reinterpret_cast<float*>(block.out);
        block.partial_stride = sums ? sums_stride : out.stride;
        block.first = piece.first && d == 0;
        block.last = piece.last && d == depth.count - 1;
        block.past_caches = piece.M * out.stride * int64_t(sizeof(T)) > CACHED;
        return block;
    }

    Operand a, b;
    Piece piece;
    Output out;
    float* sums;
    int64_t sums_stride;
    const Epilogue& epilogue;
    bool small;
    Cut depth;     // in chunks
    int64_t right; // number of right panels
    Cut rows;      // in left panels
    Cut columns;   // in right panels
    Scratch<int32_t> packed_right;
};

// Units of the depth in a piece: as many as possible, so that sums do not wait. But the gradient of
// a weight is small and its operands are long: they are packed a little at a time, in memory that
// stays in the second-level cache.
inline int64_t depth_of_pieces(int64_t M, int64_t N, int64_t units) {
    if (M >= 32 && M * N <= SMALL_OUTPUT && units * N > 2 * SHORT_PIECE)
        return most(SHORT_PIECE / N / 32 * 32, 128);
    return units * least(N, PIECE_DEPTH) <= PIECE ? units : PIECE_DEPTH;
}

template <class Kernel, class T>
void packed_product(const Operand& a, const Operand& b, int64_t M, int64_t N, int64_t K, Output out,
                    const Epilogue& epilogue) {
    constexpr int64_t DEPTH = Kernel::Unit::DEPTH;
    const int64_t units = ceil_div(K, DEPTH);
    const int64_t piece_units = depth_of_pieces(M, N, units);
    const int64_t width = ceil_div(least(N, PIECE / (piece_units ? piece_units : 1)), NR) * NR;
    const bool whole = Kernel::EVEN || (M % Kernel::HEIGHT == 0 && N % NR == 0); // panels
    const bool waits = units > least(piece_units, Kernel::DEPTH_BLOCK) &&
                       !(whole && sizeof(T) == sizeof(float)); // else in the output itself
    const int64_t height = ceil_div(M, Kernel::HEIGHT) * Kernel::HEIGHT;
    const Scratch<float> sums(waits ? height * width : 1);
    for (int64_t j = 0; j < N; j += width)
        for (int64_t k = 0; k == 0 || k < K; k += piece_units * DEPTH) {
            const int64_t length = least(piece_units * DEPTH, K - k);
            const Piece piece{0, j, k, M, least(width, N - j), length, k == 0, k + length == K};
            Product<Kernel, T>(a, b, piece, out, waits ? static_cast<float*>(sums) : nullptr, width,
                               epilogue)
                .run();
        }
}

} // namespace
} // namespace weft::WEFT_ISA
