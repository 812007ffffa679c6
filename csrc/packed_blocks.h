// Numbers become panels of a packed matrix, 32 inputs of 16 outputs at a time. Layouts: decoder.h.
#pragma once
#include "matmul_pack.h"
#include "packed.h"

namespace weft::WEFT_ISA {
namespace {

inline uint16_t float_to_half(float x) { // to the nearest even; overflows to infinity
    uint32_t bits;
    memcpy(&bits, &x, 4);
    const uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000) return uint16_t(sign | 0x7e00);
    if (magnitude >= 0x477ff000) return uint16_t(sign | 0x7c00);
    if (magnitude < 0x38800000) { // a subnormal half: adding 2^-1 leaves its bits at the bottom
        float value;
        memcpy(&value, &magnitude, 4);
        value += 0.5f;
        uint32_t sum;
        memcpy(&sum, &value, 4);
        return uint16_t(sign | (sum - 0x3f000000));
    }
    return uint16_t(sign | ((magnitude + 0xfff + (magnitude >> 13 & 1) - (112u << 23)) >> 13));
}

// Outputs [n, n + 16), inputs [k, k + 32) of w (N, K) as [input][output], zeros beyond the matrix.
template <class T> inline void take_block(const Array& w, int64_t n, int64_t k, float* to) {
    const int64_t rows = least(PANEL, w.shape[0] - n), depth = least(BLOCK_K, w.shape[1] - k);
    const T* from = data<T>(w) + n * w.stride[0] + k * w.stride[1];
    int32_t* units = reinterpret_cast<int32_t*>(to);
    if (w.stride[1] == 1)
        pack_along<Floats>(from, w.stride[0], rows, depth, units, PANEL);
    else if (w.stride[0] == 1)
        pack_across<Floats>(from, w.stride[1], rows, depth, units, PANEL);
    else
        for (int64_t i = 0; i < depth; i++)
            for (int64_t lane = 0; lane < PANEL; lane++)
                to[i * PANEL + lane] =
                    lane < rows ? to_float(from[lane * w.stride[0] + i * w.stride[1]]) : 0.0f;
    memset(to + depth * PANEL, 0, size_t((BLOCK_K - depth) * PANEL) * 4);
}

inline bool block_is_finite(const float* x) {
    vf none = zero(); // x - x is 0, or NaN
    for (int64_t i = 0; i < BLOCK_K * PANEL; i += LANES) none += load(x + i) - load(x + i);
    return sum(none) == 0.0f;
}

inline void put_units(uint8_t* to, vi units) { memcpy(to, &units, sizeof units); }

inline void put_pairs(const float* x, uint8_t* to) {
    for (int64_t k = 0; k < BLOCK_K; k += 2)
        for (int v = 0; v < VECTORS_OF_PANEL; v++) {
            const float* at = x + k * PANEL + v * LANES;
            const vi even = __builtin_convertvector(narrow(load(at)), vi);
            const vi odd = __builtin_convertvector(narrow(load(at + PANEL)), vi);
            put_units(to + (k / 2 * PANEL + v * LANES) * 4, even | (odd << 16));
        }
}

inline vf inverse_of(vf d) { // 0 where that is no number
    const vf one_over = 1.0f / d;
    return abs(one_over) <= 3.4028234e38f ? one_over : zero();
}

// ggml's Q8_0 and Q4_0, each lane one block of 32: q + 128 or q + 8, and the scale.
inline vf quantise_lanes(const float* x, bool four, vi* q) {
    vf extreme = zero();
    for (int64_t k = 0; k < BLOCK_K; k++) {
        const vf v = load(x + k * PANEL);
        extreme = abs(v) > abs(extreme) ? v : extreme; // the first of equals
    }
    const vf d = four ? extreme / -8.0f : abs(extreme) / 127.0f, inverse = inverse_of(d);
    for (int64_t k = 0; k < BLOCK_K; k++) {
        const vf product = load(x + k * PANEL) * inverse;
        const vf scaled = abs(product) < 1e9f ? product : zero();
        if (four) {
            const vi whole = __builtin_convertvector(scaled + 8.5f, vi);
            q[k] = whole < 0 ? vi{} : whole > 15 ? splat_int(15) : whole;
        } else { // half-way cases away from zero, as C's roundf
            const vf size = abs(scaled);
            const vi whole = __builtin_convertvector(size, vi);
            const vi up = size - to_floats(whole) >= 0.5f; // -1 where it is
            q[k] = (scaled < 0.0f ? up - whole : whole - up) + 128;
        }
    }
    return d;
}

// ---- int4: the best of a few scales, as kernels/reference/quantize.py searches for it
// ------------

inline vf through_half(vf x) { // the nearest float16
#if defined(__AVX512F__)
    return (vf)_mm512_cvtph_ps(_mm512_cvtps_ph((__m512)x, _MM_FROUND_TO_NEAREST_INT));
#else
    for (int i = 0; i < LANES; i++) x[i] = half_to_float(float_to_half(x[i]));
    return x;
#endif
}

struct Fit {
    vf scale, error; // the squared error less <x, x>
};

// Integers -8..7 of the step d, and the scale that fits them best.
inline Fit fit_int4(const float* x, vf d, vf* whole) {
    constexpr float HALF_UP = 12582912.0f; // 1.5 x 2^23: what is added to it is rounded to even
    const vf inverse = inverse_of(d);
    vf along = zero(), square = zero();
    for (int64_t k = 0; k < BLOCK_K; k++) {
        const vf v = load(x + k * PANEL), exact = v * inverse;
        const vf inside = exact < -8.0f ? splat(-8.0f) : exact > 7.0f ? splat(7.0f) : exact;
        whole[k] = (inside + HALF_UP) - HALF_UP;
        along += v * whole[k], square += whole[k] * whole[k];
    }
    const vf scale = through_half(along * inverse_of(square));
    return {scale, scale * (scale * square - 2.0f * along)};
}

inline vf search_lanes(const float* x, vi* q) {
    constexpr float TRIALS[] = {-9.4f, -9.0f, -8.6f, -8.2f, -7.8f, -7.4f, -7.0f};
    const vf d = quantise_lanes(x, true, q), furthest = d * -8.0f, first = through_half(d);
    vf least = splat(__builtin_inff()), place = splat(-8.0f), whole[BLOCK_K];
    for (const float trial : TRIALS) {
        const vf error = fit_int4(x, furthest / trial, whole).error;
        const vi better = error < least;
        least = better ? error : least, place = better ? splat(trial) : place;
    }
    const vf scale = fit_int4(x, furthest / place, whole).scale;
    vf default_error = zero(), error = zero();
    for (int64_t k = 0; k < BLOCK_K; k++) {
        const vf v = load(x + k * PANEL);
        const vf by_default = v - to_floats(q[k] - 8) * first, searched = v - whole[k] * scale;
        default_error += by_default * by_default, error += searched * searched;
    }
    const vi better = error < default_error;
    for (int64_t k = 0; k < BLOCK_K; k++)
        q[k] = better ? __builtin_convertvector(whole[k], vi) + 8 : q[k];
    return better ? scale : d;
}

// A block at inputs [k, k + 32) of a panel of integers, and the scales of the outputs that exist;
// false if one of those is not finite.
inline bool put_integers(const float* x, const Packed& to, int64_t k, int64_t outputs,
                         uint8_t* panel) {
    const bool four = to.kind == Weight::int4;
    uint8_t* scales = panel + to.weight_bytes() + k / BLOCK_K * PANEL * 2;
    uint8_t* block = panel + k * PANEL / (four ? 2 : 1);
    bool finite = true;
    for (int v = 0; v < VECTORS_OF_PANEL; v++) {
        vi q[BLOCK_K];
        const float* lanes = x + v * LANES;
        const vf d = to.search ? search_lanes(lanes, q) : quantise_lanes(lanes, four, q);
        for (int g = 0; g < (four ? 4 : 8); g++) {
            vi units = vi{};
            for (int i = 0; i < 4; i++) {
                const vi unit = four ? q[4 * g + i] | q[16 + 4 * g + i] << 4 : q[4 * g + i];
                units |= unit << (8 * i);
            }
            put_units(block + (g * PANEL + v * LANES) * 4, units);
        }
        for (int lane = 0; lane < LANES; lane++) {
            const int64_t n = v * LANES + lane;
            const uint16_t scale = n < outputs ? float_to_half(d[lane]) : uint16_t(0); // not -0
            memcpy(scales + n * 2, &scale, 2);
            finite &= (scale & 0x7c00) != 0x7c00;
        }
    }
    return finite;
}

// Panels [p, end) of w (N, K), one after the other; false if a number or a scale
// is NaN or infinite.
inline bool pack_panels(const Array& w, const Packed& to, int64_t p, int64_t end, uint8_t* memory) {
    const int64_t step = to.panel_bytes(), scaled = to.kind >= Weight::int8 ? to.depth() : 0;
    // Where outputs are neighbours in memory, lines of it are longer than a panel.
    const int64_t together = w.stride[0] == 1 ? end - p : 1;
    bool finite = true;
    alignas(64) float buffer[BLOCK_K * PANEL];
    const auto block = [&](auto* type, int64_t panel, int64_t k) {
        uint8_t* at = memory + (panel - p) * step;
        float* x = to.kind == Weight::f32 ? reinterpret_cast<float*>(at) + k * PANEL : buffer;
        take_block<element<decltype(type)>>(w, panel * PANEL, k, x);
        finite &= block_is_finite(x);
        if (to.kind == Weight::bf16)
            put_pairs(x, at + k * PANEL * 2);
        else if (to.kind != Weight::f32)
            finite &= put_integers(x, to, k, to.outputs - panel * PANEL, at);
    };
    with_type(w.dtype, [&](auto* type) {
        for (int64_t first = p; first < end; first += together)
            for (int64_t k = 0; k < to.depth(); k += BLOCK_K)
                for (int64_t i = first; i < first + together; i++) block(type, i, k);
    });
    const int64_t used = to.weight_bytes() + scaled;
    for (int64_t i = 0; i < end - p; i++) memset(memory + i * step + used, 0, size_t(step - used));
    return finite;
}

} // namespace
} // namespace weft::WEFT_ISA
