// Packing a matrix, and its product with rows of activations on its own. Layouts: decoder.h.
#include "packed_product.h"

namespace weft::WEFT_ISA {
namespace {

uint16_t float_to_half(float x) { // to the nearest even; overflows to infinity
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

// Half-way cases away from zero, as C's roundf.
inline float rounded_away(float x) {
    const float a = __builtin_fabsf(x), whole = __builtin_truncf(a);
    return __builtin_copysignf(whole + __builtin_truncf(2 * (a - whole)), x);
}

// ggml's Q8_0 and Q4_0: q + 128 or q + 8 of 32 numbers, and their scale.
uint16_t quantise(const float* x, bool four, uint8_t* q) {
    float extreme = 0;
    for (int k = 0; k < BLOCK_K; k++)
        if (__builtin_fabsf(x[k]) > __builtin_fabsf(extreme)) extreme = x[k];
    const float d = four ? extreme / -8 : __builtin_fabsf(extreme) / 127;
    const float inverse = d != 0 ? 1 / d : 0;
    for (int k = 0; k < BLOCK_K; k++) {
        const float scaled = x[k] * inverse;
        const bool finite = __builtin_fabsf(scaled) < 1e9f;
        if (four) {
            const int whole = finite ? int(scaled + 8.5f) : 0;
            q[k] = uint8_t(whole < 0 ? 0 : whole > 15 ? 15 : whole);
        } else
            q[k] = uint8_t((finite ? int(rounded_away(scaled)) : 0) + 128);
    }
    return float_to_half(d);
}

template <class T> float element_of(const Array& w, int64_t n, int64_t k) {
    return to_float(data<T>(w)[n * w.stride[0] + k * w.stride[1]]);
}

// The 32 inputs from k on of one output, zeros beyond the matrix.
void take_block(const Array& w, int64_t n, int64_t k, float* to) {
    const int64_t some = n < w.shape[0] ? lesser(BLOCK_K, w.shape[1] - k) : 0;
    with_type(w.dtype, [&](auto* type) {
        using T = element<decltype(type)>;
        for (int64_t i = 0; i < some; i++) to[i] = element_of<T>(w, n, k + i);
    });
    for (int64_t i = some; i < BLOCK_K; i++) to[i] = 0;
}

void put_block(const Packed& to, uint8_t* panel, int64_t lane, bool exists, int64_t k,
               const float* x) {
    const bool four = to.kind == Weight::int4;
    if (to.kind == Weight::f32)
        for (int64_t i = 0; i < BLOCK_K; i++)
            memcpy(panel + ((k + i) * PANEL + lane) * 4, x + i, 4);
    else if (to.kind == Weight::bf16)
        for (int64_t i = 0; i < BLOCK_K; i++) {
            const bf16 narrow = from_float<bf16>(x[i]);
            memcpy(panel + (((k + i) / 2 * PANEL + lane) * 2 + i % 2) * 2, &narrow, 2);
        }
    else {
        uint8_t q[BLOCK_K];
        const uint16_t rounded = quantise(x, four, q), scale = exists ? rounded : 0; // not -0
        memcpy(panel + to.weight_bytes() + (k / BLOCK_K * PANEL + lane) * 2, &scale, 2);
        for (int64_t i = 0; i < (four ? 16 : BLOCK_K); i++) {
            const int64_t row = four ? k / BLOCK_K * 4 + i / 4 : (k + i) / 4;
            panel[(row * PANEL + lane) * 4 + i % 4] = four ? uint8_t(q[i] | q[i + 16] << 4) : q[i];
        }
    }
}

// Panels [p, end) of numbers whose outputs lie side by side, as in files that hold (inputs,
// outputs): whole lines of the source at a time.
template <class T>
void pack_across(const Array& w, const Packed& to, uint8_t* memory, int64_t p, int64_t end) {
    const int64_t step = to.panel_bytes();
    const auto row = [&](int64_t panel, int64_t k, int v) {
        const int64_t n = panel * PANEL + v * LANES, left = to.outputs - n;
        if (k >= to.inputs || left <= 0) return zero();
        return load(data<T>(w) + k * w.stride[1] + n, left < LANES ? left : LANES);
    };
    for (int64_t k = 0; k < to.depth(); k += 2)
        for (int64_t panel = p; panel < end; panel++)
            for (int v = 0; v < VECTORS_OF_PANEL; v++) {
                const vf first = row(panel, k, v), second = row(panel, k + 1, v);
                uint8_t* at = memory + panel * step + (k * PANEL + v * LANES) * 4;
                if (to.kind == Weight::f32) {
                    memcpy(at, &first, sizeof first);
                    memcpy(at + PANEL * 4, &second, sizeof second);
                } else {
                    const vi even = __builtin_convertvector(narrow(first), vi);
                    const vi pairs = even | (__builtin_convertvector(narrow(second), vi) << 16);
                    memcpy(memory + panel * step + (k / 2 * PANEL + v * LANES) * 4, &pairs,
                           sizeof pairs);
                }
            }
}

constexpr int64_t PANELS_ACROSS = 16; // of a task: 1 KB of each line

} // namespace

void pack_matrix(const Array& w, const Packed& to, uint8_t* memory) {
    if (w.stride[0] == 1 && !is_bytes(to.kind))
        return parallel_ranges(to.panels(), PANELS_ACROSS, [&](int64_t p, int64_t end) {
            with_type(w.dtype, [&](auto* type) {
                pack_across<element<decltype(type)>>(w, to, memory, p, end);
            });
        });
    parallel(to.panels(), [&](int64_t p) {
        uint8_t* panel = memory + p * to.panel_bytes();
        const int64_t used = to.weight_bytes() + (to.kind >= Weight::int8 ? to.depth() : 0);
        memset(panel + used, 0, size_t(to.panel_bytes() - used));
        float x[BLOCK_K];
        for (int64_t k = 0; k < to.depth(); k += BLOCK_K)
            for (int64_t lane = 0; lane < PANEL; lane++) {
                take_block(w, p * PANEL + lane, k, x);
                put_block(to, panel, lane, p * PANEL + lane < to.outputs, k, x);
            }
    });
}

void packed_linear(const Array& x, const Packed& w, bool many, const Array& y) {
    const int64_t N = rows(x), K = w.inputs, depth = w.depth();
    Scratch<float> padded(N * depth);
    for (int64_t n = 0; n < N; n++) {
        memcpy(padded + n * depth, data<float>(x) + n * K, size_t(K) * 4);
        memset(padded + n * depth + K, 0, size_t(depth - K) * 4);
    }
    const Weight kind = input_kind(w, many);
    InputMemory memory(N, depth, kind == Weight::bf16, is_bytes(kind));
    const auto each = [&](const auto& body) { parallel_rows(N, depth, body); };
    multiply(memory.convert(padded, N, depth, kind, each), w, many, {data<float>(y), w.outputs});
}

} // namespace weft::WEFT_ISA
