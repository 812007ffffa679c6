// An array as the kernels see it: where the elements are, what they are, and their shape. It owns
// nothing and knows nothing of Python. Only plain data and static functions live here, because
// this header is compiled once per instruction set (see kernels.h on why that matters).
#pragma once
#include <stdint.h>

namespace weft {

enum class Dtype : int32_t { f32, bf16, i32, i64 };

struct bf16 {
    uint16_t bits;
};

constexpr int MAX_DIMS = 8;

struct Array {
    void* data = nullptr; // null when an optional argument is absent
    Dtype dtype = Dtype::f32;
    int dims = 0;
    int64_t size = 0;              // number of elements
    int64_t shape[MAX_DIMS] = {};  // outermost first
    int64_t stride[MAX_DIMS] = {}; // in elements; kernels may ignore it where input is contiguous
};

static inline int64_t dtype_bytes(Dtype dtype) {
    return dtype == Dtype::bf16 ? 2 : dtype == Dtype::i64 ? 8 : 4;
}

// Length of axis i; negative i counts from the last axis, as in NumPy.
static inline int64_t axis(const Array& a, int i) { return a.shape[i < 0 ? a.dims + i : i]; }

// Number of rows when the last axis is taken as one row: (..., C) -> N.
static inline int64_t rows(const Array& a) {
    int64_t n = 1;
    for (int i = 0; i + 1 < a.dims; i++) n *= a.shape[i];
    return n;
}

template <class T> static inline T* data(const Array& a) { return static_cast<T*>(a.data); }

} // namespace weft
