"""Tokens: how text becomes numbers.

Lesson 9, 2 seconds on two cores.
"""

# %% [markdown]
# # 9 · Tokens: how text becomes numbers
#
# A model computes with numbers, so text must become a list of them. One number per *word*? Then
# every name and every typing error is a word that the model has never seen. One per *character*?
# Then nothing is unknown, but "capes" costs five steps of the model, each time. Between the two
# lies an idea from data compression: start with the smallest pieces, and give a number of its own
# to whatever comes often. It is called **byte pair encoding**, and GPT-2, GPT-4 and Llama 3 all use
# it.
#
# ## Bytes: the alphabet that knows everything
#
# A computer stores all text as bytes, numbers from 0 to 255, by a rule named UTF-8. English letters
# take one byte, others two to four. If every byte has a number, *no* text is unknown.

# %%
for text in ("loom", "Käse", "織る", "🧵"):
    print(f"{text}: {list(text.encode())}")

# %% [markdown]
# ## Learning which pairs belong together
#
# Take a text, count every two neighbours, join the pair that is most frequent into one new token,
# and do it again. That is the whole algorithm. Two details keep it tidy. The text is first cut into
# words, each with the space *in front of it*, and no pair reaches across a cut: else "the cat sat"
# could become one token. And where two pairs are equally frequent, a fixed rule must choose, or two
# computers would learn two different vocabularies.

# %%
from collections import Counter
from itertools import pairwise

from weft.tokenizers.byte_alphabet import BYTE_ORDER
from weft.tokenizers.pattern import split

text = "How much wood would a woodchuck chuck if a woodchuck could chuck wood? "
text += "As much wood as a woodchuck could, if a woodchuck could chuck wood."
print(split(text)[:8])


def merge(tokens, pair):
    """The tokens with each `pair` in them joined, from left to right."""
    merged, i = [], 0
    while i < len(tokens):
        joined = i + 1 < len(tokens) and (tokens[i], tokens[i + 1]) == pair
        merged.append(tokens[i] + tokens[i + 1] if joined else tokens[i])
        i += 2 if joined else 1
    return merged


def learn(text, count):
    """Learn `count` merges: the vocabulary, and the pairs in the order they were joined."""
    vocabulary = [bytes([b]) for b in BYTE_ORDER]  # the 256 bytes, in GPT-2's order
    words = [[bytes([b]) for b in word.encode()] for word in split(text)]
    merges = []
    for _ in range(count):
        pairs = Counter(pair for word in words for pair in pairwise(word))
        if not pairs:
            break
        # The most frequent; of equals the one whose tokens have been known for longer.
        pair = min(pairs, key=lambda p: (-pairs[p], vocabulary.index(p[0]), vocabulary.index(p[1])))
        words = [merge(word, pair) for word in words]
        if pair[0] + pair[1] not in vocabulary:
            vocabulary.append(pair[0] + pair[1])
        merges.append(pair)
        report(len(merges), pairs[pair], pair, sum(map(len, words)))
    return vocabulary, merges


def report(number, count, pair, length):
    if number <= 8:
        print(f"merge {number}: {count:>2} × {pair[0].decode()!r} + {pair[1].decode()!r}"
              f" = {(pair[0] + pair[1]).decode()!r}; the text is {length} tokens now")  # fmt: skip


print(f"at first the text is {len(text.encode())} tokens")
vocabulary, merges = learn(text, 20)

# %% [markdown]
# After eight merges `chuck` and ` wood` are one token each, and the text is half as long. Nobody
# told the algorithm about words: it found them because they come again.
#
# Weft learns the same merges, by a way that stays fast with millions of words: it counts each
# distinct word once, and after a merge counts only what is beside it.

# %%
from weft.tokenizers import BPETokenizer

wefts = BPETokenizer.train([text], vocab_size=256 + 20, special_tokens=())
theirs = [(wefts.token_bytes(a), wefts.token_bytes(b)) for a, b in wefts.merges]
print("the same merges as Weft's own tokenizer:", theirs == merges)

# %% [markdown]
# ## Encoding and decoding
#
# A new text is cut into words, and in each word the learned pairs are joined, *in the order in
# which they were learned*. Words of the training text become single tokens here; others fall into
# smaller pieces, in the worst case bytes. Decoding is simpler still: put the bytes one after the
# other.


# %%
def encode(text):
    ids = []
    for word in split(text):
        tokens = [bytes([b]) for b in word.encode()]
        for pair in merges:
            tokens = merge(tokens, pair)
        ids += [vocabulary.index(token) for token in tokens]
    return ids


def decode(ids):
    return b"".join(vocabulary[i] for i in ids).decode()


for text in ("a woodchuck could chuck", "a duck could quack", "Käse"):
    ids = encode(text)
    assert ids == wefts.encode(text) and decode(ids) == text
    print(f"{text!r:<26}", ids, [vocabulary[i].decode(errors="replace") for i in ids])

# %% [markdown]
# In "Käse" the letter ä is two tokens, neither of which is a character: shown alone, each is �. A
# program that prints a model's words as they come must wait for the second one.
#
# ## GPT-2's vocabulary
#
# OpenAI ran this on 40 GB of web pages, for 50,000 merges. With the 256 bytes and one special
# token, `<|endoftext|>`, that makes 50,257 entries. In its files a space is written `Ġ`, so that
# each token is visible; `Ġwear` is " wear". The two files (1.5 MB) come with GPT-2's weights. This
# lesson looks for them in the folder `gpt2` in `$WEFT_DATA`; without them it tells you what it
# would have printed.

# %%
import os
from pathlib import Path

