"""Attention by hand.

Lesson 7, 1 second on two cores.
"""

# %% [markdown]
# # 7 · Attention by hand
#
# A recurrent network (lesson 6) carries what it has read in one vector, through every word, to the
# end. Attention does something bolder: each word looks at all the others *directly* and takes from
# each as much as it needs. It is the one idea that makes a Transformer, and it fits on a sheet of
# paper. So we take a pencil: five words, three numbers each.

# %%
import numpy as np

words = ["I", "love", "natural", "language", "processing"]
X = np.array([[0.1, 0.2, 0.3],
              [0.2, 0.3, 0.4],
              [0.3, 0.4, 0.5],
              [0.4, 0.5, 0.6],
              [0.5, 0.6, 0.7]])  # (T, C): T words, C numbers each  # fmt: skip

# %% [markdown]
# The numbers are invented; in a model they are learned. What matters: a word's vector is looked up
# in a table, so "bank" has the same one beside "river" and beside "money". We want new vectors that
# know their sentence, and get them in three steps.
#
# ## Step 1: how much has each word to do with me?
#
# Take the dot product of "I" with every word, itself included: multiply number by number, add up.
# It is large where two vectors are long and point the same way.

# %%
scores = X @ X[0]
for word, x, score in zip(words, X, scores, strict=True):
    sum_of_products = " + ".join(f"{a} · {b}" for a, b in zip(X[0], x, strict=True))
    print(f"I · {word:<11}= {sum_of_products} = {score:.3g}")

# %% [markdown]
# ## Step 2: scores become shares
#
# Any numbers can come out of a dot product. **Softmax** makes shares of them: raise e to each
# score, so that all are positive, and divide by the sum, so that they add up to 1. A score that is
# larger by 1 always gets e = 2.718 times the share.


# %%
def softmax(scores):
    weights = np.exp(scores - scores.max(-1, keepdims=True))  # the largest becomes e⁰ = 1
    return weights / weights.sum(-1, keepdims=True)


weights = softmax(scores)
print("scores ", *(f"{s:.3g}" for s in scores))
print("weights", *(f"{w:.5f}" for w in weights), f" sum {weights.sum():.5f}")

# %% [markdown]
# Subtracting the maximum first changes nothing (it divides above and below by the same number), but
# e¹⁰⁰⁰ would overflow, and e⁰ never does.
#
# ## Step 3: mix
#
# The new vector of "I" is a mixture of all five: 17.7 % of "I", 18.8 % of "love", and so on. It is
# called its **context vector**.

# %%
for w, x in zip(weights, X, strict=True):
    print(f"{w:.5f} · {x} = {np.array2string(w * x, precision=6, floatmode='fixed')}")
context = weights @ X
print(f"context vector of I     {np.array2string(context, precision=6, floatmode='fixed')}")

# %% [markdown]
# ## Can that be right?
#
# These vectors come from a blog that teaches attention, and the blog prints other numbers. So one
# of us is wrong. Two checks need no computer:
#
# - The scores go up in equal steps of 0.06. So each weight must be e⁰·⁰⁶ = 1.0618 times the one
#   before.
# - In each word the second number is 0.1 more than the first, and the third 0.1 more than that. A
#   mixture whose shares add up to 1 keeps these steps.

# %%
blog_weights = np.array([0.17806, 0.18902, 0.19973, 0.21032, 0.22287])
blog_context = np.array([0.310092, 0.411992, 0.510347])


def compare(who, weights, context):
    print(f"{who:<5} weights", *(f"{w:.5f}" for w in weights), " ratios",
          *(f"{r:.4f}" for r in weights[1:] / weights[:-1]))  # fmt: skip
    print(f"{who:<5} context", *(f"{c:.6f}" for c in context), " steps ",
          *(f"{s:.6f}" for s in np.diff(context)))  # fmt: skip


compare("ours", weights, context)
compare("blog", blog_weights, blog_context)

# %% [markdown]
# Ours pass, the blog's fail both. Its dot products are right; its weights add up to 1, but no
# softmax of these scores gives them. Even from its own weights the mixture would be another one:

# %%
print("the blog's weights times the vectors:", *(f"{c:.6f}" for c in blog_weights @ X))
print(f"its last product: {blog_weights[-1] * 0.7:.6f}, where it has 0.155009")

# %% [markdown]
# Slips happen with pencils. Numbers that a program prints and a test reads are better, and a check
# by a second way is better still: you will see Weft do the same thing twice in all these lessons.
#
# ## All words at once
#
# Nothing was special about "I". All dot products of all words are one matrix product, all mixtures
# a second. In three lines, this is self-attention:

