"""GPT-2 in sixty lines, and why the cache.

Lesson 10, 2 seconds on two cores.
"""

# %% [markdown]
# # 10 · GPT-2 in sixty lines, and why the cache
#
# The whole of GPT-2, from token ids to the next token, fits on one screen of NumPy. We write it
# down, check it against Weft's model on the same weights, let it finish a sentence, and then see
# why no real program runs it like this.
#
# ## From ids to a prediction
#
# Our language has seven words, and one proverb to learn:

# %%
import numpy as np

vocabulary = ["all", "not", "heroes", "the", "wear", ".", "capes"]
proverb = [1, 0, 2, 4, 6, 5]
print(*(vocabulary[i] for i in proverb))

# %% [markdown]
# A GPT takes a list of ids and returns, for each place in it, one number per word of the
# vocabulary: the **logits** of the word that comes next. Training needs no labels, since the text
# is its own answer: what should follow `not` is `all`, what should follow `not all` is `heroes`. So
# the targets are the inputs, shifted by one. Weft trains such a model in a moment:

# %%
import weft
from weft.config import ModelConfig
from weft.models import GPT

config = ModelConfig(vocab_size=7, block_size=8, n_layer=2, n_head=2, n_embd=16)
model = GPT(config, weft.Generator(0))
optimizer = weft.optim.AdamW(model.parameters(), lr=0.01)
x, y = np.array([proverb[:-1]]), np.array([proverb[1:]])
for step in range(101):
    loss = model.loss(x, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print(f"step {step:>3}: loss {loss.item():.2f}")

# %% [markdown]
# At step 0 the loss is about log 7 = 1.95: no idea, seven words equally likely. At the end it is
# near
# 0. Now we take the weights and leave the engine behind.
#
# ## The sixty lines
#
# The weights come as a nested dictionary `p`. Read from the bottom up: `gpt2` looks up each token's
# vector and adds that of its position; `block` lets attention move information between the places
# (lesson 7), and the small network `feed_forward` work on each; what they find is *added* to `x`,
# so nothing is lost on the way up. At the end, `x` is compared with each word's vector: the most
# similar is the likeliest. That the table of words is used twice, on the way in and on the way out,
# saves GPT-2 38.6 million numbers.


# %%
def gelu(x):  # like max(x, 0), but smooth
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x * x * x)))


def softmax(x):
    weights = np.exp(x - x.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def layer_norm(x, p, eps=1e-5):  # every row to mean 0 and variance 1, then scaled and moved
    mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) / np.sqrt(variance + eps) * p["weight"] + p["bias"]


def linear(x, p):  # (T, C_in) -> (T, C_out)
    return x @ p["weight"].T + p["bias"]


def feed_forward(x, p):  # four times as wide inside
    return linear(gelu(linear(x, p["up"])), p["down"])


