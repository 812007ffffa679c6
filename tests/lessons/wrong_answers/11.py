def nucleus(ps, p):
    """One word too few: the sum stays below p."""
    order = np.argsort(-ps)  # noqa: F821
    count = max(1, np.searchsorted(np.cumsum(ps[order]), p))  # noqa: F821
    kept = np.zeros_like(ps)  # noqa: F821
    kept[order[:count]] = ps[order[:count]]
    return kept / kept.sum()
