"""The peer: the training step of a GPT-2 in Keras on TensorFlow, as fast as it gets there.

The whole step is one `tf.function`: forward, backward, clipping by the norm, AdamW with two groups.
float32, or Keras's mixed_bfloat16. It runs in a Python that has Keras and TensorFlow, and imports
nothing of Weft.
"""

from __future__ import annotations

import os
from typing import Any

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf
from keras import layers, ops


class Attention(layers.Layer):
    """Causal self-attention of all heads at once, with dropout on its weights."""

    def __init__(self, heads: int, width: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.size = heads, width // heads
        self.qkv, self.out = layers.Dense(3 * width), layers.Dense(width)
        self.drop = layers.Dropout(dropout)

    def call(self, x: Any) -> Any:  # (B, T, C) -> (B, T, C)
        B, T, C = x.shape
        split = ops.reshape(self.qkv(x), (B, T, 3, self.heads, self.size))
        q, k, v = ops.unstack(ops.transpose(split, (2, 0, 3, 1, 4)))
        scores = ops.matmul(q * self.size**-0.5, ops.swapaxes(k, -1, -2))
        hidden = ops.cast(ops.triu(ops.full((T, T), -1e9), 1), scores.dtype)
        y = ops.matmul(self.drop(ops.softmax(scores + hidden)), v)
        return self.out(ops.reshape(ops.swapaxes(y, 1, 2), (B, T, C)))


class Block(layers.Layer):
    """Attention and MLP, each behind its norm."""

    def __init__(self, heads: int, width: int, dropout: float, eps: float) -> None:
        super().__init__()
        self.norm_1, self.norm_2 = (layers.LayerNormalization(epsilon=eps) for _ in range(2))
        self.attention = Attention(heads, width, dropout)
        self.up, self.down = layers.Dense(4 * width), layers.Dense(width)
        self.drop = layers.Dropout(dropout)

    def call(self, x: Any) -> Any:  # (B, T, C) -> (B, T, C)
        x = x + self.drop(self.attention(self.norm_1(x)))
        inner = ops.gelu(self.up(self.norm_2(x)), approximate=True)
        return x + self.drop(self.down(inner))


class GPT(keras.Model):
    """A GPT-2 with tied embeddings; the same number of parameters as Weft's."""

    def __init__(
        self, V: int, T: int, L: int, heads: int, width: int, dropout: float, eps: float
    ) -> None:
        super().__init__()
        start = keras.initializers.RandomNormal(stddev=0.02)
        self.token = layers.Embedding(V, width, embeddings_initializer=start)
        self.position = layers.Embedding(T, width, embeddings_initializer=start)
        self.drop = layers.Dropout(dropout)
        self.blocks = [Block(heads, width, dropout, eps) for _ in range(L)]
        self.norm = layers.LayerNormalization(epsilon=eps)

    def call(self, x: Any) -> Any:  # (B, T) -> (B, T, V)
        h = self.drop(self.token(x) + self.position(ops.arange(x.shape[1])))
        for block in self.blocks:
            h = block(h)
        h = self.norm(h)
        return ops.matmul(h, ops.transpose(ops.cast(self.token.embeddings, h.dtype)))


class KerasStep:
    """Call it to take a step; returns the loss."""

    def __init__(self, model: GPT, batch_size: int, T: int, V: int, jit: bool) -> None:
        self.model = model
        self.x, self.y = (
            tf.random.uniform((batch_size, T), maxval=V, dtype=tf.int32) for _ in range(2)
        )
        model(self.x)  # makes the weights
        self.optimizer = keras.optimizers.AdamW(
            1e-3, weight_decay=0.1, beta_1=0.9, beta_2=0.99, epsilon=1e-8, global_clipnorm=1.0
        )
        weights = model.trainable_variables
        self.optimizer.exclude_from_weight_decay([w for w in weights if len(w.shape) < 2])
        self.optimizer.build(weights)
        self.step = tf.function(self._step, jit_compile=jit)

    def __call__(self) -> float:
        return float(self.step())

    def _step(self) -> Any:
        weights = self.model.trainable_variables
        with tf.GradientTape() as tape:
            logits = ops.cast(self.model(self.x, training=True), "float32")
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(self.y, logits)
            loss = tf.reduce_mean(losses)
        gradients = tape.gradient(loss, [w.value for w in weights])
        self.optimizer.apply(gradients, weights)
        return loss


def make_step(
    vocab_size: int,
    block_size: int,
    n_layer: int,
    n_head: int,
    n_embd: int,
    dropout: float,
    norm_eps: float,
    batch_size: int,
    bf16: bool = False,
    jit: bool = False,
) -> KerasStep:
    """The step of a model of these sizes; see src/weft/cli/bench_child.py."""
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy("mixed_bfloat16" if bf16 else "float32")
    model = GPT(vocab_size, block_size, n_layer, n_head, n_embd, dropout, norm_eps)
    return KerasStep(model, batch_size, block_size, vocab_size, jit)