def attention(x, p, H, past=None):  # (T, C) -> (T, C)
    T, C = x.shape
    q, k, v = linear(x, p["qkv"]).reshape(T, 3, H, C // H).transpose(1, 2, 0, 3)  # (H, T, D)
    if past is not None:  # keys and values of earlier calls; see below
        k, v = past[:] = [np.concatenate(pair, axis=1) for pair in zip(past, (k, v), strict=True)]
    scores = q @ k.transpose(0, 2, 1) / np.sqrt(C // H)  # (H, T, all so far)
    future = np.triu(np.full_like(scores[0], -np.inf), k=scores.shape[2] - T + 1)
    heads = softmax(scores + future) @ v  # (H, T, D)
    return linear(heads.transpose(1, 0, 2).reshape(T, C), p["out"])


def block(x, p, H, past=None):
    x = x + attention(layer_norm(x, p["norm_1"]), p["attention"], H, past)
    return x + feed_forward(layer_norm(x, p["norm_2"]), p["feed_forward"])


def gpt2(tokens, p, H, cache=None):  # ids (T) -> logits (T, V)
    first = 0 if cache is None else cache[0][0].shape[1]  # how many tokens came before
    x = p["embedding"]["weight"][tokens]
    x = x + p["position"]["weight"][first : first + len(tokens)]
    for i, layer in enumerate(p["blocks"]):
        x = block(x, layer, H, None if cache is None else cache[i])
    return layer_norm(x, p["norm"]) @ p["embedding"]["weight"].T


def generate(tokens, p, H, count):
    tokens = list(tokens)
    for _ in range(count):
        logits = gpt2(tokens, p, H)  # everything so far goes through the whole model
        tokens.append(int(logits[-1].argmax()))  # the likeliest word joins the text
    return tokens[-count:]


# %% [markdown]
# That is the model. Weft keeps its weights under names with dots, `blocks.0.norm_1.weight`; a few
# lines make the nested dictionary. Does the loop complete the proverb?


# %%
def nested(weights):
    tree = {}
    for name, value in weights.items():
        *folders, last = name.split(".")
        folder = tree
        for part in folders:
            folder = folder.setdefault(part, {})
        folder[last] = value.numpy()
    return tree | {"blocks": list(tree["blocks"].values())}


p = nested(model.state_dict())
words = generate([1, 0], p, H=2, count=3)
print([1, 0], "->", words)
print("not all ->", *(vocabulary[i] for i in words))
for guess, row in enumerate(softmax(gpt2([1, 0, 2, 4], p, H=2))):
    print(
        f"after {vocabulary[proverb[guess]]:<7}",
        *(f"{w} {q:.2f}" for w, q in zip(vocabulary, row, strict=True)),
    )

# %% [markdown]
# `not all` becomes `heroes wear capes`, one word at a time, each fed back in: that is what
# "autoregressive" means. Each row of the table is one place's prediction, all from one pass.
#
# The honest test is a larger model with random weights and random tokens. If our sixty lines forgot
# as much as an epsilon, the logits would differ:

# %%
config = ModelConfig(vocab_size=500, block_size=128, n_layer=2, n_head=4, n_embd=64)
model = GPT(config, weft.Generator(1))
p = nested(model.state_dict())
tokens = np.random.default_rng(0).integers(0, 500, 128)
with weft.no_grad():
    wefts = model(tokens[None]).numpy()[0]
difference = np.abs(gpt2(tokens, p, H=4) - wefts).max()
print(
    f"128 × 500 logits, largest {np.abs(wefts).max():.1f}; at most 1e-5 apart: {difference <= 1e-5}"
)

# %% [markdown]
# ## How large is the real one?
#
# The smallest GPT-2 has 50,257 tokens, 1,024 positions, 12 layers of 12 heads, and vectors of 768
# numbers. Its weights are these:


# %%
def shapes(n_vocab, n_ctx, n_embd, n_head, n_layer):  # n_head cuts n_embd; no shape depends on it
    def norm():
        return {"weight": (n_embd,), "bias": (n_embd,)}

    def matrix(n_in, n_out):
        return {"weight": (n_out, n_in), "bias": (n_out,)}

    layer = {
        "norm_1": norm(),
        "attention": {"qkv": matrix(n_embd, 3 * n_embd), "out": matrix(n_embd, n_embd)},
        "norm_2": norm(),
        "feed_forward": {"up": matrix(n_embd, 4 * n_embd), "down": matrix(4 * n_embd, n_embd)},
    }
    embeddings = {
        "embedding": {"weight": (n_vocab, n_embd)},
        "position": {"weight": (n_ctx, n_embd)},
    }
    return embeddings | {"blocks": [layer] * n_layer, "norm": norm()}


def size(tree):
    if isinstance(tree, tuple):
        return int(np.prod(tree))
    return sum(map(size, tree.values() if isinstance(tree, dict) else tree))


def show(tree, indent=""):
    for name, value in tree.items():
        if isinstance(value, list):
            print(f"{indent}{name}: {len(value)} times, {size(value[0]):,} each")
            show(value[0], indent + "  ")
        elif all(isinstance(leaf, tuple) for leaf in value.values()):
            print(f"{indent}{name}:", *(f"{leaf} {shape}" for leaf, shape in value.items()))
        else:
            print(f"{indent}{name}:")
            show(value, indent + "  ")


gpt2_124m = shapes(n_vocab=50257, n_ctx=1024, n_embd=768, n_head=12, n_layer=12)
show(gpt2_124m)
print(f"{size(gpt2_124m):,} parameters")
ours = sum(parameter.numel() for parameter in model.parameters())
print("the same rule counts our small model:", size(shapes(500, 128, 64, 4, 2)) == ours)

# %% [markdown]
# ## Why the cache
#
# Look at `generate` again. For each new word it sends *all* words through *all* layers. For 127
# words that is 1 + 2 + … + 127 = 8,128 passes of a word, though the text has 127. And nearly all of
# it is known: no word sees what comes after it, so a new word changes nothing in the older ones.
#
# The new word needs only its own row, and of the others nothing but their keys and values (the
# exercise of lesson 7). So each layer keeps those: the **key-value cache**. In our code it is the
# list `past`, to which `attention` appends. The rest stays as it is.

# %%
import time  # thread_time is what the processor spends on us, not on other programs

H, D = 4, 16


def generate_with_cache(tokens, p, count):
    cache = [[np.zeros((H, 0, D), np.float32)] * 2 for _ in p["blocks"]]
    tokens, new, times = list(tokens), list(tokens), []
    for _ in range(count):
        start = time.thread_time()
        logits = gpt2(new, p, H, cache)  # the new words only
        new = [int(logits[-1].argmax())]
        tokens += new
        times.append(time.thread_time() - start)
    return tokens[-count:], times


def generate_without(tokens, p, count):
    tokens, times = list(tokens), []
    for _ in range(count):
        start = time.thread_time()
        tokens.append(int(gpt2(tokens, p, H)[-1].argmax()))
        times.append(time.thread_time() - start)
    return tokens[-count:], times


slow, slow_times = generate_without([7], p, 127)
fast, fast_times = generate_with_cache([7], p, 127)
print("the same 127 tokens:", slow == fast)
print(f"passes of a word: {sum(range(1, 128)):,} without the cache, 127 with it")

# %%
print(f"time: {sum(slow_times):.2f} s without the cache, {sum(fast_times):.2f} s with it")


def work(new, so_far):  # multiplications: matrices for new words, and new queries with all keys
    L, C, V = 2, H * D, 500
    return new * (12 * L * C * C + V * C) + 2 * L * C * new * so_far


def cost_of_a_token(axes):
    n = np.arange(1, 128)
    for times, new, label in ((slow_times, n, "without the cache"), (fast_times, 1, "with it")):
        axes[0].plot(n, work(new, n) / 1e6, label=label)
        windows = np.lib.stride_tricks.sliding_window_view(times, 9)
        axes[1].plot(n[4:-4], 1000 * np.median(windows, axis=-1))
    axes[0].set(xlabel="tokens so far", ylabel="million multiplications for the next one")
    axes[1].set(xlabel="tokens so far", ylabel="milliseconds for it (median of nine)")
    axes[0].legend()


from weft.lessons import check, draw

draw(cost_of_a_token, columns=2, size=(9.6, 3.8))

# %% [markdown]
# Without the cache a token costs more the longer the text is; with it, nearly the same always.
# "Nearly", because the new query still meets every key: that part grows, but it is small next to
# the matrices. Reading a prompt is different: its words are all there, so one pass does them
# together. This is why a chat takes a moment to begin, then writes evenly, and why reading is
# billed cheaper than writing.
#
# Weft's models have the cache built in: `model.start` makes an empty one, and `model(tokens,
# state)` reads what is new.

# %%
state, new, theirs = model.start(batch=1), np.array([[7]]), []
with weft.no_grad():
    for _ in range(127):
        new = model(new, state).numpy()[:, -1:].argmax(-1)
        theirs.append(int(new[0, 0]))
print("Weft's cache gives the same tokens:", theirs == fast)

# %% [markdown]
# ## Questions
#
# 1. Where in the sixty lines would a word see the future if one line were left out? Which one?
# 2. Why can an older word's keys and values never change? Would that hold in an encoder, where
#    everybody sees everybody?
# 3. A cache of 127 tokens is full at `block_size` 128. What would you do when the text goes on?
#
# ## Exercise: what the cache costs
#
# The cache trades work for memory. Count its bytes: keys and values, in each layer, for each head
# that has keys of its own (models with *grouped queries* have fewer of these than query heads), for
# each token. Then see what a context of 8,192 tokens costs a model of Llama's size.


# %% tags=["exercise"]
def cache_bytes(n_layer, n_kv_head, head_dim, tokens, bytes_per_number):
    return 0


# %% tags=["check"]
check("Weft's cache", lambda: cache_bytes(2, H, D, 128, 4), model.start(batch=1).nbytes)
check("GPT-2 124M, full, 16 bit", lambda: cache_bytes(12, 12, 64, 1024, 2), 37_748_736)
check("32 layers, 8 key heads of 128, 8,192 tokens, 16 bit",
      lambda: cache_bytes(32, 8, 128, 8192, 2), 2**30)  # fmt: skip

# %% [markdown] tags=["answer"]
# <details><summary>Answer</summary>
#
# ```python
# def cache_bytes(n_layer, n_kv_head, head_dim, tokens, bytes_per_number):
#     return 2 * n_layer * n_kv_head * head_dim * tokens * bytes_per_number
# ```
#
# Exactly 1 GiB for one conversation. With 32 key heads, one for each query head, it would be 4 GiB:
# that is what grouped queries are for.
#
# Questions: without `future` every word sees all others. A word's keys come from what it and the
# words before it are, and those do not change; in an encoder each new word would change all of
# them, so nothing could be kept. When the context is full, drop the oldest tokens and read the rest
# again, as Weft does, or use positions that allow to forget the oldest keys alone.
#
# </details>
