def write(step, most=11):
    """Does not stop at the end."""
    tokens = [marks.begin]
    while len(tokens) <= most:
        tokens.append(int(step(tokens[-1]).argmax()))
    return tokens[1:]
