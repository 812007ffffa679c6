"""What each verb that reads a model prints, for people and as JSON."""

import io
import math
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from tiny_model import LETTERS, save_run, tiny

import weft as package
from weft.cli import bench_compare, bench_generate, bench_kernels
from weft.config import ModelConfig
from weft.data import write_shard
from weft.kernels import active


class Stdin(io.TextIOWrapper):
    def __init__(self, data):
        super().__init__(io.BytesIO(data), encoding="utf-8")


@pytest.fixture
def stdin(monkeypatch):
    return lambda data: monkeypatch.setattr(sys, "stdin", Stdin(data))


# ----- generate


def test_generate_prints_the_prompt_and_what_the_api_gives(weft, run_folder):
    ran = weft("generate", run_folder, "once", "--max-tokens", 9, "--seed", 4)
    text = package.load(run_folder).generate("once", max_tokens=9, seed=4)
    assert (ran.code, ran.out, ran.err) == (0, f"once{text}\n", "")
    assert weft("generate", run_folder, "once", "--max-tokens=9", "--seed=4").out == ran.out
    bare = weft("generate", run_folder, "once", "--max-tokens=9", "--seed=4", "--no-echo")
    assert bare.out == f"{text}\n"


def test_generate_as_json(weft, run_folder):
    ran = weft("generate", run_folder, "once", "--samples", 2, "--seed", 4, "--json")
    first, second = ran.json["samples"]
    loaded = package.load(run_folder)
    assert first["text"] == loaded.generate("once", seed=4)
    assert second["text"] == loaded.generate("once", seed=5)
    assert (first["prompt_tokens"], first["tokens"], first["finish_reason"]) == (4, 256, "length")
    assert ran.json["prompt"] == "once" and second["seed"] == 5


def test_generate_says_what_the_text_does_not_show(weft, run_folder):
    long = weft("generate", run_folder, "once", "--max-tokens", 40)
    assert "past the context of 16 tokens the model saw its last 8 to 16 only" in long.err
    stopped = weft("generate", run_folder, "once", "--max-tokens", 40, "--overflow", "stop")
    assert "stopped at the end of the context of 16 tokens" in stopped.err
    assert len(stopped.out) == len("once") + 13 + 1
    cut = weft("generate", run_folder, LETTERS, "--truncate", "left", "--max-tokens", 3)
    assert "dropped the first" in cut.err


def test_generate_keeps_a_prompt_in_a_file(weft, run_folder, tmp_path):
    file = tmp_path / "once"
    words = ["generate", run_folder, "once upon", "--max-tokens", 5, "--cache", "int8"]
    plain = weft(*words)
    for _ in range(2):
        ran = weft(*words, "--prompt-cache", file)
        assert (ran.code, ran.out, ran.err) == (0, plain.out, "")
    refused = weft(*words[:-2], "--prompt-cache", file)
    assert refused.code == 2
    assert refused.error == (
        f"the prompt cache is in int8, not float32; {file}; pass --cache int8, or remove the file"
    )
    file.write_bytes(file.read_bytes()[:-1])
    assert weft(*words, "--prompt-cache", file).code == 3


def test_generate_reads_a_prompt_from_stdin_and_stops_at_a_text(weft, run_folder, stdin):
    stdin(b"once")
    ran = weft("generate", run_folder, "-", "--max-tokens", 9, "--seed", 4, "--json")
    whole = ran.json["samples"][0]["text"]
    stop = whole[4:6]
    cut = weft("generate", run_folder, "once", "--seed=4", "--stop", stop, "--stop=zq", "--json")
    assert cut.json["samples"][0]["text"] == whole[: whole.index(stop)]
    assert cut.json["samples"][0]["finish_reason"] == "stop"


