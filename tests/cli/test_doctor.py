"""`weft doctor RUN` says how the training went; whether files are sound is in test_verbs.py."""

import json

CONFIG = "[train]\nsteps = 120\nlearning_rate = 0.003\n[model]\nvocab_size = 65\ndropout = 0.0\n"


def write_run(folder, val, where="\x1b[2Jblocks.3"):
    lines = [
        {"step": i, "train_loss": 2 - i / 120, "seconds": float(i), "lr": 3e-3}
        for i in range(1, 121)
    ]
    for line, loss in zip(lines[19::20], val, strict=True):
        line["val_loss"] = loss
    events = [{"kind": "failure", "step": 120, "seconds": 1, "what": "nan", "where": where}]
    folder.mkdir()
    (folder / "config.toml").write_text(CONFIG)
    for name, records in (("metrics", lines), ("events", events)):
        text = "".join(json.dumps(record) + "\n" for record in records)
        (folder / f"{name}.jsonl").write_text(text)
    return folder


def test_what_is_wrong_is_said_with_what_to_change(weft, tmp_path):
    run = write_run(tmp_path / "run", [2.5, 2.0, 1.8, 1.9, 2.0, 2.2])
    ran = weft("doctor", run)
    assert ran.code == 3  # it has no checkpoint
    lines = ran.out.splitlines()
    assert lines[0].startswith("error: the loss became NaN at step 120, first in \\x1b[2Jblocks.3")
    assert lines[1].startswith("    try: --learning-rate 0.001 (is 0.003)")
    assert lines[2].startswith("warning: over-fitting since step 60: the validation loss rose")
    assert lines[4] == "found: 1 error, 1 warning"
    diagnosis = weft("doctor", run, "--json").json
    assert [f["kind"] for f in diagnosis["diagnosis"]] == ["not-finite", "over-fitting"]
    assert diagnosis["diagnosis"][1]["step"] == 60 and diagnosis["verdict"] == lines[4]
    assert set(diagnosis["diagnosis"][0]) == {"kind", "severity", "message", "advice", "step"}


def test_a_log_that_cannot_be_read_is_no_traceback(weft, tmp_path):
    run = write_run(tmp_path / "run", [2.5, 2.0, 1.8, 1.9, 2.0, 2.2])
    (run / "metrics.jsonl").write_text("[]\n{}\n")
    ran = weft("doctor", run)
    assert ran.code == 3 and ran.out.startswith("the training cannot be judged: line 1 is not")
