"""The over-fitting of a GPT on tiny Shakespeare and its cure, from a finished run to a page.

    weft train shakespeare --out runs/blog ...     the command is COMMAND below
    python benchmarks/overfitting.py runs/blog

writes overfitting.md, overfitting.json (the curve) and overfitting.svg into docs/. The old log is
that of the tutorial which Weft's fourth ancestor is: the same model, at a constant rate of 3e-4.
"""

import argparse
import json
import math
import textwrap
from pathlib import Path
from typing import Any

from weft.config import read_toml
from weft.runlog import read_metrics

COMMAND = (
    "weft train shakespeare --out runs/blog --n-layer 6 --n-head 6 --n-embd 384 --block-size 256 "
    "--activation relu --tie-embeddings false --dropout 0.2 --batch-size 32 --optimizer muon "
    "--muon-learning-rate 0.02 --learning-rate 0.001 --schedule wsd --decay-fraction 0.6 "
    "--warmup-steps 50 --steps 1300 --eval-interval 100"
)
# step, training loss, validation loss; batches of 64, dropout 0.2, Adam at 3e-4 throughout
OLD = [
    (0, 4.5158, 4.5177),
    (500, 1.9006, 2.0083),
    (1000, 1.4417, 1.6584),
    (1500, 1.2854, 1.5992),
    (2000, 1.1676, 1.5936),
    (2500, 1.0419, 1.6674),
    (4999, 0.3497, 2.9876),
]
OLD_BATCH, BEST_KNOWN = 64, 1.4697
DOCS = Path(__file__).parents[1] / "docs"
STRETCH = 50  # steps whose training losses are averaged


def curve(run: Path) -> list[dict[str, float]]:
    """The run's evaluations: step, tokens, seconds, validation and mean training loss."""
    records = read_metrics(run / "metrics.jsonl")
    points = []
    for i, record in enumerate(records):
        if record.get("val_loss") is not None:
            near = [r["train_loss"] for r in records[max(0, i + 1 - STRETCH) : i + 1]]
            kept = {key: record[key] for key in ("step", "tokens", "seconds", "val_loss")}
            points.append({**kept, "train_loss": math.fsum(near) / len(near)})
    return points


def document(values: dict[str, Any]) -> str:
    """The document."""
    points, per_pass = values["points"], values["training_tokens"]
    block_size = values["config"]["model"]["block_size"]
    best, last, end = min(OLD, key=lambda row: row[2]), OLD[-1], points[-1]
    old_passes = [step * OLD_BATCH * block_size / per_pass for step, _, _ in OLD]
    near = min(points, key=lambda p: abs(p["tokens"] / per_pass - old_passes[1]))
    paragraphs = {
        "problem": f"""A GPT of 10.8 million weights on a million characters of Shakespeare can
            learn the text by heart, and it does. The tutorial that trains it at a constant learning
            rate sees its validation loss fall to {best[2]:.4f} at step {best[0]:,}, and rise from
            there to {last[2]:.4f}, while the training loss goes on falling. It leaves the cure as
            homework. The lowest that nanoGPT reports for this size and text is {BEST_KNOWN}.""",
        "result": f"""It ends at **{values["whole_split"]:.4f}** on the whole validation split,
            {best[2] - values["whole_split"]:.2f} below the tutorial's best, after
            {end["seconds"] / 60:.0f} minutes on two busy cores.""",
        "cure": f"""What cures it is to stop before the text is known by heart, and to make the most
            of the passes until then: {end["tokens"] / per_pass:.0f} over the text instead of
            {old_passes[-1]:.0f}. The matrices learn by Muon and the rest by AdamW, at higher rates:
            after {near["tokens"] / per_pass:.0f} passes the validation loss is
            {near["val_loss"]:.2f} instead of {OLD[1][2]:.2f}. Then the rates fall to a tenth, over
            the last three fifths of the run. Dropout was there before.""",
        "table": f"""All of the validation split is read for each row; training losses are means of
            {STRETCH} steps, with dropout on. The tutorial's own log:""",
    }
    said = {name: textwrap.fill(" ".join(text.split()), 100) for name, text in paragraphs.items()}
    head = "| step | passes over the text | training loss | validation loss |\n|--:|--:|--:|--:|"
    rows = [_row(p["step"], p["tokens"] / per_pass, p["train_loss"], p["val_loss"]) for p in points]
    old = [_row(o[0], passes, *o[1:]) for o, passes in zip(OLD, old_passes, strict=True)]
    parts = [
        "# Over-fitting, and its cure",
        said["problem"],
        "The same model (6 layers, 6 heads, width 384, ReLU, dropout 0.2, context 256) again:",
        f"```console\n$ {COMMAND}\n```",
        said["result"],
        "![Losses against passes over the text](overfitting.svg)",
        said["cure"],
        "\n".join([head, *rows]),
        said["table"],
        "\n".join([head, *old]),
        "`benchmarks/overfitting.py` makes this page and its picture from the run.",
    ]
    return "\n\n".join(parts) + "\n"


