"""Choosing the next word.

Lesson 11, 10 seconds on two cores.
"""

# %% [markdown]
# # 11 · Choosing the next word
#
# A language model never says a word. It gives every word of its vocabulary a probability, and
# somebody has to choose. How to choose is the first half of this lesson. The second half is about a
# surprise: what a model can do also depends on what it is *asked*, and on whether it may think
# aloud.
#
# ## One probability for every word
#
# `the cat and the dog ___`. A small lookup turns words into tokens; a model that has read about
# pets returns one number for each token, the logits; softmax makes probabilities of them.

# %%
import numpy as np

import weft
from weft.lessons import check, draw
from weft.sampling import apply_temperature, keep_top_k, keep_top_p, probabilities, sample

words = [".", "the", "and", "dog", "play", "cat", "sleep", "sing", "bark"]
print([words.index(word) for word in ["the", "cat", "and", "the", "dog"]])
logits = np.array([[0.3, -2.0, -1.2, -2.5, 2.1, -2.2, 1.7, 0.4, 1.0]])  # (1, V)


def show(name, logits):
    ps = probabilities(logits)[0]
    print(
        f"{name:<14}", *(f"{word} {p:.2f}" for word, p in zip(words, ps, strict=True) if p >= 0.005)
    )


show("as it is", logits)
print("the largest is token", logits[0].argmax(), "=", words[logits[0].argmax()])

# %% [markdown]
# Taking the largest is called **greedy**. It is right for a sum or a translation. For a story it is
# dull, and worse: a text whose likeliest continuation is itself goes round in circles. So we draw
# lots instead, with these probabilities. Now and then that draws nonsense, because a thousand words
# of probability 0.0001 each are together as likely as one good word. Three knobs help.
#
# - **Temperature** divides all logits. Below 1 the likely become likelier; towards 0 it is greedy;
#   above 1 all come closer together.
# - **Top-k** keeps the k likeliest words, and shares what the others had.
# - **Top-p** keeps the fewest words that together reach the probability p: one where the model is
#   sure, many where it is not.

# %%
for temperature in (0.5, 1.0, 2.0):
    show(f"temperature {temperature:g}", apply_temperature(logits, temperature))
show("top-k 3", keep_top_k(logits, 3))
show("top-p 0.75", keep_top_p(logits, 0.75))


def knobs(axes):
    rows = {"as it is": logits, "top-k 3": keep_top_k(logits, 3)}
    rows |= {f"temperature {t:g}": apply_temperature(logits, t) for t in (0.5, 2.0)}
    for ax, (name, row) in zip(axes, rows.items(), strict=True):
        ax.bar(words, probabilities(row)[0])
        ax.set(title=name, ylim=(0, 0.75))
        ax.tick_params(axis="x", rotation=90)


draw(knobs, columns=4, size=(9.6, 3.0))

# %% [markdown]
# Weft's `sample` puts the knobs in a row and draws. Ten draws with top-k 3, then greedy, which is
# temperature 0:

# %%
from weft.sampling import Sampling

three, generator = Sampling(temperature=1.0, top_k=3), weft.Generator(5)
print(*(words[sample(logits, generator, three)[0]] for _ in range(10)))
print(words[sample(logits, generator, Sampling(temperature=0.0))[0]])

# %% [markdown]
# ## The best text is not made of the best words
#
# Greedy choice takes the likeliest word each time and may walk into a dead end. Suppose after `the`
# come `cat` (0.4) and `dog` (0.35). After `cat` many things are possible and none is likely; after
# `dog` comes `barks`, nearly always. **Beam search** keeps the few likeliest *texts*, not one:

# %%
follows = {
    "the": {"cat": 0.4, "dog": 0.35, "old": 0.25},
    "cat": {"sleeps": 0.3, "purrs": 0.25, "plays": 0.25, "eats": 0.2},
    "dog": {"barks": 0.9, "sleeps": 0.1},
    "old": {"cat": 0.5, "dog": 0.5},
}


def beam_search(beams, length):
    texts = [(1.0, ["the"])]
    for _ in range(length):
        longer = [
            (p * q, [*text, word]) for p, text in texts for word, q in follows[text[-1]].items()
        ]
        texts = sorted(longer, key=lambda beam: -beam[0])[:beams]
    return texts


for beams in (1, 2):
    for p, text in beam_search(beams, length=2):
        print(f"{beams} beam{'s' * (beams > 1)}: {' '.join(text):<15} {p:.3f}")

# %% [markdown]
# One beam is greedy choice and ends at 0.12; two beams find a text that is more than twice as
# likely. Beams suit tasks with one right answer; in a story the likeliest text is again the
# dullest.
#
# ## Zero, one, few examples
#
# GPT-3's authors noticed that they need not train their model for a new task. They could *show* it:
#
# ```
# sea otter => loutre de mer
# peppermint => menthe poivrée
# plush girafe => girafe peluche
# cheese =>
# ```
#
# No weight changes; the examples are just text before the question. How can that work? A model that
# predicts text must find out what text it is in. Let us grow such a model. Its world is made of
# lists, each in one of four languages, and nobody tells it which:

