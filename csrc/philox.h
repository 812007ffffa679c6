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

// Product of the lanes' low halves; the upper half of each lane in the lower one; (low of a, low of
// b); and 128 bits of a next to those of b, from the lower or the upper halves of every 256.
#if defined(__AVX512F__)
static inline vd multiply_low(vd a, vd b) { return (vd)_mm512_mul_epu32((__m512i)a, (__m512i)b); }
static inline vd upper(vd x) { return (vd)_mm512_shuffle_epi32((__m512i)x, _MM_PERM_DDBB); }
static inline vd join(vd a, vd b) {
    return (vd)_mm512_mask_shuffle_epi32((__m512i)a, 0xAAAA, (__m512i)b, _MM_PERM_CCAA);
}
static inline vd even_pairs(vd a, vd b) {
    return (vd)_mm512_unpacklo_epi64((__m512i)a, (__m512i)b);
}
static inline vd odd_pairs(vd a, vd b) { return (vd)_mm512_unpackhi_epi64((__m512i)a, (__m512i)b); }
static inline vd block_order() { return vd{0, 4, 1, 5, 2, 6, 3, 7}; }
#elif defined(__AVX2__)
static inline vd multiply_low(vd a, vd b) { return (vd)_mm256_mul_epu32((__m256i)a, (__m256i)b); }
static inline vd upper(vd x) { return x >> 32; }
static inline vd join(vd a, vd b) { return (a & 0xffffffff) | (b << 32); }
static inline vd even_pairs(vd a, vd b) {
    return (vd)_mm256_unpacklo_epi64((__m256i)a, (__m256i)b);
}
static inline vd odd_pairs(vd a, vd b) { return (vd)_mm256_unpackhi_epi64((__m256i)a, (__m256i)b); }
static inline vd block_order() { return vd{0, 2, 1, 3}; }
#else
static inline vd multiply_low(vd a, vd b) {
#if defined(__SSE2__)
    return (vd)_mm_mul_epu32((__m128i)a, (__m128i)b);
#else
    return (a & 0xffffffff) * (b & 0xffffffff);
#endif
}
static inline vd upper(vd x) { return x >> 32; }
static inline vd join(vd a, vd b) { return (a & 0xffffffff) | (b << 32); }
static inline vd even_pairs(vd a, vd b) { return vd{a[0], b[0]}; }
static inline vd odd_pairs(vd a, vd b) { return vd{a[1], b[1]}; }
static inline vd block_order() { return vd{0, 1}; }
#endif

static inline vd splat_word(uint32_t x) { return uint64_t(x) - vd{}; }

// out[0 .. GROUPS * PHILOX_WORDS) = the words of the blocks from `block` on. One group waits for
// its products most of the time: several are computed side by side. The upper halves of the lanes
// hold rubbish between rounds; only low halves are ever used.
template <int GROUPS>
static inline void philox_blocks(uint64_t key, uint64_t block, uint32_t* out) {
    const vd a = splat_word(0xD2511F53), b = splat_word(0xCD9E8D57);
    vd c0[GROUPS], c1[GROUPS], c2[GROUPS] = {}, c3[GROUPS] = {};
#pragma GCC unroll 4
    for (int g = 0; g < GROUPS; g++) {
        c0[g] = block + uint64_t(g * PHILOX_BLOCKS) + block_order();
        c1[g] = upper(c0[g]);
    }
    uint32_t k0 = uint32_t(key), k1 = uint32_t(key >> 32);
    for (int round = 0; round < 10; round++) {
        const vd first = splat_word(k0), second = splat_word(k1);
#pragma GCC unroll 4
        for (int g = 0; g < GROUPS; g++) {
            const vd p0 = multiply_low(c0[g], a), p1 = multiply_low(c2[g], b);
            c0[g] = upper(p1) ^ c1[g] ^ first, c1[g] = p1;
            c2[g] = upper(p0) ^ c3[g] ^ second, c3[g] = p0;
        }
        k0 += 0x9E3779B9;
        k1 += 0xBB67AE85;
    }
#pragma GCC unroll 4
    for (int g = 0; g < GROUPS; g++) {
        const vd low = join(c0[g], c1[g]), high = join(c2[g], c3[g]); // words 0 1, words 2 3
        *(vd_unaligned*)(out + g * PHILOX_WORDS) = even_pairs(low, high);
        *(vd_unaligned*)(out + g * PHILOX_WORDS + LANES) = odd_pairs(low, high);
    }
}

// out[0 .. n) = words of elements start .. start + n - 1.
static inline __attribute__((noinline)) void philox_fill(uint64_t key, uint64_t start, int64_t n,
                                                         uint32_t* out) {
    uint32_t words[PHILOX_WORDS];
    int64_t done = 0;
    if (start % 4) {
        philox_blocks<1>(key, start / 4, words);
        const int64_t skip = int64_t(start % 4), have = PHILOX_WORDS - skip;
        done = n < have ? n : have;
        memcpy(out, words + skip, size_t(done) * 4);
    }
    const auto next = [&] { return (start + uint64_t(done)) / 4; };
    for (; done + 4 * PHILOX_WORDS <= n; done += 4 * PHILOX_WORDS)
        philox_blocks<4>(key, next(), out + done);
    for (; done + 2 * PHILOX_WORDS <= n; done += 2 * PHILOX_WORDS)
        philox_blocks<2>(key, next(), out + done);
    for (; done + PHILOX_WORDS <= n; done += PHILOX_WORDS)
        philox_blocks<1>(key, next(), out + done);
    if (done < n) {
        philox_blocks<1>(key, next(), words);
        memcpy(out + done, words, size_t(n - done) * 4);
    }
}

// An element is dropped when its word is below this: floor(p 2^32), p in [0, 1).
static inline uint32_t dropout_threshold(double p) { return uint32_t(p * 4294967296.0); }

} // namespace weft::WEFT_ISA
