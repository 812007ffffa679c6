// The pairs of one piece merged: by looking at all of them in a short piece, by a heap in a long
// one. Both do what merge_pairs in tokenizers/byte_pairs.py defines.
#include "tokenizer.h"
#include "tokenizer_hash.h"
#include <algorithm>

namespace weft {

MergeTable::MergeTable(const std::vector<Merge>& merges) {
    int bits = 4;
    while ((size_t(1) << bits) < 2 * merges.size() + 1) bits++;
    slots.resize(size_t(1) << bits);
    mask = slots.size() - 1;
    shift = 64 - bits;
    multiplier = random_word() | 1;
    for (size_t rank = 0; rank < merges.size(); rank++) {
        const Merge& merge = merges[rank];
        const uint64_t key = uint64_t(merge.left) << 32 | merge.right;
        size_t i = place_of(key);
        while (slots[i & mask].value != NONE && slots[i & mask].key != key) i++;
        slots[i & mask] = {key, uint64_t(rank) << 32 | merge.merged};
    }
}

namespace {

// Up to here it is quicker to look at all pairs than to keep a heap of them.
constexpr size_t SHORT = 48;

constexpr Id GONE = ~Id(0);
constexpr uint32_t END = ~uint32_t(0);

} // namespace

size_t Merger::merge(Id* ids, size_t count) {
    if (count < 2) return count;
    return count <= SHORT ? merge_short(ids, count) : merge_long(ids, count);
}

size_t Merger::merge_short(Id* ids, size_t count) const {
    uint64_t pairs[SHORT]; // of each symbol and the next one
    size_t last = count - 1;
    for (size_t i = 0; i < last; i++) pairs[i] = table.find(ids[i], ids[i + 1]);
    while (last > 0) {
        size_t best = 0;
        for (size_t i = 1; i < last; i++)
            if (pairs[i] < pairs[best]) best = i;
        if (pairs[best] == MergeTable::NONE) break;
        ids[best] = Id(pairs[best]);
        memmove(ids + best + 1, ids + best + 2, (last - best - 1) * sizeof(Id));
        memmove(pairs + best, pairs + best + 1, (last - best - 1) * sizeof(uint64_t));
        last--;
        if (best < last) pairs[best] = table.find(ids[best], ids[best + 1]);
        if (best > 0) pairs[best - 1] = table.find(ids[best - 1], ids[best]);
    }
    return last + 1;
}

void Merger::push(size_t place, Id left, Id right) {
    const uint64_t found = table.find(left, right);
    if (found == MergeTable::NONE) return;
    heap.push_back((found & ~uint64_t(0xFFFFFFFF)) | place);
    std::push_heap(heap.begin(), heap.end(), std::greater<>());
}

size_t Merger::merge_long(Id* ids, size_t count) {
    heap.clear(); // of (rank, place of the left symbol)
    before.resize(count);
    after.resize(count);
    for (size_t i = 0; i < count; i++) {
        before[i] = i > 0 ? uint32_t(i - 1) : END;
        after[i] = i + 1 < count ? uint32_t(i + 1) : END;
        const uint64_t found = i + 1 < count ? table.find(ids[i], ids[i + 1]) : MergeTable::NONE;
        if (found != MergeTable::NONE) heap.push_back((found & ~uint64_t(0xFFFFFFFF)) | i);
    }
    std::make_heap(heap.begin(), heap.end(), std::greater<>());
    while (!heap.empty()) {
        const uint64_t entry = heap.front();
        std::pop_heap(heap.begin(), heap.end(), std::greater<>());
        heap.pop_back();
        const uint32_t place = uint32_t(entry), right = after[place];
        if (ids[place] == GONE || right == END) continue;
        const uint64_t found = table.find(ids[place], ids[right]);
        if (found == MergeTable::NONE || found >> 32 != entry >> 32) continue; // merged since
        ids[place] = Id(found);
        ids[right] = GONE;
        const uint32_t beyond = after[place] = after[right], left = before[place];
        if (beyond != END) {
            before[beyond] = place;
            push(place, ids[place], ids[beyond]);
        }
        if (left != END) push(left, ids[left], ids[place]);
    }
    return size_t(std::remove(ids, ids + count, GONE) - ids);
}

} // namespace weft
