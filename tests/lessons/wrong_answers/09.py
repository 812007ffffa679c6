def fewest(word, vocabulary):
    """Always the longest token that fits: what many take BPE for."""
    count = 0
    while word:
        word = word[max(len(token) for token in vocabulary if word.startswith(token)) :]
        count += 1
    return count
