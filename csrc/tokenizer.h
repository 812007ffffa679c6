// Byte-level BPE without Python: cutting a text into GPT-2's pieces, pieces to ids, ids to bytes,
// and learning merges. The definitions are in src/weft/tokenizers/: pattern.py, byte_pairs.py,
// bpe_training.py. Texts are valid UTF-8; binding_tokenizer.cpp sees to that.
#pragma once
#include <functional>
#include <memory>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string>
#include <utility>
#include <vector>

namespace weft {

using Byte = uint8_t;
using Id = uint32_t;
using Pair = std::pair<Id, Id>;

// ---- tokenizer_pattern.cpp ----------------------------------------------------------------------

// The end of the piece of GPT-2's pattern that begins at `start`, which is before `end`.
const Byte* piece_end(const Byte* start, const Byte* end);

// ---- tokenizer_merge.cpp ------------------------------------------------------------------------

// Pairs that are merged: (left id, right id) -> (rank, id), in open addressing.
class MergeTable {
  public:
    static constexpr uint64_t NONE = ~uint64_t(0);

    struct Merge {
        Id left, right, merged;
    };
    explicit MergeTable(const std::vector<Merge>& merges); // in the order of their ranks

    // The rank in the upper half, the merged id in the lower one; NONE if the two are not merged.
    uint64_t find(Id left, Id right) const {
        const uint64_t key = uint64_t(left) << 32 | right;
        for (size_t i = place_of(key);; i++) {
            const Slot& slot = slots[i & mask];
            if (slot.key == key) return slot.value;
            if (slot.value == NONE) return NONE;
        }
    }

  private:
    struct Slot {
        uint64_t key = NONE, value = NONE;
    };
    size_t place_of(uint64_t key) const { return (key * multiplier) >> shift; }

    std::vector<Slot> slots;
    size_t mask;
    int shift;
    uint64_t multiplier; // random and odd
};

// Merges `ids` (one per byte) in place, the lowest rank first and of equal ones the leftmost, and
// returns how many are left. Scratch memory is kept from one call to the next.
class Merger {
  public:
    explicit Merger(const MergeTable& table) : table(table) {}
    size_t merge(Id* ids, size_t count);

  private:
    size_t merge_short(Id* ids, size_t count) const;
    size_t merge_long(Id* ids, size_t count);
    void push(size_t place, Id left, Id right);

    const MergeTable& table;
    std::vector<uint64_t> heap;
    std::vector<uint32_t> before, after;
};

// ---- tokenizer_encode.cpp -----------------------------------------------------------------------

constexpr Id NO_ID = ~Id(0);

// Ids that become a NumPy array: memory that grows and can be handed over.
class Ids {
  public:
    Ids() = default;
    ~Ids() { free(memory); }
    Ids(const Ids&) = delete;
    Ids& operator=(const Ids&) = delete;

    // Room for `more` ids behind those that are there; they count once `added` says so.
    Id* room(size_t more) {
        if (capacity - count < more) grow(more);
        return memory + count;
    }
    void added(size_t more) { count += more; }
    size_t size() const { return count; }
    Id* release(); // free() gives it back; null if there are none

  private:
    void grow(size_t more);
    Id* memory = nullptr;
    size_t count = 0, capacity = 0;
};

class PieceCache;

// What one thread needs to encode: the pieces that it has met, and scratch memory.
class EncoderState {
  public:
    explicit EncoderState(const MergeTable& table);
    ~EncoderState();

  private:
    friend class Encoder;
    std::unique_ptr<PieceCache> cache;
    Merger merger;
};

// Text to ids. It does not change: threads share it, each with a state of its own.
class Encoder {
  public:
    // byte_ids: the id of each byte, or NO_ID
    Encoder(const Id (&byte_ids)[256], const std::vector<MergeTable::Merge>& merges);

    // Appends the ids of a text. False if there is a byte without id.
    bool encode(const Byte* text, size_t size, EncoderState& state, Ids& ids) const;

    const MergeTable& merges() const { return table; }

  private:
    bool encode_piece(const Byte* piece, size_t size, Merger& merger, Ids& ids) const;

    Id byte_ids[256];
    MergeTable table;
};

// ---- tokenizer_decode.cpp -----------------------------------------------------------------------

// The bytes of each token, one behind the other.
class TokenTable {
  public:
    void append(const Byte* token, size_t size);
    size_t size() const { return starts.size() - 1; }

    // Bytes of these tokens together; -1 if there is an id without a token.
    int64_t size_of(const Id* ids, size_t count) const;
    // Writes them, `size` bytes in all.
    void join(const Id* ids, size_t count, Byte* out, size_t size) const;

  private:
    std::vector<Byte> bytes;
    std::vector<size_t> starts = {0};
};

// ---- tokenizer_training.cpp ---------------------------------------------------------------------

// How often each piece occurs, in the order of their first appearance.
class PieceCounter {
  public:
    struct Piece {
        size_t start, size; // in bytes()
        uint64_t hash;
        int64_t count;
    };
    PieceCounter();
    void add(const Byte* text, size_t size); // all pieces of a text
    const std::vector<Piece>& pieces() const { return found; }
    const Byte* bytes() const { return memory.data(); }

  private:
    void count(const Byte* piece, size_t size);
    void grow();

    std::vector<Byte> memory;
    std::vector<Piece> found;
    std::vector<uint32_t> slots; // places in `found`, open addressing
    uint64_t seed;
    static constexpr uint32_t EMPTY = ~uint32_t(0);
};

// Learns up to `count` merges, by the rule of learn_merges in bpe_training.py.
struct Training {
    // Pieces with how often each occurs. At most MAX_SYMBOLS bytes in all, and the sum of bytes
    // times frequency is at most 2^62.
    std::vector<std::pair<std::string, int64_t>> pieces;
    Byte byte_order[256]; // the byte of each of the first ids
    size_t count;
    std::function<void()> tick; // called now and then; may throw

    static constexpr size_t MAX_SYMBOLS = size_t(1) << 30;
};
struct Learnt {
    std::vector<std::string> tokens;
    std::vector<Pair> merges;
};
Learnt learn_merges(const Training& training);

} // namespace weft