def test_generate_starts_a_text_of_its_own_without_a_prompt(weft, run_folder):
    assert len(weft("generate", run_folder, "--max-tokens", 5).out) == 6
    assert weft("generate", run_folder, "--", "-x").code == 1  # the prompt "-x" has a strange sign


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (["a" * 17], 2, "the prompt has 17 tokens, and the model's context is 16; generate; short"),
        (["é"], 1, r"unknown character '\xe9' (U+00E9); first at character 0"),
        (["a", "--temperature", "-1"], 2, "temperature = -1.0; sampling; give from 0 to 100"),
        (["a", "--temperature", "nan"], 2, "temperature = nan; sampling; give from 0 to 100"),
        (["a", "--top-k", "0"], 2, "top_k = 0; sampling; give a whole number, from 1"),
        (["a", "--top-p", "2"], 2, "top_p = 2.0; sampling; give above 0, to 1"),
        (["a", "--max-tokens", "0"], 2, "max_tokens = 0; generate; give 1 or more"),
        (["a", "--samples", "0"], 2, "samples = 0; generate; give 1 or more"),
        (["a", "--seed", "-1"], 2, "seed = -1; generate; give 0 to 4294967295"),
        (["a", "--stop", ""], 2, "stop = ['']; generate; give at most 64 texts"),
    ],
)
def test_generate_refuses(weft, run_folder, words, code, error):
    ran = weft("generate", run_folder, *words)
    assert ran.code == code and ran.error.startswith(error)
    assert weft("generate", run_folder, *words, "--json").json["error"]["message"]


# ----- models that cannot be read


def test_a_mistyped_run_names_the_nearest(weft, run_folder):
    ran = weft("generate", run_folder.with_name("tinny"), "a")
    assert ran.code == 1 and ran.error.endswith(f"did you mean {run_folder}?")


@pytest.mark.parametrize("verb", ["generate", "info"])
def test_an_altered_checkpoint_is_exit_code_3(weft, tmp_path, verb):
    folder = save_run(tmp_path / "run", tiny()).checkpoint_path(100)
    weights = folder / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-3] ^= 1
    weights.write_bytes(data)
    ran = weft(verb, folder)
    assert ran.code == 3 and "altered" in ran.error and str(weights) in ran.error
    ran = weft(verb, tmp_path / "run")
    assert ran.code == 3 and "none of 1 checkpoints can be read" in ran.err


# ----- eval


def test_eval_reads_the_whole_text_once(weft, run_folder, tmp_path):
    text = tmp_path / "a.txt"
    text.write_text("the quick brown fox jumps over the lazy dog\n" * 3)
    ran = weft("eval", run_folder, text, "--json")
    values = ran.json
    assert ran.code == 0 and values["tokens"] == 131 == values["bytes"]
    assert values["perplexity"] == pytest.approx(math.exp(values["loss"]))
    assert values["bits_per_byte"] == pytest.approx(values["loss"] / math.log(2))
    assert f"{values['loss']:.4f} nats per token" in weft("eval", run_folder, text).out
    slid = weft("eval", run_folder, text, "--stride", 1, "--json").json
    assert slid["tokens"] == 131 and slid["loss"] != values["loss"]


def test_eval_reads_token_shards_of_the_same_tokenizer(weft, run_folder, tmp_path):
    loaded, text = package.load(run_folder), "pack my box with five dozen jugs"
    (tmp_path / "a.txt").write_text(text)
    ids = loaded.tokenizer.encode_array(text)
    write_shard(tmp_path / "a.bin", [ids], loaded.tokenizer.vocab_size, loaded.tokenizer.hash)
    from_text, from_ids = (
        weft("eval", run_folder, tmp_path / name, "--json").json for name in ("a.txt", "a.bin")
    )
    assert from_ids["loss"] == from_text["loss"] and from_ids["bytes"] == from_text["bytes"]
    write_shard(tmp_path / "b.bin", [ids], loaded.tokenizer.vocab_size, "00" * 32)
    ran = weft("eval", run_folder, tmp_path / "b.bin")
    assert ran.code == 1 and "another tokenizer" in ran.error


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", "the text is empty"),
        (b"a", "the text is only one character"),
        (b" \n ", "the text is only whitespace"),
        (b"abc \xff def", "not UTF-8"),
        (b"\xff\xfea\x00b\x00", "UTF-16"),
        ("über".encode(), r"unknown character '\xfc'"),
    ],
)
def test_eval_refuses_what_is_no_text(weft, run_folder, tmp_path, data, error):
    path = tmp_path / "text"
    path.write_bytes(data)
    ran = weft("eval", run_folder, path)
    assert ran.code == 1 and error in ran.error


