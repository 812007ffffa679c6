"""Saved conversations: what was said comes back; what is not one is refused in one line."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.errors import ConfigError, MalformedFileError, WeftError
from weft.inference import transcript
from weft.inference.conversation import Conversation, Exchange
from weft.inference.transcript import FORMAT, load_conversation, save_conversation

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
EXCHANGES = st.lists(
    st.builds(Exchange, TEXTS, TEXTS, st.booleans(), st.none() | st.integers(0, 2**32 - 1)),
    max_size=5,
)


@given(TEXTS, EXCHANGES)
def test_what_was_said_comes_back(tmp_path_factory, system, exchanges):
    path = tmp_path_factory.mktemp("said") / "talk.json"
    conversation = Conversation(system, tuple(exchanges))
    save_conversation(path, conversation, "runs/a")
    assert load_conversation(path) == conversation
    save_conversation(path, conversation.said("x"), "runs/a")  # replaces; without an answer
    assert load_conversation(path) == conversation and len(list(path.parent.iterdir())) == 1


def message(role, content="x", **more):
    return {"role": role, "content": content, **more}


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"format": "other"}, "its format is not 'weft conversation 1'"),
        ({"format": FORMAT}, "no list of at most 20,000 messages"),
        ({"messages": [message("user")] * 20_001}, "no list of at most 20,000 messages"),
        ({"messages": [message("assistant")]}, "message 1 is not of system or user"),
        ({"messages": [message("user"), message("user")]}, "message 2 is not of assistant"),
        ({"messages": [message("user"), message("system")]}, "message 2 is not of assistant"),
        ({"messages": ["x"]}, "message 1 is not of system or user"),
        ({"messages": [message("user", 5)]}, "message 1 has no text"),
        ({"messages": [message("user", "\ud800")]}, "message 1 has no text"),
        ({"messages": [message("user"), message("assistant", seed=-1)]}, "message 2 has a seed"),
        ({"messages": [message("user"), message("assistant", seed=True)]}, "message 2 has a seed"),
        ({"messages": [message("user"), message("assistant", ended=1)]}, "message 2 has a seed"),
    ],
)
def test_other_files_are_refused(tmp_path, values, error):
    path = tmp_path / "talk.json"
    path.write_text(json.dumps({"format": FORMAT, **values}))
    with pytest.raises(MalformedFileError, match=error):
        load_conversation(path)


def test_files_that_are_no_json_or_too_large(tmp_path, monkeypatch):
    path = tmp_path / "talk.json"
    for text in ("[]", "{", '{"a": 1, "a": 2}', "[" * 100_000, '{"a": NaN}'):
        path.write_text(text)
        with pytest.raises(MalformedFileError, match=r"; .*talk\.json; give a file that /save"):
            load_conversation(path)
    monkeypatch.setattr(transcript, "MAX_BYTES", 5)
    with pytest.raises(MalformedFileError, match="more than 5 bytes"):
        load_conversation(path)
    with pytest.raises(WeftError, match="no such file"):
        load_conversation(tmp_path / "none.json")


def test_another_file_is_not_written_over(tmp_path):
    path = tmp_path / "book.txt"
    path.write_text("Once upon a time")
    with pytest.raises(ConfigError, match="there is another file"):
        save_conversation(path, Conversation(), "m")
    assert path.read_text() == "Once upon a time"
    with pytest.raises(WeftError, match="cannot save: No such file or directory"):
        save_conversation(tmp_path / "none" / "talk.json", Conversation(), "m")
