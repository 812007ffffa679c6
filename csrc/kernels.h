// Every kernel, its arguments and their shapes, in one list; and the table of function pointers,
// one per instruction set, that the list becomes.
//
// To add a kernel:
//   1. Write a row in WEFT_KERNELS below: its name, then its type, with the shapes in a comment.
//   2. Define it in csrc/<family>.cpp, inside `namespace weft::WEFT_ISA { ... }`, including only
//      "kernel.h" (which brings simd.h, parallel(), Scratch and this file). A new file goes into
//      KERNEL_SOURCES in CMakeLists.txt, and is compiled once per instruction set.
//   3. Bind it in csrc/binding_<group>.cpp: a function that takes In / InOut / std::optional<In>,
//      checks shapes, allocates Out, and calls kernels().<name>(...) inside a `Section` (which
//      gives back the GIL and flushes subnormals). Register it with def(m, "name", &function,
//      "arg"_a...).
//   4. Define it in NumPy in src/weft/kernels/reference/<family>.py under the same name, and choose
//      it in src/weft/kernels/active.py. tests/kernels walks all twins.
// Traps: in a kernel file everything but the kernels themselves must be `static` (or in an unnamed
// namespace) and no std:: template may be used: the linker would merge the copies of an inline
// function compiled for different instruction sets, and an older CPU would meet an AVX-512 one.
// csrc/check_symbols.py looks for that. No Python, no exceptions, no allocation except Scratch.
#pragma once
#include "decoder.h"

