// Text to ids: a piece is looked up among those that were met before, and merged if it is new.
#include "tokenizer_cache.h"
#include <new>

namespace weft {

void Ids::grow(size_t more) {
    const size_t enough = count + more > 2 * capacity ? count + more : 2 * capacity;
    Id* grown = static_cast<Id*>(realloc(memory, enough * sizeof(Id)));
    if (!grown) throw std::bad_alloc();
    memory = grown;
    capacity = enough;
}

Id* Ids::release() {
    void* shrunk = count ? realloc(memory, count * sizeof(Id)) : nullptr;
    Id* result = shrunk ? static_cast<Id*>(shrunk) : memory;
    memory = nullptr;
    count = capacity = 0;
    return result;
}

// ---- the cache ----------------------------------------------------------------------------------

void PieceCache::insert(Key key, const Byte* piece, size_t size, const Id* ids, size_t count) {
    if (2 * used >= entries.size() || bytes.size() > MOST || more.size() > MOST) grow_or_empty();
    Entry entry{key, uint32_t(count), {}};
    if (size > SHORT) {
        entry.key.high |= bytes.size();
        bytes.insert(bytes.end(), piece, piece + size);
    }
    if (count <= INSIDE) {
        memcpy(entry.ids, ids, count * sizeof(Id));
    } else {
        entry.ids[0] = Id(more.size());
        more.insert(more.end(), ids, ids + count);
    }
    put(entry);
}

// In the first free one of its places; if there is none, instead of what is in the first.
void PieceCache::put(const Entry& entry) {
    const size_t first = place_of(entry.key, entry.key.high >> 56);
    size_t i = first;
    while (i < first + PROBES && entries[i & mask].key.high) i++;
    const bool full = i == first + PROBES;
    entries[(full ? first : i) & mask] = entry;
    used += !full;
}

void PieceCache::grow_or_empty() {
    const bool empty = entries.size() == LAST || bytes.size() > MOST || more.size() > MOST;
    std::vector<Entry> old(empty ? entries.size() : 2 * entries.size());
    old.swap(entries);
    mask = entries.size() - 1;
    used = 0;
    if (empty) {
        bytes.clear();
        more.clear();
        return;
    }
    for (const Entry& entry : old)
        if (entry.key.high) put(entry);
}

// ---- encoding -----------------------------------------------------------------------------------

EncoderState::EncoderState(const MergeTable& table)
    : cache(std::make_unique<PieceCache>()), merger(table) {}

EncoderState::~EncoderState() = default;

Encoder::Encoder(const Id (&byte_ids)[256], const std::vector<MergeTable::Merge>& merges)
    : table(merges) {
    memcpy(this->byte_ids, byte_ids, sizeof(byte_ids));
}

bool Encoder::encode(const Byte* text, size_t size, EncoderState& state, Ids& ids) const {
    PieceCache& cache = *state.cache;
    const Byte* end = text + size;
    ids.room(size / 4);
    while (text < end) {
        const Byte* piece = text;
        text = piece_end(piece, end);
        const size_t length = size_t(text - piece);
        if (length > PieceCache::LONGEST) {
            if (!encode_piece(piece, length, state.merger, ids)) return false;
            continue;
        }
        const PieceCache::Key key = PieceCache::key_of(piece, length, size_t(end - piece));
        if (const PieceCache::Entry* entry = cache.find(key, piece, length)) {
            ids.added(cache.copy(*entry, ids.room(PieceCache::LONGEST)));
            continue;
        }
        const size_t before = ids.size();
        if (!encode_piece(piece, length, state.merger, ids)) return false;
        const size_t count = ids.size() - before;
        cache.insert(key, piece, length, ids.room(0) - count, count);
    }
    return true;
}

bool Encoder::encode_piece(const Byte* piece, size_t size, Merger& merger, Ids& ids) const {
    Id* out = ids.room(size);
    for (size_t i = 0; i < size; i++) {
        out[i] = byte_ids[piece[i]];
        if (out[i] == NO_ID) return false;
    }
    ids.added(merger.merge(out, size));
    return true;
}

} // namespace weft
