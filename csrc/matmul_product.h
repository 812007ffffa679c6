// The product of two packed operands, after Goto and van de Geijn, "Anatomy of
// high-performance matrix multiplication" (2008): both are packed into panels,
// then the output is computed tile by tile. A sum runs over the depth in one
// order, whatever the tile and the thread.
#pragma once
#include "matmul_tiles.h"

namespace weft::WEFT_ISA {
namespace {

constexpr int64_t MIN_TILES = 16;          // smaller tiles rather than fewer
constexpr int64_t PACKED_LIMIT = 32 << 20; // units of one operand packed at a time
constexpr int64_t SMALL = 2 << 20;         // multiplications not worth waking other threads for

struct Output {
    void* data;
    int64_t stride;
};

// out (M, N) = a (M, K) b (N, K)ᵀ, through the epilogue.
template <class Kernel, class T, class Epilogue> class Product {
    using Unit = typename Kernel::Unit;
    static constexpr int64_t STEP = Kernel::CHUNK * Unit::DEPTH; // elements in a chunk

  public:
    Product(const Operand& a, const Operand& b, int64_t M, int64_t N, int64_t K, Output out,
            int64_t first_row, int64_t first_column, const Epilogue& epilogue)
        : a(a), b(b), K(K), N(N), first_row(first_row), first_column(first_column), out(out),
          epilogue(epilogue), left(M, Kernel::HEIGHT, Kernel::EVEN), right(ceil_div(N, NR)),
          depth(ceil_div(K, STEP), Kernel::DEPTH_BLOCK / Kernel::CHUNK),
          height(Kernel::EVEN ? M : left.count * Kernel::HEIGHT),
          packed_a(height * depth.n * Kernel::CHUNK),
          packed_b(right * NR * depth.n * Kernel::CHUNK) {
        while (ceil_div(left.count, tile_left) * ceil_div(right, tile_right) < MIN_TILES &&
               tile_left * tile_right > 1) {
            const bool tall = tile_left * Kernel::HEIGHT >= tile_right * NR;
            ((tall && tile_left > 1) || tile_right == 1 ? tile_left : tile_right) /= 2;
        }
    }

    void run() {
        const bool small = left.n * N * K < SMALL;
        const int64_t panels = depth.count * (left.count + right);
        const int64_t tiles = ceil_div(left.count, tile_left) * ceil_div(right, tile_right);
        each(small, panels, [&](int64_t i) { pack(i); });
        each(small, tiles, [&](int64_t i) { tile(i); });
    }

  private:
    template <class Body> static void each(bool small, int64_t n, const Body& body) {
        if (!small) return parallel(n, body);
        for (int64_t i = 0; i < n; i++) body(i);
    }

    int64_t units_before(int64_t d) const { return depth.start(d) * Kernel::CHUNK; }
    int64_t units_of(int64_t d) const { return depth.size(d) * Kernel::CHUNK; }
    int32_t* panel_a(int64_t d, int64_t i) const {
        return packed_a + units_before(d) * height + left.start(i) * units_of(d);
    }
    int32_t* panel_b(int64_t d, int64_t j) const {
        return packed_b + (units_before(d) * right + j * units_of(d)) * NR;
    }
    bool in_place(int64_t i) const { return Kernel::reads_in_place(a, left.size(i), K); }

    void pack(int64_t index) {
        const int64_t d = index / (left.count + right), i = index % (left.count + right);
        const int64_t begin = depth.start(d) * STEP, end = least(begin + depth.size(d) * STEP, K);
        if (i >= left.count)
            pack_right(d, i - left.count, begin, end - begin);
        else if (!in_place(i))
            Kernel::pack_left(a, first_row + left.start(i), left.size(i), begin, end - begin,
                              panel_a(d, i));
    }

    void pack_right(int64_t d, int64_t j, int64_t begin, int64_t length) {
        int32_t* to = panel_b(d, j);
        pack_panel<Unit>(b, first_column + j * NR, least(NR, N - j * NR), begin, length, to, NR);
        const int64_t packed =
            ceil_div(length, Unit::DEPTH); // the last chunk is filled up with zeros
        memset(to + packed * NR, 0, size_t(units_of(d) - packed) * NR * 4);
    }

    void tile(int64_t index) {
        typename Kernel::template Session<T, Epilogue> session(epilogue);
        const int64_t across = ceil_div(right, tile_right);
        const int64_t i0 = index / across * tile_left, i1 = least(i0 + tile_left, left.count);
        const int64_t j0 = index % across * tile_right, j1 = least(j0 + tile_right, right);
        const int64_t top = left.start(i0), width = (j1 - j0) * NR;
        // Unfinished sums wait in the output itself if it is float32 and the kernel can do that.
        const bool waits = depth.count > 1 && (!Kernel::EVEN || sizeof(T) != sizeof(float));
        Scratch<float> sums(waits ? (left.start(i1 - 1) + Kernel::HEIGHT - top) * width : 1);
        for (int64_t d = 0; d < depth.count; d++)
            for (int64_t j = j0; j < j1; j++)
                for (int64_t i = i0; i < i1; i++) {
                    Block<T> block = block_at(d, i, j);
                    if (waits) {
                        block.partial = sums + (left.start(i) - top) * width + (j - j0) * NR;
                        block.partial_stride = width;
                    }
                    session.run(left.size(i), block);
                }
    }

    Block<T> block_at(int64_t d, int64_t i, int64_t j) const {
        Block<T> block;
        const int64_t row = first_row + left.start(i);
        if (in_place(i)) {
            const int64_t at = row * a.row_stride + depth.start(d) * STEP;
            block.a = reinterpret_cast<const int32_t*>(static_cast<const bf16*>(a.data) + at);
            block.a_row = a.row_stride / Unit::DEPTH, block.a_chunk = Kernel::CHUNK;
        } else {
            block.a = panel_a(d, i);
            block.a_row = Kernel::CHUNK, block.a_chunk = Kernel::CHUNK * Kernel::HEIGHT;
        }
        block.b = panel_b(d, j), block.units = units_of(d);
        block.column = first_column + j * NR, block.columns = least(NR, N - j * NR);
        block.out = static_cast<T*>(out.data) + row * out.stride + block.column;
        block.out_stride = block.partial_stride = out.stride;
        block.partial = reinterpret_cast<float*>(block.out);
        block.first = d == 0, block.last = d == depth.count - 1;
        return block;
    }

    Operand a, b;
    int64_t K, N, first_row, first_column;
    Output out;
    Epilogue epilogue;
    Cut left;
    int64_t right;  // number of right panels
    Cut depth;      // in chunks
    int64_t height; // rows of all left panels
    int64_t tile_left = ceil_div(Kernel::TILE_LEFT, Kernel::HEIGHT),
            tile_right = ceil_div(Kernel::TILE_RIGHT, NR);
    Scratch<int32_t> packed_a, packed_b;
};

// In pieces whose packed operands stay below a limit of memory.
template <class Kernel, class T, class Epilogue>
void packed_product(const Operand& a, const Operand& b, int64_t M, int64_t N, int64_t K, Output out,
                    const Epilogue& epilogue) {
    const int64_t most = PACKED_LIMIT / ceil_div(K, Kernel::Unit::DEPTH);
    const int64_t piece = ceil_div(most, 512) * 512; // whole panels
    for (int64_t j = 0; j < N; j += piece)
        for (int64_t i = 0; i < M; i += piece)
            Product<Kernel, T, Epilogue>(a, b, least(piece, M - i), least(piece, N - j), K, out, i,
                                         j, epilogue)
                .run();
}

} // namespace
} // namespace weft::WEFT_ISA
