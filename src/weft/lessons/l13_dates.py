"""One text into another.

Lesson 13, 75 seconds on two cores.
"""

# %% [markdown]
# # 13 · One text into another
#
# A GPT goes on with a text. But to translate, to summarise, to turn "the third of March, 2021" into
# 2021-03-03, there are two texts: one to read, one to write. The first Transformer was built for
# this. It has an **encoder** that reads and a **decoder** that writes, and we shall train one to
# read dates the way people write them.
#
# ## A word is a class
#
# First, what "writing" is. A network can sort pictures into cats and dogs: it has one output for
# each class. Writing a word is the same, with one class for each word of a lookup table. Say the
# table has five words, and the network has seen some sentences:

# %%
import numpy as np

import weft
from weft import nn

lookup = {"the": 1, "and": 2, "dog": 3, "play": 4, "cat": 5}
words = {token: word for word, token in lookup.items()}
sentences = ["the cat and the dog play", "the dog and the cat play", "the cat and the cat play"]

examples = [  # so many of each word so far, the word now -> the next word
    (np.bincount(tokens[:i], minlength=6), tokens[i - 1], tokens[i])
    for tokens in ([lookup[word] for word in sentence.split()] for sentence in sentences)
    for i in range(1, len(tokens))
]


def features(counts, last):  # what the network is told: (12) numbers
    return [*counts, *np.eye(6)[last]]


weft.manual_seed(13)
table = nn.Linear(12, 6)
x = weft.tensor([features(counts, last) for counts, last, _ in examples], dtype=weft.float32)
y = weft.tensor([following for _, _, following in examples])
descent = weft.optim.SGD(table.parameters(), lr=1.0)
for _ in range(100):
    descent.zero_grad()
    nn.functional.cross_entropy(table(x), y).backward()
    descent.step()

tokens = [lookup[word] for word in ("the", "cat", "and", "the", "dog")]
told = features(np.bincount(tokens, minlength=6), tokens[-1])
chances = table(weft.tensor([told], dtype=weft.float32)).softmax(-1)[0].detach().numpy()
print("the cat and the dog:", tokens)
for token, word in words.items():
    print(f"{token} {word:<5} {chances[token]:.2f}")
print("the cat and the dog", words[int(chances.argmax())])

# %% [markdown]
# The words became tokens, the network gave each token of the table a probability, and the largest,
# token 4, is "play". What is not in the table can neither be read nor written. Everything a
# language model writes, it writes like this: one class after the other.
#
# ## From a recurrent network to an encoder and a decoder
#
# Lesson 6 could do our task, in principle: an RNN or LSTM reads the source to its end, and from
# the state in which it ends, a second one writes. But this one state must hold the whole source,
# however long it is. The cure was to let the writer look back at *every* state of the reader; that
# is what attention (lesson 7) was invented for. The Transformer then dropped the recurrence:
#
# - The **encoder** looks at all of the source at once, forwards and backwards: no causal mask.
# - The **decoder** is a GPT: it sees what it has written so far, and not what comes.
# - In each of its layers there is one more attention: queries from the decoder, keys and values
#   from what the encoder made of the source. This is **cross-attention**.
#
# ## Dates
#
# Weft has a corpus of dates: each day of two centuries, once, in one of many spellings.

# %%
from weft.data import dates

pairs = list(dates.pairs())
for spelling, iso in pairs[:8]:
    print(f"{spelling:<34} {iso}")
train, held_out = pairs[:-2000], pairs[-2000:]
known = {iso for _, iso in train}
print(f"{len(train):,} to learn from, {len(held_out):,} held out;",
      "days in both:", sum(iso in known for _, iso in held_out))  # fmt: skip

# %% [markdown]
# No day that is held out was ever seen. So a model that learns the list by heart gets none of them
# right; it has to learn how dates are written.
#
# ## Teacher forcing
#
# A token is a character here. While it trains, the decoder does not read its own, at first hopeless
# writing, but the right target moved back by one place: a mark for the beginning comes first, and
# at each place it guesses what comes next. All guesses are made in one pass, because the causal
# mask hides the answers. Our mark for the beginning is a tab, for the end a line end.

# %%
from weft.data import marks_of, pad, pair_numbers
from weft.tokenizers import CharacterTokenizer

