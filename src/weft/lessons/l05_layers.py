"""Layers and modules: PyTorch and Weft, side by side.

Lesson 5, 12 seconds on two cores.
"""

# %% [markdown]
# # 5 · Layers and modules: PyTorch and Weft, side by side
#
# In lesson 4 we wrote `nn.Linear(2, 2)` and did not ask what it is. This lesson takes layers
# apart: what a module holds, how it finds its parameters, why one writes `model(x)` and never
# `model.forward(x)`. Weft uses PyTorch's names, defaults and random numbers, so what you learn
# here is true of both. For each number below that comes out of the shared program, PyTorch prints
# the very same.
#
# ## A layer is a function with a memory
#
# A linear layer multiplies by a matrix and adds a vector. The matrix and the vector are what it
# learns. So it is a function, `x → x Wᵀ + b`, together with two tensors that should be kept
# somewhere. That is a **module**: a class which keeps its parameters and knows how to apply them.

# %%
import weft as torch
from weft import nn


class MyLinear(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        bound = inputs**-0.5
        self.weight = nn.Parameter(bound * (2 * torch.rand(outputs, inputs) - 1))
        self.bias = nn.Parameter(bound * (2 * torch.rand(outputs) - 1))

    def forward(self, x):  # (N, inputs) -> (N, outputs)
        return x @ self.weight.t() + self.bias


torch.manual_seed(42)
mine = MyLinear(2, 2)
torch.manual_seed(42)
theirs = nn.Linear(2, 2)
print(mine.weight)
print("the same as nn.Linear:", torch.equal(mine.weight, theirs.weight))

# %% [markdown]
# These are the weights that began lesson 4. `nn.Linear` is these ten lines, with a faster product.
#
# Three things happened behind our back. `nn.Parameter` marks a tensor as something to be learned:
# gradients are kept for it. The assignment `self.weight = …` noticed the mark and entered the
# tensor in a list. And each module that is assigned to another enters a list as well, so that
# modules form a tree, and `parameters()` finds every leaf of it.
#
# ## A network, in either library
#
# This is a program for PyTorch. To run it on Weft, change the two imports, as here:
#
# ```
# PyTorch                          Weft
# import torch                     import weft as torch
# from torch import nn             from weft import nn
# ```

# %%
torch.manual_seed(42)


class NeuralNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.flatten = nn.Flatten()
        self.linear1 = nn.Linear(28 * 28, 512)
        self.sigmoid = nn.Sigmoid()
        self.linear2 = nn.Linear(512, 512)

    def forward(self, x):
        x = self.flatten(x)  # (N, 1, 28, 28) -> (N, 784)
        a = self.linear1(x)  # (N, 512)
        z = self.sigmoid(a)
        b = self.linear2(z)  # (N, 512)
        return b


model = NeuralNetwork()
images = torch.rand(64, 1, 28, 28)
labels = torch.randint(0, 10, (64,))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)

for step in range(3):
    loss = loss_fn(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"step {step}: loss {loss.item():.4f}")

print(model)

# %% [markdown]
# PyTorch 2.13 prints these three losses too: 6.1687, 6.1536, 6.1386. The first is no accident. The
# network has 512 outputs and knows nothing, and whoever chooses among 512 at random is surprised
# by ln 512 = 6.24 nats. *A fresh classifier's loss should be near the logarithm of its number of
# classes*: if yours is not, something is wrong before the training begins.
#
# Where is the softmax? Inside the loss. `CrossEntropyLoss` takes the raw outputs, which are called
# **logits**, because softmax and logarithm together are both faster and safer than one after the
# other: lesson 3 found their gradient to be ŷ − y.
#
# ## The tree, and what hangs on it

# %%
total = 0
for name, parameter in model.named_parameters():
    total += parameter.numel()
    print(f"{name:<16}{tuple(parameter.shape)!s:<12}{parameter.numel():>9,}")
print(f"{'together':<28}{total:>9,}")

