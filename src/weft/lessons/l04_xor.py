"""XOR: the smallest problem that needs a hidden layer.

Lesson 4, 9 seconds on two cores.
"""

# %% [markdown]
# # 4 · XOR: the smallest problem that needs a hidden layer
#
# Four examples, nine numbers to learn, and everything that training a GPT does: a forward pass, a
# loss, a backward pass, a step. At this size you can check each number by hand, and you can watch
# training fail, which large models do too, only less visibly.
#
# Exclusive or: the answer is 1 when exactly one of the two inputs is 1.

# %%
train_x = [[0, 0], [0, 1], [1, 0], [1, 1]]
train_y = [[0], [1], [1], [0]]

# %% [markdown]
# ## Why one layer cannot do it
#
# A single layer computes `f(x1, x2) = w1 x1 + w2 x2 + b` and answers 1 where `f` is positive. Add
# up two of its values, then the two others:
#
# ```
# f(0,0) + f(1,1) = w1 + w2 + 2b
# f(0,1) + f(1,0) = w1 + w2 + 2b
# ```
#
# The sums are the same, whatever the weights are. XOR wants both terms of the first sum negative
# and both of the second positive. No weights do that; no amount of training finds what does not
# exist. On paper: no straight line parts the two black points from the two white ones.

# %%
from weft.lessons import check, draw


def four_points(axes):
    for (x1, x2), (y,) in zip(train_x, train_y, strict=True):
        axes.scatter(x1, x2, s=220, c="black" if y else "white", edgecolors="black", zorder=3)
    axes.plot([-0.4, 1.4], [0.9, -0.1], linestyle="--", color="tab:red")
    axes.set(xlabel="x1", ylabel="x2", xlim=(-0.5, 1.5), ylim=(-0.5, 1.5), aspect="equal")
    axes.set(title="Black is 1. Every line fails", xticks=[0, 1], yticks=[0, 1])


draw(four_points, size=(4.4, 4.2))

# %% [markdown]
# ## A model with two hidden neurons
#
# So we put two neurons in between. Each draws a line of its own, and the last neuron combines the
# two answers. After each layer comes a sigmoid, which squeezes any number into (0, 1); without it,
# two layers in a row would be one linear function again.
#
# The program below is a PyTorch workshop's, and only its imports are changed. Weft has PyTorch's
# names, its defaults and its random numbers: seed 42 draws the same weights here.

# %%
import weft as torch
import weft.nn as nn
import weft.optim as optim

torch.random.manual_seed(42)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(2, 2)
        self.fc2 = nn.Linear(2, 1)
        self.sigmoid = nn.Sigmoid()

    def forward(self, x):
        x = self.fc1(x)
        x = self.sigmoid(x)
        x = self.fc2(x)
        x = self.sigmoid(x)
        return x


model = Model()
print(model)
print(model.fc1.weight)
print(model.fc1.bias)

# %% [markdown]
# Where do these numbers come from? `Linear` draws uniformly between −1/√n and 1/√n, where n is the
# number of inputs, here 2, so all are below 0.7071. The draws come from a Mersenne Twister seeded
# with 42, of which each uses 24 bits; the weight is drawn first, then the bias. If all weights
# were equal instead, both hidden neurons would compute the same, get the same gradients, and stay
# equal for ever. Random numbers are there to make them different.
#
# What does a model say that has learned nothing?


# %%
def outputs(model):
    with torch.no_grad():
        return [model(torch.tensor(x, dtype=torch.float32)).item() for x in train_x]


def show(when, model):
    numbers = " ".join(f"{y:.4f}" for y in outputs(model))
    print(f"{when:<28}{numbers}")


print(f"{'the inputs':<28}  00     01     10     11")
show("untrained", model)

# %% [markdown]
# About the same for every input: that is what "untrained" means. And there is no magic in
# `model(x)`. Written out for the input 00, it is this one line:

