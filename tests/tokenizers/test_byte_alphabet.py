import json

import pytest

from weft.tokenizers.byte_alphabet import BYTE_ORDER, from_characters, to_characters


def test_known_characters():
    assert to_characters(b" the\n") == "ĠtheĊ"
    assert to_characters("é".encode()) == "Ã©"
    assert BYTE_ORDER[0] == ord("!")


def test_every_byte_goes_there_and_back():
    everything = bytes(range(256))
    written = to_characters(everything)
    assert len(set(written)) == 256
    assert from_characters(written) == everything


def test_a_character_outside_is_named():
    with pytest.raises(KeyError, match="€"):
        from_characters("a€")


def test_ids_of_bytes_are_those_of_gpt2(gpt2_folder):
    ids = json.loads((gpt2_folder / "encoder.json").read_text(encoding="utf-8"))
    assert [ids[to_characters(bytes([byte]))] for byte in BYTE_ORDER] == list(range(256))