# %% [markdown]
# The names are the paths in the tree, as attributes. `state_dict()` gives the same as a
# dictionary, and that is what a checkpoint stores: no code, only names and arrays. Anybody who
# builds the same tree can load it, which is how the weights of GPT-2 come into Weft.
#
# ## Why `model(x)`, and not `model.forward(x)`?
#
# Python calls `model.__call__(x)` when it sees `model(x)`. The `Module` class has one that runs
# `forward`, so the two do the same here:

# %%
print(torch.equal(model(images), model.forward(images)))

# %% [markdown]
# But a call is where a library can add things around `forward`: PyTorch runs hooks there. Write
# `forward`, call the model, and both sides stay free.
#
# And why are parameters *inside* the module, when the modules on the tape of lesson 3 were given
# theirs? Convenience: `optimizer = SGD(model.parameters())` would otherwise be a list that you
# keep in step by hand, with every layer you add. The trap at the end of this lesson shows what a
# missing entry does.
#
# ## Something to learn
#
# Random labels teach nothing, so let us draw four kinds of shapes, at random places, in random
# sizes, with noise. The network gets 256 of them at each step.

# %% tags=["trains"]
import numpy as np

NAMES = ["disc", "ring", "square", "cross"]


def shapes(count, rng):
    """`count` pictures (count, 1, 28, 28) and the kind of each (count,)."""
    kinds = rng.integers(0, 4, count)
    pictures = rng.uniform(0, 0.4, (count, 1, 28, 28))
    rows, columns = np.mgrid[:28, :28]
    for picture, kind in zip(pictures, kinds, strict=True):
        y, x, r = rng.uniform(10, 18), rng.uniform(10, 18), rng.uniform(5, 9)
        dy, dx = np.abs(rows - y), np.abs(columns - x)
        far = np.hypot(dy, dx)
        square = np.maximum(dy, dx) <= r
        drawn = [far <= r, np.abs(far - r + 1) <= 1.2, square, square & (np.minimum(dy, dx) <= 1.2)]
        picture[0][drawn[kind]] += 0.6
    return torch.tensor(pictures, dtype=torch.float32), kinds


rng = np.random.default_rng(0)
test_images, test_kinds = shapes(1000, rng)


def train(optimizer_for, steps=150):
    torch.manual_seed(42)
    model, rng, losses = NeuralNetwork(), np.random.default_rng(1), []
    optimizer = optimizer_for(model.parameters())
    for _ in range(steps):
        images, kinds = shapes(256, rng)
        loss = loss_fn(model(images), kinds)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        right = (model(test_images).numpy().argmax(1) == test_kinds).mean()
    return model, losses, right


runs = {
    "SGD, lr 0.001": lambda p: torch.optim.SGD(p, lr=1e-3),
    "SGD, lr 0.1": lambda p: torch.optim.SGD(p, lr=0.1),
    "Adam, lr 0.001": lambda p: torch.optim.Adam(p, lr=1e-3),
}
trained = {name: train(optimizer_for) for name, optimizer_for in runs.items()}
for name, (_, losses, right) in trained.items():
    print(f"{name:<16}loss {losses[-1]:.2f}, of new pictures right: {right:.2f}")


# %%
from weft.lessons import check, draw


def four_shapes(axes):
    for ax, kind in zip(axes, range(4), strict=True):
        ax.imshow(test_images.numpy()[list(test_kinds).index(kind), 0], cmap="gray_r")
        ax.set(title=NAMES[kind], xticks=[], yticks=[])


def three_ways_down(axes):
    for name, (_, losses, _) in trained.items():
        axes.plot(losses, label=name)
    axes.axhline(np.log(4), color="grey", linestyle=":")
    axes.text(150, np.log(4) + 0.1, "guessing among four: ln 4", ha="right", color="grey")
    axes.set(xlabel="step", ylabel="loss", ylim=(0, 6.5))
    axes.legend()


