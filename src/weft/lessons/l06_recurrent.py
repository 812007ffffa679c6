"""Recurrent networks: reading with a memory.

Lesson 6, 25 seconds on two cores.
"""

# %% [markdown]
# # 6 · Recurrent networks: reading with a memory
#
# The n-gram model of lesson 1 looks at the last few letters and knows nothing else. To see further
# it would need longer contexts, and those are all different: there is nothing left to count. What
# we want is something that reads on and on, *keeps what matters*, and forgets the rest. A memory
# of a fixed size, however long the text is.
#
# ## One vector that knows the past
#
# Call the memory h, a vector. At each step it is computed from what is read now, x, and from what
# it was before:
#
# ```
# h_t = tanh(W_xh x_t + W_hh h_(t−1) + b_h)      the memory moves on
# y_t = W_hy h_t + b_y                           what the memory expects next
# ```
#
# The same three matrices at every step: a network that feeds itself, and so its name,
# **recurrent**. softmax(y_t) is a probability for every possible next letter.
#
# One step by hand, and by `nn.RNN` (which, like PyTorch's, has a second bias that adds nothing):

# %%
import weft as torch
from weft import nn

torch.manual_seed(1)
rnn = nn.RNN(3, 4)  # x has 3 numbers, h has 4
x, h = torch.randn(5, 3), torch.zeros(4)
for x_t in x:
    h = (rnn.weight_ih_l0 @ x_t + rnn.bias_ih_l0 + rnn.weight_hh_l0 @ h + rnn.bias_hh_l0).tanh()
states, last = rnn(x)
print("by hand:", h)
print("nn.RNN: ", last[0])

# %% [markdown]
# ## A probability for a whole text
#
# The chain rule of lesson 1 holds as ever: the probability of a text is the product of those of
# its letters, each given all before it. Products of thousands of small numbers underflow, sums of
# their logarithms do not. So a text's **log-probability** is the sum over its letters. The
# difference to lesson 1 is in "given": there the last n − 1 letters, here h, which has read
# everything.

# %%
import numpy as np

from weft.config import RecurrentConfig
from weft.lessons import check, draw, text_of
from weft.models import Recurrent

text = text_of("shakespeare")
letters = sorted(set(text))
number = {letter: i for i, letter in enumerate(letters)}
ids = np.array([number[letter] for letter in text])
cut = len(ids) * 9 // 10
seen, unseen = ids[:cut], ids[cut:]

torch.manual_seed(1)
untrained = Recurrent(RecurrentConfig(vocab_size=len(letters), model="rnn", n_embd=128))


def surprises(model, ids):
    """−log₂ p of each letter but the first, in bits."""
    with torch.no_grad():
        log_p = model(ids[None, :-1])[0].log_softmax(-1).numpy()  # (T − 1, V)
    return -log_p[np.arange(len(ids) - 1), ids[1:]] / np.log(2)


first = surprises(untrained, unseen[:1000])
print(f"log2 p of 1,000 letters: {-first.sum():.0f}")
print(f"per letter: {first.mean():.2f} bits; one of {len(letters)} at random: ", end="")
print(f"{np.log2(len(letters)):.2f} bits")

# %% [markdown]
# ## Training: going back through time
#
# Unroll the loop, and a recurrent network is an ordinary one, as many layers deep as the text is
# long, with the same weights in each. `backward` walks through all of them, last letter first:
# this is *backpropagation through time*. A million letters deep would be too much, so we cut: the
# gradient goes back 64 letters. But the memory itself is **carried on** from one piece to the
# next, as a number without a tape. Look for `state` below: reading goes on where it stopped.
#
# Two cells compete. The **RNN** is the equation above. In the **LSTM** the memory is a conveyor
# belt, a second vector c, to which a step adds something and from which it takes something away,
# under the control of *gates*: numbers between 0 and 1 that the network computes itself.
#
# ```
# c_t = forget · c_(t−1) + input · candidate       h_t = output · tanh(c_t)
# ```
#
# If forget is 1 and input is 0, the memory stays as it is, for ever.

