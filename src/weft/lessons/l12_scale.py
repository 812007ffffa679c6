"""How big, how long, how much.

Lesson 12, 12 seconds on two cores.
"""

# %% [markdown]
# # 12 · How big, how long, how much
#
# Before a large model is trained, somebody takes a pencil: does it fit, how long will it take, is
# it worth it? The sums are short, and this lesson does all of them. Then it cuts a model into
# pieces for several machines, four ways, and checks that each gives what the whole one gives.
#
# ## Does it fit?
#
# A weight takes four bytes in full precision and two in half. The lecture behind this lesson asks
# for two famous models; the cards of the time had 16, 32 or 80 GB. Count in GiB, 2³⁰ bytes:

# %%
import numpy as np

for name, N in (("Megatron-LM", 8.3e9), ("GPT-3", 175e9)):
    for precision, size in (("full", 4), ("half", 2)):
        need = N * size / 2**30
        fits = [f"{card} GB" for card in (16, 32, 80) if need <= card]
        where = "fits on " + ", ".join(fits) if fits else f"needs {np.ceil(need / 80):.0f} of 80 GB"
        sizes = f"{int(need)} GiB ({need:.2f})"
        print(f"{name:<12} {N / 1e9:>5.1f} billion, {precision}: {sizes:<16} {where}")

# %% [markdown]
# The whole numbers are the lecture's; it rounds down. "Fits" means that the weights alone fit, with
# next to nothing left to compute in. And this is for *using* a model. To *train* it you keep a
# gradient for each weight, and two running means for Adam: four numbers, so 16 bytes.

# %%
for name, N in (("Megatron-LM", 8.3e9), ("GPT-3", 175e9)):
    print(f"training {name}: {16 * N / 2**30:,.0f} GiB, before a single activation")

# %% [markdown]
# ## How long does it take?
#
# For every token each weight is multiplied once and added once: 2 operations. Going backward costs
# twice that, since it needs a gradient for the weights and one for the inputs. Together 6 N a
# token. Attention has no weights, but each of T tokens meets T others, in each of L layers, over
# the width C: 4 T C forward, 12 T C with the way back. So one token costs **6 N + 12 L C T**.


# %%
def flops_per_token(N, L, C, T):
    return 6 * N + 12 * L * C * T


gpt3 = flops_per_token(N=175e9, L=96, C=12288, T=2048)
attention = 12 * 96 * 12288 * 2048 / gpt3
print(f"GPT-3: {gpt3:.3g} operations a token, {attention:.1%} of them attention")
total = 300e9 * gpt3
print(f"300 billion tokens: {total:.2e} operations")
days = total / (0.4 * 312e12) / 86400
print("on A100s at 40 % of their 312 TFLOP/s:", end=" ")
print(f"one takes {days / 365:.0f} years, 1,000 of them {days / 1000:.0f} days")

# %% [markdown]
# (`weft bench train` prints the same count for this machine, as a share of what it can do.)
#
# ## Is it worth it? Scaling laws
#
# The most expensive question is how good a model *will be*. In 2020 it turned out that the answer
# is almost boring: over many orders of magnitude the loss falls as a power of what is spent, `L = a
# · x^b`, a straight line when both axes are logarithmic. So one trains small models and draws the
# line on.
#
# Five models with 1,700 to 27,000 weights (embeddings not counted). The wider a model, the more
# batches of Shakespeare it reads, and the smaller its steps.

# %% tags=["trains"]
import weft
from weft.config import ModelConfig
from weft.lessons import check, draw, text_of
from weft.models import GPT

text = text_of("shakespeare")
characters = {c: i for i, c in enumerate(sorted(set(text)))}
ids = np.array([characters[c] for c in text])
train_ids, val_ids = ids[:-100_000], ids[-100_000:]
T, B = 32, 16


def windows(data, starts):  # -> inputs and targets, (B, T) each
    rows = np.stack([data[i : i + T + 1] for i in starts])
    return rows[:, :-1], rows[:, 1:]


