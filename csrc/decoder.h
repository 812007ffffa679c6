// A decoder-only Transformer as decoder.cpp reads it: packed weights, and the sequences that are
// being written. Plain data; everything is owned by somebody else.
//
// A packed matrix (outputs N, inputs K) is a row of panels of 16 outputs; K is padded with zeros to
// a multiple of 32 (Kp), N to one of 16. In a panel, for k = 0, 1, ...:
//   f32   16 floats, one for each output
//   bf16  for each pair of k: 16 x 2 bfloat16. 16 such rows are a tile of AMX
//   int8  for each four of k: 16 x 4 bytes q + 128; then the scales, for each 32 of k 16 float16
//   int4  for each 32 of k four rows of 16 x 4 bytes: row g holds q + 8 of the k's 4g .. 4g + 3 in
//         its low nibbles, of 16 + 4g .. in its high ones; then the scales as for int8
#pragma once
#include "array.h"

namespace weft {

enum class Weight : int32_t { f32, bf16, int8, int4 };

constexpr int64_t PANEL = 16;   // outputs of a panel
constexpr int64_t BLOCK_K = 32; // inputs that share a scale

struct Packed {
    Weight kind = Weight::f32;
    int64_t outputs = 0, inputs = 0;
    const uint8_t* data = nullptr; // aligned to 64 bytes; or not there yet, but
    const Array* source = nullptr; // (outputs, inputs), which is packed as it is read; and
    bool* infinite = nullptr;      // is set when there is a NaN or an infinity in it
    const float* bias = nullptr;   // (outputs,), or null
    bool search = false;           // int4 that is to be packed: among a few scales, for the best

    int64_t depth() const { return (inputs + BLOCK_K - 1) / BLOCK_K * BLOCK_K; } // Kp
    int64_t panels() const { return (outputs + PANEL - 1) / PANEL; }
    int64_t weight_bytes() const { // of a panel, without scales
        const int64_t n = depth() * PANEL;
        return kind == Weight::f32    ? 4 * n
               : kind == Weight::bf16 ? 2 * n
               : kind == Weight::int8 ? n
                                      : n / 2;
    }
    int64_t panel_bytes() const {
        const bool scaled = kind == Weight::int8 || kind == Weight::int4;
        return (weight_bytes() + (scaled ? depth() : 0) + 63) / 64 * 64;
    }
    int64_t bytes() const { return panels() * panel_bytes(); }
    const uint8_t* panel(int64_t p) const { return data + p * panel_bytes(); }
};

struct Norm {
    const float *weight = nullptr, *bias = nullptr; // (width,), or null
};

struct DecoderLayer {
    Norm norm_1, norm_2, q_norm, k_norm; // the last two are qwen3's
    Packed qkv, out;
    Packed up; // with a gate, panels of gate and of up take turns: 2 x inner outputs
    Packed down;
};

struct DecoderModel {
    int64_t layers = 0, width = 0, heads = 0, kv_heads = 0, head_dim = 0, inner = 0;
    int64_t vocabulary = 0, block_size = 0;
    bool layer_norm = true; // or RMSNorm
    bool gated = false;     // SwiGLU, or one of:
    bool relu = false;      // ReLU, or GELU
    bool tanh = true;       // GELU's formula
    float eps = 1e-5f;
    Packed embedding, head;                     // the same where they are tied
    const float* positions = nullptr;           // (block_size, width), or null
    const float *cos = nullptr, *sin = nullptr; // (block_size, head_dim / 2), or null
    Norm norm;
    const DecoderLayer* layer = nullptr;
};

enum class CacheType : int32_t { f32, bf16, int8 };

// One sequence: its cache (layers, kv_heads, length, head_dim), with int8 the scales
// (layers, kv_heads, length); and the tokens that are appended to it.
struct DecoderSequence {
    CacheType type = CacheType::f32;
    void *keys = nullptr, *values = nullptr;
    float *key_scales = nullptr, *value_scales = nullptr;
    int64_t length = 0, position = 0;
    const int64_t* tokens = nullptr; // checked
    int64_t count = 0;
    float* logits = nullptr; // (1, vocabulary) after the last token, or (count, vocabulary)
    bool every = false;
};

} // namespace weft