// clang-format off
#define WEFT_KERNELS(KERNEL) \
    /* matmul.cpp: a (..., M, K), b (..., K, N), y (..., M, N); x (N, K), w (M, K), b (M), y (N, M) */ \
    KERNEL(matmul, void(const Array& a, const Array& b, bool transpose_a, bool transpose_b, const Array& y)) \
    /* residual and slope (N, M), but in backward slope (N, K); all but x and w may be absent */ \
    KERNEL(linear_forward, void(const Array& x, const Array& w, const Array& b, \
                                const Array& residual, double dropout, uint64_t key, \
                                const Array& y)) \
    KERNEL(linear_activation_forward, void(const Array& x, const Array& w, const Array& b, \
                                           Curve curve, const Array& slope, const Array& y)) \
    KERNEL(linear_swiglu_forward, void(const Array& x, const Array& w, const Array& b, \
                                       const Array& gate, const Array& up, const Array& y)) \
    KERNEL(linear_swiglu_backward, void(const Array& dy, const Array& x, const Array& w, \
                                        const Array& gate, const Array& up, const Array& dgate, \
                                        const Array& dup, const Array& dw, const Array& db)) \
    KERNEL(linear_backward, void(const Array& dy, const Array& x, const Array& w, \
                                 const Array& slope, const Array& dx, const Array& dw, \
                                 const Array& db)) \
    /* x, dx (N, K); w, dw (V, K); targets (N,) checked; losses (N,); dw and losses float32 */ \
    KERNEL(linear_cross_entropy, void(const Array& x, const Array& w, const Array& targets, \
                                      int64_t ignore_index, float scale, const Array& losses, \
                                      const Array& dx, const Array& dw)) \
    /* attention.cpp: q, y, dy, dq (B, Tq, H, D); k, v, dk, dv (B, Tk, Hkv, D); lse (B, H, Tq) float32; */ \
    /* all but lse may be strided, with a contiguous last axis */ \
    KERNEL(attention_forward, void(const Array& q, const Array& k, const Array& v, float scale, \
                                   const Sight& sight, double dropout, uint64_t key, \
                                   const Array& y, const Array& lse)) \
    KERNEL(attention_backward, void(const Array& dy, const Array& q, const Array& k, \
                                    const Array& v, const Array& y, const Array& lse, float scale, \
                                    const Sight& sight, double dropout, uint64_t key, \
                                    const Array& dq, const Array& dk, const Array& dv)) \
    /* peak.cpp: floating-point operations, or bytes, per second */ \
    KERNEL(measure_peak, double(Peak kind, double seconds)) \
    /* elementwise.cpp: arrays of one shape, float32 or bfloat16 each */ \
    KERNEL(add, void(const Array& a, const Array& b, const Array& y)) \
    KERNEL(mul, void(const Array& a, const Array& b, const Array& y)) \
    KERNEL(cast, void(const Array& x, const Array& y)) \
    /* activation.cpp: arrays of one shape and one dtype */ \
    KERNEL(gelu_forward, void(const Array& x, bool tanh, const Array& y)) \
    KERNEL(gelu_backward, void(const Array& dy, const Array& x, bool tanh, const Array& dx)) \
    KERNEL(relu_forward, void(const Array& x, const Array& y)) \
    KERNEL(relu_backward, void(const Array& dy, const Array& y, const Array& dx)) \
    KERNEL(relu2_forward, void(const Array& x, const Array& y)) \
    KERNEL(relu2_backward, void(const Array& dy, const Array& x, const Array& dx)) \
    KERNEL(sigmoid_forward, void(const Array& x, const Array& y)) \
    KERNEL(sigmoid_backward, void(const Array& dy, const Array& y, const Array& dx)) \
    KERNEL(tanh_forward, void(const Array& x, const Array& y)) \
    KERNEL(tanh_backward, void(const Array& dy, const Array& y, const Array& dx)) \
    KERNEL(silu_forward, void(const Array& x, const Array& y)) \
    KERNEL(silu_backward, void(const Array& dy, const Array& x, const Array& dx)) \
    KERNEL(swiglu_forward, void(const Array& gate, const Array& up, const Array& y)) \
    KERNEL(swiglu_backward, void(const Array& dy, const Array& gate, const Array& up, \
                                 const Array& dgate, const Array& dup)) \
    /* dropout.cpp: x, y of one shape and dtype; backward is the same function of dy */ \
    KERNEL(dropout, void(const Array& x, double p, uint64_t key, const Array& y)) \
    /* softmax.cpp: all (..., C) of one dtype */ \
    KERNEL(softmax_forward, void(const Array& x, const Array& y)) \
    KERNEL(softmax_backward, void(const Array& dy, const Array& y, const Array& dx)) \
    KERNEL(log_softmax_forward, void(const Array& x, const Array& y)) \
    KERNEL(log_softmax_backward, void(const Array& dy, const Array& y, const Array& dx)) \
    /* norm.cpp: x, y, dy, dx (..., C); w, b (C,) or absent; mean, rstd (N, 1) and dw, db (C,) */ \
    /* float32; an absent dw or db is not computed */ \
    KERNEL(layer_norm_forward, void(const Array& x, const Array& w, const Array& b, float eps, \
                                    const Array& y, const Array& mean, const Array& rstd)) \
    KERNEL(layer_norm_backward, void(const Array& dy, const Array& x, const Array& w, \
                                     const Array& mean, const Array& rstd, const Array& before, \
                                     const Array& dx, const Array& dw, const Array& db)) \
    KERNEL(rms_norm_forward, void(const Array& x, const Array& w, float eps, const Array& y, \
                                  const Array& rstd)) \
    KERNEL(rms_norm_backward, void(const Array& dy, const Array& x, const Array& w, \
                                   const Array& rstd, const Array& before, const Array& dx, \
                                   const Array& dw)) \
    /* rotary.cpp: x, y (B, T, H, D); cos, sin (T, D/2) float32; direction 1, or -1 for backward */ \
    KERNEL(rotary, void(const Array& x, const Array& cos, const Array& sin, float direction, \
                        const Array& y)) \
    /* qkv, y, dy, dqkv (B, T, H + 2 Hkv, D); wq, wk (D,) float32 and rstd (B, T, H + Hkv) float32 */ \
    /* or, together, absent: no norm; dwq, dwk (D,) float32 */ \
    KERNEL(rotary_qkv_forward, void(const Array& qkv, int64_t heads, const Array& wq, \
                                    const Array& wk, float eps, const Array& cos, \
                                    const Array& sin, const Array& y, const Array& rstd)) \
    KERNEL(rotary_qkv_backward, void(const Array& dy, const Array& qkv, int64_t heads, \
                                     const Array& wq, const Array& wk, const Array& rstd, \
                                     const Array& cos, const Array& sin, const Array& dqkv, \
                                     const Array& dwq, const Array& dwk)) \
    /* embedding.cpp: w (V, C), ids (...) checked, y, dy (..., C), dw (V, C) float32 */ \
    KERNEL(embedding_forward, void(const Array& w, const Array& ids, const Array& y)) \
    KERNEL(embedding_backward, void(const Array& dy, const Array& ids, const Array& dw)) \
    /* loss.cpp: logits, dlogits (N, V); targets (N,) checked; losses, dlosses, lse (N,) float32 */ \
    KERNEL(cross_entropy_forward, void(const Array& logits, const Array& targets, \
                                       int64_t ignore_index, const Array& losses, \
                                       const Array& lse)) \
    KERNEL(cross_entropy_backward, void(const Array& dlosses, const Array& logits, \
                                        const Array& targets, const Array& lse, \
                                        int64_t ignore_index, const Array& dlogits)) \
    /* optimizer.cpp: float32; the lists are p, g, m, v and p, g, buffers (these may be absent); */ \
    /* all but g change in place; corrections are 1 - beta1^step, 1 - beta2^step of each array */ \
    KERNEL(adam_step, void(const Lists& lists, const double* corrections, const AdamStep& step)) \
    KERNEL(sgd_step, void(const Lists& lists, const SgdStep& step)) \
    /* muon.cpp: p, g, m; all but g change in place; columns and rates of each matrix */ \
    KERNEL(muon_step, void(const Lists& lists, const int64_t* columns, const float* rates, \
                           const MuonStep& step)) \
    KERNEL(sum_of_squares, double(const Lists& x)) \
    KERNEL(scale_, void(const Lists& x, float factor)) \
    /* packed.cpp: w (N, K) of any strides, float32 or bfloat16; x (M, K), y (M, N) float32 */ \
    KERNEL(pack_matrix, void(const Array& w, const Packed& to, uint8_t* memory)) \
    KERNEL(packed_linear, void(const Array& x, const Packed& w, bool many, const Array& y)) \
    /* decoder.cpp */ \
    KERNEL(decode, void(const DecoderModel& model, const DecoderSequence* sequences, int64_t count)) \
    /* recurrent.cpp: pre, dpre (T, B, G C); w, dw (G C, C); hidden (T + 1, B, C), gates (T, B, 4 C), dy */ \
    /* (T, B, C) of pre's dtype; h, h0, c0 and their gradients (B, C), cells (T + 1, B, C), b, db */ \
    /* (3 C,) or b absent, dw: float32 */ \
    KERNEL(rnn_forward, void(const Array& pre, const Array& w, const Array& h0, \
                             const Array& hidden, const Array& h)) \
    KERNEL(rnn_backward, void(const Array& dy, const Array& dh, const Array& w, \
                              const Array& hidden, const Array& dpre, const Array& dw, \
                              const Array& dh0)) \
    KERNEL(gru_forward, void(const Array& pre, const Array& w, const Array& b, const Array& h0, \
                             const Array& hidden, const Array& gates, const Array& h)) \
    KERNEL(gru_backward, void(const Array& dy, const Array& dh, const Array& w, \
                              const Array& hidden, const Array& gates, const Array& dpre, \
                              const Array& dw, const Array& db, const Array& dh0)) \
    KERNEL(lstm_forward, void(const Array& pre, const Array& w, const Array& h0, const Array& c0, \
                              const Array& hidden, const Array& cells, const Array& gates, \
                              const Array& h)) \
    KERNEL(lstm_backward, void(const Array& dy, const Array& dh, const Array& dc, const Array& w, \
                               const Array& hidden, const Array& cells, const Array& gates, \
                               const Array& dpre, const Array& dw, const Array& dh0, \
                               const Array& dc0))
