def micro_batches(K, idle):
    """As if the bubble were (K - 1) / M."""
    M = 1
    while M * idle < K - 1:
        M += 1
    return M
