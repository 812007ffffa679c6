"""Counting words: a language model made of nothing but counts.

Lesson 1, 12 seconds on two cores.
"""

# %% [markdown]
# # 1 · Counting words: a language model made of nothing but counts
#
# A language model does one thing: it reads a text up to some point and says, for every word there
# is, how likely it is to come next. That is all GPT does, too. Chatting, translating, answering:
# each is a text, continued one word at a time.
#
# The oldest way to know what comes next is to look at what came next before, and count. It needs
# no neural network, no gradient, not even a decimal point. We begin with cows.
#
# ## What do cows eat?
#
# Suppose that the words "cows eat" occur eleven times in everything you have ever read:

# %%
fragments = """\
in spring the cows eat grass
these cows eat corn all winter
the neighbour's cows eat hay
why would cows eat corn
cows eat grass and then they rest
tell me what cows eat if you know
our cows eat corn from that field
they say that cows eat hay
it depends on which cows eat which plants
at noon the cows eat corn
happy cows eat grass""".splitlines()

from collections import Counter
from fractions import Fraction

after = Counter()
for fragment in fragments:
    words = fragment.split()
    for i in range(len(words) - 2):
        if words[i : i + 2] == ["cows", "eat"]:
            after[words[i + 2]] += 1

for word, count in after.most_common():
    print(f"p({word} | cows eat) = {Fraction(count, after.total())}")

# %% [markdown]
# Read the bar as "given": the probability of corn, *given* that the last words were "cows eat", is
# 4/11, because of eleven times it was corn in four. There is a theorem behind it, too: among all
# ways to choose five probabilities, these make the eleven fragments most probable. Counting is
# learning by **maximum likelihood**, and training GPT maximises the very same thing.


# %%
def what_cows_eat(axes):
    words, counts = zip(*after.most_common(), strict=True)
    axes.bar(words, [count / after.total() for count in counts], color="tab:green")
    axes.set(ylabel="probability", title="after “cows eat”")


from weft.lessons import check, draw, text_of

draw(what_cows_eat, size=(5, 3))

# %% [markdown]
# ## From one word to a whole text
#
# How probable is a whole sentence? The **chain rule** of probability answers it exactly, for any
# sentence and any language:
#
# ```
# p(the cows eat hay) = p(the) · p(cows | the) · p(eat | the cows) · p(hay | the cows eat)
# ```
#
# Each word, given everything before it. There is no assumption in this; it is the definition of
# "given", applied three times. But look at what it asks for. To know the last factor by counting,
# you must have seen "the cows eat" many times. For the hundredth word of a story you must have
# seen those very ninety-nine words before it, and of course you have not: every long text is new.
#
# So an **n-gram model** forgets on purpose: it looks only at the last n − 1 words. With n = 3, as
# above, "happy cows eat" and "lazy cows eat" are the same to it. This is an assumption, it is
# wrong, and it makes counting possible. The rest of this lesson, and of the next eleven, is about
# paying less for it.
#
# ## Rolling the dice
#
# To write a text, treat the probabilities as a weighted die. Roll it, write down the word, move on
# by one word, take the die for the new context, repeat. This is how *every* language model writes.
# Weft's n-gram model does the counting for us, for numbers instead of words, so first each word
# gets a number, its **token id**.

# %%
import numpy as np

from weft.config import NGramConfig
from weft.models import NGram

words = " . ".join(fragments).split()
vocabulary = sorted(set(words))
ids = np.array([vocabulary.index(word) for word in words])
model = NGram.count(ids, NGramConfig(vocab_size=len(vocabulary), order=3, smoothing="none"))

context = [vocabulary.index("cows"), vocabulary.index("eat")]
followers, counts = model.continuations(context)
print({vocabulary[i]: int(count) for i, count in zip(followers, counts, strict=True)})


# %%
def write(model, start, length, rng):
    """`length` tokens after those of `start`, each rolled with the die of its context."""
    written = list(start)
    for _ in range(length):
        tokens, counts = model.continuations(written)
        if not len(tokens):  # the very end of the text: nothing ever came after it
            tokens, counts = model.continuations([])
        written.append(int(rng.choice(tokens, p=counts / counts.sum())))
    return written


rng = np.random.default_rng(1)
start = [vocabulary.index("."), vocabulary.index("the")]
print(" ".join(vocabulary[i] for i in write(model, start, 24, rng)))

# %% [markdown]
# Locally each step is sensible, because each three words in a row did occur. Over a distance it
# wanders: what was said six words ago is forgotten.
#
# The same dice tell how probable a given sentence is. Multiply, as the chain rule says:

# %%
sentence = [".", "our", "cows", "eat", "corn", "all", "winter", "."]
together = Fraction(1)
for before, last, word in zip(sentence, sentence[1:], sentence[2:], strict=False):
    followers, counts = model.continuations([vocabulary.index(before), vocabulary.index(last)])
    rolls = counts[followers == vocabulary.index(word)].sum()
    p = Fraction(int(rolls), int(counts.sum()))
    print(f"p({word} | {before} {last}) = {p}")
    together *= p
print("together:", together)

# %% [markdown]
# Nobody wrote "our cows eat corn all winter"; look through the fragments. And yet it is possible
# to the model, which has forgotten which cows they were. That is what forgetting buys.
#
# ## Shakespeare, five at a time
#
# Now a megabyte of Shakespeare. First with words, n = 5: each word is chosen by the four before
# it.

# %%
text = text_of("shakespeare")
words = text.split()
vocabulary = sorted(set(words))
number = {word: i for i, word in enumerate(vocabulary)}
ids = np.array([number[word] for word in words])
model = NGram.count(ids, NGramConfig(vocab_size=len(vocabulary), order=5, smoothing="none"))