def test_eval_refuses_a_damaged_archive(weft, run_folder, tmp_path):
    path = tmp_path / "text"
    path.write_bytes(b"\x1f\x8b\x08" + bytes(40))
    ran = weft("eval", run_folder, path)
    assert ran.code == 3 and "gzip" in ran.error


def test_eval_refuses_a_stride_longer_than_the_context(weft, run_folder, tmp_path):
    (tmp_path / "a").write_text("some text")
    ran = weft("eval", run_folder, tmp_path / "a", "--stride", 17)
    assert ran.code == 2 and ran.error == "stride = 17; eval; give 1 to the context's length, 16"


# ----- info


def test_info_shows_the_tree_and_the_sums(weft, run_folder):
    ran = weft("info", run_folder)
    loaded = package.load(run_folder)
    count = sum(p.array.size for p in loaded.model.parameters())
    assert ran.code == 0 and f"{count:,} parameters" in ran.out
    assert "blocks" in ran.out and "(48, 16)" in ran.out and "step 200" in ran.out
    values = weft("info", run_folder, "--checkpoint", "latest", "--json").json
    assert values["step"] == 300 and values["parameters"] == count
    assert sum(t["parameters"] for t in values["tensors"]) == count
    assert values["memory_bytes"]["weights"] == {"float32": 4 * count, "bfloat16": 2 * count}
    # keys and values of 2 layers, 2 heads of 8, for a context of 16
    assert values["memory_bytes"]["cache_full"]["float32"] == 2 * 2 * 2 * 8 * 16 * 4
    tables = (len(LETTERS) + 16) * 16
    assert values["parameters_without_embeddings"] == count - tables
    assert values["config"]["n_embd"] == 16 and values["tokenizer"]["vocab_size"] == len(LETTERS)


def test_info_rows_add_up():
    from weft.cli.info import tree_rows

    shapes = {"a.b.w": (2, 3), "a.b.v": (4,), "a.c.w": (5,), "d": (7,)}
    shapes |= {f"e.{i}.w": (2,) for i in range(12)} | {"e.12.w": (3,)}
    rows = tree_rows(shapes)
    assert [(name.strip(), int(count)) for name, _, count in rows] == [
        ("a", 15), ("b", 10), ("w", 6), ("v", 4), ("c", 5), ("w", 5), ("d", 7),
        ("e", 27), ("0-11 (each)", 2), ("w", 2), ("12", 3), ("w", 3),
    ]  # fmt: skip
    assert rows[2][0] == "    w" and rows[2][1] == "(2, 3)"


# ----- tokenizer