# %% tags=["trains"]
import math

BATCH, LENGTH, STEPS = 16, 64, 1200
width = len(seen) // BATCH
streams = seen[: width * BATCH].reshape(BATCH, width)  # 16 readers, each with its part of the book


def train(kind, learning_rate):
    torch.manual_seed(1)
    model = Recurrent(RecurrentConfig(vocab_size=len(letters), model=kind, n_embd=128))
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    pieces, losses = (width - 1) // LENGTH, []
    for step in range(STEPS):
        start = step % pieces * LENGTH
        if start == 0:
            state = model.start(BATCH)  # all readers begin, or begin again
        for group in optimizer.param_groups:  # large steps first, small ones at the end
            group["lr"] = learning_rate * (0.5 + 0.5 * math.cos(math.pi * step / STEPS))
        inputs = streams[:, start : start + LENGTH]
        targets = streams[:, start + 1 : start + LENGTH + 1]
        optimizer.zero_grad()
        loss = model.loss(inputs, targets, state=state)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item() / math.log(2))
    return model, losses


trained = {"rnn": train("rnn", 0.004), "lstm": train("lstm", 0.01)}
for kind, (model, _) in trained.items():
    count = sum(p.numel() for p in model.parameters())
    bits = surprises(model, unseen).mean()
    print(f"{kind:<5}{count:>8,} parameters, {bits:.2f} bits per new letter")

# %% [markdown]
# `clip_grad_norm_` is a seat belt: through 64 layers a gradient can grow as well as shrink, and
# one huge step can ruin an hour of training.


# %%
def learning_to_read(axes):
    for kind, (_, losses) in trained.items():
        smooth = np.convolve(losses, np.ones(25) / 25, mode="valid")
        axes.plot(smooth, label=kind)
    for n, bits in ((3, 2.94), (4, 2.48), (7, 2.19)):
        axes.axhline(bits, color="grey", linestyle=":")
        axes.text(1200, bits - 0.02, f"Kneser-Ney, n = {n}", ha="right", va="top", color="grey")
    axes.set(xlabel="step", ylabel="bits per letter", ylim=(2, 4))
    axes.legend()


draw(learning_to_read)

# %% [markdown]
# In seconds both pass the trigrams of lesson 1, and the LSTM arrives at about n = 4. That does not
# beat the best n-gram model, which has counted a million letters and keeps 400,000 numbers; the
# LSTM has a third of them, and has read the book once. Over minutes instead of seconds the race is
# open again: `weft ladder` runs it.
#
# ## How far back does it remember?
#
# Ask the tape: how much would the memory *now* change if the letter k steps ago had been
# different? That is a gradient, so we know how to get it.


# %%
def influence(model, ids):
    """The size of d(memory now) / d(letter k steps ago), for k = 0, 1, 2, ..."""
    x = model.embedding(torch.tensor(ids[:, None])).detach()  # (T, 1, C)
    x.requires_grad = True
    states, _ = model.recurrent(x)
    states[-1].pow(2).sum().backward()
    return np.linalg.norm(x.grad.numpy()[::-1, 0], axis=1)


pieces = unseen[: 40 * 60].reshape(40, 60)
memory = {}
for kind, (model, _) in trained.items():
    sizes = np.mean([influence(model, piece) for piece in pieces], 0)
    memory[kind] = sizes / sizes[0]
    print(f"{kind:<5}a letter 40 steps ago: 10 to the {np.log10(memory[kind][40]):.0f}")


def fading(axes):
    for kind, sizes in memory.items():
        axes.semilogy(sizes, label=kind)
    axes.set(xlabel="letters ago", ylabel="influence on the memory", xlim=(0, 58))
    axes.legend()


draw(fading)

