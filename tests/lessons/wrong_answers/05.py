class Stack(nn.Module):
    """Right but for the plain list."""

    def __init__(self, sizes):
        super().__init__()
        self.layers = [nn.Linear(n, m) for n, m in pairwise(sizes)]

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = layer(x).sigmoid()
        return self.layers[-1](x)
