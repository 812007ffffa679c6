// The micro-kernel: H rows times NR columns of the output stay in registers
// while the depth runs by.
#pragma once
#include "matmul_epilogue.h"

namespace weft::WEFT_ISA {
namespace {

// MR x NR accumulators, NR / LANES vectors of the right panel and one broadcast
// element must fit into the registers: 32 with AVX-512 and NEON, else 16; and
// be enough to hide the latency of the sum.
#if defined(__AVX512F__)
constexpr int MR = 14;
#elif defined(__aarch64__)
constexpr int MR = 12;
#else
constexpr int MR = 6;
#endif

// `n` rows cut into panels of at most `most`: of heights that differ by one at
// the most, or all of full height but the last.
struct Cut {
    int64_t n, count, height, taller;
    Cut(int64_t n, int64_t most, bool even = true) : n(n), count(ceil_div(n, most)) {
        height = !even ? most : count ? n / count : 0;
        taller = even && count ? n % count : 0;
    }
    int64_t start(int64_t i) const { return i * height + least(i, taller); }
    int64_t size(int64_t i) const { return least(height + (i < taller), n - start(i)); }
};

// One block of the output over one range of the depth. While the depth is not
// finished, sums wait in `partial`; the last range puts them through the
// epilogue into `out`.
template <class T> struct Block {
    const int32_t *a, *b;   // panels
    int64_t a_row, a_chunk; // steps to the next row and chunk of a, where the
                            // kernel leaves a choice
    int64_t units;
    float* partial;
    int64_t partial_stride;
    T* out; // row 0, column `column` of the output
    int64_t out_stride;
    int64_t row, column, columns; // of the output; columns <= NR of them exist
    bool first, last;             // range of the depth
    bool past_caches;             // the output does not stay in one
};

// Row i of the block's finished sums.
template <class T> inline void store_row(const Block<T>& block, int64_t i, vf (&sums)[VECTORS]) {
    store_columns(block.out + i * block.out_stride, sums, block.columns, block.past_caches);
}

// Row i of what waits for further ranges of the depth.
template <class T> inline void add_partial(const Block<T>& block, int64_t i, vf (&sums)[VECTORS]) {
    const float* partial = block.partial + i * block.partial_stride;
    for (int j = 0; j < VECTORS; j++)
        sums[j] = sums[j] + load_some(partial + j * LANES, block.columns - j * LANES);
}

template <class T> inline void keep_partial(const Block<T>& block, int64_t i, vf (&sums)[VECTORS]) {
    float* partial = block.partial + i * block.partial_stride;
    for (int j = 0; j < VECTORS; j++)
        store_some(partial + j * LANES, sums[j], block.columns - j * LANES);
}

// Rows of the block from memory, one after the other: for an epilogue, whose code would otherwise
// be there once for each row.
template <class T>
__attribute__((noinline)) void finish_rows(const Block<T>& block, const float* sums, int64_t begin,
                                           int64_t end, const Epilogue& epilogue) {
    if (!epilogue.plain() && block.columns >= NR)
        return epilogue.whole(sums, begin, end, block.row, block.column,
                              [&](int64_t i, vf(&row)[VECTORS]) { store_row(block, i, row); });
    for (int64_t i = begin; i < end; i++) {
        vf row[VECTORS];
        for (int j = 0; j < VECTORS; j++) row[j] = load(sums + i * NR + j * LANES);
        if (!epilogue.plain()) epilogue(row, block.row + i, block.column, block.columns);
        store_row(block, i, row);
    }
}

// sums (H, NR) += left (H, units) right (units, NR). Element (i, u) of the left
// operand is at a[i * ROW + u * STEP]: <1, H> is a packed panel.
template <class Unit, int H, int ROW, int STEP>
inline __attribute__((always_inline)) void accumulate(const int32_t* a, const int32_t* b,
                                                      int64_t units, vf (&sums)[H][VECTORS]) {
    for (int64_t u = 0; u < units; u++) {
        vi right[VECTORS];
#pragma GCC unroll 4
        for (int j = 0; j < VECTORS; j++) right[j] = as_int(load((const float*)b + j * LANES));
#pragma GCC unroll 16
        for (int i = 0; i < H; i++) {
            const vi left = as_int(splat(((const float*)a)[i * ROW]));
#pragma GCC unroll 4
            for (int j = 0; j < VECTORS; j++)
                sums[i][j] = Unit::multiply_add(sums[i][j], left, right[j]);
        }
        a += STEP, b += NR;
    }
}

template <class Unit, int H, class T> void micro(const Block<T>& block, const Epilogue& epilogue) {
    vf sums[H][VECTORS] = {};
    if (block.last) epilogue.prefetch(block.row, H, block.column + NR);
    accumulate<Unit, H, 1, H>(block.a, block.b, block.units, sums);
    if (!block.first) {
#pragma GCC unroll 16
        for (int i = 0; i < H; i++) add_partial(block, i, sums[i]);
    }
    if (!block.last) {
#pragma GCC unroll 16
        for (int i = 0; i < H; i++) keep_partial(block, i, sums[i]);
    } else if (epilogue.plain()) {
#pragma GCC unroll 16
        for (int i = 0; i < H; i++) store_row(block, i, sums[i]);
    } else {
        alignas(64) float rows[H * NR];
#pragma GCC unroll 16
        for (int i = 0; i < H; i++)
            for (int j = 0; j < VECTORS; j++) store(rows + i * NR + j * LANES, sums[i][j]);
        finish_rows(block, rows, 0, H, epilogue);
    }
}

// What Product asks of a micro-kernel; the other one is in matmul_tiles.h.
template <class Unit_> struct Vectors {
    using Unit = Unit_;
    static constexpr int HEIGHT = MR;       // of a left panel, at most
    static constexpr bool EVEN = true;      // panels of nearly equal height, none of them padded
    static constexpr bool FAST = false;     // at more than the rate of vectors of floats
    static constexpr int CHUNK = 1;         // units in one step along the depth
    static constexpr int DEPTH_BLOCK = 512; // units: longer, and unfinished sums wait less often
    static constexpr int64_t LEFT_UNITS = 1 << 17; // of the left operand that stay in L2: 512 KB

    static int64_t rows_of(int64_t height) { return height; } // of a packed left panel

    // Whether the left operand's own memory can take the place of a panel.
    static bool reads_in_place(const Operand&, int64_t, int64_t) { return false; }

    static void pack_left(const Operand& o, int64_t row, int64_t rows, int64_t begin, int64_t depth,
                          int32_t* to) {
        pack_panel<Unit>(o, row, rows, begin, depth, to, rows);
    }

    // What a thread needs while it computes.
    template <class T> struct Session {
        const Epilogue& epilogue;
        explicit Session(const Epilogue& epilogue) : epilogue(epilogue) {}

        template <int H = MR> void run(int64_t height, const Block<T>& block) const {
            if constexpr (H > 1) {
                if (height < H) return run<H - 1>(height, block);
            }
            micro<Unit, H>(block, epilogue);
        }
    };
};

} // namespace
} // namespace weft::WEFT_ISA