from weft.tokenizers import load_tokenizer
from weft.tokenizers.byte_alphabet import to_characters

folder = Path(os.environ.get("WEFT_DATA", "data")) / "gpt2"
gpt2 = load_tokenizer(folder) if (folder / "encoder.json").is_file() else None
if gpt2 is None:
    print(f"GPT-2's vocabulary (encoder.json, vocab.bpe) is not in {folder}.")
    print("You would see 50,257 entries, and")
    print("[3673, 477, 10281, 5806, 1451, 274, 13] for 'Not all heroes wear capes.'")
else:
    print(f"{gpt2.vocab_size:,} entries")
    for text in ("Not all heroes wear capes.", "zjqfl"):
        ids = gpt2.encode(text)
        print(text, ids, [to_characters(gpt2.token_bytes(i)) for i in ids], sep="\n  ")
        print(f"  decoded: {gpt2.decode(ids)}")

# %% [markdown]
# Frequent words are one token each; `capes` was rare enough on the web to fall into `Ġcap` and
# `es`. `zjqfl` is no word at all and nearly falls to letters; `fl` begins so many words that it was
# merged.
#
# ## What a model does not see
#
# The model gets the numbers and nothing else. This explains some things about language models that
# look strange from outside:

# %%
if gpt2 is not None:
    for text in ("127 + 677 = 804", "1275 + 6773 = 8048", " heroes", "heroes", "HEROES",
                 "How much wood?", "Wie viel Holz?", "どのくらいの木"):  # fmt: skip
        pieces = [gpt2.token_bytes(i).decode(errors="replace") for i in gpt2.encode(text)]
        print(f"{len(pieces):>2}  {'|'.join(pieces)}")

# %% [markdown]
# - Numbers are cut wherever the web happened to cut them: `127` is one token and `677` two, so
#   carrying digits is harder than it need be. Newer models cut numbers into single digits or
#   threes.
# - `heroes` with and without a space in front, or in capitals, are unrelated numbers. That they
#   mean the same has to be learned. And who asks for the letters of a word asks the model for what
#   it never saw.
# - Other languages are cut into more pieces, so they cost more and fill the context sooner. A fair
#   vocabulary is learned from a fair mixture of texts.
#
# ## How large a vocabulary?
#
# More tokens make a text shorter, so the model reads further for the same work. But each token
# needs a vector of its own and must be seen often enough to learn it. Let us see what there is to
# gain.

# %%
from weft.lessons import check, draw, text_of

corpus = text_of("shakespeare")
sizes = [256, 320, 512, 1024, 2048, 4096, 8192]
bytes_per_token = []
for size in sizes:
    tokenizer = BPETokenizer.train([corpus[:900_000]], size, special_tokens=())
    unseen = corpus[1_000_000:]
    bytes_per_token.append(len(unseen.encode()) / len(tokenizer.encode(unseen)))
    print(f"{size:>5} tokens in the vocabulary: {bytes_per_token[-1]:.2f} bytes a token")


def what_a_larger_vocabulary_brings(axes):
    axes.plot(sizes, bytes_per_token, marker="o")
    axes.set_xscale("log", base=2)
    axes.set(xlabel="size of the vocabulary", ylabel="bytes a token", ylim=(0, None))
    axes.set_title("Text that was not used to learn the merges")


draw(what_a_larger_vocabulary_brings)

# %% [markdown]
# The first thousand tokens more than double the length of a token; each doubling after that adds
# less and less. For a small model on a small text 65 single characters are a good choice (lesson
# 8); models that read the whole web take 32,000 to 256,000 tokens.
#
# One warning follows. A loss "per token" depends on what a token is: it is easier to guess a letter
# than a word. To compare models, divide the loss by the *bytes* instead: **bits per byte**, which
# `weft eval` prints, is fair to all tokenizers.
#
# ## Questions
#
# 1. Why must the merges be applied in the order in which they were learned?
# 2. What would happen to texts in Greek if the vocabulary had no single bytes in it?
# 3. Can two different lists of ids decode to the same text? Which of them does `encode` give?
#
# ## Exercise: could it be shorter?
#
# BPE joins greedily, one pair after the other. It does not promise the *fewest* tokens. Write a
# function that finds the smallest number of tokens of the `vocabulary` that spell `word` exactly. A
# hint: let `best[n]` be the smallest number for the first n bytes; each token that ends there comes
# after some shorter beginning.


# %% tags=["exercise"]
def fewest(word, vocabulary):  # bytes, a list of bytes -> int
    return len(word)


# %% tags=["check"]
spelled = [b"a", b"b", b"c", b"d", b"ab", b"cd", b"bc", b"bcd", b"abc", b"cdcd"]
examples = [b"abcd", b"abcbcd", b"dcba", b"abab", b"abcdcd", b""]
check(
    "the fewest tokens",
    lambda: [fewest(word, spelled) for word in examples],
    [2, 2, 4, 2, 2, 0],
)

# %% [markdown] tags=["answer"]
# <details><summary>Answer</summary>
#
# ```python
# def fewest(word, vocabulary):
#     best = [0]
#     for end in range(1, len(word) + 1):
#         before = [end - len(t) for t in vocabulary if word[:end].endswith(t)]
#         best.append(1 + min(best[start] for start in before))
#     return best[len(word)]
# ```
#
# Questions: an early merge makes the tokens that later ones join; in another order they would not
# be there, and the ids would not be those that the model was trained on. Without single bytes,
# texts with letters that were not in the training text could not be encoded at all. Many lists of
# ids decode to the same text; `encode` always gives the one that the merges lead to, and the model
# has only ever seen that one.
#
# </details>