# %%
x = torch.tensor(train_x[0], dtype=torch.float32)
hidden = (x @ model.fc1.weight.t() + model.fc1.bias).sigmoid()
output = (hidden @ model.fc2.weight.t() + model.fc2.bias).sigmoid()
print(output)

# %% [markdown]
# The printed tensor remembers that a sigmoid made it: `grad_fn=<SigmoidBackward0>`. This memory is
# the tape of lesson 2, and it is all that `backward` needs.
#
# ## Stochastic gradient descent: one example at a time
#
# Five lines, 40,000 times. `zero_grad` forgets the old gradients, because `backward` *adds* to
# what is there. The loss is the squared distance from the target. `backward` finds, for each of
# the nine parameters, which way the loss would grow; `step` moves all of them a little the other
# way.

# %%
criterion = nn.MSELoss()
optimizer = optim.SGD(model.parameters(), lr=0.1)
examples = [(torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32))
            for x, y in zip(train_x, train_y, strict=True)]  # fmt: skip
sgd_losses = []

for _ in range(10_000):
    total = 0.0
    for inputs, target in examples:
        optimizer.zero_grad()
        loss = criterion(model(inputs), target)
        loss.backward()
        optimizer.step()
        total += loss.item()
    sgd_losses.append(total / 4)

show("SGD, lr 0.1, 10,000 epochs", model)
first = model

# %% [markdown]
# It has learned XOR: 0.05, 0.96, 0.94, 0.04. Below is the loss on the way there, then the answer
# to *every* input between 0 and 1, before and after.


# %%
def the_way_down(axes):
    axes.plot(sgd_losses)
    axes.axhline(0.25, linestyle=":", color="grey")
    axes.text(9900, 0.252, "answering 0.5 to everything", ha="right", va="bottom", color="grey")
    axes.set(xlabel="epoch", ylabel="mean squared error", ylim=(0, 0.3))


draw(the_way_down)

# %% [markdown]
# For the first half the loss does not seem to move at all. The model answers about 0.5 to
# everything, which costs 0.5² = 0.25 per example, and from there all directions look equally flat.
# Then the two neurons begin to differ, and 2,000 epochs later it is over. A *plateau* like this is
# no sign of a mistake; but neither is it a promise that something will come, as the next model
# shows.
#
# ## A second start, and a trap
#
# The next model starts from the next random numbers. It sees all four examples at once and takes
# bigger steps: learning rate 1, 10,000 of them. Averaging over all the data, the gradient is
# exact, with no noise. Surely that is better?

# %%
inputs = torch.tensor(train_x, dtype=torch.float32)
targets = torch.tensor(train_y, dtype=torch.float32)

second = Model()
show("second model, untrained", second)
optimizer = optim.SGD(second.parameters(), lr=1.0)
second_losses = []
for _ in range(10_000):
    optimizer.zero_grad()
    loss = criterion(second(inputs), targets)
    loss.backward()
    optimizer.step()
    second_losses.append(loss.item())
show("full batch, 10,000 steps", second)

# %% [markdown]
# Two answers right, and 0.5 for the two others. It has not run out of steps: it sits in a **local
# minimum**, or on a plain so flat that there is nearly no slope left.

# %%
steepness = max(p.grad.abs().max().item() for p in second.parameters())
print(f"loss {second_losses[-1]:.4f}, and no gradient above {steepness:.6f}")

# %% [markdown]
# Whichever of its nine numbers it changes a little, the loss hardly changes. To get out it would
# have to climb first, and gradient descent never climbs. Noise can help: one example at a time, as
# above, no step is exactly downhill. Another start helps too.
#
# ## The same again, with nothing in between
#
# An optimiser object and a loss object are a convenience. This time they are written out: the loss
# is a mean of squares, the step is a subtraction.

# %%
third = Model()
show("third model, untrained", third)
third_losses = []
for _ in range(10_000):
    for p in third.parameters():
        p.grad = None
    loss = (third(inputs) - targets).pow(2).mean()
    loss.backward()
    for p in third.parameters():
        p.data -= 1.0 * p.grad
    third_losses.append(loss.item())
