// Pieces that were met before, and their ids. Only a few places are tried for each, and when it is
// full it is emptied: neither memory nor time can get out of hand, whatever the text is.
#pragma once
#include "tokenizer.h"
#include "tokenizer_hash.h"

namespace weft {

// What is left of two words of a text that ends after so many bytes.
struct Masks {
    uint64_t low[16], high[16];
    constexpr Masks() : low(), high() {
        for (int i = 0; i < 16; i++) {
            low[i] = i < 8 ? (uint64_t(1) << 8 * i) - 1 : ~uint64_t(0);
            high[i] = i < 8 ? 0 : (uint64_t(1) << 8 * (i - 8)) - 1;
        }
    }
};
constexpr Masks MASKS;

class PieceCache {
  public:
    static constexpr size_t LONGEST = 64; // longer pieces are rarely seen twice
    static constexpr size_t INSIDE = 3;   // ids in an entry itself

    // What stands for a piece: up to 15 bytes themselves, of more a hash. The highest byte of
    // `high` is the length, which is 0 in an empty entry.
    struct Key {
        uint64_t low, high;
    };
    struct Entry {
        Key key; // of a long piece, `high` also says where its bytes are
        uint32_t count;
        Id ids[INSIDE]; // if there are more of them, ids[0] is where in `more`
    };

    // `left`: bytes from the piece's first to the text's last
    static Key key_of(const Byte* piece, size_t size, size_t left) {
        const uint64_t length = uint64_t(size) << 56;
        if (size > SHORT) return {hash_bytes(piece, size), length};
        if (left >= 16)
            return {word_at(piece) & MASKS.low[size],
                    (word_at(piece + 8) & MASKS.high[size]) | length};
        if (size <= 8) return {word_at(piece, size), length};
        return {word_at(piece), word_at(piece + 8, size - 8) | length};
    }

    const Entry* find(const Key& key, const Byte* piece, size_t size) const {
        const size_t first = place_of(key, size);
        for (size_t i = first; i < first + PROBES; i++) {
            const Entry& entry = entries[i & mask];
            if (entry.key.low == key.low && is_key(entry.key.high, key.high, piece, size))
                return &entry;
            if (entry.key.high == 0) return nullptr;
        }
        return nullptr;
    }

    // Copies the ids; `out` has room for LONGEST.
    size_t copy(const Entry& entry, Id* out) const {
        const Id* from = entry.count <= INSIDE ? entry.ids : &more[entry.ids[0]];
        if (entry.count <= INSIDE)
            memcpy(out, from, sizeof(entry.ids)); // always all of them: quicker
        else
            memcpy(out, from, entry.count * sizeof(Id));
        return entry.count;
    }

    // At most LONGEST bytes, and so at most as many ids.
    void insert(Key key, const Byte* piece, size_t size, const Id* ids, size_t count);

  private:
    static constexpr size_t SHORT = 15; // bytes that a key has room for
    static constexpr size_t PROBES = 16;
    static constexpr size_t FIRST = 1 << 10, LAST = 1 << 17; // sizes of the table
    static constexpr size_t MOST = 1 << 20;                  // bytes of long pieces; ids in `more`

    static size_t place_of(const Key& key, size_t size) {
        return size > SHORT ? key.low : mix(key.low, key.high);
    }
    bool is_key(uint64_t entry_high, uint64_t high, const Byte* piece, size_t size) const {
        if (size <= SHORT) return entry_high == high;
        const uint64_t place = entry_high & ~(uint64_t(255) << 56);
        return (entry_high ^ place) == high && memcmp(&bytes[place], piece, size) == 0;
    }
    void put(const Entry& entry);
    void grow_or_empty();

    std::vector<Entry> entries = std::vector<Entry>(FIRST);
    size_t mask = FIRST - 1, used = 0;
    std::vector<Byte> bytes;
    std::vector<Id> more;
};

} // namespace weft
