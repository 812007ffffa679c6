// The function table of one instruction set.
#include "kernel.h"

#define WEFT_STRING_(x) #x
#define WEFT_STRING(x) WEFT_STRING_(x)
#define WEFT_ENTRY(name, ...) name,

namespace weft::WEFT_ISA {
extern const Kernels table;
const Kernels table = {WEFT_STRING(WEFT_ISA), LANES, WEFT_KERNELS(WEFT_ENTRY)};
} // namespace weft::WEFT_ISA