show("trained by hand", third)


# %%
def three_models(axes):
    ticks = [i / 50 for i in range(51)]
    grid = torch.tensor([[x1, x2] for x2 in ticks for x1 in ticks], dtype=torch.float32)
    names = ["one by one", "full batch: trapped", "full batch, another start"]
    for ax, model, name in zip(axes, [first, second, third], names, strict=True):
        with torch.no_grad():
            surface = model(grid).reshape(51, 51).numpy()
        image = ax.imshow(surface, origin="lower", extent=(0, 1, 0, 1), vmin=0, vmax=1, cmap="RdBu")
        for (x1, x2), (y,) in zip(train_x, train_y, strict=True):
            ax.scatter(x1, x2, s=120, c="black" if y else "white", edgecolors="black",
                       clip_on=False, zorder=3)  # fmt: skip
        ax.set(title=name, xlabel="x1", xticks=[0, 1], yticks=[0, 1])
    axes[0].set_ylabel("x2")
    axes[0].figure.colorbar(image, ax=axes, label="the model's answer", shrink=0.8)


draw(three_models, columns=3, size=(9.6, 3.4))

# %% [markdown]
# Left and right, each hidden neuron has found a line. Between the two lines the answer is 0 on the
# left and 1 on the right; outside it is the other: two different solutions of the same problem. In
# the middle, half of the square is undecided. Two neurons are just enough for XOR, and so there is
# no spare one to take over when a start is bad. That is one of the reasons why big networks train
# more easily than small ones.
#
# ## Questions
#
# 1. Both `first` and `third` solve XOR. Are their weights the same? Should they be?
# 2. What happens to the first training if `zero_grad()` is left out? Why does it do harm here?
# 3. The squared error of an answer of 0.5 is 0.25. Which constant answer has the smallest mean
#    squared error over the four examples?
#
# ## Exercise: XOR without training
#
# Choose the nine numbers yourself. Every answer should be within 0.01 of the truth. A hint: let
# the first hidden neuron compute OR, and the second AND. A sigmoid is nearly 0 below −5 and nearly
# 1 above 5, so weights like 20 make it a switch.


# %% tags=["exercise"]
def by_hand():
    """fc1.weight (2, 2), fc1.bias (2), fc2.weight (1, 2), fc2.bias (1), as nested lists."""
    weight_1 = [[0.0, 0.0], [0.0, 0.0]]
    bias_1 = [0.0, 0.0]
    weight_2 = [[0.0, 0.0]]
    bias_2 = [0.0]
    return weight_1, bias_1, weight_2, bias_2


# %% tags=["check"]
def answers_by_hand():
    model = Model()
    with torch.no_grad():
        for p, values in zip(model.parameters(), by_hand(), strict=True):
            p.copy_(torch.tensor(values, dtype=torch.float32))
    return outputs(model)


check("XOR by hand", answers_by_hand, [0, 1, 1, 0], tolerance=0.01)

# %% [markdown] tags=["answer"]
# <details><summary>Answer</summary>
#
# XOR is "OR, but not AND". OR switches on at a sum of 0.5, AND at 1.5:
#
# ```python
# def by_hand():
#     weight_1 = [[20.0, 20.0], [20.0, 20.0]]
#     bias_1 = [-10.0, -30.0]  # OR, AND
#     weight_2 = [[20.0, -20.0]]  # OR and not AND
#     bias_2 = [-10.0]
#     return weight_1, bias_1, weight_2, bias_2
# ```
#
# Question 1: no; the picture shows two different solutions, and exchanging the two hidden neurons
# gives a third. Question 2: each step would follow the sum of all gradients so far, like a ball
# that rolls without friction: far past the goal. Question 3: the mean of the targets, 0.5. So the
# plateau is the best that a model can do which does not look at its input.
#
# </details>