draw(four_shapes, columns=4, size=(8, 2.3))
draw(three_ways_down)

# %% [markdown]
# Three optimisers, one network, one beginning. The dotted line is what a model pays that has
# learned only which four of the 512 classes occur. With a learning rate of 0.001, SGD creeps
# towards it. With 0.1 it is there at once, and then rattles: the steps are too large in some
# directions and too small in others. Adam, which gives each parameter a step size of its own, gets
# through both. What works is an empirical question, and the loss curve answers it.
#
# What has the first layer learned to look for? Each of its 512 neurons has 784 weights, one per
# pixel, so its weights are a picture too. Here are eight, before and after:


# %%
def eight_neurons(axes):
    torch.manual_seed(42)
    before, after = NeuralNetwork(), trained["Adam, lr 0.001"][0]
    for row, model, name in zip(axes, (before, after), ("before", "after"), strict=True):
        weights = model.linear1.weight.detach().numpy().reshape(512, 28, 28)
        for ax, weight in zip(row, weights, strict=False):
            ax.imshow(weight, cmap="PuOr", vmin=-0.1, vmax=0.1)
            ax.set(xticks=[], yticks=[])
        row[0].set_ylabel(name)


draw(eight_neurons, rows=2, columns=8, size=(9, 2.6))

# %% [markdown]
# Out of noise have come frames, crosses and blobs: templates, laid over the picture. Many compare
# the middle, where the shapes are, with the border, where there never is one. Others are still
# noise; 512 neurons are more than this task needs.
#
# ## Questions
#
# 1. `linear1` has 401,920 parameters. How does this number come about?
# 2. Our network has 512 outputs for four kinds of shapes. What becomes of the 508 others in
#    training?
# 3. A network whose every pixel has its own weights, moved by one pixel: does it recognise the
#    shape?
#
# ## Exercise: the trap of the plain list
#
# Write a module for any number of layers: `Stack([784, 512, 10])` is a `Linear(784, 512)`, a
# `Sigmoid`, and a `Linear(512, 10)`; sigmoids stand between linear layers, not after the last. The
# obvious way, a Python list of layers, runs without an error, and learns nothing: only what is
# *assigned to an attribute* is found by `parameters()`, and a list is no module. `nn.ModuleList`
# and `nn.Sequential` are.


# %% tags=["exercise"]
from itertools import pairwise


class Stack(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.layers = [nn.Linear(n, m) for n, m in pairwise(sizes)]  # the trap

    def forward(self, x):
        return self.layers[0](x)


# %% tags=["check"]
def first_of(stack):
    with torch.no_grad():
        for parameter in stack.parameters():
            parameter.fill_(0.5)
        return stack(torch.ones(1, 3))[0, 0]


check("parameters of Stack([784, 512, 10])",
      lambda: sum(p.numel() for p in Stack([784, 512, 10]).parameters()), 407050)  # fmt: skip
check("the shape of its output",
      lambda: tuple(Stack([784, 512, 10])(torch.ones(2, 784)).shape), (2, 10))  # fmt: skip
check("sigmoids between, not after", lambda: first_of(Stack([3, 4, 1])), 2.26159, tolerance=1e-4)

# %% [markdown] tags=["answer"]
# <details><summary>Answer</summary>
#
# ```python
# class Stack(nn.Module):
#     def __init__(self, sizes):
#         super().__init__()
#         layers = []
#         for n, m in pairwise(sizes):
#             layers += [nn.Linear(n, m), nn.Sigmoid()]
#         self.layers = nn.Sequential(*layers[:-1])
#
#     def forward(self, x):
#         return self.layers(x)
# ```
#
# Question 1: 512 neurons with 784 weights and one bias each. Question 2: their logits are pushed
# down at every step, since they are never right, until softmax gives them nearly nothing. Question
# 3: not by itself: it must learn every place anew, from examples. Layers which share their weights
# over all places were invented for that (convolution), and so does attention in lesson 7.
#
# </details>
