// Philox4x32-10 (Salmon et al., SC'11), LANES counters at a time: the words that decide what
// dropout keeps. Element i of a stream takes word i % 4 of the block whose counter is i / 4.
#pragma once
#include "simd.h"

namespace weft::WEFT_ISA {
namespace {

constexpr uint32_t PHILOX_MULTIPLIER_0 = 0xD2511F53, PHILOX_MULTIPLIER_1 = 0xCD9E8D57;
constexpr uint32_t PHILOX_WEYL_0 = 0x9E3779B9, PHILOX_WEYL_1 = 0xBB67AE85;
constexpr int PHILOX_ROUNDS = 10;
constexpr int PHILOX_WORDS = 4 * LANES; // that philox_block() makes

inline vu splat_word(uint32_t x) {
    return x - vu{};
}

// The two halves of the 64-bit products a * m. x86 multiplies every second lane.
inline void multiply(vu a, uint32_t m, vu& high, vu& low) {
#if defined(__SSE2__)
#if defined(__AVX512F__)
    const vu even = (vu)_mm512_mul_epu32((__m512i)a, (__m512i)splat_word(m));
    const vu odd = (vu)_mm512_mul_epu32(_mm512_srli_epi64((__m512i)a, 32), (__m512i)splat_word(m));
    const vu even_high = (vu)_mm512_srli_epi64((__m512i)even, 32);
    const vu odd_low = (vu)_mm512_slli_epi64((__m512i)odd, 32);
#elif defined(__AVX2__)
    const vu even = (vu)_mm256_mul_epu32((__m256i)a, (__m256i)splat_word(m));
    const vu odd = (vu)_mm256_mul_epu32(_mm256_srli_epi64((__m256i)a, 32), (__m256i)splat_word(m));
    const vu even_high = (vu)_mm256_srli_epi64((__m256i)even, 32);
    const vu odd_low = (vu)_mm256_slli_epi64((__m256i)odd, 32);
#else
    const vu even = (vu)_mm_mul_epu32((__m128i)a, (__m128i)splat_word(m));
    const vu odd = (vu)_mm_mul_epu32(_mm_srli_epi64((__m128i)a, 32), (__m128i)splat_word(m));
    const vu even_high = (vu)_mm_srli_epi64((__m128i)even, 32);
    const vu odd_low = (vu)_mm_slli_epi64((__m128i)odd, 32);
#endif
    const vu is_odd = (vu)(lane_numbers() & 1) * 0xffffffffu;
    high = even_high | (odd & is_odd);
    low = (even & ~is_odd) | odd_low;
#else
    for (int i = 0; i < LANES; i++) {
        const uint64_t product = uint64_t(a[i]) * m;
        high[i] = uint32_t(product >> 32), low[i] = uint32_t(product);
    }
#endif
}

// Within each group of four lanes: (a0 b0 a1 b1) or (a2 b2 a3 b3).
inline vu interleave_low(vu a, vu b) {
#if defined(__AVX512F__)
    return (vu)_mm512_unpacklo_epi32((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
    return (vu)_mm256_unpacklo_epi32((__m256i)a, (__m256i)b);
#else
    return __builtin_shufflevector(a, b, 0, 4, 1, 5);
#endif
}
inline vu interleave_high(vu a, vu b) {
#if defined(__AVX512F__)
    return (vu)_mm512_unpackhi_epi32((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
    return (vu)_mm256_unpackhi_epi32((__m256i)a, (__m256i)b);
#else
    return __builtin_shufflevector(a, b, 2, 6, 3, 7);
#endif
}

// words[0 … 3]: the 4 * LANES words of the counters `counter` … `counter` + LANES - 1, in order.
inline void philox_block(uint64_t key, uint64_t counter, vu words[4]) {
    // Interleaving works within groups of four lanes, so lane 4 g + j takes the counter that
    // belongs to group g of vector j: then what comes out is in order.
    const vu lane = (vu)lane_numbers();
    const vu offset = (lane & 3) * uint32_t(LANES / 4) + (lane >> 2);
    vu a = splat_word(uint32_t(counter)) + offset;
    vu b = splat_word(uint32_t(counter >> 32)) - (vu)(a < offset); // a mask is -1: the carry
    vu c = {}, d = {};
    uint32_t low_key = uint32_t(key), high_key = uint32_t(key >> 32);
    for (int round = 0; round < PHILOX_ROUNDS; round++) {
        vu a_high, a_low, c_high, c_low;
        multiply(a, PHILOX_MULTIPLIER_0, a_high, a_low);
        multiply(c, PHILOX_MULTIPLIER_1, c_high, c_low);
        a = c_high ^ b ^ low_key, b = c_low;
        c = a_high ^ d ^ high_key, d = a_low;
        low_key += PHILOX_WEYL_0, high_key += PHILOX_WEYL_1;
    }
    const vu ac_low = interleave_low(a, c), bd_low = interleave_low(b, d);
    const vu ac_high = interleave_high(a, c), bd_high = interleave_high(b, d);
    words[0] = interleave_low(ac_low, bd_low), words[1] = interleave_high(ac_low, bd_low);
    words[2] = interleave_low(ac_high, bd_high), words[3] = interleave_high(ac_high, bd_high);
}

// Words start … start + n of the stream, into memory.
inline void philox_words(uint64_t key, uint64_t start, int64_t n, uint32_t* out) {
    int64_t skip = int64_t(start % 4);
    for (uint64_t counter = start / 4; n > 0; counter += LANES) {
        vu words[4];
        philox_block(key, counter, words);
        const int64_t count = n < PHILOX_WORDS - skip ? n : PHILOX_WORDS - skip;
        memcpy(out, reinterpret_cast<const uint32_t*>(words) + skip, size_t(count) * 4);
        out += count, n -= count, skip = 0;
    }
}

// The words below this are dropped: floor(p 2^32). 2^32, where p is 1, drops them all.
inline uint64_t drop_threshold(double p) {
    return uint64_t(p * 4294967296.0);
}

} // namespace
} // namespace weft::WEFT_ISA