# %%
dictionary = """
cheese|fromage|Käse|queso|formaggio
sea otter|loutre de mer|Seeotter|nutria marina|lontra marina
peppermint|menthe poivrée|Pfefferminze|menta piperita|menta piperita
plush girafe|girafe peluche|Plüschgiraffe|jirafa de peluche|giraffa di peluche
bread|pain|Brot|pan|pane
apple|pomme|Apfel|manzana|mela
house|maison|Haus|casa|casa
dog|chien|Hund|perro|cane
bird|oiseau|Vogel|pájaro|uccello
tree|arbre|Baum|árbol|albero
moon|lune|Mond|luna|luna
book|livre|Buch|libro|libro
tomato|tomate|Tomate|tomate|pomodoro
"""
entries = [line.split("|") for line in dictionary.strip().split("\n")]
languages = ["French", "German", "Spanish", "Italian"]
tokens = sorted({word for entry in entries for word in entry})  # each entry is one token here
id_of = {token: i for i, token in enumerate(tokens)}
table = np.array([[id_of[word] for word in entry] for entry in entries])  # (13, 5): ids


def lists(count, rng, length=6):
    """`count` lists of `length` pairs, each in a language drawn by lot: ids (count, 2 length)."""
    rows = [rng.permutation(len(table))[:length] for _ in range(count)]
    pairs = [table[row][:, [0, 1 + rng.integers(4)]] for row in rows]
    return np.array(pairs).reshape(count, 2 * length)


rng = np.random.default_rng(0)
for english, foreign in lists(1, rng).reshape(-1, 2):
    print(f"{tokens[english]} => {tokens[foreign]}")

# %% [markdown]
# A Transformer of two layers learns to continue such lists. Each step shows it 64 new ones, with
# words and language drawn by lot. Only the right-hand sides count: which word is asked next nobody
# can know.

# %%
from weft.config import ModelConfig
from weft.models import GPT


def train(config, batches, steps, rate):
    """Train a small model of the llama kind on (inputs, targets), the rate falling to 0."""
    model = GPT(config, weft.Generator(0))
    optimizer = weft.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.99))
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = rate * min(1, (step + 1) / 50) * (1 - step / steps)
        optimizer.zero_grad()
        model.loss(*batches()).backward()
        weft.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return model.eval()


def dictionary_lists():
    ids = lists(64, rng)
    targets = ids[:, 1:].copy()
    targets[:, 1::2] = -100  # -100 means: does not count
    return ids[:, :-1], targets


# %% tags=["trains"]
V = len(tokens)
config = ModelConfig(arch="llama", vocab_size=V, block_size=16, n_layer=2, n_head=4, n_embd=48)
translator = train(config, dictionary_lists, steps=400, rate=6e-3)

# %% [markdown]
# Now the questions: new lists. One pass over a list answers all: at the first English word the
# model has seen no example, at the second one, and so on. How often is the likeliest token the
# right one?


# %% tags=["trains"]
def predictions(model, ids):  # (N, T) -> probabilities (N, T, V)
    with weft.no_grad():
        return model(ids).softmax(-1).numpy()


test = lists(1000, np.random.default_rng(1))
guesses = predictions(translator, test)[:, 0::2].argmax(-1)  # (1000, 6)
right = (guesses == test[:, 1::2]).mean(0)
for examples, share in zip(["zero", "one", "two", "three", "four"], right, strict=False):
    print(f"{examples + '-shot':<10} {share:.2f} of the answers are right")

# %% [markdown]
# Without an example the model can only guess among four languages (and is right a little more often
# than one time in four, since some words are the same in two of them). One example tells it nearly
# everything, but not quite: `house => casa` may be Spanish or Italian. More leave no doubt. And the
# prompt above? Here is how sure it is of each translation of `cheese`, as examples arrive:


# %% tags=["trains"]
def sure_of(examples):  # pairs -> the probability of each translation of cheese
    ids = [id_of[word] for pair in examples for word in pair] + [id_of["cheese"]]
    return predictions(translator, np.array([ids]))[0, -1, table[0, 1:]]


french = [("sea otter", "loutre de mer"), ("peppermint", "menthe poivrée"),
          ("plush girafe", "girafe peluche")]  # fmt: skip
spanish = [("house", "casa"), ("dog", "perro")]
prompts = [[], french[:1], french, spanish[:1], spanish]
sure = [sure_of(prompt) for prompt in prompts]
for prompt, row in zip(prompts, sure, strict=True):
    print("; ".join(" => ".join(pair) for pair in [*prompt, ("cheese", "")]))
    print("   ", *(f"{word} {p:.2f}" for word, p in zip(entries[0][1:], row, strict=True)))


