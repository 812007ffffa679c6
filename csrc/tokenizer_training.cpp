// Counting the pieces of a text, and learning merges from them. The definitions are count_pieces
// and learn_merges in tokenizers/bpe_training.py.
#include "tokenizer.h"
#include "tokenizer_hash.h"
#include <algorithm>
#include <unordered_map>

namespace weft {

// ---- counting -----------------------------------------------------------------------------------

PieceCounter::PieceCounter() : slots(1 << 12, EMPTY), seed(random_word()) {}

void PieceCounter::add(const Byte* text, size_t size) {
    const Byte* end = text + size;
    while (text < end) {
        const Byte* piece = text;
        text = piece_end(piece, end);
        count(piece, size_t(text - piece));
    }
}

void PieceCounter::count(const Byte* piece, size_t size) {
    const uint64_t hash = hash_bytes(piece, size, seed);
    const size_t mask = slots.size() - 1;
    size_t i = hash & mask;
    for (; slots[i] != EMPTY; i = (i + 1) & mask) {
        Piece& other = found[slots[i]];
        if (other.hash == hash && other.size == size &&
            !memcmp(&memory[other.start], piece, size)) {
            other.count++;
            return;
        }
    }
    slots[i] = uint32_t(found.size());
    found.push_back({memory.size(), size, hash, 1});
    memory.insert(memory.end(), piece, piece + size);
    if (2 * found.size() > slots.size()) grow();
}

void PieceCounter::grow() {
    slots.assign(2 * slots.size(), EMPTY);
    const size_t mask = slots.size() - 1;
    for (size_t n = 0; n < found.size(); n++) {
        size_t i = found[n].hash & mask;
        while (slots[i] != EMPTY) i = (i + 1) & mask;
        slots[i] = uint32_t(n);
    }
}

// ---- learning -----------------------------------------------------------------------------------
namespace {

constexpr uint32_t NONE = ~uint32_t(0);

// All pieces as one array of symbols, linked to their neighbours inside each piece.
class Chains {
  public:
    explicit Chains(const Training& training);

    // The pair to merge next; false when no two symbols are neighbours any more.
    bool most_frequent(Pair& pair);
    // Puts the symbol `merged` wherever `pair` stands, from left to right.
    void merge(const Pair& pair, Id merged);

  private:
    struct Symbol {
        Id id;
        uint32_t before, after, piece;
    };
    struct Place { // a list for each pair; what it names may be out of date
        uint32_t symbol, next;
    };
    struct Count {
        int64_t count = 0;
        uint32_t places = NONE;
        uint32_t grown_in = 0; // the merge in which it became more frequent
    };
    struct Candidate { // its count may be out of date, but only too high
        int64_t count;
        uint64_t key;
        bool operator<(const Candidate& other) const {
            return count != other.count ? count < other.count : key > other.key;
        }
    };

    static uint64_t key_of(Id left, Id right) { return uint64_t(left) << 32 | right; }
    void append(const std::string& piece, int64_t weight, const Id (&id_of)[256]);
    void link(uint64_t key, uint32_t symbol, int64_t weight);
    void grow(uint64_t key, uint32_t symbol, int64_t weight);
    void merge_at(uint32_t place, Id merged);

