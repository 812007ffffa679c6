// Every kernel, its arguments and their shapes, in one list; and the table of function pointers,
// one per instruction set, that the list becomes.
//
// To add a kernel:
//   1. Write a row in WEFT_KERNELS below: its name, then its type, with the shapes in a comment.
//   2. Define it in csrc/<family>.cpp, inside `namespace weft::WEFT_ISA { ... }`, including only
//      "kernel.h" (which brings simd.h, parallel(), Scratch and this file). A new file goes into
//      KERNEL_SOURCES in CMakeLists.txt, and is compiled once per instruction set.
//   3. Bind it in csrc/binding_<group>.cpp: a function that takes In / InOut / std::optional<In>,
//      checks shapes, allocates Out, and calls kernels().<name>(...) inside a `Section` (which
//      gives back the GIL and flushes subnormals). Register it with def(m, "name", &function,
//      "arg"_a...).
//   4. Define it in NumPy in src/weft/kernels/reference/<family>.py under the same name, and choose
//      it in src/weft/kernels/active.py. tests/kernels walks all twins.
// Traps: in a kernel file everything but the kernels themselves must be `static` (or in an unnamed
// namespace) and no std:: template may be used: the linker would merge the copies of an inline
// function compiled for different instruction sets, and an older CPU would meet an AVX-512 one.
// csrc/check_symbols.py looks for that. No Python, no exceptions, no allocation except Scratch.
#pragma once
#include "array.h"

// clang-format off
#define WEFT_KERNELS(KERNEL) \
    /* elementwise.cpp: arrays of one shape, float32 or bfloat16 each */ \
    KERNEL(add, void(const Array& a, const Array& b, const Array& y))
// clang-format on

namespace weft {

struct Kernels {
    const char* isa;
    int lanes;
#define WEFT_POINTER(name, ...)      \
    using name##_type = __VA_ARGS__; \
    name##_type* name;
    WEFT_KERNELS(WEFT_POINTER)
#undef WEFT_POINTER
};

const Kernels& kernels(); // the table in use

#ifdef WEFT_ISA
namespace WEFT_ISA {
#define WEFT_DECLARE(name, ...) Kernels::name##_type name;
WEFT_KERNELS(WEFT_DECLARE)
#undef WEFT_DECLARE
} // namespace WEFT_ISA
#endif

} // namespace weft
