def by_hand():
    """OR alone: right but for the last input."""
    return [[20.0, 20.0], [20.0, 20.0]], [-10.0, -30.0], [[20.0, 0.0]], [-10.0]
