"""Makes openai/ beside this file: a tiny model in OpenAI's layout, by TensorFlow itself.

    python make_openai.py        (tensorflow 2.21; wants encoder.json and vocab.bpe in openai/)

Two data files, more than ten layers, variables of an optimiser, and the logits that TensorFlow
computes with the formulas of GPT-2.
"""

import json
import math
import os
from pathlib import Path

import numpy as np
import tensorflow as tf

FOLDER = Path(__file__).parent / "openai"
V, T, C, H, L = 260, 5, 4, 2, 11


def variables():
    rng = np.random.default_rng(0)
    shapes = {"wte": (V, C), "wpe": (T, C), "ln_f/g": (C,), "ln_f/b": (C,)}
    for i in range(L):
        shapes |= {f"h{i}/{norm}/{p}": (C,) for norm in ("ln_1", "ln_2") for p in "gb"}
        for name, into, out in [
            ("attn/c_attn", C, 3 * C), ("attn/c_proj", C, C),
            ("mlp/c_fc", C, 4 * C), ("mlp/c_proj", 4 * C, C),
        ]:  # fmt: skip
            shapes |= {f"h{i}/{name}/w": (1, into, out), f"h{i}/{name}/b": (out,)}
    return {
        f"model/{name}": rng.normal(0.5 if name.endswith("/g") else 0, 0.5, shape).astype("f4")
        for name, shape in shapes.items()
    }


def norm(x, v, name):
    mean, variance = tf.nn.moments(x, [-1], keepdims=True)
    return (x - mean) * tf.math.rsqrt(variance + 1e-5) * v[name + "/g"] + v[name + "/b"]


def linear(x, v, name):
    return tf.squeeze(tf.nn.conv1d(x, v[name + "/w"], 1, "VALID"), []) + v[name + "/b"]


def logits(tokens, v):
    x = tf.gather(v["model/wte"], tokens) + v["model/wpe"][: tokens.shape[1]]
    for i in range(L):
        h = f"model/h{i}"
        parts = tf.split(linear(norm(x, v, h + "/ln_1"), v, h + "/attn/c_attn"), 3, axis=2)
        q, k, value = (
            tf.transpose(tf.reshape(p, [*p.shape[:2], H, C // H]), [0, 2, 1, 3]) for p in parts
        )
        mask = tf.linalg.band_part(tf.ones([tokens.shape[1]] * 2), -1, 0)
        w = tf.matmul(q, k, transpose_b=True) / math.sqrt(C // H)
        w = tf.nn.softmax(w * mask - 1e10 * (1 - mask))
        a = tf.transpose(tf.matmul(w, value), [0, 2, 1, 3])
        x += linear(tf.reshape(a, x.shape), v, h + "/attn/c_proj")
        u = linear(norm(x, v, h + "/ln_2"), v, h + "/mlp/c_fc")
        u = 0.5 * u * (1 + tf.tanh(math.sqrt(2 / math.pi) * (u + 0.044715 * u**3)))
        x += linear(u, v, h + "/mlp/c_proj")
    return tf.matmul(norm(x, v, "model/ln_f"), v["model/wte"], transpose_b=True)


def main():
    v = variables()
    tokens = np.random.default_rng(1).integers(0, V, (2, T))
    np.save(FOLDER / "tokens.npy", tokens)
    np.save(FOLDER / "logits.npy", logits(tokens, v).numpy())
    saved = {**v, "global_step": np.int64(7)}
    names = sorted(saved)
    parts = []
    for i, half in enumerate((names[::2], names[1::2])):
        parts.append(str(FOLDER / f"part{i}"))
        slices = [""] * len(half)
        tf.raw_ops.SaveV2(
            prefix=parts[-1], tensor_names=half, shape_and_slices=slices,
            tensors=[tf.constant(saved[name]) for name in half],
        )  # fmt: skip
    tf.raw_ops.MergeV2Checkpoints(
        checkpoint_prefixes=parts, destination_prefix=str(FOLDER / "model.ckpt")
    )
    (FOLDER / "checkpoint").write_text(
        'model_checkpoint_path: "model.ckpt"\nall_model_checkpoint_paths: "model.ckpt"\n'
    )
    hparams = {"n_vocab": V, "n_ctx": T, "n_embd": C, "n_head": H, "n_layer": L}
    (FOLDER / "hparams.json").write_text(json.dumps(hparams) + "\n")
    for stray in FOLDER.glob("part*"):
        os.remove(stray)


main()
