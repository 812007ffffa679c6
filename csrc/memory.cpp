// Size classes are four to a doubling (at most 25% is wasted), each a stack of free blocks: the
// block given back last is the one most likely still in cache. When too much is kept, the class
// unused for longest pays first.
#include "memory.h"
#include <mutex>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include <vector>
#if defined(__linux__)
#include <sys/mman.h>
#endif
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(block, bytes) ((void)(block), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(block, bytes) ((void)(block), (void)(bytes))
#endif

namespace weft {
namespace {

constexpr size_t HUGE = 2 << 20; // x86's and Arm's large page
constexpr size_t SMALLEST = 256;
constexpr int CLASSES = 4 * 40;

struct Class {
    std::vector<void*> blocks;
    uint64_t used = 0;
};

struct Memory {
    std::mutex mutex;
    Class classes[CLASSES];
    size_t retained = 0;
    uint64_t clock = 0;
    size_t limit;
};

// Sizes 256, 320, 384, 448, 512, 640, ...
int class_of(size_t bytes) {
    if (bytes <= SMALLEST) return 0;
    const int top = 63 - __builtin_clzll(bytes - 1); // bytes - 1 in [2^top, 2^(top+1))
    return 4 * (top - 8) + int(((bytes - 1) >> (top - 2)) & 3) + 1;
}

size_t class_bytes(int c) { return (size_t(4 + c % 4) << (c / 4)) * (SMALLEST / 4); }

size_t physical_memory() {
    const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGE_SIZE);
    return pages > 0 && page > 0 ? size_t(pages) * size_t(page) : size_t(4) << 30;
}

// Never destroyed: arrays are still given back while Python shuts down.
Memory& memory() {
    static Memory* m = [] {
        Memory* fresh = new Memory;
        fresh->limit = physical_memory() / 4;
        pthread_atfork([] { memory().mutex.lock(); }, [] { memory().mutex.unlock(); },
                       [] { memory().mutex.unlock(); });
        return fresh;
    }();
    return *m;
}

void* allocate(size_t bytes) {
    void* block = nullptr;
    if (posix_memalign(&block, bytes >= HUGE ? HUGE : 64, bytes)) return nullptr;
#if defined(__linux__)
    if (bytes >= HUGE) madvise(block, bytes / HUGE * HUGE, MADV_HUGEPAGE);
#endif
    return block;
}

// Free kept blocks, longest unused class first, until `extra` more bytes fit below the limit.
void make_room(Memory& m, size_t extra) {
    while (m.retained + extra > m.limit) {
        int oldest = -1;
        for (int c = 0; c < CLASSES; c++)
            if (!m.classes[c].blocks.empty() &&
                (oldest < 0 || m.classes[c].used < m.classes[oldest].used))
                oldest = c;
        if (oldest < 0) return;
        free(m.classes[oldest].blocks.back());
        m.classes[oldest].blocks.pop_back();
        m.retained -= class_bytes(oldest);
    }
}

// AddressSanitizer is told what of a block was asked for: the rest, and a block that is only kept,
// nobody may touch.
void* lend(void* block, size_t bytes, int c) {
    ASAN_UNPOISON_MEMORY_REGION(block, bytes);
    ASAN_POISON_MEMORY_REGION(static_cast<char*>(block) + bytes, class_bytes(c) - bytes);
    return block;
}

void* take(int c) {
    Memory& m = memory();
    {
        std::lock_guard lock(m.mutex);
        Class& own = m.classes[c];
        own.used = ++m.clock;
        if (!own.blocks.empty()) {
            void* block = own.blocks.back();
            own.blocks.pop_back();
            m.retained -= class_bytes(c);
            return block;
        }
    }
    if (void* block = allocate(class_bytes(c))) return block;
    {
        std::lock_guard lock(m.mutex);
        make_room(m,
                  m.limit); // out of memory: give back everything that is kept, and try once more
    }
    return allocate(class_bytes(c));
}

} // namespace

void* acquire(size_t bytes) {
    const int c = class_of(bytes);
    void* block = c < CLASSES ? take(c) : nullptr;
    return block ? lend(block, bytes, c) : nullptr;
}

void release(void* block, size_t bytes) {
    if (!block) return;
    const int c = class_of(bytes);
    Memory& m = memory();
    std::lock_guard lock(m.mutex);
    if (class_bytes(c) > m.limit / 2) return free(block);
    ASAN_POISON_MEMORY_REGION(block, class_bytes(c));
    make_room(m, class_bytes(c));
    m.classes[c].blocks.push_back(block);
    m.retained += class_bytes(c);
}

namespace {

constexpr size_t LARGEST_OWN = 1 << 20,
                 MOST_OWN = 8 << 20; // bytes of one block, of all of a thread

// What a thread keeps for itself, until it ends.
struct Own {
    std::vector<void*> blocks[CLASSES];
    size_t bytes = 0;

    ~Own() {
        for (int c = 0; c < CLASSES; c++)
            for (void* block : blocks[c]) release(block, class_bytes(c));
    }
};
thread_local Own own;

} // namespace

void* borrow(size_t bytes) {
    const int c = class_of(bytes);
    if (c >= CLASSES || own.blocks[c].empty()) return acquire(bytes);
    void* block = own.blocks[c].back();
    own.blocks[c].pop_back();
    own.bytes -= class_bytes(c);
    return lend(block, bytes, c);
}

void give_back(void* block, size_t bytes) {
    const int c = class_of(bytes);
    if (!block || bytes > LARGEST_OWN || own.bytes + class_bytes(c) > MOST_OWN)
        return release(block, bytes);
    ASAN_POISON_MEMORY_REGION(block, class_bytes(c));
    own.blocks[c].push_back(block);
    own.bytes += class_bytes(c);
}

size_t retained_bytes() {
    std::lock_guard lock(memory().mutex);
    return memory().retained;
}

} // namespace weft
