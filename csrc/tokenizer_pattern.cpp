// GPT-2's pattern, as a program: 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+
// |\s+(?!\S)|\s+. The definition is the pattern itself, in tokenizers/pattern.py.
#include "tokenizer.h"
#include "tokenizer_classes.h"

namespace weft {
namespace {

enum Class : uint8_t { OTHER, LETTER, NUMBER, SPACE, BEYOND_ASCII };

struct Ascii {
    Class of[256];
    constexpr Ascii() : of() {
        for (int c = 0; c < 256; c++) of[c] = c < 0x80 ? OTHER : BEYOND_ASCII;
        for (int c = 'a'; c <= 'z'; c++) of[c] = of[c - 'a' + 'A'] = LETTER;
        for (int c = '0'; c <= '9'; c++) of[c] = NUMBER;
        for (int c = '\t'; c <= '\r'; c++) of[c] = SPACE;
        of[int(' ')] = SPACE;
    }
};
constexpr Ascii ASCII;

Class class_of(uint32_t point) {
    if (point >= CLASSED_POINTS) return OTHER;
    const uint64_t word = BLOCKS[BLOCK_OF[point >> 8] * 8 + (point >> 5 & 7)];
    return Class(word >> (2 * (point & 31)) & 3);
}

// A character and where the next one begins.
struct Character {
    Class cls;
    const Byte* next;
};

Character beyond_ascii(const Byte* p) {
    const uint32_t a = p[0], b = p[1] & 63;
    if (a < 0xE0) return {class_of((a & 31) << 6 | b), p + 2};
    const uint32_t c = p[2] & 63;
    if (a < 0xF0) return {class_of((a & 15) << 12 | b << 6 | c), p + 3};
    return {class_of((a & 7) << 18 | b << 12 | c << 6 | (p[3] & 63)), p + 4};
}

Character character(const Byte* p) {
    const Class cls = ASCII.of[*p];
    return cls == BEYOND_ASCII ? beyond_ascii(p) : Character{cls, p + 1};
}

const Byte* run_end(const Byte* p, const Byte* end, Class cls) {
    for (;;) {
        while (p < end && ASCII.of[*p] == cls) p++;
        if (p == end || ASCII.of[*p] != BEYOND_ASCII) return p;
        const Character c = beyond_ascii(p);
        if (c.cls != cls) return p;
        p = c.next;
    }
}

// White space leaves its last character to the word behind it; a single one it cannot leave.
const Byte* space_end(const Byte* start, const Byte* end) {
    const Byte *p = start, *last = start;
    while (p < end) {
        const Character c = character(p);
        if (c.cls != SPACE) return last == start ? p : last;
        last = p;
        p = c.next;
    }
    return p;
}

// Length of 's, 't, 're, 've, 'm, 'll or 'd; 0 if there is none.
int contraction(const Byte* p, const Byte* end) {
    if (end - p < 2) return 0;
    const Byte a = p[1];
    if (a == 's' || a == 't' || a == 'm' || a == 'd') return 2;
    if (end - p < 3) return 0;
    const Byte b = p[2];
    return (a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l') ? 3 : 0;
}

} // namespace

const Byte* piece_end(const Byte* start, const Byte* end) {
    Character first = character(start);
    if (first.cls == SPACE) {
        if (*start != ' ' || first.next == end) return space_end(start, end);
        first = character(first.next); // what the space stands in front of
        if (first.cls == SPACE) return space_end(start, end);
    } else if (*start == '\'') {
        if (const int length = contraction(start, end)) return start + length;
    }
    return run_end(first.next, end, first.cls);
}

} // namespace weft
