// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011): element i of
// a stream is word i % 4 of the block whose counter is i / 4, so that any tile can draw its own
// numbers.
#pragma once
#include "simd.h"

namespace weft::WEFT_ISA {

typedef uint64_t vd __attribute__((vector_size(4 * LANES))); // LANES / 2 blocks, one per lane
typedef vd vd_unaligned __attribute__((aligned(4), may_alias));

constexpr int PHILOX_BLOCKS = LANES / 2;
constexpr int PHILOX_WORDS = 4 * PHILOX_BLOCKS;

// Product of the lanes' low halves.
static inline vd multiply_low(vd a, vd b) {
#if defined(__AVX512F__)
    return (vd)_mm512_mul_epu32((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
    return (vd)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#elif defined(__SSE2__)
    return (vd)_mm_mul_epu32((__m128i)a, (__m128i)b);
#else
    return (a & 0xffffffff) * (b & 0xffffffff);
#endif
}

static inline vd splat_word(uint32_t x) { return uint64_t(x) - vd{}; }

// out[0 .. PHILOX_WORDS) = the words of PHILOX_BLOCKS blocks from `block` on. The upper halves of
// the lanes hold rubbish between rounds; only low halves are ever used.
static inline void philox_blocks(uint64_t key, uint64_t block, uint32_t* out) {
    vd lane = {};
    for (int i = 0; i < PHILOX_BLOCKS; i++) lane[i] = uint64_t(i);
    const vd counter = block + lane;
    vd c0 = counter, c1 = counter >> 32, c2 = {}, c3 = {};
    uint32_t k0 = uint32_t(key), k1 = uint32_t(key >> 32);
    for (int round = 0; round < 10; round++) {
        const vd p0 = multiply_low(c0, splat_word(0xD2511F53));
        const vd p1 = multiply_low(c2, splat_word(0xCD9E8D57));
        c0 = (p1 >> 32) ^ c1 ^ splat_word(k0);
        c1 = p1;
        c2 = (p0 >> 32) ^ c3 ^ splat_word(k1);
        c3 = p0;
        k0 += 0x9E3779B9;
        k1 += 0xBB67AE85;
    }
    const vd first = (c0 & 0xffffffff) | (c1 << 32), second = (c2 & 0xffffffff) | (c3 << 32);
    for (int i = 0; i < PHILOX_BLOCKS; i++) {
        const uint64_t words[2] = {first[i], second[i]};
        memcpy(out + 4 * i, words, 16);
    }
}

// out[0 .. n) = words of elements start .. start + n - 1.
static inline void philox_fill(uint64_t key, uint64_t start, int64_t n, uint32_t* out) {
    uint32_t words[PHILOX_WORDS];
    int64_t done = 0;
    if (start % 4) {
        philox_blocks(key, start / 4, words);
        const int64_t skip = int64_t(start % 4), have = PHILOX_WORDS - skip;
        done = n < have ? n : have;
        memcpy(out, words + skip, size_t(done) * 4);
    }
    for (; done + PHILOX_WORDS <= n; done += PHILOX_WORDS)
        philox_blocks(key, (start + uint64_t(done)) / 4, out + done);
    if (done < n) {
        philox_blocks(key, (start + uint64_t(done)) / 4, words);
        memcpy(out + done, words, size_t(n - done) * 4);
    }
}

// An element is dropped when its word is below this: floor(p 2^32), p in [0, 1).
static inline uint32_t dropout_threshold(double p) { return uint32_t(p * 4294967296.0); }

} // namespace weft::WEFT_ISA