// clang-format on

namespace weft {

// Which keys a query of attention sees, and what their distance costs: window and slopes only
// where attention is causal.
struct Sight {
    bool causal;                   // none after the query
    int64_t window = 0;            // only so many, the query's own among them; 0: all
    const float* slopes = nullptr; // of each query head: slope times distance is subtracted
};

// What may bend the output of a linear layer.
enum class Curve { gelu, gelu_tanh, relu, relu2 };

enum class Peak { float32, bfloat16, memory };

// Lists of float32 arrays that are walked side by side: the i-th arrays of all have one size.
struct Lists {
    int64_t count;           // of arrays in each list
    const int64_t* ends;     // of each array, in the concatenation of its list
    float* const* arrays[4]; // null where a list is absent
};

struct AdamStep {
    double scale; // of the gradient
    double lr, beta1, beta2, eps, weight_decay;
    bool decoupled; // AdamW
};

struct MuonStep {
    double scale; // of the gradient
    double decay, momentum;
    bool nesterov;
    double a, b, c, eps; // of the iteration a x + b (x xT) x + c (x xT)^2 x
    int64_t steps;
};

struct SgdStep {
    double scale; // of the gradient
    double lr, momentum, dampening, weight_decay;
    bool nesterov, first;
};

struct Kernels {
    const char* isa;
    int lanes;
#define WEFT_POINTER(name, ...)      \
    using name##_type = __VA_ARGS__; \
    name##_type* name;
    WEFT_KERNELS(WEFT_POINTER)
#undef WEFT_POINTER
};

const Kernels& kernels(); // the table in use

#ifdef WEFT_ISA
namespace WEFT_ISA {
#define WEFT_DECLARE(name, ...) Kernels::name##_type name;
WEFT_KERNELS(WEFT_DECLARE)
#undef WEFT_DECLARE
} // namespace WEFT_ISA
#endif

} // namespace weft
