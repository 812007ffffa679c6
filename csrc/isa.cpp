// Compiled for the baseline: it decides what else may run.
#include "isa.h"
#include <atomic>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace weft {

#define WEFT_TABLE(isa)         \
    namespace isa {             \
    extern const Kernels table; \
    }
#if defined(__aarch64__)
#define WEFT_BASE neon
#else
#define WEFT_BASE baseline
#endif
WEFT_TABLE(WEFT_BASE)
#ifdef WEFT_HAS_avx2
WEFT_TABLE(avx2)
#endif
#ifdef WEFT_HAS_avx512
WEFT_TABLE(avx512)
#endif
#ifdef WEFT_HAS_avx512_bf16
WEFT_TABLE(avx512_bf16)
#endif
#ifdef WEFT_HAS_amx
WEFT_TABLE(amx)
#endif

namespace {

// The names of the features are those of the compiler's flags, and must match
// CMakeLists.txt.
#if defined(__x86_64__)
bool has_f16c() { // which Clang's __builtin_cpu_supports does not know
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}
bool has_avx2() {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
}
bool has_avx512() {
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
bool has_avx512_bf16() {
    return has_avx512() && __builtin_cpu_supports("avx512bf16") &&
           __builtin_cpu_supports("avx512vnni");
}
// The tiles are 8 KB of registers, which Linux gives only to a process that
// asks.
[[maybe_unused]] bool has_amx() {
#if defined(__linux__)
    constexpr unsigned AMX_BF16 = 1u << 22, AMX_TILE = 1u << 24;
    constexpr long REQUEST_PERMISSION = 0x1023, TILE_DATA = 18;
    unsigned a, b, c, d;
    return has_avx512_bf16() && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & AMX_BF16) &&
           (d & AMX_TILE) && syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
#else
    return false;
#endif
}
#endif

struct Runnable {
    const Kernels* tables[8] = {};
    int count = 0;

    Runnable() {
        tables[count++] = &WEFT_BASE::table;
#ifdef WEFT_HAS_avx2
        if (has_avx2()) tables[count++] = &avx2::table;
#endif
#ifdef WEFT_HAS_avx512
        if (has_avx512()) tables[count++] = &avx512::table;
#endif
#ifdef WEFT_HAS_avx512_bf16
        if (has_avx512_bf16()) tables[count++] = &avx512_bf16::table;
#endif
#ifdef WEFT_HAS_amx
        if (has_amx()) tables[count++] = &amx::table;
#endif
    }
};

const Runnable& runnable() {
    static const Runnable r;
    return r;
}

std::atomic<const Kernels*> chosen{nullptr};

} // namespace

const Kernels& kernels() {
    const Kernels* table = chosen.load(std::memory_order_relaxed);
    if (!table) chosen.store(table = runnable().tables[runnable().count - 1]);
    return *table;
}

const char* runnable_isa(int i) {
    return i < runnable().count ? runnable().tables[i]->isa : nullptr;
}

bool set_isa(const char* name) {
    for (int i = 0; i < runnable().count; i++)
        if (strcmp(runnable().tables[i]->isa, name) == 0) {
            chosen.store(runnable().tables[i]);
            return true;
        }
    return false;
}

} // namespace weft
