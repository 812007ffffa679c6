// Memory for outputs and scratch: blocks that are given back are kept and handed out again, so that
// a training step finds its activations' pages already mapped.
#pragma once
#include <stddef.h>

namespace weft {

// At least `bytes` bytes, aligned to 64, not cleared. Null when the machine has no more.
void* acquire(size_t bytes);
void release(void* block, size_t bytes); // the same `bytes` as in acquire

// The same for memory that the calling thread itself gives back soon: its blocks are its own again,
// without a lock, and in its own caches.
void* borrow(size_t bytes);
void give_back(void* block, size_t bytes);

size_t retained_bytes(); // kept for all threads but not in use; bounded

} // namespace weft
