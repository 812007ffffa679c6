"""Backpropagation, four ways: one network, one gradient.

Lesson 3, 2 seconds on two cores.
"""

# %% [markdown]
# # 3 · Backpropagation, four ways: one network, one gradient
#
# Lesson 2 walked back along a tape of single numbers. Here are four ways to organise that walk.
# They are not four algorithms; they are one algorithm, told by four different programmers, and
# each telling has an advantage that the one before it lacks. At the end stands the design that
# PyTorch and Weft use. We judge all of them by the same network and by the same referee.
#
# ## The network
#
# One hidden layer, and a choice among three classes, as small as it can be while showing
# everything:
#
# ```
# a  = α x             linear: 4 neurons look at 3 inputs
# z  = sigmoid(a)
# b  = β z             linear: 3 classes look at 4 neurons
# ŷ  = softmax(b)      three probabilities
# J  = −log ŷ[class]   cross-entropy: the surprise at the true class
# ```
#
# The knobs are the 12 numbers in α and the 12 in β. We want the slope of J along each of the 24.

# %%
import numpy as np

rng = np.random.default_rng(5)
x = rng.standard_normal(3)
y = np.array([0.0, 1.0, 0.0])  # the true class is the middle one
alpha = rng.standard_normal((4, 3))
beta = rng.standard_normal((3, 4))

# %% [markdown]
# ## The referee: finite differences
#
# Turn one knob up by h, then down by h, and divide what happened to J by 2h. It needs two forward
# passes per knob, 48 in all, and knows nothing of calculus: that is what makes it a good referee.
# How small should h be? Too large, and the curve bends on the way. Too small, and the two values
# of J agree in nearly all of their sixteen digits, so that the difference is mostly rounding. The
# best h lies in between, and you can see it:

# %%
from weft.lessons import check, draw
from weft.lessons.procedural import finite_differences, nn_backward, nn_forward


def loss():
    return nn_forward(x, y, alpha, beta).loss


referee = finite_differences(loss, alpha), finite_differences(loss, beta)
exact = nn_backward(x, y, alpha, beta, nn_forward(x, y, alpha, beta))
print("loss:", round(loss(), 6))
print("gradient of the first row of alpha:", np.round(referee[0][0], 6))


# %%
def the_best_h(axes):
    steps = 10.0 ** -np.arange(1, 13, 0.5)
    errors = [np.abs(finite_differences(loss, alpha, h) - exact[0]).max() for h in steps]
    axes.loglog(steps, errors, marker="o", label="the largest error")
    axes.loglog(steps, 0.05 * steps**2, "--", color="grey", label="bending: grows as h²")
    axes.loglog(steps, 1e-16 / steps, ":", color="grey", label="rounding: grows as 1/h")
    axes.set(xlabel="h", ylabel="error", ylim=(1e-13, 1e-2))
    axes.legend()


draw(the_best_h)

# %% [markdown]
# Near h = 10⁻⁵ the referee is right to about ten digits. Good enough to convict a wrong formula,
# which is usually wrong in the first.
#
# ## Ways 1 and 2: scalars, collecting or handing on
#
# Write the network with the `Scalar` of lesson 2, and the tape records itself. What remains is the
# walk back, in reverse topological order. There are two ways to add up the contributions:
#
# - **Version A** stands at a node and *collects*: my gradient is the sum, over all nodes that used
#   me, of their gradient times the slope between us.
# - **Version B** stands at a node and *hands on*: to each node that I used, I add my gradient
#   times the slope between us. Everybody begins at zero, except the loss, which begins at one.

# %%
import inspect

from weft.lessons.backpropagation import version_a, version_b
from weft.lessons.scalar import Scalar

print(inspect.getsource(version_a))
print(inspect.getsource(version_b))


# %%
def with_scalars(version):
    scalar_alpha, scalar_beta = ([[Scalar(w) for w in row] for row in m] for m in (alpha, beta))
    z = [sum(w * v for w, v in zip(row, x, strict=True)).sigmoid() for row in scalar_alpha]
    b = [sum(w * v for w, v in zip(row, z, strict=True)) for row in scalar_beta]
    total = sum(v.exp() for v in b)
    J = -(b[1].exp() / total).log()
    gradients = version(J)
    print(f"{version.__name__}: {len(gradients)} nodes, loss {J.value:.6f}")
    return [
        np.array([[gradients[w] for w in row] for row in m]) for m in (scalar_alpha, scalar_beta)
    ]


ways = {"version A": with_scalars(version_a), "version B": with_scalars(version_b)}

# %% [markdown]
# Both do one multiplication and one addition per arrow of the graph: backward costs about as much
# as forward, for any number of knobs. But A needs to know who *used* a node, and a node learns
# that only later, after it was made; so A builds a second list. B needs only what each node knows
# from birth: what it was made from. That small difference is why every engine is a version B.
#
# ## Way 3: by hand
#
# Scalars are slow. With matrices, one can work out the whole walk on paper, once, and write it
# down as a procedure: each line of the backward computation undoes one line of the forward one.

# %%
print(inspect.getsource(nn_forward))
print(inspect.getsource(nn_backward))

# %%
ways["by hand"] = list(nn_backward(x, y, alpha, beta, nn_forward(x, y, alpha, beta)))

# %% [markdown]
# Look at `g_b`, and at the comment behind it: softmax and cross-entropy together have the gradient
# ŷ − y, "what you said minus what was true". The two belong together so well that libraries fuse
# them; it is why PyTorch's `CrossEntropyLoss` wants the numbers before the softmax.
#
# This is as fast as it gets. But change the network, add a layer, and you are back at your desk
# with pencil and paper. And when the referee objects, it says *that* something is wrong, not
# where.
#
# ## Way 4: modules on a tape
#
# So cut the procedure into pieces. A **module** is a layer that knows two things: its own forward,
# and its own backward. Whenever one is applied, it pushes itself on a stack, the tape. To go back,
# pop the modules one by one; each adds to the gradients of those that it had read. That is version
# B again, with a whole layer as a node.

