// What a kernel file includes: vectors, the list of kernels, parallel loops and scratch memory. All
// of it static, for the reason given in kernels.h.
#pragma once
#include "kernels.h"
#include "memory.h"
#include "pool.h"
#include "simd.h"

namespace weft::WEFT_ISA {
namespace {

// body(i) for each tile i in [0, n), on all threads.
template <class Body> inline void parallel(int64_t n, const Body& body) {
    parallel_for(
        n, [](void* context, int64_t i) { (*static_cast<const Body*>(context))(i); },
        const_cast<Body*>(&body));
}

// body(begin, end) over [0, n) in pieces of `grain`, which must not depend on the number of
// threads.
template <class Body> inline void parallel_ranges(int64_t n, int64_t grain, const Body& body) {
    if (n <= grain) {
        if (n > 0) body(int64_t(0), n);
        return;
    }
    parallel((n + grain - 1) / grain, [&](int64_t i) {
        const int64_t end = (i + 1) * grain;
        body(i * grain, end < n ? end : n);
    });
}

// Memory of n elements, for as long as the scope lasts; 64-byte aligned, not cleared.
template <class T> class Scratch {
  public:
    explicit Scratch(int64_t n)
        : bytes(size_t(n) * sizeof(T)), block(static_cast<T*>(borrow(bytes))) {
        if (!block) __builtin_trap(); // a few MB at most: the machine has nothing left at all
    }
    ~Scratch() { give_back(block, bytes); }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    operator T*() const { return block; }

  private:
    size_t bytes;
    T* block;
};

// Call f with a null pointer of the element type, so that a template can be instantiated by it:
// with_type(x.dtype, [&](auto* t) { using T = element<decltype(t)>; ... }) .
template <class F> inline void with_type(Dtype dtype, const F& f) {
    if (dtype == Dtype::bf16)
        f(static_cast<bf16*>(nullptr));
    else
        f(static_cast<float*>(nullptr));
}

template <class P> struct pointee;
template <class T> struct pointee<T*> {
    using type = T;
};
template <class P> using element = typename pointee<P>::type;

constexpr int64_t GRAIN = 16384; // elements per task of an elementwise kernel: about 5 us

} // namespace
} // namespace weft::WEFT_ISA