tokenizer = CharacterTokenizer.train(f"{source}\t{target}\n" for source, target in pairs)
marks = marks_of(tokenizer)
ids = [(tokenizer.encode(source), tokenizer.encode(target)) for source, target in pairs]
train_ids, held_out_ids = ids[:-2000], ids[-2000:]

batch = pad(train_ids[6:8], marks)
print("source ", *(repr(tokenizer.decode(row.tolist())) for row in batch.source))
print("lengths", batch.lengths)
print("reads  ", repr(tokenizer.decode(batch.tokens[0].tolist())))
print("guesses", repr(tokenizer.decode(batch.targets[0].tolist())))

# %% [markdown]
# The first source is shorter than the second, so it is filled up with token 0, which happens to be
# the tab. That must not change what the model makes of it: no query looks at a place beyond the
# length. A test of Weft puts other tokens there and compares all bits of the result.
#
# ## Where am I?
#
# Attention does not know order (lesson 7). The paper adds waves to the embeddings, each of another
# length: the fast ones tell neighbours apart, the slow ones the beginning from the end.

# %%
from weft.config import EncoderDecoderConfig
from weft.lessons import check, draw
from weft.models import EncoderDecoder
from weft.random import Generator

config = EncoderDecoderConfig(vocab_size=tokenizer.vocab_size, n_layer=2, n_head=4, n_embd=64)
model = EncoderDecoder(config, Generator(0))
print(f"{sum(p.numel() for p in model.parameters()):,} weights")


def waves(axes):
    axes.imshow(model.waves.numpy().T, aspect="auto", cmap="RdBu")
    axes.set(xlabel="position", ylabel="number of the embedding")


draw(waves)

# %% [markdown]
# ## Training
#
# 1,600 steps of 64 pairs. The pairs of a step have about the same length (`pair_numbers` sees to
# it), so that little time goes into padding; the paper did the same.

# %% tags=["trains"]
from weft.optim import AdamW

STEPS = 1600
optimizer = AdamW(model.parameters(), lr=4e-3, betas=(0.9, 0.98), weight_decay=0.01)
lengths = np.array([len(source) for source, _ in train_ids])
losses = []
for step in range(STEPS):
    batch = pad([train_ids[i] for i in pair_numbers(lengths, step, 1, 64)], marks)
    loss = model.loss(batch.tokens, batch.targets, source=(batch.source, batch.lengths))
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    rise, fall = min(1, (step + 1) / 200), 0.55 + 0.45 * np.cos(np.pi * step / STEPS)
    optimizer.param_groups[0]["lr"] = 4e-3 * rise * fall
    optimizer.step()
    optimizer.zero_grad()
    losses.append(loss.item())
model.eval()
for first in (0, 100, 400, 1500):
    print(f"steps {first:>4} to {first + 100:>4}: loss {np.mean(losses[first : first + 100]):.2f}")

# %% [markdown]
# ## Greedy
#
# Now it must write by itself. The source is encoded **once**; the state that comes back has the
# encoder's keys and values, and it keeps the decoder's own (the cache of lesson 10). The likeliest
# token is taken, again and again, until the line ends.

# %%
from weft.sampling import greedy_rows


def write_all(pairs):
    batch = pad(pairs, marks)
    with weft.no_grad():
        state = model.encode(batch.source, batch.lengths)
        rows = greedy_rows(lambda t: model(t, state).numpy()[:, -1], *marks, len(pairs), 11)
    return [tokenizer.decode(row) for row in rows]


written = [text for i in range(0, 2000, 250) for text in write_all(held_out_ids[i : i + 250])]
right = [text == iso for text, (_, iso) in zip(written, held_out, strict=True)]
print(f"right to the last figure: {100 * np.mean(right):.1f} % of 2,000 new days")
print("at least 98.5 %:", np.mean(right) >= 0.985)
for text, (spelling, _) in list(zip(written, held_out, strict=True))[:5]:
    print(f"{spelling:<34} {text}")

# %% [markdown]
# ## Beams
#
# Greedy decoding may regret a figure. A beam search (lesson 11) keeps several beginnings, here
# four, and takes the target that is likeliest as a whole. Where the model is nearly certain, as
# here, the two agree nearly always.

# %%
from weft.inference.beam import BeamSearch
from weft.inference.pairs import SourceDecoder
from weft.sampling import Sampling