@pytest.fixture(scope="module")
def bpe(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bpe")
    (folder / "text.txt").write_text("low lower lowest newer wider naïve 😀\n" * 20)
    return folder


def test_tokenizer_train_encode_decode(weft, bpe, stdin):
    out = bpe / "tokenizer"
    ran = weft("tokenizer", "train", bpe / "text.txt", "--out", out, "--vocab-size", 270, "--json")
    assert ran.code == 0 and ran.json["vocab_size"] == 270
    assert ran.json["path"] == str(out / "tokenizer.json")
    again = weft("tokenizer", "train", bpe / "text.txt", "--out", out)
    assert again.code == 2 and "there is a tokenizer already" in again.error
    assert weft("tokenizer", "train", bpe / "text.txt", "--out", out, "--overwrite").code == 0

    text = "lower naïve 😀<|endoftext|>"
    ids = weft("tokenizer", "encode", out, text)
    assert weft("tokenizer", "decode", out, *ids.out.split()).out == f"{text}\n"
    stdin(ids.out.replace(" ", ", ").encode())
    assert weft("tokenizer", "decode", out).out == f"{text}\n"
    stdin(text.encode())
    assert weft("tokenizer", "encode", out, "--json").json["ids"] == [*map(int, ids.out.split())]
    special = weft("tokenizer", "encode", out, text, "--allow-special", "--json").json
    assert len(special["ids"]) < len(ids.out.split())


def test_tokenizer_show_bars_or_colours_the_pieces(weft, run_folder, monkeypatch):
    plain = weft("tokenizer", "show", run_folder, "a b")
    assert plain.out.startswith("a| |b\n") and "3 tokens, 3 bytes, 1.00 bytes per" in plain.out
    assert "\x1b" not in plain.out
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert (
        "\x1b[30;42ma\x1b[0m\x1b[30;44m \x1b[0m" in weft("tokenizer", "show", run_folder, "a b").out
    )
    values = weft("tokenizer", "show", run_folder, "a b", "--json").json
    assert [token["text"] for token in values["tokens"]] == ["a", " ", "b"]


def test_tokenizer_show_gives_ids_lines_and_special_tokens(weft, bpe, monkeypatch):
    out = bpe / "shown"
    weft("tokenizer", "train", bpe / "text.txt", "--out", out, "--vocab-size", 290)
    words = ["tokenizer", "show", out, "low lower\n<|endoftext|>\n😀"]
    lines = weft(*words, "--allow-special").out.splitlines()
    assert lines[:2] == ["low| lower|\\n", "<|endoftext|>|\\n"]
    assert lines[2].replace("|", "") == r"\xf0\x9f\x98\x80"
    ids = weft("tokenizer", "encode", out, words[-1], "--allow-special").out.split()
    table = [line.split() for line in lines[5:-2]]
    assert [row[0] for row in table] == ids and table[1][1:] == ["'", "lower'"]
    assert lines[-1] == f"{len(ids)} tokens, 28 bytes, {28 / len(ids):.2f} bytes per token"
    assert "|<|endoftext|>|" not in weft(*words).out  # spelt in plain text

    monkeypatch.setenv("FORCE_COLOR", "1")
    painted = weft(*words, "--allow-special").out
    assert "\x1b[30;42mlow\x1b[0m\x1b[30;44m lower\x1b[0m" in painted
    assert "\x1b[30;44m' lower'\x1b[0m" in painted  # in the table in the same colour
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in weft(*words).out


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (
            ["train", "{text}", "--vocab-size", "256"],
            2,
            "vocab_size = 256; tokenizer train; give 257",
        ),
        (["train", "nowhere"], 1, "no such file or folder; nowhere"),
        (["encode", "nowhere", "a"], 2, "no such file; nowhere"),
        (["encode", "{run}", "é"], 1, "unknown character"),
        (["decode", "{run}", "999"], 1, "token 999 does not exist; ids are 0 to 27"),
        (["decode", "{run}", "1.5"], 2, "'1.5' is not an id; tokenizer decode"),
        (["decode", "{run}", "9" * 5000], 2, "'9999"),
    ],
)
def test_tokenizer_refuses(weft, run_folder, bpe, tmp_path, words, code, error, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = [w.format(run=run_folder, text=bpe / "text.txt") for w in words]
    ran = weft("tokenizer", *words)
    assert ran.code == code and ran.error.startswith(error)


def test_stdin_that_is_not_utf_8(weft, run_folder, stdin):
    stdin(b"abc\xff")
    ran = weft("tokenizer", "encode", run_folder)
    assert ran.code == 2 and ran.error.startswith("not UTF-8 text at byte 3; stdin")


# ----- doctor


def test_doctor_describes_the_machine(weft):
    ran = weft("doctor", "--json")
    assert ran.code == 0 and ran.json["missing"] == []
    assert ran.json["kernels"]["backend"] in ("native", "reference")
    assert ran.json["kernels"]["threads"] >= 1 and ran.json["memory_bytes"] > 1e8
    assert "numpy" in weft("doctor").out


def test_doctor_finds_nothing_wrong_with_a_good_run(weft, run_folder):
    ran = weft("doctor", run_folder)
    assert ran.code == 0 and ran.out.count("fine  ") == 4 and "BAD" not in ran.out


def test_doctor_says_what_is_wrong_with_a_run(weft, tmp_path):
    loaded = tiny()
    run = save_run(tmp_path / "run", loaded, losses=(2.0, 1.5, 1.8))
    (run.checkpoint_path(300) / "config.json").unlink()
    run.metrics_path.write_text('{"step": 1}\nnot json\n{"step": 3}\n')
    run.config_path.write_text("[train")
    run.data_path.mkdir()
    (run.data_path / "val.bin").write_bytes(b"WEFTTOKS short")
    loaded.model.norm.weight.array[0] = np.nan
    broken = save_run(tmp_path / "nan", loaded)
    ran = weft("doctor", run.path, "--json")
    assert ran.code == 3 and not ran.json["healthy"]
    bad = {f["what"] for f in ran.json["findings"] if not f["fine"]}
    assert bad == {
        "config.toml", "metrics.jsonl", "data/val.bin", "checkpoints/step-00000300"
    }  # fmt: skip
    assert "NaN or infinity in norm.weight" in weft("doctor", broken.path).out
    empty = weft("doctor", tmp_path)
    assert empty.code == 3 and "there is none" in empty.out
    assert weft("doctor", tmp_path / "nowhere").code == 1


# ----- bench


def test_bench_train_measures_whole_steps(weft):
    words = ["bench", "train", "--n-layer", 1, "--n-head", 2, "--n-embd", 16]
    words += ["--block-size", 8, "--batch-size", 2]
    ran = weft(*words, "--vocab-size", 11, "--steps", 1, "--dropout", 0.1, "--json")
    assert ran.code == 0
    values = ran.json
    assert {"milliseconds_per_step", "tokens_per_second", "gflops", "peak_fraction"} <= set(values)
    assert values["page_faults_per_step"] >= 0
    assert values["peak_memory_bytes"] > 10e6 and values["predicted_memory_bytes"] > 150e6
    assert values["tokens_per_second"] == pytest.approx(16e3 / values["milliseconds_per_step"])
    # one block of 12 C² and the output layer V C; attention 12 L C T
    assert values["flop_per_token"] == 6 * (12 * 16**2 + 11 * 16) + 12 * 16 * 8
    assert (
        "ms"
        in weft(
            *words,
            "--steps",
            1,
            "--arch",
            "llama",
            "--precision",
            "float32",
            "--checkpoint-gradients",
        ).out
    )


def test_bench_train_takes_turns_with_pytorch(weft, monkeypatch):
    words = ["bench", "train", "--n-layer", 1, "--n-head", 2, "--n-embd", 16, "--block-size", 8]
    words += ["--batch-size", 2, "--vocab-size", 11, "--compare", "torch", "--turns", 1]
    ran = weft(*words, "--arch", "llama")
    assert ran.code == 2 and ran.error.startswith("only --arch gpt2 has a peer")
    assert weft("bench", "train", "--compiled").error.startswith("--compiled is for a comparison")
    with monkeypatch.context() as patch:
        patch.setattr("importlib.util.find_spec", lambda name: None)
        ran = weft(*words)
        assert ran.code == 1 and ran.error.startswith("PyTorch is not installed;")
    pytest.importorskip("torch")
    ran = weft(*words, "--precision", "float32", "--json")
    assert ran.code == 0, ran.err
    values = ran.json
    assert set(values["sides"]) == {"weft float32", "torch float32", "torch bfloat16"}
    assert set(values["ratios"]) == {"torch float32", "torch bfloat16"}
    table = bench_compare.text(values)
    assert table.splitlines()[1].startswith("weft float32")


def test_bench_generate_fits_into_the_context(weft, run_folder):
    ran = weft("bench", "generate", run_folder, "--repeats", 1, "--json")
    assert ran.code == 0 and "measuring a prompt of 8 and 9 new ones" in ran.err
    values = ran.json
    assert values["prefill_tokens_per_second"] > 0 and values["decode_tokens_per_second"] > 0
    parameters = sum(p.array.size for p in package.load(run_folder).model.parameters())
    assert values["memory_bytes"] == 4 * parameters + 2 * 2 * 2 * 8 * 16 * 4
    assert (values["prompt_tokens"], values["new_tokens"], values["streams"]) == (8, 9, 1)


def test_bench_generate_counts_weights_as_they_are_multiplied():
    sizes = {"vocab_size": 10, "block_size": 8, "n_layer": 1, "n_head": 2, "n_embd": 32}
    loaded = SimpleNamespace(config=ModelConfig(**sizes), precision="float32")
    matrices, vectors, table, positions = 12 * 32 * 32, 13 * 32 + 2 * 32, 10 * 32, 8 * 32
    floats = 4 * (vectors + positions)
    expected = {
        "float32": 4 * (matrices + table) + floats,
        "bfloat16": 2 * (matrices + table) + floats,
        "int8": (matrices + table) * 34 // 32 + floats,
        "int4": matrices * 18 // 32 + table * 34 // 32 + floats,
    }
    for loaded.precision, size in expected.items():
        assert bench_generate.weight_bytes(loaded) == size
        assert bench_generate.weight_bytes(loaded, a_step=True) == size - 4 * positions
    loaded.config = ModelConfig(**sizes, tie_embeddings=False)
    assert bench_generate.weight_bytes(loaded, a_step=True) == expected["int4"] - 4 * positions


def test_bench_generate_counts_all_streams(weft, run_folder):
    words = ["bench", "generate", run_folder, "--prompt-tokens", 4, "--max-tokens", 3]
    ran = weft(*words, "--repeats", 1, "--streams", 3, "--cache", "int8", "--json")
    assert ran.code == 0, ran.err
    values = ran.json
    parameters = sum(p.array.size for p in package.load(run_folder).model.parameters())
    entries = 3 * 2 * 2 * 2 * 6  # streams, layers, keys and values, heads, tokens that are read
    assert values["memory_bytes"] == 4 * parameters + entries * (8 + 4)
    assert (values["streams"], values["cache"]) == (3, "int8")
    assert (values["peak_fraction"] is None) == (values["peak_gbs"] is None)
    assert values["peak_gbs"] is None or 0 < values["peak_fraction"] < 100
    assert weft(*words, "--streams", 0).code == 2 and weft(*words, "--streams", 1025).code == 2
    assert "not measured" in weft(*words[:-1], 1, "--repeats", 1).out


def shrink(monkeypatch):
    for name, size in (("B", 1), ("T", 8), ("N", 8), ("C", 48), ("SQUARE", 8), ("LARGE_V", 40)):
        monkeypatch.setattr(bench_kernels, name, size)
    models = {name: (1, 8, 2, 16) for name in bench_kernels.MODELS}
    monkeypatch.setattr(bench_kernels, "MODELS", models)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_bench_kernels_covers_every_kernel(monkeypatch, precision):
    """A kernel that is missing here needs a `Case` in src/weft/cli/bench_kernels.py."""
    shrink(monkeypatch)
    results = bench_kernels.measure(precision, 1e-9)
    kernels = {name for name, f in vars(active).items() if hasattr(f, "__wrapped__")}
    assert {result.name for result in results} == kernels
    assert all(result.rate > 0 for result in results)


def test_bench_kernels_counts_operations_and_bytes(monkeypatch):
    shrink(monkeypatch)
    monkeypatch.setattr(bench_kernels, "time_call", lambda call, seconds: 1e-9)  # rate = work
    work = {(r.name, r.size): r.rate for r in bench_kernels.measure("float32", 0)}
    assert work["matmul", "8³: A·Bᵀ, 8 x 8 x 8"] == pytest.approx(2 * 8**3)
    assert work["linear_backward", "8 x 48 x 192"] == pytest.approx(4 * 8 * 48 * 192)
    assert work["add", "8 x 192"] == pytest.approx(3 * 4 * 8 * 192)
    assert work["add_", "8 x 192"] == pytest.approx(3 * 4 * 8 * 192)
    assert work["adam_step", "12 x 192 x 48"] == pytest.approx(12 * (7 * 4 * 192 * 48 + 4))


def test_bench_kernels_times_what_is_asked_for(weft, monkeypatch):
    shrink(monkeypatch)
    ran = weft("bench", "kernels", "--seconds", 1e-6, "--only", "norm", "--json")
    assert {k["name"] for k in ran.json["kernels"]} == {
        "layer_norm_forward", "layer_norm_backward", "rms_norm_forward", "rms_norm_backward",
    }  # fmt: skip
    assert all(k["rate"] > 0 and k["unit"] == "GB/s" for k in ran.json["kernels"])
    assert weft("bench", "kernels", "--only", "xyz").code == 2
    table = weft("bench", "kernels", "--seconds", 1e-6, "--only", "add").out
    assert table.splitlines()[0].split()[:2] == ["kernel", "size"]
