"""sweep.json: a sweep comes back as it was; a damaged one is refused in one line."""

import json

import pytest

from weft.errors import MalformedFileError
from weft.training.sweep.record import FILE, Record, Trial, read_record

RECORD = Record(
    "book.txt",
    [{"learning_rate": 1e-3, "arch": "llama"}, {"learning_rate": 3e-3, "arch": "gpt2"}],
    3.0,
    2,
    minutes=1.5,
    fixed={"tie_embeddings": True},
    planned={"n_layer": 2},
    trials=[Trial(0, 0, 5.0, 5.1, loss=1.5), Trial(1, 0, 5, 1.0, failure="it diverged")],
)


def test_a_sweep_comes_back(tmp_path):
    for record in (RECORD, Record("b", [{"seed": 1}], 2.0, 1, steps=5)):
        record.write(tmp_path)
        assert read_record(tmp_path) == record
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
    assert [trial.score for trial in RECORD.trials] == [1.5, float("inf")]
    assert Trial(0, 0, 1, 1, loss=1.5, bits_per_byte=2.5).score == 2.5


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"format": "x"}, "its format is not 'weft sweep 1'"),
        ({"trials": 5}, "no list of trials"),
        ({"points": []}, "it has no points"),
        ({"points": [[]]}, "points is not what it should be"),
        ({"minutes": "1"}, "minutes is not what it should be"),
        ({"eta": True}, "eta is not what it should be"),
        ({"more": 1}, "it has other fields than"),
        ({"trials": [{"point": 0}]}, "it has other fields than"),
        ({"trials": [{**vars(RECORD.trials[0]), "point": 2}]}, "a trial of no point"),
    ],
)
def test_damaged_sweeps(tmp_path, change, error):
    RECORD.write(tmp_path)
    path = tmp_path / FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(MalformedFileError, match=error):
        read_record(tmp_path)


def test_a_folder_without_a_sweep(tmp_path):
    with pytest.raises(MalformedFileError, match=r"cannot read: .*sweep\.json; name the folder of"):
        read_record(tmp_path)
