// Token ids and targets, which arrive as int32 or int64.
#pragma once
#include "array.h"

namespace weft {

static inline int64_t integer_at(const Array& a, int64_t i) {
    return a.dtype == Dtype::i32 ? int64_t(data<const int32_t>(a)[i]) : data<const int64_t>(a)[i];
}

} // namespace weft
