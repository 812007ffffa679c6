import codecs

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from texts import CUTS, NASTY, TEXTS, cut

from weft.errors import DataError
from weft.tokenizers import CharacterTokenizer, streaming
from weft.tokenizers.streaming import StreamDecoder, settled_parts


def joined(arrays):
    return np.concatenate([np.empty(0, np.uint32), *arrays]).tolist()


@given(text=TEXTS, places=CUTS, part=st.integers(1, 20))
@settings(max_examples=1000, deadline=None)
def test_a_stream_gives_the_ids_of_the_whole(text, places, part, small):
    """With parts of a few characters, so that every seam is met."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streaming, "PART", part)
        assert joined(small.encode_stream(cut(text, places))) == small.encode(text)
        characters = CharacterTokenizer.train([text + "a"])
        assert joined(characters.encode_stream(cut(text, places))) == characters.encode(text)


@pytest.mark.parametrize("size", [1, 1000, 65536, 100_000, 10**7])
def test_a_long_stream_gives_the_ids_of_the_whole(size, gpt2):
    text = "".join(NASTY) * 2
    chunks = [text[i : i + size] for i in range(0, len(text), size)]
    arrays = list(gpt2.encode_stream(chunks))
    assert joined(arrays) == gpt2.encode(text)
    assert all(array.dtype == np.uint32 for array in arrays)


def test_memory_is_that_of_the_longest_run():
    """Ordinary text never waits for more than a part, a chunk and a word."""
    longest = 0

    def boundary(text):
        nonlocal longest
        longest = max(longest, len(text))
        return text.rfind(" ")

    chunks = ["word " * 100] * 2000
    assert sum(len(text) for _, text in settled_parts(chunks, boundary)) == 10**6
    assert longest <= streaming.PART + 505


def test_a_text_without_a_boundary_takes_linear_time():
    looked_at = 0

    def boundary(text):
        nonlocal looked_at
        looked_at += len(text)
        return 0

    parts = list(settled_parts(["a" * 1000] * 3000, boundary))
    assert [(offset, len(text)) for offset, text in parts] == [(0, 3_000_000)]
    assert looked_at <= 2 * 3_000_000


def test_offsets_are_places_in_the_whole():
    chunks = ["word " * 20_000] * 3
    parts = list(settled_parts(chunks, lambda text: text.rfind(" ")))
    assert len(parts) > 2
    assert all("".join(chunks)[offset:].startswith(text) for offset, text in parts)


def test_a_surrogate_is_named_with_its_place_in_the_whole(small):
    with pytest.raises(DataError, match=r"U\+DFFF; at character 300001;"):
        list(small.encode_stream(["word "] * 60_000 + ["a\udfff"]))


PIECES = [b"a", "é".encode(), "中".encode(), "🧵".encode(), b"\xf0\x9f", b"\xc3", b"\xa9", b"\x80"]
PIECES += [b"\xed\xa0\x80", b"\xf4\x90", b"\xff", b"\xe2\x82", b"\xc0\x80", b"\xf0\x80\x80"]


@given(st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=3)), max_size=12))
@settings(max_examples=1000, deadline=None)
def test_a_decoded_stream_is_the_decoded_whole(pieces):
    decoder = StreamDecoder(pieces.__getitem__)
    texts = [decoder.push(i) for i in range(len(pieces))]
    assert "".join(texts) + decoder.flush() == b"".join(pieces).decode(errors="replace")


@given(st.text(max_size=10))
def test_nothing_is_held_back_longer_than_a_character(text):
    data = text.encode()
    decoder = StreamDecoder(lambda i: data[i : i + 1])
    done = ""
    for i in range(len(data)):
        done += decoder.push(i)
        whole, _ = codecs.utf_8_decode(data[: i + 1], "strict", False)
        assert done == whole
    assert decoder.flush() == ""


def test_an_emoji_comes_in_one_piece(gpt2):
    ids = gpt2.encode("a 🧵!")
    decoder = gpt2.stream_decoder()
    texts = [decoder.push(id) for id in ids]
    assert len(ids) > 4 and [text for text in texts if text] == ["a", " ", "🧵", "!"]
    assert decoder.flush() == ""


def test_an_unfinished_character_ends_as_a_replacement(gpt2):
    decoder = gpt2.stream_decoder()
    ids = gpt2.encode("🧵")
    assert [decoder.push(id) for id in ids[:-1]] == [""] * (len(ids) - 1)
    assert decoder.flush() == "\ufffd" == gpt2.decode(ids[:-1])
    assert "".join(map(decoder.push, ids)) == "🧵"  # ready for the next stream