# %%
scores = X @ X.T  # (T, T): row i holds the scores of word i
weights = softmax(scores)  # (T, T): each row adds up to 1
contexts = weights @ X  # (T, C)
print(weights.round(4))
print(contexts.round(4))

# %% [markdown]
# Look at the columns: *every* word attends most to "processing", only because its vector is the
# longest. And the scores are symmetric: if "I" finds "love" interesting, "love" must find "I" just
# as interesting. Language is not like that. An adjective looks for its noun; the noun need not look
# back.
#
# ## Queries, keys, values
#
# So each word gets to say three different things, each by a learned matrix: a **query**, what I am
# looking for; a **key**, what I can be found by; a **value**, what I hand over when found.
# Scores are queries times keys; what is mixed are values.


# %%
def attention(Q, K, V, scale=1.0, mask=None):  # (Tq, D), (Tk, D), (Tk, D) -> (Tq, D)
    scores = Q @ K.T * scale  # (Tq, Tk)
    if mask is not None:
        scores = np.where(mask, scores, -np.inf)
    weights = softmax(scores)
    return weights @ V, weights


# %% [markdown]
# With Q = K = V = X this is what we had. With matrices of our choice it can ask any question. For
# example: *what was the word before me?* Let the vectors be positions, each one its own axis. The
# query of word i is its position, the key of word j is the position **after** it, so word i's query
# meets the key of word i − 1 and no other. (Word 0 has nobody before it; all its scores are 0, so
# it spreads its attention evenly.)

# %%
T = len(words)
position = np.eye(T)  # (T, T): a 1 at the place of the word
W_key = 10 * np.eye(T, k=1)  # moves the 1 one place on, and makes it loud
_, before = attention(position, position @ W_key, X)
print("each word looks at:", *(words[i] for i in before[1:].argmax(-1)))

# %% [markdown]
# Trained Transformers do grow heads that look one word back, because they are useful: two of them
# in a row can find "where was this word before, and what came after it?" and copy that. It is how a
# model continues `loutre de mer` correctly after having seen it once (lesson 11).
#
# ## Why the scores are divided by √D
#
# A dot product of D random numbers with D others has a standard deviation of √D: the longer the
# vectors, the larger the scores, and softmax of large scores is nearly all-or-nothing. Then the
# gradient of every other word is nearly zero and nothing is learned. Dividing by √D takes the
# length out again.

# %%
rng = np.random.default_rng(0)
print("   D   spread of scores   largest of 16 weights   with 1/√D")
for D in (4, 64, 1024):
    Q, K = rng.standard_normal((2000, 1, D)), rng.standard_normal((2000, 16, D))
    scores = (Q * K).sum(-1)  # (2000, 16): 2,000 random queries, 16 random keys each
    plain, scaled = softmax(scores).max(-1).mean(), softmax(scores / np.sqrt(D)).max(-1).mean()
    print(f"{D:>4}   {scores.std():>16.2f}   {plain:>21.2f}   {scaled:>9.2f}")

# %% [markdown]
# ## No looking ahead
#
# A GPT learns by guessing each next word of a text. If a word could see the next one, guessing
# would be copying. So word i may look at words 0 … i only: every other score becomes −∞, of which
# softmax makes exactly 0. The lower triangle that remains is the **causal mask**.

# %%
causal = np.tril(np.ones((T, T), dtype=bool))
masked, weights_causal = attention(X, X, X, scale=1 / np.sqrt(3), mask=causal)
print(weights_causal.round(4))


def what_looks_where(axes):
    pictures = [
        ("everyone sees all", weights),
        ("causal", weights_causal),
        ("the word before", before),
    ]
    for ax, (title, image) in zip(axes, pictures, strict=True):
        shown = ax.imshow(image, vmin=0, vmax=1, cmap="Blues")
        ax.set(title=title, xticks=range(T), yticks=range(T))
        ax.set_xticklabels(words, rotation=60, ha="right")
        ax.set_yticklabels(words if ax is axes[0] else [])
    axes[0].set_ylabel("this word …")
    axes[1].set_xlabel("… takes from this one")
    axes[0].figure.colorbar(shown, ax=axes, label="weight", shrink=0.7)


from weft.lessons import check, draw

draw(what_looks_where, columns=3, size=(9.6, 3.9))

