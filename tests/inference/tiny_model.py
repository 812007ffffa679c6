"""A tiny model with random weights, in memory and as a run folder."""

import numpy as np

from weft.checkpoint import RunFolder, save_checkpoint
from weft.config import ModelConfig, to_dict, write_toml
from weft.inference import LoadedModel
from weft.models import GPT
from weft.random import Generator
from weft.tokenizers import CharacterTokenizer

LETTERS = "\n abcdefghijklmnopqrstuvwxyz"


def tiny(arch="gpt2", block_size=16, seed=1, **options):
    tokenizer = CharacterTokenizer.train([LETTERS])
    sizes = dict(vocab_size=tokenizer.vocab_size, n_layer=2, n_head=2, n_embd=16)
    config = ModelConfig(arch=arch, block_size=block_size, **(sizes | options))
    model = GPT(config, Generator(seed)).eval()
    for parameter in model.parameters():
        parameter.array *= 10 if parameter.ndim == 2 else 1  # so that the logits differ clearly
    return LoadedModel(model, tokenizer, config, path=None, step=0)


def save_run(path, loaded, losses=(2.0,)):
    """A run folder as training leaves it, with one checkpoint for each validation loss."""
    run = RunFolder(path)
    run.create()
    write_toml(run.config_path, {"model": to_dict(loaded.config)})
    run.metrics_path.write_text('{"step": 1, "train_loss": 3.0}\n')
    for i, loss in enumerate(losses, 1):
        arrays = {n: p.array + np.float32(i) / 100 for n, p in loaded.model.named_parameters()}
        save_checkpoint(
            run,
            100 * i,
            config=to_dict(loaded.config),
            tokenizer_json=loaded.tokenizer.to_json(),
            model=arrays,
            optimizer={},
            state={"val_loss": loss},
        )
    return run
