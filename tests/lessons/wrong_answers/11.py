def nucleus(ps, p):
    """One word too few: the sum stays below p."""
    order = np.argsort(-ps)
    count = max(1, np.searchsorted(np.cumsum(ps[order]), p))
    kept = np.zeros_like(ps)
    kept[order[:count]] = ps[order[:count]]
    return kept / kept.sum()
