// The micro-kernel on AMX: tiles of 16 rows x 32 bfloat16 of the left operand
// times tiles of 16 pairs x 16 columns of the right one, 16 times as fast as
// vectors of floats. A block is 2 x 2 tiles.
#pragma once
#include "matmul_micro.h"
#if defined(__AMX_BF16__)

namespace weft::WEFT_ISA {
namespace {

constexpr int TILE = 16; // rows of a tile, and units in each of its rows

struct Tiles {
    using Unit = Pairs;
    static constexpr int HEIGHT = 2 * TILE;
    static constexpr bool EVEN = false;
    static constexpr bool FAST = true;
    static constexpr int CHUNK = TILE;
    static constexpr int DEPTH_BLOCK = 1024;       // units; panels of 128 KB come from the L2 cache
    static constexpr int64_t LEFT_UNITS = 1 << 17; // of the left operand that stay in L2: 512 KB

    // While it computes, a thread has the tiles' shapes set up, and the sums of the block before
    // wait to be stored: that is done while the tiles are busy with the next block.
    template <class T> class Session {
      public:
        explicit Session(const Epilogue& epilogue) : epilogue(epilogue) { configure(); }
        ~Session() {
            if (waiting_height > 0) // else there may never have been a block that waits
                finish_rows(waiting, sums[1 - turn][0], 0, waiting_height, epilogue);
            _tile_release();
        }
        Session(const Session&) = delete;
        Session& operator=(const Session&) = delete;

        void run(int64_t height, const Block<T>& block) {
            float* to = block.last ? sums[turn][0] : block.partial;
            const int64_t stride = block.last ? NR : block.partial_stride;
            if (block.last) epilogue.prefetch(block.row, height, block.column + NR);
            // The block before is finished a few rows at a time between the products.
            const int64_t steps = block.units / TILE, rows = ceil_div(waiting_height, steps);
            int64_t row = 0;
            auto between = [&] {
                if (row >= waiting_height) return;
                const int64_t end = least(row + rows, waiting_height);
                finish_rows(waiting, sums[1 - turn][0], row, end, epilogue);
                row = end;
            };
            if (height > TILE)
                multiply<2>(block, to, stride, between);
            else
                multiply<1>(block, to, stride, between);
            waiting_height = 0;
            if (!block.last) return;
            waiting = block, waiting_height = height;
            turn = 1 - turn;
        }

      private:
        const Epilogue& epilogue;
        Block<T> waiting;
        int64_t waiting_height = 0;
        int turn = 0;
        alignas(64) float sums[2][HEIGHT][NR];
    };

    static int64_t rows_of(int64_t) { return HEIGHT; }

    static bool reads_in_place(const Operand& o, int64_t rows, int64_t depth) {
        return o.dtype == Dtype::bf16 && o.depth_stride == 1 && rows % TILE == 0 &&
               (depth % (2 * TILE) == 0 || o.padded);
    }

    // A left panel is [chunk][row][unit]: each tile lies in one piece.
    static void pack_left(const Operand& o, int64_t row, int64_t rows, int64_t begin, int64_t depth,
                          int32_t* to) {
        if (o.dtype == Dtype::bf16)
            pack_typed<bf16>(o, row, rows, begin, depth, to);
        else if (o.round)
            pack_typed<rounded>(o, row, rows, begin, depth, to);
        else
            pack_typed<float>(o, row, rows, begin, depth, to);
    }

    static void configure() {
        struct alignas(64) {
            uint8_t palette = 1, start_row = 0, reserved[14] = {};
            uint16_t row_bytes[16] = {};
            uint8_t rows[16] = {};
        } shape;
        for (int i = 0; i < 8; i++) shape.row_bytes[i] = 4 * TILE, shape.rows[i] = TILE;
        _tile_loadconfig(&shape);
    }

  private:
    template <class T>
    static void pack_typed(const Operand& o, int64_t row, int64_t rows, int64_t begin,
                           int64_t depth, int32_t* to) {
        const T* p = static_cast<const T*>(o.data) + row * o.row_stride + begin * o.depth_stride;
        for (int64_t k = 0; k < depth; k += 2 * TILE)
            for (int64_t r = 0; r < HEIGHT; r += TILE, to += TILE * TILE) {
                const T* corner = p + k * o.depth_stride + r * o.row_stride;
                vi v[TILE] = {};
                if (o.depth_stride == 1)
                    load_along(corner, o.row_stride, rows - r, depth - k, v);
                else
                    load_across(corner, o.depth_stride, rows - r, depth - k, v);
#pragma GCC unroll 16
                for (int i = 0; i < TILE; i++) store_units(to + i * TILE, v[i]);
            }
    }