def write_with_beams(source, beams=4):
    search = BeamSearch(SourceDecoder(model, source), [marks.begin], block_size=64, max_tokens=11,
                        sampling=Sampling(), beams=beams, end=marks.end)  # fmt: skip
    return tokenizer.decode(list(search))


best = [write_with_beams(source) for source, _ in held_out_ids[:100]]
same = sum(a == b for a, b in zip(best, written, strict=False))
print(f"greedy and four beams agree on {same} of 100")

# %% [markdown]
# ## Where does it look?
#
# Cross-attention can be watched. We take the decoder apart, layer by layer, and keep the weights
# with which each figure that is written looks at the letters of the source.


# %%
def looks(spelling, iso):  # (figures, letters), the mean over the heads of the last layer
    source, target = tokenizer.encode(spelling), tokenizer.encode(iso)
    with weft.no_grad():
        memory, _ = model.look_at(np.array([source]), None)
        x = model.embed(np.array([[marks.begin, *target[:-1]]]), 0)
        for block, (keys, values) in zip(model.decoder, memory, strict=True):
            x = block.add(block.norm_1, block.attention, x)
            q = block.cross_attention.query(block.norm_3(x)).numpy().reshape(len(target), 4, 16)
            scores = np.einsum("thd,shd->hts", q, keys.numpy()[0]) / 4  # (H, T, S), √D = 4
            weights = np.exp(scores - scores.max(-1, keepdims=True))
            x = block.add(block.norm_3, block.cross_attention, x, (keys, values))
            x = block.add(block.norm_2, block.feed_forward, x)
    return (weights / weights.sum(-1, keepdims=True)).mean(0)


spelling, iso = "Tuesday, the third of March, 2021", "2021-03-03"
image = looks(spelling, iso)


def where(axes):
    axes.imshow(image, cmap="Blues", aspect="auto")
    axes.set(xticks=range(len(spelling)), yticks=range(len(iso)), ylabel="is written")
    axes.set_xticklabels(list(spelling))
    axes.set_yticklabels(list(iso))


draw(where)
print("each row adds up to 1:", np.allclose(image.sum(-1), 1, atol=1e-5))

# %% [markdown]
# Each figure looks at the letters that decide it: the last ones of the year at themselves, the
# month's at "Mar", the day's at "third". Nobody told the model where they are. (The third of March
# 2021 was a Wednesday. The model does not mind: it was never shown a wrong weekday, and has learned
# that it need not look.)
#
# On the command line, the same is `weft train dates --model encoder-decoder`, then
# `weft generate RUN "3 march 2021"`; any file of lines `source<TAB>target` will do for DATA.
#
# ## Questions
#
# 1. Why may the encoder look ahead, and the decoder not?
# 2. "03/04/2021": the third of April, or the fourth of March? What does the model say, and why?
# 3. Why is the source encoded only once, though ten figures are written?
#
# ## Exercise: write it yourself
#
# `step(token)` gives the probabilities of the next token (V) after one more token, for one source.
# Write the target greedily: begin with `marks.begin`, take the likeliest token each time, stop at
# `marks.end`, which does not belong to the text, or after `most` tokens. Return the list of tokens.


# %% tags=["exercise"]
def write(step, most=11):
    return []


# %% tags=["check"]
def writer(source):
    state = model.encode(np.array([source]))

    def step(token):
        with weft.no_grad():
            return model(np.array([[token]]), state).softmax(-1).numpy()[0, -1]

    return step


some = held_out_ids[:5]
check("five days", lambda: [tokenizer.decode(write(writer(s))) for s, _ in some], written[:5])

# %% [markdown] tags=["answer"]
# <details><summary>Answer</summary>
#
# ```python
# def write(step, most=11):
#     tokens = [marks.begin]
#     while len(tokens) <= most:
#         token = int(step(tokens[-1]).argmax())
#         if token == marks.end:
#             break
#         tokens.append(token)
#     return tokens[1:]
# ```
#
# Questions: the source is known to its end before the first figure is written, but the target is
# not. With slashes our corpus puts the month first, so it is the fourth of March: the model has no
# other choice than the custom of those who taught it. And the encoder does not see the target, so
# what it makes of the source stays the same all the while.
#
# </details>
