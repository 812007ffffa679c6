"""The normal distribution for GELU: density φ and distribution function Φ(x) = ½ (1 + erf(x/√2)).

NumPy has no erf, and SciPy is a large dependency for one function. Not a kernel by itself.
"""

from __future__ import annotations

import math

import numpy as np

from weft.kernels.reference.precision import Array

# The tail Φ(-z) = e^(-z²/2) P(u), u = (4 - z)/(4 + z), for z >= 0: the form of Abramowitz & Stegun
# 7.1.26. P is the degree-22 Chebyshev interpolant in u, computed with 60 digits; what is left
# against the exact Φ is 2e-16 absolute, and 5e-14 relative down to z = 37 (rounding inside exp).
TAIL = (
    0.09441064130196893, 0.1703977215484544, 0.12437925533926537, 0.07170740733782753,
    0.03086480410622515, 0.008492095479758216, 0.000507562076799988, -0.0006388138234854208,
    -0.00018718428669896724, 4.555470650032797e-05, 2.8648442798579606e-05,
    -4.630796917724566e-06, -4.303904346491218e-06, 8.274302256520367e-07, 6.62297108753446e-07,
    -2.026236560690965e-07, -9.534702277947434e-08, 4.904678284724266e-08, 1.0479978903484804e-08,
    -9.259844747144312e-09, -4.583989356967971e-10, 9.543550430903501e-10, -4.767851228809609e-11,
)  # fmt: skip


def normal_pdf(x: Array) -> Array:
    """φ(x) = e^(-x²/2) / √(2π)."""
    return np.exp(-0.5 * x * x) * (1 / math.sqrt(2 * math.pi))


def normal_cdf(x: Array) -> Array:
    """Φ(x), without cancellation in the negative tail."""
    z = np.minimum(np.abs(x), 40.0)  # Φ(-40) is 0 in float64; keeps infinity out of u
    u = (4 - z) / (4 + z)
    p = np.full_like(u, TAIL[-1])
    for coefficient in reversed(TAIL[:-1]):
        p = p * u + coefficient
    tail = np.exp(-0.5 * z * z) * p
    cdf: Array = np.where(x < 0, tail, 1 - tail)
    return cdf
