// Rotary positions: element i of a head and element i + D/2 turn by the angle of position t.
#include "loops.h"

namespace weft::WEFT_ISA {

void rotary(const Array& x, const Array& cos, const Array& sin, float direction, const Array& y) {
    const int64_t T = axis(x, 1), H = axis(x, 2), D = axis(x, 3), half = D / 2;
    with_type(x.dtype, [&](auto* type) {
        using E = element<decltype(type)>;
        parallel_rows(axis(x, 0) * T, H * D, [&](int64_t begin, int64_t end) {
            for (int64_t head = begin * H; head < end * H; head++) {
                const int64_t t = head / H % T;
                const float *c = data<float>(cos) + t * half, *s = data<float>(sin) + t * half;
                const E *low = data<E>(x) + head * D, *high = low + half;
                E* out = data<E>(y) + head * D;
                vectors(0, half, [&](int64_t i, auto part) {
                    const vf a = load(low + i, part), b = load(high + i, part);
                    const vf turn = load(s + i, part) * direction, stay = load(c + i, part);
                    store(out + i, fma(a, stay, -b * turn), part);
                    store(out + half + i, fma(b, stay, a * turn), part);
                });
            }
        });
    });
}

} // namespace weft::WEFT_ISA