print(f"{len(words):,} words, {len(vocabulary):,} different ones")
print(" ".join(vocabulary[i] for i in write(model, ids[:4], 30, np.random.default_rng(2))))

# %% [markdown]
# Remarkable, until you look it up. It is Shakespeare: the model recites. Four words in a row are
# nearly always unique, so the die for them has one side. Let us count how often:

# %%
parents = model.trie.first[4]
one_side = np.mean(np.diff(parents) == 1)
print(f"of {len(parents) - 1:,} contexts of four words, {one_side:.1%} have one continuation only")

# %% [markdown]
# Such a model has learned the book by heart and learned nothing else. Show it four words which are
# not in the book and it has nothing to say. With *characters* instead of words there are only a
# few dozen tokens, each context occurs often, and there is something to learn. Here is n from 1 to
# 7:

# %%
letters = sorted(set(text))
number = {letter: i for i, letter in enumerate(letters)}
ids = np.array([number[letter] for letter in text])
cut = len(ids) * 9 // 10
seen, unseen = ids[:cut], ids[cut:]


def count(order, smoothing):
    config = NGramConfig(vocab_size=len(letters), order=order, smoothing=smoothing)
    return NGram.count(seen, config)


for order in (1, 2, 3, 5, 7):
    model = count(order, "none")
    sample = write(model, seen[:8], 70, np.random.default_rng(5))
    print(f"n = {order}:", repr("".join(letters[i] for i in sample[8:])))

# %% [markdown]
# One letter at a time it has the right letters, two at a time it can be pronounced, and at five
# there are English words, which nobody told it about.
#
# ## How good is it? Bits
#
# Reading samples is fun, but it is no measurement. Better: give the model a text that it has *not*
# counted, and see how surprised it is. The surprise at a letter of probability p is −log₂ p bits:
# 1 bit for a coin, 6 bits for one of 64 equally likely letters. The average per letter is the
# number by which language models are compared; lower is better. (Its name is **cross-entropy**,
# and training shows it in nats, with the natural logarithm. A nat is 1.4427 bits.)
#
# There is a difficulty at once. A letter that never followed its context has probability 0, and
# the surprise is infinite: one single unseen letter, and the whole text is impossible. So some
# probability must be set aside for what was never seen. This is called **smoothing**. The simplest
# is to add a small k to all counts. The best, Kneser and Ney's, takes a little from every count
# and gives it to the letters that a *shorter* context predicts.


# %%
def bits(model, ids):
    log_p = model.log_probabilities(ids[None, :-1], ids[None, 1:])
    return -log_p.mean() / np.log(2)


orders = range(1, 8)
table = {
    "counts alone, on what they counted": [bits(count(n, "none"), seen) for n in orders],
    "add 0.01, on new text": [bits(count(n, "add-k"), unseen) for n in orders],
    "Kneser-Ney, on new text": [bits(count(n, "kneser-ney"), unseen) for n in orders],
}

print(f"{'bits per letter, n =':<36}" + "".join(f"{n:>7}" for n in orders))
for name, row in table.items():
    print(f"{name:<36}" + "".join(f"{value:7.3f}" for value in row))


# %%
def learning_by_heart(axes):
    for name, row in table.items():
        axes.plot(orders, row, marker="o", label=name)
    axes.set(xlabel="n", ylabel="bits per letter", ylim=(0, 5))
    axes.legend()


draw(learning_by_heart)

# %% [markdown]
# This picture is worth remembering; you will meet it again with GPT in lesson 8. On the text that
# was counted, longer contexts look better and better. On new text, the same model gets *worse*
# after n = 5: it is learning by heart. The gap between the curves is **over-fitting**. Good
# smoothing cures most of it, but there the curve goes flat: longer contexts bring nothing more,
# since they are never seen again. To get below about 2.2 bits, a model must notice that *similar*
# contexts are alike, that what follows "happy cows" says something about "lazy sheep". Counting
# cannot do that. Vectors can, and for those we need gradients: lesson 2.
#
# ## Questions
#
# 1. By our cows, what is p(hay hay hay | cows eat)? Which assumption makes it so?
# 2. The 5-gram model of words recites. Would it still, having read a hundred times as much?
# 3. At n = 1 all three rows nearly agree. Why?
#
# ## Exercise: oats
#
# By maximum likelihood, cows never eat oats. Write **add-k smoothing**: to each word's count in a
# vocabulary of V words add k, and divide by what makes the sum 1. Return a dictionary with the
# probability of every word of the vocabulary.

# %% tags=["exercise"]
foods = ["corn", "grass", "hay", "if", "which", "oats"]


def add_k(counts, vocabulary, k):
    return {word: counts[word] / counts.total() for word in vocabulary}  # no smoothing yet


# %% tags=["check"]
check("oats", lambda: add_k(after, foods, 1)["oats"], 1 / 17, tolerance=1e-12)
check("corn", lambda: add_k(after, foods, 1)["corn"], 5 / 17, tolerance=1e-12)
check("the sum", lambda: sum(add_k(after, foods, 0.5).values()), 1, tolerance=1e-12)

# %% [markdown] tags=["answer"]
# <details><summary>Answer</summary>
#
# ```python
# def add_k(counts, vocabulary, k):
#     total = counts.total() + k * len(vocabulary)
#     return {word: (counts[word] + k) / total for word in vocabulary}
# ```
#
# Question 1: zero, since "eat hay hay" never occurred; counting takes what it has not seen for
# impossible. Question 2: far less often, yet most runs of four words would still be new to it:
# 25,670 words make 4 · 10¹⁷ of them. Question 3: without a context there is nothing to learn by
# heart but 65 numbers, and every letter has been seen.
#
# </details>