# %% [markdown]
# The influence fades. In the RNN each step back multiplies by W_hh once more, and by the slope of
# tanh, which is below 1: a letter 40 steps ago counts ten billion times less than the last one.
# This is the famous **vanishing gradient**: what has no gradient cannot be learned. It was the
# reason for building the LSTM, whose conveyor belt multiplies by the forget gate instead, and
# keeps a million times more. But it fades too. Whoever wants to know what was said five hundred
# letters ago needs something else: not one vector that carries everything, but a look back at
# every place. That is attention, in lesson 7.
#
# ## Where is it surprised?

# %%
model = trained["lstm"][0]
sentence = "\nQUEEN MARGARET:\nO, what a gentle morning, my lord!\n"
known = all(letter in number for letter in sentence)
line = np.array([number[letter] for letter in sentence]) if known else unseen[:52]
bits = surprises(model, line)


def surprise(axes):
    axes.bar(range(len(bits)), bits, color="tab:blue")
    axes.set_xticks(range(len(bits)), [letters[i].replace("\n", "⏎") for i in line[1:]])
    axes.set(ylabel="bits", xlim=(-1, len(bits)))


draw(surprise, size=(10, 2.8))

# %% [markdown]
# Where a word begins there is a choice, and surprise. Then, letter by letter, the choice narrows,
# and at the end of a word, or in the middle of a name, there is hardly any. A line break after a
# colon is no surprise at all.
#
# ## Writing
#
# As with n-grams: roll the die, feed the letter back, repeat. (We load the die a little in favour
# of likely letters, by the power 1.4; lesson 11 is about that.) Only the context is now a state,
# which the model moves on by itself; we give it one letter at a time and never an old one again.


# %%
def write(model, length, rng):
    state, letter, written = model.start(1), number["\n"], []
    with torch.no_grad():
        for _ in range(length):
            logits = model(np.array([[letter]]), state)[0, -1]
            p = logits.softmax(-1).numpy().astype(float) ** 1.4
            letter = rng.choice(len(letters), p=p / p.sum())
            written.append(letters[letter])
    return "".join(written)


print(write(model, 300, np.random.default_rng(3)))

# %% [markdown]
# Names in capitals, a colon, lines of verse, and many words of English, all of it letter by
# letter. It makes no sense whatsoever; but it closes a speech and opens the next one, and that
# takes a memory.
#
# ## Questions
#
# 1. An n-gram model of order 7 keeps several hundred thousand numbers. How many does the RNN keep
#    *while it reads*?
# 2. Why can the steps of one text not be computed at the same time? (It is what makes recurrent
#    networks slow to train, and Transformers not.)
# 3. What would happen to the fading picture if all forget gates were 1?
#
# ## Exercise: how probable is a text?
#
# Write `log_probability(model, ids)`: the natural logarithm of the probability of `ids[1:]`, given
# `ids[0]`. `model(ids[None, :])` gives logits of shape (1, T, V); those at place t are about the
# letter at t + 1. Mind the shift, it is the most frequent mistake in language modelling.


# %% tags=["exercise"]
def log_probability(model, ids):
    return None  # log_softmax, pick, sum


# %% tags=["check"]
for length in (10, 200):
    piece = unseen[:length]
    expected = -surprises(untrained, piece).sum() * np.log(2)
    name = f"{length} letters, by a model that knows nothing"
    check(name, lambda piece=piece: log_probability(untrained, piece), expected, tolerance=1e-3)

# %% [markdown] tags=["answer"]
# <details><summary>Answer</summary>
#
# ```python
# def log_probability(model, ids):
#     with torch.no_grad():
#         logits = model(ids[None, :])[0]
#     log_p = logits.log_softmax(-1).numpy()
#     return sum(log_p[t, ids[t + 1]] for t in range(len(ids) - 1))
# ```
#
# Question 1: 128, its state. Question 2: each needs the memory that the one before it leaves.
# Question 3: the LSTM's curve would not fall; but it could not forget anything either, and a
# memory that keeps everything is soon full.
#
# </details>
