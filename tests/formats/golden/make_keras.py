"""Makes keras/ beside this file: a tiny model like that of "Coding GPT from scratch", by Keras.

    python make_keras.py                                (keras 3.15 on tensorflow 2.21)
    TF_USE_LEGACY_KERAS=1 python make_keras.py          (tf_keras 2.21, for the older layout)

Each writes its weights file and the logits that it computes for tokens.npy.
"""

import os
from pathlib import Path

import numpy as np
import tensorflow as tf

FOLDER = Path(__file__).parent / "keras"
V, T, C, H, L = 7, 5, 8, 2, 11
layers = tf.keras.layers


class Head(layers.Layer):
    def __init__(self, size):
        super().__init__()
        self.key = layers.Dense(size, use_bias=False)
        self.query = layers.Dense(size, use_bias=False)
        self.value = layers.Dense(size, use_bias=False)
        self.dropout = layers.Dropout(0.2)

    def call(self, x):
        k, q = self.key(x), self.query(x)
        w = tf.matmul(q, k, transpose_b=True) * (k.shape[-1] ** -0.5)
        mask = tf.linalg.band_part(tf.ones((x.shape[1], x.shape[1])), -1, 0)
        w = self.dropout(tf.nn.softmax(tf.where(mask == 0, float("-inf"), w)))
        return tf.matmul(w, self.value(x))


class MultiHeadAttention(layers.Layer):
    def __init__(self):
        super().__init__()
        self.heads = [Head(C // H) for _ in range(H)]
        self.proj = layers.Dense(C)
        self.dropout = layers.Dropout(0.2)

    def call(self, x):
        return self.dropout(self.proj(tf.concat([head(x) for head in self.heads], -1)))


class FeedForward(layers.Layer):
    def __init__(self):
        super().__init__()
        self.net = tf.keras.Sequential(
            [layers.Dense(4 * C), layers.ReLU(), layers.Dense(C), layers.Dropout(0.2)]
        )

    def call(self, x):
        return self.net(x)


class Block(layers.Layer):
    def __init__(self):
        super().__init__()
        self.sa = MultiHeadAttention()
        self.ffwd = FeedForward()
        self.ln1 = layers.LayerNormalization(epsilon=1e-6)
        self.ln2 = layers.LayerNormalization(epsilon=1e-6)

    def call(self, x):
        x = x + self.sa(self.ln1(x))
        return x + self.ffwd(self.ln2(x))


class GPTLanguageModel(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.token_embedding_table = layers.Embedding(V, C)
        self.position_embedding_table = layers.Embedding(T, C)
        self.blocks = tf.keras.Sequential([Block() for _ in range(L)])
        self.ln_f = layers.LayerNormalization(epsilon=1e-6)
        self.lm_head = layers.Dense(V)

    def call(self, tokens):
        x = self.token_embedding_table(tokens)
        x = x + self.position_embedding_table(tf.range(tokens.shape[1]))
        return self.lm_head(self.ln_f(self.blocks(x)))


def main():
    old = os.environ.get("TF_USE_LEGACY_KERAS") == "1"
    FOLDER.mkdir(exist_ok=True)
    tokens = np.random.default_rng(1).integers(0, V, (2, T))
    model = GPTLanguageModel()
    model(tokens)
    rng = np.random.default_rng(2 if old else 3)
    for weight in model.weights:
        weight.assign(rng.normal(0.0 if len(weight.shape) > 1 else 0.5, 0.4, weight.shape))
    name = "gpt_model_weights.h5" if old else "gpt.weights.h5"
    model.save_weights(FOLDER / name if not old else str(FOLDER / name))
    np.save(FOLDER / "tokens.npy", tokens)
    np.save(FOLDER / f"{name}.logits.npy", model(tokens).numpy())


main()
