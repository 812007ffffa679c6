"""A tape of scalars: how a program finds its own slopes.

Lesson 2, 4 seconds on two cores.
"""

# %% [markdown]
# # 2 · A tape of scalars: how a program finds its own slopes
#
# To train a model is to turn its knobs. A large model has billions of them, and for each we need
# to know: if I turn this one up a little, does the loss rise or fall, and how fast? That number is
# the slope, or gradient. This lesson builds, from plain Python numbers, a machine that finds the
# slopes of all knobs at once, in about the time it takes to compute the loss itself. The machine
# is called reverse-mode automatic differentiation, and everything else in Weft stands on it.
#
# ## The honest way: turn the knob and look
#
# Here is a small computation with three inputs.


# %%
def f(a, b, c):
    return (a * b + c) * a


print("f =", f(2.0, 3.0, -1.0))

# %% [markdown]
# How fast does `f` change with each input? Move one of them a little, and see.

# %%
h = 0.0001
y = f(2.0, 3.0, -1.0)
print(f"slope along a: {(f(2.0 + h, 3.0, -1.0) - y) / h:.3f}")
print(f"slope along b: {(f(2.0, 3.0 + h, -1.0) - y) / h:.3f}")
print(f"slope along c: {(f(2.0, 3.0, -1.0 + h) - y) / h:.3f}")

# %% [markdown]
# This is honest, but there are two things wrong with it. It is only nearly right: 11.000 is a
# rounded 11.0003, because `f` is curved and h is not nothing. And it costs one more run for each
# knob. A model with a billion knobs would have to run a billion times, to take a single step.
#
# ## The clever way: remember, then walk back
#
# Every computation, however long, is made of tiny steps, and for a tiny step the slope is known
# exactly. If `y = a + b`, then moving a by 1 moves y by 1. If `y = a × b`, then moving a by 1
# moves y by b. So let each number remember which numbers it was computed from, and the slope for
# each.
#
# Here is the whole idea, in a dozen lines:


# %%
class Number:
    def __init__(self, value, inputs=(), slopes=()):
        self.value = value
        self.inputs = inputs  # the numbers I was computed from
        self.slopes = slopes  # how fast I move with each of them
        self.grad = 0.0  # how fast the final result moves with me: not known yet

    def __add__(self, other):
        return Number(self.value + other.value, (self, other), (1.0, 1.0))

    def __mul__(self, other):
        return Number(self.value * other.value, (self, other), (other.value, self.value))


a, b, c = Number(2.0), Number(3.0), Number(-1.0)
product = a * b
total = product + c
result = total * a
print("f =", result.value)

# %% [markdown]
# The value is the same, but something has been left behind: `result` knows that it came from
# `total` and `a`, `total` knows that it came from `product` and `c`, and so on. This trail is
# called the **tape**. Nobody drew it; running the program recorded it.
#
# Now walk along it backwards. The result moves with itself at speed 1. If the result moves 5 times
# as fast as `total`, and `total` moves 1 times as fast as `c`, then the result moves 5 × 1 times
# as fast as `c`. Multiply along the way: this is the **chain rule**, and it is all the calculus
# there is in this lesson.
#
# One thing is easy to get wrong. `a` was used *twice*: once inside the product, once at the end.
# When a moves, the result moves for both reasons, so the two contributions are **added**.

# %%
result.grad = 1.0
for number in [result, total, product]:  # last one first
    for source, slope in zip(number.inputs, number.slopes, strict=True):
        source.grad += number.grad * slope

print("slopes:", a.grad, b.grad, c.grad)

# %% [markdown]
# Eleven, four, two: the same as before, but exact, and all three from a single walk. Ten thousand
# inputs would need no second walk either. That is why it goes *backwards*: from one loss to many
# knobs. (Forwards is possible too, one walk per knob. It is the better choice for a computation
# with one knob and many results.)
#
# We wrote down the order `[result, total, product]` by hand. The rule behind it: a number's turn
# comes after all numbers that were computed from it have had theirs, since only then is its `grad`
# complete. Such an order is called *reverse topological*, and a short search finds it.
#
# ## The same in a hundred lines
#
# `weft.lessons.scalar` has this class with more operations and that search. They all look alike: a
# value, and a slope for each input.

# %%
import inspect

from weft.lessons import check, draw
from weft.lessons.scalar import Scalar
from weft.lessons.scalar_picture import draw_graph

print(inspect.getsource(Scalar.__mul__))
print(inspect.getsource(Scalar.sigmoid))
print(inspect.getsource(Scalar.backward))

# %% [markdown]
# The picture shows the tape of our `f`. Each box has a value, found on the way from left to right,
# and a gradient, found on the way back; each arrow has its slope in red. Check one: the gradient
# of `a` is 2 × 3 (through the product) plus 5 (directly), which is 11.

# %%
a, b, c = Scalar(2.0, "a"), Scalar(3.0, "b"), Scalar(-1.0, "c")
result = (a * b + c) * a
result.backward()


def the_tape(axes):
    draw_graph(axes, result)


draw(the_tape, size=(8, 3.8))

