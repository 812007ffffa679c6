// A hash of short byte strings, and random words to make a table's own.
#pragma once
#include <random>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

namespace weft {

__extension__ typedef unsigned __int128 uint128;

// Both halves of the product of two words: every bit of each counts.
static inline uint64_t mix(uint64_t a, uint64_t b) {
    const uint128 product = uint128(a ^ 0x9E3779B97F4A7C15u) * (b ^ 0xD1B54A32D192ED03u);
    return uint64_t(product) ^ uint64_t(product >> 64);
}

static inline uint64_t word_at(const uint8_t* p, size_t size = 8) {
    uint64_t word = 0;
    memcpy(&word, p, size);
    return word;
}

static inline uint64_t hash_bytes(const uint8_t* p, size_t size, uint64_t seed = 0) {
    uint64_t hash = mix(seed, size);
    for (; size > 8; p += 8, size -= 8) hash = mix(hash, word_at(p));
    return mix(hash, word_at(p, size));
}

// A table that mixes this in cannot be attacked by texts or files made for it.
inline uint64_t random_word() {
    std::random_device random;
    return uint64_t(random()) << 32 | random();
}

} // namespace weft