# %%
from weft.lessons import tape

print(inspect.getsource(tape.Sigmoid))
print(inspect.getsource(tape.Module.apply_fwd))
print(inspect.getsource(tape.Module.apply_bwd))
print(inspect.getsource(tape.tape_bwd))

# %% [markdown]
# Using it reads like the definition of the network, and nobody writes a backward pass at all:

# %%
steps = []
inputs, target, first, second = map(tape.Value, (x, y, alpha, beta))
a = tape.Linear(steps).apply_fwd(inputs, first)
z = tape.Sigmoid(steps).apply_fwd(a)
b = tape.Linear(steps).apply_fwd(z, second)
y_hat = tape.Softmax(steps).apply_fwd(b)
J = tape.CrossEntropy(steps).apply_fwd(target, y_hat)
print("on the tape:", " → ".join(type(module).__name__ for module in steps))

tape.tape_bwd(steps)
ways["modules on a tape"] = [first.out_gradient, second.out_gradient]

# %% [markdown]
# Each module can be checked by the referee *alone*, can be written in C++ without the others
# noticing, and can be put together with others in any order, in loops and branches: the tape
# records whatever happened.
#
# ## The verdict
#
# Weft's engine is way 4 with one more convenience: the tape hangs on the tensors themselves, so
# that `J.backward()` finds it, and `J.graph("tape.svg")`, before that, draws it. PyTorch's engine
# is built in the same way, and this program runs there with `import torch`.

# %%
import weft as torch

x_t, alpha_t, beta_t = (torch.tensor(v, dtype=torch.float64) for v in (x, alpha, beta))
alpha_t.requires_grad = beta_t.requires_grad = True
J = -(beta_t @ (alpha_t @ x_t).sigmoid()).softmax(-1).log()[1]
J.backward()
ways["Weft's engine"] = [alpha_t.grad.numpy(), beta_t.grad.numpy()]

print(f"{'':<20}{'from the referee':>18}{'from version A':>18}")
for name, way in ways.items():
    far = max(np.abs(g - r).max() for g, r in zip(way, referee, strict=True))
    apart = max(np.abs(g - r).max() for g, r in zip(way, ways["version A"], strict=True))
    print(f"{name:<20}{'below 1e-9' if far < 1e-9 else 'TOO FAR':>18}"
          f"{'below 1e-14' if apart < 1e-14 else 'TOO FAR':>18}")  # fmt: skip

# %% [markdown]
# All agree with the referee as well as the referee can tell, and with each other to the last digit
# or two. A test of Weft's holds PyTorch to the same comparison.


# %%
def one_gradient(axes):
    widest = np.abs(exact[0]).max()
    for ax, (name, way) in zip(axes, ways.items(), strict=True):
        image = ax.imshow(way[0], cmap="PuOr", vmin=-widest, vmax=widest)
        ax.set(title=name, xticks=[], yticks=[])
    axes[0].set(xlabel="3 inputs", ylabel="4 neurons")
    axes[0].figure.colorbar(image, ax=axes, label="dJ / dα", shrink=0.8)


draw(one_gradient, columns=5, size=(10, 2.6))

# %% [markdown]
# ## Questions
#
# 1. Finite differences need 48 forward passes for our 24 knobs. How many would GPT-2, with 124
#    million knobs, need for a single step?
# 2. In the picture, columns of α's gradient look like multiples of each other. Which line of
#    `nn_backward` says so?
# 3. `apply_bwd` writes `out_gradient += gradient`. Which network would break with `=` instead?
#
# ## Exercise: a module of your own
#
# Write the ReLU: it lets positive numbers through and turns negative ones into 0. Its `backward`
# gets the input `a`, the output `b` and the gradient `g_b` of the output, and returns a tuple with
# the gradient of the input. The referee decides.


# %% tags=["exercise"]
class ReLU(tape.Module):
    def forward(self, a):
        return a  # yours to write

    def backward(self, a, b, g_b):
        return (g_b,)  # and this


# %% tags=["check"]
a0 = np.array([0.5, -1.5, 2.0, -0.25])


def relu_loss():
    steps = []
    a = tape.Value(a0)
    b = tape.Linear(steps).apply_fwd(ReLU(steps).apply_fwd(a), tape.Value(beta))
    J = tape.CrossEntropy(steps).apply_fwd(tape.Value(y), tape.Softmax(steps).apply_fwd(b))
    value = float(J.out_tensor)
    tape.tape_bwd(steps)
    return value, a.out_gradient


check("forward", lambda: ReLU([]).forward(a0), [0.5, 0.0, 2.0, 0.0])
by_referee = finite_differences(lambda: relu_loss()[0], a0)
check("backward, says the referee", lambda: relu_loss()[1], by_referee, tolerance=1e-8)

# %% [markdown] tags=["answer"]
# <details><summary>Answer</summary>
#
# ```python
# class ReLU(tape.Module):
#     def forward(self, a):
#         return np.maximum(a, 0.0)
#
#     def backward(self, a, b, g_b):
#         return (g_b * (a > 0),)
# ```
#
# Question 1: 249 million forward passes, where one backward pass does it. Question 2:
# `np.outer(g_a, x)`: each column is `g_a` times one of the inputs. Question 3: any in which a
# value is read twice, as `a` in lesson 2; the second gradient would wipe out the first.
#
# </details>