def what_the_examples_do(axes):
    for i, (name, ps) in enumerate(zip(languages, np.transpose(sure), strict=True)):
        axes.bar(np.arange(5) + 0.2 * i, ps, 0.2, label=f"{entries[0][1 + i]} ({name})")
    names = ["no example", "sea otter", "all three", "house => casa", "… dog => perro"]
    axes.set_xticks(np.arange(5) + 0.3, names)
    axes.set(ylabel="probability", ylim=(0, 1.05), title="cheese =>")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))


draw(what_the_examples_do, size=(9.0, 3.8))

# %% [markdown]
# So "learning" from examples is, here, *recognising*: the model has seen four kinds of lists and
# finds out which one this is. It has not learned to translate, and a fifth language would be beyond
# it.
#
# ## Thinking aloud
#
# One more surprise: models solve more when they write down the steps. Our task is a check digit, as
# on tickets and parcels: add up five digits and keep the last digit of the sum. One model learns
# two ways of answering. After `!` comes the answer at once; after `?` the sum so far, digit by
# digit, of which the last is the answer:
#
# ```
# 3 8 5 9 4 ! 9
# 3 8 5 9 4 ? 3 1 6 5 9
# ```

# %%
K, NOW, STEPS = 5, 10, 11  # five digits; the signs ! and ? as tokens


def sums(digits):  # (N, K) -> (N, K): the last digit of each sum so far
    return digits.cumsum(-1) % 10


def questions():  # half of them answered at once, half of them step by step
    digits = rng.integers(0, 10, (128, K))
    ids = np.c_[digits, np.full(128, STEPS), sums(digits)]  # (128, 2 K + 1)
    ids[::2, K:] = -100
    ids[::2, K], ids[::2, K + 1] = NOW, sums(digits)[::2, -1]
    x, y = np.maximum(ids[:, :-1], 0), ids[:, 1:].copy()
    y[:, :K] = -100  # the question itself is drawn by lot: nothing to learn there
    return x, y


# %% tags=["trains"]
config = ModelConfig(arch="llama", vocab_size=12, block_size=16, n_layer=2, n_head=2, n_embd=48)
adder = train(config, questions, steps=450, rate=5e-3)


def answer(model, digits, sign, length):
    state, new = model.start(len(digits)), np.c_[digits, np.full(len(digits), sign)]
    with weft.no_grad():
        for _ in range(length):
            new = model(new, state).numpy()[:, -1:, :10].argmax(-1)
    return new[:, 0]  # the last digit that was written


test = np.random.default_rng(2).integers(0, 10, (500, K))
truth = sums(test)[:, -1]
print(f"at once:      {(answer(adder, test, NOW, 1) == truth).mean():.2f} right")
print(f"step by step: {(answer(adder, test, STEPS, K) == truth).mean():.2f} right")

# %% [markdown]
# The same weights, the same questions, as many examples of both kinds. At once it is right one time
# in ten: pure guessing. Step by step it is hardly ever wrong. Nothing mysterious happens. To answer
# at once, two layers would have to add five digits in one go, and in this training they did not
# find out how. Written down, each step needs one addition of what stands there already. Every token
# is one more pass through the model: **thinking aloud is computing for longer**.
#
# ## Questions
#
# 1. Which knob would you turn for a poem, for a phone number, for a chess move?
# 2. With top-k 1, does the temperature matter? With temperature 0, does top-p?
# 3. The model learned sums of five digits. Would step by step help with six? Try it.
#
# ## Exercise: top-p by hand
#
# Given probabilities (V), keep the fewest largest ones whose sum reaches `p`, set the others to 0,
# and divide so that the sum is 1 again.


# %% tags=["exercise"]
def nucleus(ps, p):  # (V) -> (V)
    return ps


# %% tags=["check"]
ps = probabilities(logits)[0]
for p in (0.3, 0.75, 0.95):
    expected = probabilities(keep_top_p(logits, p))[0]
    check(f"top-p {p}", lambda p=p: nucleus(ps, p), expected, tolerance=1e-9)

# %% [markdown] tags=["answer"]
# <details><summary>Answer</summary>
#
# ```python
# def nucleus(ps, p):
#     order = np.argsort(-ps)  # the likeliest first
#     count = 1 + np.searchsorted(np.cumsum(ps[order]), p)
#     kept = np.zeros_like(ps)
#     kept[order[:count]] = ps[order[:count]]
#     return kept / kept.sum()
# ```
#
# Questions: a poem may be warm (temperature about 1, top-p 0.95), a phone number must be greedy.
# With top-k 1 one word is left, and temperature changes nothing; temperature 0 takes the largest,
# which top-p always keeps. Six digits: the model has never seen a sixth, and it fails. Steps
# help with what it can do once, not with what it has never learned.
#
# </details>
