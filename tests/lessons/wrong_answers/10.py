def cache_bytes(n_layer, n_kv_head, head_dim, tokens, bytes_per_number):
    """The keys alone."""
    return n_layer * n_kv_head * head_dim * tokens * bytes_per_number