    template <class T>
    static void load_along(const T* p, int64_t stride, int64_t rows, int64_t depth, vi (&v)[TILE]) {
        if (rows >= TILE && depth >= 2 * TILE) {
#pragma GCC unroll 16
            for (int i = 0; i < TILE; i++) v[i] = Unit::along(p + i * stride);
            return;
        }
        for (int i = 0; i < least(TILE, rows); i++)
            v[i] = depth >= 2 * TILE ? Unit::along(p + i * stride)
                                     : along<Unit>(p + i * stride, depth);
    }

    template <class T>
    static void load_across(const T* p, int64_t stride, int64_t rows, int64_t depth,
                            vi (&v)[TILE]) {
        if (rows <= 0) return;
        if (rows >= TILE && depth >= 2 * TILE) {
            if constexpr (sizeof(T) == sizeof(bf16)) return transposed_pairs(p, stride, v);
#pragma GCC unroll 16
            for (int u = 0; u < TILE; u++)
                v[u] = Unit::across(p + 2 * u * stride, p + (2 * u + 1) * stride);
            return transpose(v);
        }
        for (int64_t u = 0; u < TILE && 2 * u < depth; u++) {
            const T* p0 = p + 2 * u * stride;
            const T* p1 = 2 * u + 1 < depth ? p0 + stride : nullptr;
            v[u] =
                rows >= TILE && p1 ? Unit::across(p0, p1) : across<Unit>(p0, p1, least(rows, TILE));
        }
        transpose(v);
    }

    template <int ROWS, class T, class Between>
    static void multiply(const Block<T>& block, float* to, int64_t to_stride,
                         const Between& between) {
        const int32_t *a = block.a, *b = block.b;
        const int64_t stride = block.a_row * 4, below = block.a_row * TILE;
        start<ROWS>(block);
        // Each right panel comes by once from the second-level cache. It is loaded past the first,
        // where left tiles and sums stay then: 500 instead of 735 ns for a block of depth 384.
        for (int64_t u = 0; u < block.units; u += TILE) {
            _tile_stream_loadd(6, b, NR * 4);
            _tile_loadd(4, a, stride);
            _tile_stream_loadd(7, b + TILE, NR * 4);
            _tile_dpbf16ps(0, 4, 6);
            _tile_dpbf16ps(1, 4, 7);
            if constexpr (ROWS == 2) {
                _tile_loadd(5, a + below, stride);
                _tile_dpbf16ps(2, 5, 6);
                _tile_dpbf16ps(3, 5, 7);
            }
            a += block.a_chunk, b += TILE * NR;
            between();
        }
        _tile_stored(0, to, to_stride * 4);
        _tile_stored(1, to + TILE, to_stride * 4);
        if constexpr (ROWS == 2) {
            _tile_stored(2, to + TILE * to_stride, to_stride * 4);
            _tile_stored(3, to + TILE * to_stride + TILE, to_stride * 4);
        }
    }

    // The sums so far.
    template <int ROWS, class T> static void start(const Block<T>& block) {
        if (block.first) {
            _tile_zero(0);
            _tile_zero(1);
            _tile_zero(2);
            _tile_zero(3);
            return;
        }
        const float* from = block.partial;
        const int64_t stride = block.partial_stride;
        _tile_loadd(0, from, stride * 4);
        _tile_loadd(1, from + TILE, stride * 4);
        if constexpr (ROWS == 2) {
            _tile_loadd(2, from + TILE * stride, stride * 4);
            _tile_loadd(3, from + TILE * stride + TILE, stride * 4);
        }
    }
};

using NarrowKernel = Tiles;

} // namespace
} // namespace weft::WEFT_ISA

#else

namespace weft::WEFT_ISA {
namespace {
using NarrowKernel = Vectors<Pairs>;
}
} // namespace weft::WEFT_ISA

#endif
