import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from texts import NASTY, TEXTS

from weft.errors import DataError
from weft.tokenizers import BPETokenizer
from weft.tokenizers.byte_alphabet import BYTE_ORDER


def check_against_both(text, gpt2, tiktoken_gpt2, hugging_face_gpt2):
    ids = gpt2.encode(text)
    assert ids == tiktoken_gpt2.encode_ordinary(text)
    assert ids == hugging_face_gpt2.encode(text).ids
    assert gpt2.decode(ids) == text
    assert gpt2.encode_array(text).tolist() == ids


def test_the_sentence_of_the_picogpt_article(gpt2):
    ids = [3673, 477, 10281, 5806, 1451, 274, 13]
    assert gpt2.encode("Not all heroes wear capes.") == ids
    assert [gpt2.token_bytes(id) for id in ids[3:]] == [b" wear", b" cap", b"es", b"."]


@given(text=TEXTS)
@settings(max_examples=1000, deadline=None)
def test_equals_tiktoken_and_hugging_face(text, gpt2, tiktoken_gpt2, hugging_face_gpt2):
    check_against_both(text, gpt2, tiktoken_gpt2, hugging_face_gpt2)


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_nasty_texts(text, gpt2, tiktoken_gpt2, hugging_face_gpt2):
    check_against_both(text, gpt2, tiktoken_gpt2, hugging_face_gpt2)


def test_shakespeare(shakespeare, gpt2, tiktoken_gpt2, hugging_face_gpt2):
    check_against_both(shakespeare, gpt2, tiktoken_gpt2, hugging_face_gpt2)


def test_every_token_of_gpt2_comes_back(gpt2, tiktoken_gpt2):
    for id in range(gpt2.vocab_size):
        assert gpt2.decode_bytes([id]) == tiktoken_gpt2.decode_bytes([id])


@given(text=TEXTS)
@settings(max_examples=500, deadline=None)
def test_any_text_comes_back(text, small):
    assert small.decode(small.encode(text)) == text


@given(data=st.binary(max_size=40))
@settings(max_examples=300, deadline=None)
def test_any_bytes_have_ids(data, small):
    """Also those that are no UTF-8: a token for each byte."""
    ids = [BYTE_ORDER.index(byte) for byte in data]
    assert small.decode_bytes(ids) == data
    assert small.decode(ids) == data.decode(errors="replace")


def test_a_byte_that_the_vocabulary_lacks():
    tokenizer = BPETokenizer([b"a", b"b", b"ab"], [(0, 1)])
    assert tokenizer.encode("aba") == [2, 0]
    with pytest.raises(DataError, match="byte 0x63 of 'abc' is not in the vocabulary"):
        tokenizer.encode("abc")
