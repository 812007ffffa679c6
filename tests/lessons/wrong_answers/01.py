def add_k(counts, vocabulary, k):
    """Adds k once to the total, as if there were one word only."""
    return {word: (counts[word] + k) / (counts.total() + k) for word in vocabulary}
