// Ids to bytes.
#include "tokenizer.h"
#include <string.h>

namespace weft {

// Most tokens are short: copying always so many bytes is quicker than asking how many.
static constexpr size_t AT_ONCE = 16;

void TokenTable::append(const Byte* token, size_t size) {
    bytes.resize(starts.back()); // without the padding
    bytes.insert(bytes.end(), token, token + size);
    starts.push_back(bytes.size());
    bytes.resize(bytes.size() + AT_ONCE);
}

int64_t TokenTable::size_of(const Id* ids, size_t count) const {
    const size_t tokens = size();
    size_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        if (ids[i] >= tokens) return -1;
        sum += starts[ids[i] + 1] - starts[ids[i]];
    }
    return int64_t(sum);
}

void TokenTable::join(const Id* ids, size_t count, Byte* out, size_t total) const {
    const Byte* end = out + total;
    for (size_t i = 0; i < count; i++) {
        const size_t start = starts[ids[i]], size = starts[ids[i] + 1] - start;
        if (size <= AT_ONCE && size_t(end - out) >= AT_ONCE)
            memcpy(out, &bytes[start], AT_ONCE);
        else
            memcpy(out, &bytes[start], size);
        out += size;
    }
}

} // namespace weft
