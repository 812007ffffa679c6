// Which instruction sets this build has, which of them this CPU runs, and which one is in use.
#pragma once
#include "kernels.h"

namespace weft {

// Name i of those that this CPU can run, best last; null past the end.
const char* runnable_isa(int i);

bool set_isa(const char* name); // false when it is unknown or cannot run here

} // namespace weft
