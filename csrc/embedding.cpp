// Rows of a table by id. The ids have been checked by the caller.
#include "integers.h"
#include "loops.h"

namespace weft::WEFT_ISA {
namespace {

constexpr int64_t COLUMNS = 32; // of dw that one task sums: two cache lines

} // namespace

void embedding_forward(const Array& w, const Array& ids, const Array& y) {
    const int64_t C = axis(w, 1);
    const size_t bytes = size_t(C * dtype_bytes(w.dtype));
    parallel_rows(ids.size, C, [&](int64_t begin, int64_t end) {
        for (int64_t n = begin; n < end; n++)
            memcpy(data<char>(y) + size_t(n) * bytes,
                   data<const char>(w) + size_t(integer_at(ids, n)) * bytes, bytes);
    });
}

// A task owns some columns of dw and goes through all ids in their order.
void embedding_backward(const Array& dy, const Array& ids, const Array& dw) {
    const int64_t C = axis(dw, 1);
    parallel_ranges(dw.size, GRAIN, [&](int64_t begin, int64_t end) {
        memset(data<float>(dw) + begin, 0, size_t(end - begin) * 4);
    });
    with_type(dy.dtype, [&](auto* type) {
        using T = element<decltype(type)>;
        parallel_ranges(C, COLUMNS, [&](int64_t begin, int64_t end) {
            for (int64_t n = 0; n < ids.size; n++) {
                float* row = data<float>(dw) + integer_at(ids, n) * C;
                const T* d = data<const T>(dy) + n * C;
                vectors(begin, end, [&](int64_t i, auto part) {
                    store(row + i, load(row + i, part) + load(d + i, part), part);
                });
            }
        });
    });
}

} // namespace weft::WEFT_ISA