# %% [markdown]
# The first word can only look at itself, so its context vector is its own. The mask also makes
# training cheap: one pass over a text of 1,000 words gives 1,000 guesses, each of which saw exactly
# the words before it.
#
# ## Several heads
#
# One softmax yields one mixture; a word that needs its verb *and* its adjective would have to blend
# them. So the width C is cut into H pieces of D = C / H numbers. Each piece, a **head**, attends on
# its own, and the results are laid side by side. It costs no more than one large head. Each head
# also has matrices of its own; here is the whole layer, and then Weft's.


# %%
def heads_of(x, H):  # (T, C) -> (H, T, D)
    T, C = x.shape
    return x.reshape(T, H, C // H).transpose(1, 0, 2)


def self_attention(x, W_qkv, W_out, H):  # (T, C), (C, 3 C), (C, C) -> (T, C)
    T, C = x.shape
    Q, K, V = (heads_of(part, H) for part in np.split(x @ W_qkv, 3, axis=-1))
    mask = np.tril(np.ones((T, T), dtype=bool))
    heads = [attention(Q[h], K[h], V[h], 1 / np.sqrt(C // H), mask)[0] for h in range(H)]
    return np.concatenate(heads, axis=-1) @ W_out


import weft
import weft.nn.functional as F

T, C, H = 9, 32, 4
x, W_qkv, W_out = (rng.standard_normal(s) / 6 for s in ((T, C), (C, 3 * C), (C, C)))
by_hand = self_attention(x, W_qkv, W_out, H)

qkv = weft.tensor(x @ W_qkv, dtype=weft.float32).reshape(1, T, 3, H, C // H)
q, k, v = (qkv[:, :, i].transpose(1, 2) for i in range(3))  # (1, H, T, D) each
y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
wefts = y.transpose(1, 2).reshape(T, C).numpy() @ W_out
print("by hand and by weft.nn.functional, largest difference < 1e-6:",
      bool(np.abs(by_hand - wefts).max() < 1e-6))  # fmt: skip

# %% [markdown]
# Weft's kernel never builds the (T, T) table: it goes through the keys block by block and keeps a
# running maximum and sum for the softmax, so that memory grows with T and not with T². The result
# is the same, up to the last bits of 32-bit numbers.
#
# ## Two things attention does not do
#
# It **does not know order**. Shuffle the words (without a mask) and the results are shuffled
# likewise, nothing else changes: "dog bites man" would be "man bites dog". Hence GPT adds a vector
# for the position to that of the word. And it **does not compute** anything new: a mixture of
# values is all it gives. Hence each attention layer is followed by a small network that works on
# each word alone. Attention moves, the network thinks; lesson 8 stacks the two.

# %%
order = rng.permutation(5)
contexts_of_shuffled, _ = attention(X[order], X[order], X[order])
print("shuffled words, same context vectors:", np.allclose(contexts_of_shuffled, contexts[order]))

# %% [markdown]
# ## Questions
#
# 1. Add 100 to every score of one word. What happens to its weights? And if you multiply by 100?
# 2. Why is the masked score −∞ and not 0?
# 3. Twice as long a text: how much more work are the scores? How much more is the network after it?
#
# ## Exercise: one more word
#
# Ten words are read, their keys and values are computed and kept. Now an eleventh arrives. Compute
# its context vector from its query `q` (D) alone, with as little work as possible: the kept `K` (T,
# D) and `V` (T, D) already include its own key and value. Scale by 1/√D. Do you need a mask?


# %% tags=["exercise"]
def context_of_the_last(q, K, V):  # (D), (T, D), (T, D) -> (D)
    return np.zeros_like(q)


# %% tags=["check"]
Q, K, V = rng.standard_normal((3, 11, 8))
everything, _ = attention(Q, K, V, 1 / np.sqrt(8), np.tril(np.ones((11, 11), dtype=bool)))
check("one more word", lambda: context_of_the_last(Q[-1], K, V), everything[-1], tolerance=1e-9)

# %% [markdown] tags=["answer"]
# <details><summary>Answer</summary>
#
# ```python
# def context_of_the_last(q, K, V):
#     return softmax(K @ q / np.sqrt(len(q))) @ V
# ```
#
# No mask: the last word may see them all. One row instead of a square: this is why a model that
# keeps its keys and values (lesson 10) writes the next word at a small part of the cost.
#
# Questions: adding the same number to all scores changes nothing, multiplying by 100 makes the
# largest take everything. A score of 0 still gets a share, e⁰ = 1 of the sum. Twice the text is
# four times the scores, but only twice the network.
#
# </details>
