// What this machine can do at most, by loops that do nothing else: the ceiling
// that benchmarks are compared with. Each thread's best round counts, so that
// other work on the machine disturbs little.
#include "matmul_tiles.h"
#include <stdlib.h>
#include <time.h>

namespace weft::WEFT_ISA {
namespace {

constexpr int CHAINS = LANES == 16 ? 24 : 12;  // independent sums, to hide their latency
constexpr int64_t PIECE = 1 << 20;             // floats read in one round
constexpr int64_t MEMORY = int64_t(512) << 20; // bytes: more than a cache of any size

// The compiler must take x for changed.
#if defined(__SSE2__)
#define WEFT_OPAQUE(x) asm volatile("" : "+x"(x))
#elif defined(__aarch64__)
#define WEFT_OPAQUE(x) asm volatile("" : "+w"(x))
#else
#define WEFT_OPAQUE(x) asm volatile("" : "+m"(x))
#endif

double now() {
    timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return double(t.tv_sec) + 1e-9 * double(t.tv_nsec);
}

// Multiplications and additions of one round, of about 20 us.
template <class Unit> double round_of_products() {
    constexpr int STEPS = 4096;
    vf sums[CHAINS]; // each different, or the compiler would compute one for all
    for (int i = 0; i < CHAINS; i++) sums[i] = splat(float(i));
    vi x = {};
    for (int step = 0; step < STEPS; step++) {
#pragma GCC unroll 24
        for (int i = 0; i < CHAINS; i++) sums[i] = Unit::multiply_add(sums[i], x, x);
        WEFT_OPAQUE(x);
    }
    vf total = zero();
    for (int i = 0; i < CHAINS; i++) total = total + sums[i];
    volatile float sink = sum(total);
    (void)sink;
    return 2.0 * STEPS * CHAINS * LANES * Unit::DEPTH;
}

#if defined(__AMX_BF16__)
template <> double round_of_products<Pairs>() {
    constexpr int STEPS = 2048;
    Tiles::configure();
    for (int i = 0; i < STEPS; i++) {
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_release();
    return 2.0 * STEPS * 4 * TILE * TILE * 2 * TILE;
}
#endif

// Bytes of one round of reading.
double round_of_reading(const float* p) {
    vf sums[8] = {};
    for (int64_t i = 0; i < PIECE; i += 8 * LANES)
        for (int j = 0; j < 8; j++) sums[j] = sums[j] + load(p + i + j * LANES);
    for (int j = 1; j < 8; j++) sums[0] = sums[0] + sums[j];
    volatile float sink = sum(sums[0]);
    (void)sink;
    return PIECE * 4;
}

// Of all rounds of work(i, round) until `deadline`, the highest rate.
template <class Work> double best_rate(double deadline, const Work& work) {
    double best = 0, before = now();
    for (int64_t i = 0; before < deadline; i++) {
        const double done = work(i), after = now();
        if (done > best * (after - before)) best = done / (after - before);
        before = after;
    }
    return best;
}

// work(thread, threads, round) on all threads at once.
template <class Work> double rate(double seconds, const Work& work) {
    const int threads = num_threads();
    Scratch<double> rates(threads);
    const double deadline = now() + seconds;
    parallel(threads, [&](int64_t thread) {
        rates[thread] = best_rate(deadline, [&](int64_t i) { return work(thread, threads, i); });
    });
    double total = 0;
    for (int i = 0; i < threads; i++) total += rates[i];
    return total;
}

} // namespace

double measure_peak(Peak kind, double seconds) {
    if (kind == Peak::float32)
        return rate(seconds, [](int64_t, int, int64_t) { return round_of_products<Floats>(); });
    if (kind == Peak::bfloat16)
        return rate(seconds, [](int64_t, int, int64_t) { return round_of_products<Pairs>(); });
    float* buffer = static_cast<float*>(malloc(size_t(MEMORY)));
    if (!buffer) return 0;
    memset(static_cast<void*>(buffer), 1,
           size_t(MEMORY)); // or all pages would be one of zeros
    const double result = rate(seconds, [&](int64_t thread, int threads, int64_t round) {
        const int64_t pieces = MEMORY / 4 / PIECE;
        return round_of_reading(buffer + (thread * pieces / threads + round) % pieces * PIECE);
    });
    free(buffer);
    return result;
}

} // namespace weft::WEFT_ISA