def spend(C):
    """Train a model of width C: its weights, the operations that it took, its loss."""
    config = ModelConfig(arch="llama", vocab_size=len(characters), block_size=T, n_layer=2,
                         n_head=2, n_embd=C, intermediate_size=3 * C)  # fmt: skip
    model, rng = GPT(config, weft.Generator(0)), np.random.default_rng(0)
    steps, rate = 75 * C // 4, 0.048 / C**0.5
    optimizer = weft.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.99))
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = rate * min(1, (step + 1) / 20) * (1 - step / steps)
        loss = model.loss(*windows(train_ids, rng.integers(0, len(train_ids) - T, B)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with weft.no_grad():
        loss = model.loss(*windows(val_ids, range(0, 20_000, T)))
    N = sum(p.numel() for name, p in model.named_parameters() if name.startswith("blocks"))
    return N, steps * B * T * flops_per_token(N, 2, C, T), loss.item()


measured = np.array([spend(C) for C in (8, 12, 16, 24, 32)])
for N, flops, loss in measured:
    print(f"{N:>7,.0f} weights, {flops:.2e} operations: validation loss {loss:.3f}")

# %% [markdown]
# Fit a line through the five points, by least squares on the logarithms. The scatter around the
# line tells how far to trust it: with five points and two unknowns, a 95 % interval reaches 3.18
# standard errors to either side (Student's t with 3 degrees of freedom). Then predict the sixth
# model, train it, and see.

# %% tags=["trains"]
x, y = np.log(measured[:, 1:]).T
A = np.stack([np.ones(5), x], axis=1)  # (5, 2)
(intercept, slope), (squares,), *_ = np.linalg.lstsq(A, y, rcond=None)
variance, spread = squares / 3, np.linalg.inv(A.T @ A)  # of a point; of the two unknowns
error = 3.18 * np.sqrt(variance * spread[1, 1])
print(f"L = a · x^b with a = {np.exp(intercept):.2f}")
print(f"and b = {slope:.3f} ± {error:.3f}")


def predicted(flops):  # the loss, and a 95 % interval for one new model
    at = np.array([1.0, np.log(flops)])
    half = 3.18 * np.sqrt(variance * (1 + at @ spread @ at))
    middle = at @ [intercept, slope]
    return np.exp([middle - half, middle, middle + half])


N6, flops6, loss6 = spend(40)
low, middle, high = predicted(flops6)
print(f"predicted for {flops6:.2e} operations: {middle:.3f}, between {low:.3f} and {high:.3f}")
print(f"measured: {loss6:.3f}, inside: {low <= loss6 <= high}")


def scaling_law(axes):
    budgets = np.geomspace(5e8, 2e11, 50)
    low, middle, high = np.array([predicted(flops) for flops in budgets]).T
    axes.fill_between(budgets, low, high, alpha=0.2, label="95 % of new models")
    axes.plot(budgets, middle, label="the law")
    axes.scatter(*measured[:, 1:].T, color="black", zorder=3, label="five models")
    axes.scatter(flops6, loss6, color="tab:red", marker="D", zorder=3, label="the sixth")
    axes.set(xscale="log", yscale="log", xlabel="operations", ylabel="validation loss")
    axes.yaxis.set_major_formatter("{x:.1f}")
    axes.yaxis.set_minor_formatter("{x:.1f}")
    axes.legend()


draw(scaling_law)

# %% [markdown]
# How far may one draw the line? Not for ever: Shakespeare is finite, and no model guesses better
# than the text allows. So the line must bend, and ours bends already: the sixth lies above it. And
# size and reading must grow together: a large model that reads little wastes its size, a small one
# that reads all wastes its time. The rule of 2022 ("Chinchilla") is about 20 tokens for each
# weight.
#
# ## Four ways to cut a model
#
# What does not fit on one machine must be cut. To see that cutting changes nothing, here is a
# Transformer of four layers, bare, on a text of 16 tokens:

# %%
rng = np.random.default_rng(0)
C, L = 32, 4
parts = {"q": (C, C), "k": (C, C), "v": (C, C), "up": (C, 4 * C), "down": (4 * C, C)}
layers = [{n: rng.standard_normal(s) / np.sqrt(s[0]) for n, s in parts.items()} for _ in range(L)]


def attend(x, p, past=None):
    q, k, v = x @ p["q"], x @ p["k"], x @ p["v"]
    if past is not None:  # the keys and values of earlier tokens
        k, v = past[:] = [np.concatenate(both) for both in zip(past, (k, v), strict=True)]
    allowed = np.tri(len(q), len(k), len(k) - len(q), dtype=bool)
    weights = np.exp(np.where(allowed, q @ k.T / np.sqrt(C), -np.inf))
    return x + weights / weights.sum(-1, keepdims=True) @ v


def network(x, up, down):
    return np.maximum(x @ up, 0) @ down


def run(x, some_layers, pasts=None):
    for i, p in enumerate(some_layers):
        x = attend(x, p, pasts[i] if pasts else None)
        x = x + network(x, p["up"], p["down"])
    return x


text16 = rng.standard_normal((16, C))
whole = run(text16, layers)

# %% [markdown]
# **By layer.** Machine 1 has the lower layers, machine 2 the upper ones; one hands its result on.
#
# **By operation** (Megatron-LM). Every machine has a piece of each matrix: columns of the first,
# rows of the second. What one computes, the other does not need, until both *add* their results.
# Attention is cut by heads.
#
# **By token** (TeraPipe). No token sees later ones. So machine 1 can hand on the first half of the
# text and read the second while machine 2 is busy with the first; keys and values are kept.
#
# **By micro-batch** (GPipe). A batch is many texts, whose gradients are added in the end. So they
# can go through the machines in small groups, one behind the other.

# %%
by_layer = run(run(text16, layers[:2]), layers[2:])
print("by layer, the same:      ", np.array_equal(by_layer, whole))

p, half = layers[0], 2 * C
pieces = [network(text16, p["up"][:, c], p["down"][c]) for c in (slice(0, half), slice(half, None))]
print("by operation, the same:  ", np.allclose(sum(pieces), network(text16, p["up"], p["down"])))

pasts = [[np.zeros((0, C)), np.zeros((0, C))] for _ in layers]
by_token = np.concatenate([run(text16[:10], layers, pasts), run(text16[10:], layers, pasts)])
print("by token, the same:      ", np.allclose(by_token, whole))

# What a matrix reads, and the gradients of what it writes:
inputs, gradients = rng.standard_normal((2, 8, C))
groups = [inputs[i : i + 2].T @ gradients[i : i + 2] for i in range(0, 8, 2)]
print("by micro-batch, the same:", np.allclose(sum(groups), inputs.T @ gradients))

# %% [markdown]
# ## Who waits for whom
#
# The results are equal; the waiting is not. Let a batch need 4 units of time forward and 8 backward
# in each of four stages, and let four machines share it. Cut by layer alone, one works and three
# wait. Cut into M micro-batches, the pipeline fills; what remains is the **bubble** at both ends,
# (K − 1) / (M + K − 1) of the time of K machines. Cutting by operation has no bubble, but the
# machines must exchange results in every layer; say that this takes 0.4 units each time.


# %%
def pipeline(K, M):
    """Bars (machine, start, length, group) of M groups through K stages and back, in turn."""
    free, ready, bars = [0.0] * K, [0.0] * M, []
    forward = [(d, m, 4 / M) for m in range(M) for d in range(K)]
    backward = [(d, m, 8 / M) for m in reversed(range(M)) for d in reversed(range(K))]
    for d, m, length in forward + backward:
        start = max(free[d], ready[m])
        free[d] = ready[m] = start + length
        bars.append((d, start, length, m))
    return bars


def by_operation(K, exchange=0.4):
    bars, time = [], 0.0
    for length in [4 / K] * K + [8 / K] * K:  # every layer on all machines at once
        bars += [(d, time, length, 0) for d in range(K)]
        time += length + exchange
    return bars


def report(name, bars):
    end, busy = max(s + n for _, s, n, _ in bars), sum(n for _, _, n, _ in bars)
    print(f"{name:<29} done after {end:>4.1f}, machines idle {1 - busy / (4 * end):.0%}")


ways = {
    "by layer": pipeline(4, 1),
    "4 micro-batches": pipeline(4, 4),
    "each in 2 slices of tokens": pipeline(4, 8),
    "by operation": by_operation(4),
}
for name, bars in ways.items():
    report(name, bars)
print("the formula for 1, 4, 8 groups:", *(f"{3 / (M + 3):.0%}" for M in (1, 4, 8)))


def who_works_when(axes):
    for ax, (name, bars) in zip(axes, ways.items(), strict=True):
        for machine, start, length, group in bars:
            ax.barh(machine, length, left=start, color=f"C{group}", edgecolor="white")
        ax.set(title=name, xlim=(0, 50), yticks=range(4), yticklabels=range(1, 5))
        ax.invert_yaxis()
    axes[-1].set_xlabel("time")


draw(who_works_when, rows=4, size=(8.0, 7.0))

# %% [markdown]
# Each row is a machine, each colour a group. Large runs combine all of it: by operation inside one
# computer, where exchange is fast, by layer and micro-batch between computers, and whole copies of
# all that for different texts.
#
# ## Questions
#
# 1. Slices of tokens of equal length do not take equal time. Which are slower, and why?
# 2. Why not 1,000 micro-batches?
# 3. Twice the context: how does the cost of a token of GPT-3 change? And with C = 64 and 2 layers?
#
# ## Exercise: fill the pipeline
#
# K machines; at most a share `idle` of their time may be lost to the bubble. What is the smallest
# number of micro-batches?


# %% tags=["exercise"]
def micro_batches(K, idle):
    return 1


# %% tags=["check"]
plans = [(4, 0.5), (8, 0.2), (16, 0.05), (1, 0.01)]
check("a full pipeline", lambda: [micro_batches(*plan) for plan in plans], [3, 28, 285, 1])

# %% [markdown] tags=["answer"]
# <details><summary>Answer</summary>
#
# ```python
# def micro_batches(K, idle):
#     M = 1
#     while (K - 1) / (M + K - 1) > idle:
#         M += 1
#     return M
# ```
#
# Questions: later slices are slower, since their queries meet more keys; TeraPipe cuts them
# shorter. A micro-batch must stay large enough to keep a machine busy: many tiny products are slow.
# Attention is 3 % of GPT-3's cost at 2,048 tokens, so twice the context adds 3 %; in a small model
# it is the larger part.
#
# </details>