# %% [markdown]
# ## A network of scalars learns a curve
#
# Is this toy enough to train a neural network? It is. A neuron takes a weighted sum of its inputs
# and bends it; the bend here is tanh, which is straight near zero and flattens out at −1 and 1.
# Six such neurons side by side, and a weighted sum of the six, make a curve with 19 knobs:

# %%
import math
import random

rng = random.Random(0)
weights = [Scalar(rng.uniform(-2, 2)) for _ in range(6)]
shifts = [Scalar(rng.uniform(-2, 2)) for _ in range(6)]
scales = [Scalar(rng.uniform(-1, 1)) for _ in range(6)]
offset = Scalar(0.0)
knobs = [*weights, *shifts, *scales, offset]


def network(x):
    bends = [(w * x + s).tanh() for w, s in zip(weights, shifts, strict=True)]
    return sum((k * bend for k, bend in zip(scales, bends, strict=True)), offset)


# %% [markdown]
# We want it to go through 16 points on a sine wave. The loss is the mean squared distance.
# Training is three lines, repeated: compute the loss, walk back, turn every knob a little
# *against* its slope.

# %%
points = [(x, math.sin(x)) for x in (-3.0 + 0.4 * i for i in range(16))]
grid = [-3.2 + 0.1 * i for i in range(65)]
curves, losses = {}, []

for step in range(1001):
    loss = sum((network(x) - y) ** 2 for x, y in points) * (1 / len(points))
    for knob in knobs:
        knob.grad = 0.0
    loss.backward()
    for knob in knobs:
        knob.value -= 0.1 * knob.grad
    losses.append(loss.value)
    if step in (0, 50, 1000):
        print(f"step {step:>4}: loss {loss.value:.4f}")
        curves[step] = [network(x).value for x in grid]


# %%
def learning_a_sine(axes):
    for step, curve in curves.items():
        axes[0].plot(grid, curve, label=f"after step {step}")
    axes[0].scatter(*zip(*points, strict=True), color="black", zorder=3, s=18)
    axes[0].legend()
    axes[1].semilogy(losses)
    axes[1].set(xlabel="step", ylabel="loss")


draw(learning_a_sine, columns=2, size=(9, 3.4))

# %% [markdown]
# How long is the tape of one such loss? One walk along it gives all 19 slopes:

# %%
from weft.lessons.scalar import topological_order

print(len(topological_order(loss)), "numbers on the tape")

# %% [markdown]
# ## What Weft's engine does differently
#
# In principle, nothing. In practice a number of its own for each weight is slow: Python takes
# longer to look up one `self.value` than a processor takes for dozens of multiplications. So
# Weft's `Tensor` holds a whole array, and a step on the tape is a whole matrix product. It gives
# the same slopes:

# %%
import weft

a, b, c = (weft.tensor(v, requires_grad=True) for v in (2.0, 3.0, -1.0))
result = (a * b + c) * a
result.backward()
print(result)
print(a.grad, b.grad, c.grad)

# %% [markdown]
# `grad_fn=<MulBackward0>` is how a tensor says: I am on the tape, a multiplication made me.
#
# ## Questions
#
# 1. `x * x` uses x twice. Which two slopes does the tape hold, and what comes out as the gradient?
# 2. Why does the training loop set `knob.grad = 0.0` before each walk? What would happen
#    otherwise?
# 3. Our loop starts a new tape at every step. Where do the old ones go?
#
# ## Exercise: a new operation
#
# `softplus(x) = log(1 + e^x)` is a smooth version of "x, but never below zero". Its slope is the
# sigmoid of x, which is `1 / (1 + e^−x)`. Write it as **one** step on the tape: a `Scalar` with a
# value, a name, the inputs and the slopes. (Composing it of `exp` and `log` would put three on the
# tape.)


# %% tags=["exercise"]
def softplus(x):
    return Scalar(0.0, "softplus", (x,), (0.0,))  # the value and the slope are yours to find


# %% tags=["check"]
def gradient_of(function, at):
    x = Scalar(at)
    function(x).backward()
    return x.grad


check("softplus(0) is log 2", lambda: softplus(Scalar(0.0)).value, math.log(2), 1e-9)
check("its slope at 0 is 1/2", lambda: gradient_of(softplus, 0.0), 0.5, 1e-9)
check("d softplus(x)² / dx at 1", lambda: gradient_of(lambda x: softplus(x) ** 2, 1.0),
      1.9201424, 1e-6)  # fmt: skip
check("one step on the tape", lambda: [type(i) for i in softplus(Scalar(1.0)).inputs], [Scalar])

# %% [markdown] tags=["answer"]
# <details><summary>Answer</summary>
#
# ```python
# def softplus(x):
#     value = math.log(1 + math.exp(x.value))
#     slope = 1 / (1 + math.exp(-x.value))
#     return Scalar(value, "softplus", (x,), (slope,))
# ```
#
# Question 1: the slopes are x and x, for the two uses, and they add up to 2x. Question 2: the
# gradients of all steps so far would add up, as if the knobs remembered every slope they ever had.
# Question 3: nothing refers to an old loss any more, so Python frees it and its tape.
#
# </details>
