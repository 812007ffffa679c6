// Packing a matrix, and its product with rows of activations on its own. Layouts: decoder.h.
#include "packed_product.h"

namespace weft::WEFT_ISA {

void pack_matrix(const Array& w, const Packed& to, uint8_t* memory) {
    const int64_t together = w.stride[0] == 1 ? 16 : 4; // panels of a task: 1 KB of each line
    parallel_ranges(to.panels(), together, [&](int64_t p, int64_t end) {
        if (!pack_panels(w, to, p, end, memory + p * to.panel_bytes()) && to.infinite)
            __atomic_store_n(to.infinite, true, __ATOMIC_RELAXED);
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