def _row(step: float, passes: float, train: float, val: float) -> str:
    return f"| {step:,.0f} | {passes:.1f} | {train:.4f} | {val:.4f} |"


def plot(points: list[dict[str, float]], train_tokens: int, block_size: int, path: Path) -> None:
    """Both runs' losses against passes over the text."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "weft"  # the same file from the same figures
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    passes = [p["tokens"] / train_tokens for p in points]
    for key, style in (("train_loss", "--"), ("val_loss", "-")):
        axes.plot(passes, [p[key] for p in points], style, color="#c44e52", linewidth=1.8)
    old = [step * OLD_BATCH * block_size / train_tokens for step, _, _ in OLD]
    for column, style in ((1, "--"), (2, "-")):
        axes.plot(old[1:], [row[column] for row in OLD[1:]], style, color="#777777", linewidth=1.5)
    axes.plot([], [], color="#c44e52", label="cured")
    axes.plot([], [], color="#777777", label="constant rate (its published log)")
    axes.plot([], [], "-", color="black", label="validation")
    axes.plot([], [], "--", color="black", label="training")
    axes.axhline(BEST_KNOWN, color="#4c78a8", linewidth=0.8)
    axes.text(old[-1], BEST_KNOWN, f"{BEST_KNOWN}", ha="right", va="bottom", color="#4c78a8")
    axes.set_xscale("log")
    axes.set_xticks([1, 2, 5, 10, 20, 50], ["1", "2", "5", "10", "20", "50"])
    axes.set_xticks([], minor=True)
    axes.set_ylim(0.3, 3.1)
    axes.set_xlabel("passes over the training text")
    axes.set_ylabel("nats per character")
    axes.legend(frameon=False, fontsize=9)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description="A finished run to docs/overfitting.md.")
    parser.add_argument("run", type=Path, help="run folder of the command above")
    parser.add_argument("--out", type=Path, default=DOCS, help="folder to write into")
    options = parser.parse_args()
    from weft.cli.ladder import validation_score
    from weft.inference import load

    stored: dict[str, Any] = read_toml(options.run / "config.toml")
    stored["train"] |= {"data": "shakespeare", "out": "runs/blog"}
    score, per_pass = validation_score(options.run, load(options.run))
    points = curve(options.run)
    values = {
        "points": points,
        "whole_split": score.loss,
        "training_tokens": per_pass,
        "config": stored,
    }
    options.out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(values, indent=1)
    (options.out / "overfitting.json").write_text(text + "\n", encoding="utf-8")
    (options.out / "overfitting.md").write_text(document(values), encoding="utf-8")
    plot(points, per_pass, stored["model"]["block_size"], options.out / "overfitting.svg")


if __name__ == "__main__":
    main()
