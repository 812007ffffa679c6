// Products of attention's tiles: small ones, whose operands are packed already
// or were computed just before, and whose result stays in the cache. There are
// two kernels of one interface: OnVectors, of floats or of pairs of bfloat16,
// and OnTiles, on AMX.
#pragma once
#include "matmul_micro.h"

namespace weft::WEFT_ISA {
namespace {

constexpr int64_t BLOCK = 64; // queries of a tile: a multiple of every NR

inline int64_t round_up(int64_t n, int64_t step) { return ceil_div(n, step) * step; }
inline int64_t padded(int64_t n) { return round_up(n, NR); }

// out (rows, columns) = or += left (rows, depth) right (depth, columns), in
// units of the depth.
struct Shape {
    int64_t rows, columns;
    int64_t units;  // of the depth
    int64_t packed; // as many of them as each panel of the right operand has
    bool add;
};

template <int DEPTH> struct element_of_unit {
    using type = float;
};
template <> struct element_of_unit<2> {
    using type = bf16;
};

// What the kernels have in common. An operand over a depth is filled up with
// zeros to a multiple of STEP elements.
template <class Unit_, int STEP_> struct Packing {
    using Unit = Unit_;
    using Element = typename element_of_unit<Unit::DEPTH>::type;
    static constexpr int64_t STEP = STEP_;

    static int64_t units(int64_t depth) { return round_up(depth, STEP) / Unit::DEPTH; }

    // Panels of NR rows, one after another, `packed` units long: padded(rows) *
    // packed units.
    static void pack_right(const Operand& o, int64_t rows, int64_t depth, int64_t packed,
                           int32_t* to) {
        const int64_t filled = ceil_div(depth, Unit::DEPTH);
        for (int64_t r = 0; r < rows; r += NR, to += packed * NR) {
            pack_panel<Unit>(o, r, least(NR, rows - r), 0, depth, to, NR);
            memset(to + filled * NR, 0, size_t(packed - filled) * NR * 4);
        }
    }

    // 2 * LANES neighbours of a row.
    static void put(float* to, vf x, vf y) { store(to, x), store(to + LANES, y); }
    static void put(bf16* to, vf x, vf y) {
#if defined(__AVX512BF16__)
        _mm512_storeu_si512(to, (__m512i)_mm512_cvtne2ps_pbh((__m512)y, (__m512)x));
#else
        store(to, x), store(to + LANES, y);
#endif
    }

    // One unit of a right panel, from NR columns of DEPTH neighbouring rows.
    static void put_unit(int32_t* to, const vf (&x)[1][VECTORS]) {
        for (int i = 0; i < VECTORS; i++) store_units(to + i * LANES, as_int(x[0][i]));
    }
#if defined(__AVX512BF16__)
    static void put_unit(int32_t* to, const vf (&x)[2][VECTORS]) {
        alignas(64) static constexpr uint16_t ORDER[32] = {
            0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
            8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
        const __m512i order = _mm512_load_si512(ORDER);
        for (int i = 0; i < VECTORS; i++) {
            const __m512i both = (__m512i)_mm512_cvtne2ps_pbh((__m512)x[1][i], (__m512)x[0][i]);
            store_units(to + i * LANES, (vi)_mm512_permutexvar_epi16(order, both));
        }
    }
#endif
};

// ---- on vectors
// ---------------------------------------------------------------------------------

// Element (i, u) of the left operand is at a[i * ROW + u * UNIT].
template <class Unit, int H, int ROW, int UNIT>
void multiply_panel(const int32_t* a, const int32_t* b, int64_t units, bool add, float* out,
                    int64_t stride) {
    vf sums[H][VECTORS] = {};
    if (add)
        for (int i = 0; i < H; i++)
            for (int j = 0; j < VECTORS; j++) sums[i][j] = load(out + i * stride + j * LANES);
    accumulate<Unit, H, ROW, UNIT>(a, b, units, sums);
#pragma GCC unroll 16
    for (int i = 0; i < H; i++)
#pragma GCC unroll 4
        for (int j = 0; j < VECTORS; j++) store(out + i * stride + j * LANES, sums[i][j]);
}

template <class Unit> struct OnVectors : Packing<Unit, Unit::DEPTH> {
    struct Session {};                   // what a thread sets up before it multiplies
    static constexpr int64_t HEIGHT = 1; // rows of the left operand and of the result are padded to

    // Panels of up to MR rows: rows * units.
    static void pack_left(const Operand& o, int64_t rows, int64_t depth, int32_t* to) {
        const int64_t units = ceil_div(depth, Unit::DEPTH);
        const Cut cut(rows, MR);
        for (int64_t i = 0; i < cut.count; i++)
            pack_panel<Unit>(o, cut.start(i), cut.size(i), 0, depth, to + cut.start(i) * units,
                             cut.size(i));
    }

    // The left operand was packed; or, with a ROW, is rows of so many units. Rows
    // i .. i + n need columns_of(i, n) columns.
    template <int ROW, class Columns>
    static void product(const int32_t* a, const int32_t* b, const Shape& s, float* out,
                        int64_t stride, const Columns& columns_of) {
        const Cut cut(s.rows, MR);
        for (int64_t j = 0; j < s.columns; j += NR)
            for (int64_t p = 0; p < cut.count; p++) {
                const int64_t i = cut.start(p), height = cut.size(p);
                if (j >= columns_of(i, height)) continue;
                panel<ROW>(height, a + i * (ROW ? ROW : s.units), b + j * s.packed, s,
                           out + i * stride + j, stride);
            }
    }

  private:
    template <int ROW, int H = MR>
    static void panel(int64_t height, const int32_t* a, const int32_t* b, const Shape& s,
                      float* out, int64_t stride) {
        if constexpr (H > 1) {
            if (height < H) return panel<ROW, H - 1>(height, a, b, s, out, stride);
        }
        multiply_panel<Unit, H, ROW ? ROW : 1, ROW ? 1 : H>(a, b, s.units, s.add, out, stride);
    }
};

// ---- on AMX
// -------------------------------------------------------------------------------------

#if defined(__AMX_BF16__)

struct OnTiles : Packing<Pairs, 32> {
    static constexpr int64_t HEIGHT = 16;

    class Session { // eight tiles of 16 rows of 64 bytes, for as long as it lives
      public:
        Session() {
            struct alignas(64) {
                uint8_t palette = 1, start_row = 0, reserved[14] = {};
                uint16_t row_bytes[16] = {};
                uint8_t rows[16] = {};
            } shape;
            for (int i = 0; i < 8; i++) shape.row_bytes[i] = 64, shape.rows[i] = 16;
            _tile_loadconfig(&shape);
        }
        ~Session() { _tile_release(); }
        Session(const Session&) = delete;
        Session& operator=(const Session&) = delete;
    };

    // Rows of units, one after another: round_up(rows, HEIGHT) * units.
    static void pack_left(const Operand& o, int64_t rows, int64_t depth, int32_t* to) {
        const int64_t row_units = units(depth);
        each_tile(o, rows, depth, [&](int64_t r, int64_t u, const bf16* p, int64_t stride) {
            int32_t* corner = to + r * row_units + u;
            vi v[LANES];
            if (o.depth_stride != 1) {
                transposed_pairs(p, stride, v);
#pragma GCC unroll 16
                for (int i = 0; i < LANES; i++) store_units(corner + i * row_units, v[i]);
            } else {
#pragma GCC unroll 16
                for (int i = 0; i < LANES; i++)
                    store_units(corner + i * row_units, Pairs::along(p + i * stride));
            }
        });
    }

    static void pack_right(const Operand& o, int64_t rows, int64_t depth, int64_t packed,
                           int32_t* to) {
        if (o.depth_stride != 1) return Packing::pack_right(o, rows, depth, packed, to);
        each_tile(o, rows, depth, [&](int64_t r, int64_t u, const bf16* p, int64_t stride) {
            int32_t* corner = to + r / NR * NR * packed + u * NR + r % NR;
            vi v[LANES];
#pragma GCC unroll 16
            for (int i = 0; i < LANES; i++) v[i] = Pairs::along(p + i * stride);
            transpose(v);
#pragma GCC unroll 16
            for (int i = 0; i < LANES; i++) store_units(corner + i * NR, v[i]);
        });
    }

    template <int ROW, class Columns>
    static void product(const int32_t* a, const int32_t* b, const Shape& s, float* out,
                        int64_t stride, const Columns& columns_of) {
        const int64_t row = ROW ? ROW : s.units;
        for (int64_t j = 0; j < s.columns; j += NR)
            for (int64_t i = 0; i < s.rows; i += 2 * HEIGHT) {
                const int64_t height = least(2 * HEIGHT, s.rows - i);
                if (j >= columns_of(i, height)) continue;
                const int32_t *left = a + i * row, *right = b + j * s.packed;
                float* to = out + i * stride + j;
                if (height > HEIGHT)
                    multiply<true>(left, row, right, s, to, stride);
                else
                    multiply<false>(left, row, right, s, to, stride);
            }
    }

  private:
    // body(row, unit, elements, stride) for each tile of 16 rows of 16 units. Where the operand
    // ends within a tile, the elements are a copy that goes on with zeros.
    template <class Body>
    static void each_tile(const Operand& o, int64_t rows, int64_t depth, const Body& body) {
        const bool along = o.depth_stride == 1;
        const int64_t stride = along ? o.row_stride : o.depth_stride;
        for (int64_t r = 0; r < rows; r += LANES)
            for (int64_t u = 0; u < units(depth); u += LANES) {
                const bf16* p =
                    static_cast<const bf16*>(o.data) + r * o.row_stride + 2 * u * o.depth_stride;
                const int64_t n = least(LANES, rows - r), length = least(2 * LANES, depth - 2 * u);
                if (n == LANES && length == 2 * LANES) {
                    body(r, u, p, stride);
                    continue;
                }
                bf16 part[2 * LANES * 2 * LANES] = {};
                const int64_t lines = along ? n : length, line = along ? length : n;
                const int64_t step = 2 * LANES;
                for (int64_t i = 0; i < lines; i++)
                    copy_elements(part + i * step, p + i * stride, line);
                body(r, u, part, step);
            }
    }

    // 32 columns of 32 rows, or of 16.
    template <bool both>
    static void multiply(const int32_t* a, int64_t row, const int32_t* b, const Shape& s,
                         float* out, int64_t stride) {
        float* below = out + HEIGHT * stride;
        if (s.add) {
            _tile_loadd(0, out, stride * 4);
            _tile_loadd(1, out + LANES, stride * 4);
            if constexpr (both) _tile_loadd(2, below, stride * 4);
            if constexpr (both) _tile_loadd(3, below + LANES, stride * 4);
        } else {
            _tile_zero(0);
            _tile_zero(1);
            if constexpr (both) _tile_zero(2);
            if constexpr (both) _tile_zero(3);
        }
        for (int64_t u = 0; u < s.units; u += LANES, a += LANES, b += LANES * NR) {
            _tile_loadd(6, b, NR * 4);
            _tile_loadd(4, a, row * 4);
            _tile_loadd(7, b + LANES, NR * 4);
            _tile_dpbf16ps(0, 4, 6);
            _tile_dpbf16ps(1, 4, 7);
            if constexpr (both) {
                _tile_loadd(5, a + HEIGHT * row, row * 4);
                _tile_dpbf16ps(2, 5, 6);
                _tile_dpbf16ps(3, 5, 7);
            }
        }
        _tile_stored(0, out, stride * 4);
        _tile_stored(1, out + LANES, stride * 4);
        if constexpr (both) _tile_stored(2, below, stride * 4);
        if constexpr (both) _tile_stored(3, below + LANES, stride * 4);
    }
};

using NarrowProducts = OnTiles;
#else
using NarrowProducts = OnVectors<Pairs>; // where there is no product of bfloat16, Pairs are Floats
#endif
using WideProducts = OnVectors<Floats>;

} // namespace
} // namespace weft::WEFT_ISA
