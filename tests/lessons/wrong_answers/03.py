class ReLU(tape.Module):
    """Forward is right; backward lets every gradient through."""

    def forward(self, a):
        return np.maximum(a, 0.0)

    def backward(self, a, b, g_b):
        return (g_b,)
