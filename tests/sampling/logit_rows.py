"""Rows of logits for property tests: finite, and some with tokens already removed."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

rows = st.integers(1, 40).flatmap(
    lambda V: arrays(
        st.sampled_from([np.float32, np.float64]),
        st.tuples(st.integers(1, 3), st.just(V)),
        elements=st.floats(-50, 50, width=32),
    )
)