    std::vector<Symbol> symbols;
    std::vector<int64_t> weights;
    std::vector<Place> places;
    std::unordered_map<uint64_t, Count> counts;
    std::vector<Candidate> heap;
    std::vector<uint64_t> grown;
    std::vector<uint32_t> standing;
    uint32_t merges = 0;
};

Chains::Chains(const Training& training) {
    Id id_of[256];
    for (Id id = 0; id < 256; id++) id_of[training.byte_order[id]] = id;
    for (const auto& [piece, weight] : training.pieces) append(piece, weight, id_of);
    for (const auto& [key, count] : counts) heap.push_back({count.count, key});
    std::make_heap(heap.begin(), heap.end());
}

void Chains::append(const std::string& piece, int64_t weight, const Id (&id_of)[256]) {
    const uint32_t start = uint32_t(symbols.size()), end = start + uint32_t(piece.size());
    for (uint32_t i = start; i < end; i++)
        symbols.push_back({id_of[Byte(piece[i - start])], i > start ? i - 1 : NONE,
                           i + 1 < end ? i + 1 : NONE, uint32_t(weights.size())});
    weights.push_back(weight);
    for (uint32_t i = start; i + 1 < end; i++)
        link(key_of(symbols[i].id, symbols[i + 1].id), i, weight);
}

void Chains::link(uint64_t key, uint32_t symbol, int64_t weight) {
    Count& count = counts[key];
    count.count += weight;
    places.push_back({symbol, count.places});
    count.places = uint32_t(places.size() - 1);
}

bool Chains::most_frequent(Pair& pair) {
    while (!heap.empty()) {
        Candidate best = heap.front();
        std::pop_heap(heap.begin(), heap.end());
        heap.pop_back();
        const auto found = counts.find(best.key);
        const int64_t count = found == counts.end() ? 0 : found->second.count;
        if (count == best.count && count) {
            pair = {Id(best.key >> 32), Id(best.key)};
            return true;
        }
        if (count) {
            heap.push_back({count, best.key});
            std::push_heap(heap.begin(), heap.end());
        }
    }
    return false;
}

void Chains::merge(const Pair& pair, Id merged) {
    const uint64_t key = key_of(pair.first, pair.second);
    merges++;
    grown.clear();
    standing.clear();
    for (uint32_t i = counts[key].places; i != NONE; i = places[i].next)
        standing.push_back(places[i].symbol);
    std::sort(standing.begin(), standing.end()); // "aaa" is to become (aa)a
    for (const uint32_t place : standing) {
        const Symbol& symbol = symbols[place];
        if (symbol.id == pair.first && symbol.after != NONE &&
            symbols[symbol.after].id == pair.second)
            merge_at(place, merged);
    }
    counts.erase(key);
    for (const uint64_t other : grown) {
        heap.push_back({counts[other].count, other});
        std::push_heap(heap.begin(), heap.end());
    }
}

void Chains::merge_at(uint32_t place, Id merged) {
    Symbol &left = symbols[place], &right = symbols[left.after];
    const int64_t weight = weights[left.piece];
    if (left.before != NONE) {
        const Id other = symbols[left.before].id;
        counts[key_of(other, left.id)].count -= weight;
        grow(key_of(other, merged), left.before, weight);
    }
    const uint32_t beyond = right.after;
    if (beyond != NONE) {
        counts[key_of(right.id, symbols[beyond].id)].count -= weight;
        grow(key_of(merged, symbols[beyond].id), place, weight);
        symbols[beyond].before = place;
    }
    left.id = merged;
    right.id = NONE;
    right.after = NONE;
    left.after = beyond;
}

void Chains::grow(uint64_t key, uint32_t symbol, int64_t weight) {
    link(key, symbol, weight);
    Count& count = counts[key];
    if (count.grown_in != merges) grown.push_back(key);
    count.grown_in = merges;
}

} // namespace

Learnt learn_merges(const Training& training) {
    Learnt learnt;
    std::unordered_map<std::string, Id> id_of;
    const auto add = [&](std::string token) {
        const auto [found, is_new] = id_of.try_emplace(std::move(token), Id(id_of.size()));
        if (is_new) learnt.tokens.push_back(found->first);
        return found->second;
    };
    for (const Byte byte : training.byte_order) add(std::string(1, char(byte)));
    Chains chains(training);
    std::unordered_map<uint64_t, bool> merged;
    Pair pair;
    for (size_t n = 0; learnt.tokens.size() < 256 + training.count; n++) {
        if (n % 256 == 0 && training.tick) training.tick();
        if (!chains.most_frequent(pair)) break;
        chains.merge(pair, add(learnt.tokens[pair.first] + learnt.tokens[pair.second]));
        // A token that is spelt twice can bring a merged pair together again.
        if (merged.try_emplace(uint64_t(pair.first) << 32 | pair.second).second)
            learnt.merges.push_back(pair);
    }
    return learnt;
}

} // namespace weft
