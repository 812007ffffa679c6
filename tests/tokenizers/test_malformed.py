"""tokenizer.json from a stranger: every flaw is one line that names it, nothing is passed over."""

import copy
import json
import random
import time

import pytest

from weft.errors import MalformedFileError, WeftError
from weft.tokenizers import (
    BPETokenizer,
    CharacterTokenizer,
    gpt2_files,
    loading,
    tokenizer_from_json,
)
from weft.tokenizers.vocabulary import bpe_parts

BPE = BPETokenizer.train(["the theme of the thesis"], 262)
CHARACTERS = CharacterTokenizer.train(["abc"], "<unk>", ["<|endoftext|>"])
DELETE = object()


def changed(tokenizer, path, value):
    """The file with one value replaced (DELETE: taken out); `path` is keys with dots between."""
    document = json.loads(tokenizer.to_json())
    *parents, last = path.split(".")
    place = document
    for key in parents:
        place = place[int(key) if isinstance(place, list) else key]
    last = int(last) if isinstance(place, list) else last
    if value is DELETE:
        del place[last]
    elif isinstance(place, list) and last == len(place):
        place.append(value)
    else:
        place[last] = value
    return json.dumps(document)


def refused(text, message):
    with pytest.raises(MalformedFileError, match=message) as raised:
        tokenizer_from_json(text, "some/tokenizer.json")
    assert "; some/tokenizer.json; " in str(raised.value)
    assert str(raised.value).isprintable() and len(str(raised.value)) < 300


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("version", "2.0", "version '2.0' is not supported"),
        (
            "truncation",
            {"max_length": 5},
            "truncation {'max_length': 5} is not supported.*reads null",
        ),
        ("padding", {"strategy": "BatchLongest"}, "padding {'strategy'"),
        ("normalizer", {"type": "NFC"}, "normalizer 'NFC' is not supported; .*; Weft reads null"),
        ("normalizer", "NFC", "normalizer 'NFC' is not supported"),
        ("pre_tokenizer", None, "pre_tokenizer None is not supported; .*; Weft reads ByteLevel"),
        ("pre_tokenizer", {"type": "Metaspace"}, "pre_tokenizer 'Metaspace' is not supported"),
        ("pre_tokenizer", {"type": ["ByteLevel"]}, r"pre_tokenizer \['ByteLevel'\] is not"),
        ("pre_tokenizer.add_prefix_space", True, "ByteLevel with add_prefix_space True is not"),
        ("pre_tokenizer.add_prefix_space", DELETE, "add_prefix_space missing is not supported"),
        ("pre_tokenizer.use_regex", False, "use_regex False is not supported"),
        ("pre_tokenizer.other", 1, "ByteLevel with 'other' is not supported"),
        ("post_processor", {"type": "TemplateProcessing"}, "post_processor 'TemplateProcessing'"),
        ("decoder", None, "decoder None is not supported"),
        ("decoder", {"type": "WordPiece"}, "decoder 'WordPiece' is not supported"),
        ("model", DELETE, "no model in it"),
        ("model", [], "no model in it"),
        ("model.type", "Unigram", "model 'Unigram' is not supported; .*; Weft reads BPE, WordLev"),
        ("model.type", {}, "model {} is not supported"),
        ("model.type", "\x1b[31m", r"model '\\x1b\[31m' is not supported"),
        ("model.dropout", 0.1, "BPE with dropout 0.1 is not supported; .*; Weft reads null or 0"),
        ("model.byte_fallback", True, "byte_fallback True is not supported"),
        ("model.ignore_merges", True, "ignore_merges True is not supported"),
        ("model.continuing_subword_prefix", "##", "continuing_subword_prefix '##' is not"),
        ("model.end_of_word_suffix", "</w>", "end_of_word_suffix '</w>' is not"),
        ("model.new_option", None, "BPE with 'new_option' is not supported"),
        ("model.vocab", [], "the vocabulary is not an object"),
        ("model.vocab", DELETE, "the vocabulary is not an object"),
        ("model.vocab.!", 5, "both have id 5"),
        ("model.vocab.!", 2**64, "token '!' has id 18446744073709551616"),
        ("model.vocab.!", "0", "the id of token '!' is '0'"),
        ("model.vocab.!", DELETE, "tokens should have 0 to"),
        ("model.vocab.the", DELETE, "tokens should have 0 to"),
        ("model.vocab.<|endoftext|>", 3, "has the ids 3 and 261"),
        ("model.merges", DELETE, "the model has no list of merges"),
        ("model.merges", {}, "the model has no list of merges"),
        ("model.merges.0", ["aa", "bb"], r"the merge \('aa', 'bb'\) needs 'aa', which is no token"),
        ("model.merges.0", ["a"], r"merge 0 is \['a'\], not two tokens"),
        ("model.merges.0", ["a", 1], r"merge 0 is \['a', 1\], not two tokens"),
        ("model.merges.0", "a b c", "merge 0 is 'a b c', not two tokens"),
        ("model.merges.0", None, "merge 0 is None, not two tokens"),
        ("model.merges.0", [], r"merge 0 is \[\], not two tokens"),
        ("model.merges.4", ["h", "e"], r"the merge \('h', 'e'\) is there twice"),
        ("added_tokens", {}, "added_tokens is not a list"),
        ("added_tokens.0", "x", "added token 'x' is not an object"),
        ("added_tokens.0.id", None, "has no content or id"),
        ("added_tokens.0.content", "", "has no content or id"),
        ("added_tokens.0.content", "the", "has the ids"),
        ("added_tokens.0.content", "\ud800", r"token '\\ud800' is not Unicode text|both have id"),
        ("added_tokens.0.special", False, "with special False is not supported"),
        ("added_tokens.0.lstrip", True, "with lstrip True is not supported"),
        ("added_tokens.0.rstrip", True, "with rstrip True is not supported"),
        ("added_tokens.0.single_word", True, "with single_word True is not supported"),
        ("added_tokens.0.color", "red", "with 'color' is not supported"),
        ("added_tokens.1", {"id": 261, "content": "<|endoftext|>"}, "is there twice"),
        ("extra", 1, "the part 'extra' is not supported"),
    ],
)
def test_byte_pairs(path, value, message):
    refused(changed(BPE, path, value), message)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("pre_tokenizer", None, "pre_tokenizer None is not supported; .*; Weft reads Split"),
        ("pre_tokenizer", {"type": "Whitespace"}, "pre_tokenizer 'Whitespace' is not supported"),
        ("pre_tokenizer.pattern", {"Regex": "."}, "Split with pattern {'Regex': '.'} is not"),
        ("pre_tokenizer.pattern", {"String": r"[\s\S]"}, "Split with pattern {'String'"),
        ("pre_tokenizer.behavior", "Removed", "Split with behavior 'Removed' is not supported"),
        ("pre_tokenizer.invert", True, "Split with invert True is not supported"),
        ("decoder", None, "decoder None is not supported; .*; Weft reads Fuse"),
        ("model.vocab.ab", 5, r"token 'ab' is not one character"),
        ("model.unk_token", None, "unk_token is None, not the name of an ordinary token"),
        ("model.unk_token", "<|endoftext|>", "not the name of an ordinary token"),
        ("added_tokens.0.content", "a", "has the ids 0 and 4"),
        ("added_tokens.0", {"id": 0, "content": "a", "special": True}, "'a' is a character"),
    ],
)
def test_characters(path, value, message):
    refused(changed(CHARACTERS, path, value), message)


def test_a_special_token_that_text_could_spell():
    for name in ("the", "h", "Ġthe"):
        id = json.loads(BPE.to_json())["model"]["vocab"][name]
        token = {"id": id, "content": name, "special": True}
        refused(changed(BPE, "added_tokens.1", token), "any text could spell it")


def test_an_unknown_token_needs_all_bytes():
    assert tokenizer_from_json(changed(BPE, "model.unk_token", "!")).encode("the")
    document = json.loads(BPE.to_json())
    document["model"] |= {"vocab": {"a": 0, "b": 1}, "merges": [], "unk_token": "a"}
    document["added_tokens"] = []
    refused(json.dumps(document), "unk_token in a vocabulary without all bytes is not supported")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON"),
        ("null", "a JSON NoneType where an object should be"),
        ("[]", "a JSON list where an object should be"),
        ("{}", "no model in it"),
        ("\ufeff{}", "not JSON"),
        ('{"model": {}} x', "not JSON: Extra data"),
        ('{"model": {"a": 1, "a": 2}}', "the key 'a' is there twice"),
        ('{"model": NaN}', "NaN is not JSON"),
        ('{"model": -Infinity}', "-Infinity is not JSON"),
        ('{"model": ' + "9" * 5000 + "}", "not JSON"),
        ("[" * 100_000, "JSON nested 100000 deep, more than 64"),
        ('{"a":' * 65, "JSON nested 65 deep"),
        ('{"a": "' + "[" * 100 + '"}', "no model in it"),  # brackets in a string are not nesting
        ('{"a": "\\"' + "[" * 100 + '"}', "no model in it"),
        ('{"a": [' + "[]," * (1 << 20) + "[]]}", "more than 1048576 JSON lists and objects"),
        ('{"a": "\ud800"}', "not UTF-8 at byte 7"),
        ('"' + '\\"' * 100_000, "not JSON: Unterminated string"),
        ('"\\', "not JSON"),
    ],
    ids=range(18),
)
def test_json(text, message):
    start = time.process_time()
    refused(text, message)
    assert time.process_time() - start < 5  # quadratic time would take minutes


def mutated(text, rng):
    """Bits turned over, parts cut out, doubled or exchanged, numbers made extreme."""
    data = bytearray(text.encode())
    for _ in range(rng.randint(1, 4)):
        a, b = sorted(rng.randrange(len(data) + 1) for _ in range(2))
        b = min(b, a + rng.choice([1, 3, 30]))
        kind = rng.randrange(5)
        if kind == 0 and a < len(data):
            data[a] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del data[a:b]
        elif kind == 2:
            data[a:a] = data[a:b]
        elif kind == 3:
            data[a:b] = rng.choice(
                [b"null", b"-1", b"1e9", b'""', b"[", b"}", b"0", str(2**63).encode()]
            )
        else:
            data = data[:a] if rng.random() < 0.2 else data
    return data.decode(errors="surrogateescape")


@pytest.mark.parametrize("tokenizer", [BPE, CHARACTERS], ids=["bpe", "characters"])
@pytest.mark.parametrize("count", [1500, pytest.param(50_000, marks=pytest.mark.slow)])
def test_mutated_files_are_errors_of_ours_or_load(tokenizer, count):
    """R6: no crash, no other exception; what loads can encode and decode."""
    rng = random.Random(1)
    loaded = 0
    for _ in range(count):
        try:
            found = tokenizer_from_json(mutated(tokenizer.to_json(), rng))
            assert found.decode(found.encode("abcabc"))
            loaded += 1
        except WeftError as error:
            assert str(error).isprintable()
    assert 0 < loaded < count / 2


def test_truncated_anywhere():
    text = CHARACTERS.to_json().rstrip()
    for end in range(len(text)):
        with pytest.raises(MalformedFileError):
            tokenizer_from_json(text[:end])


TINY = {
    "a": 0, "b": 1, "ab": 2, "Ġ": 3, "Ġa": 4, "<|endoftext|>": 5, "é": 6,
}  # fmt: skip
TINY_MERGES = "#version: 0.2\na b\nĠ a\n"
STRANGE = [None, True, -1, 0, 1, 2, 1.5, 2**31, 2**32, 2**63, 10**30, "", "a", "<|endoftext|>",
    "\x00", "\ud800", "\u2581", "ab", "a b", [], ["a", "b"], [["a", "b"]], {},
    {"a": 0}]  # fmt: skip


def containers(value):
    """All lists and objects of a JSON document that have something in them."""
    if isinstance(value, (dict, list)) and value:
        yield value
        for inner in value.values() if isinstance(value, dict) else value:
            yield from containers(inner)


def restructured(document, rng):
    """One to three values taken out, replaced, doubled, or under another name."""
    document = json.loads(document)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        place = rng.choice(list(containers(document)) or [{"": 0}])
        key = rng.choice(list(place) if isinstance(place, dict) else range(len(place)))
        other = rng.choice([*STRANGE, document, *(list(c) for c in containers(document))])
        kind = rng.randrange(4)
        if kind == 0:
            del place[key]
        elif kind == 1 and isinstance(place, list):
            place.append(place[key])
        elif kind == 1:
            place[str(rng.choice(STRANGE))] = place.pop(key)
        else:
            place[key] = copy.deepcopy(other)
    return json.dumps(document)


def read_or_refuse(load):
    """True if it was read; then it encodes and decodes, or says which byte it lacks."""
    try:
        tokenizer = load()
        tokenizer.decode(range(tokenizer.vocab_size))
        assert tokenizer.decode(tokenizer.encode("ab aab")) == "ab aab"
        return True
    except WeftError as error:
        assert str(error).isprintable() and len(str(error)) < 500
        return False


def count_read(loads):
    """How many can be read, each within two seconds of this process."""
    read = 0
    for load in loads:
        start = time.perf_counter()  # process_time can cost more than all the rest
        read += read_or_refuse(load)
        if time.perf_counter() - start > 1:  # or others were busy
            start = time.process_time()
            read_or_refuse(load)
            assert time.process_time() - start < 2
    return read


MANY = pytest.mark.parametrize("count", [10_000, pytest.param(100_000, marks=pytest.mark.slow)])


@MANY
@pytest.mark.timeout(1200)
def test_many_malformed_tokenizer_json(count):
    rng = random.Random(2)
    merges = [tuple(line.split()) for line in TINY_MERGES.splitlines()[1:]]
    parts = bpe_parts(TINY, merges, {"<|endoftext|>": 5}, "here")
    sound = BPETokenizer(parts.tokens, parts.merges, parts.special_tokens).to_json()
    change = [lambda: mutated(sound, rng), lambda: restructured(sound, rng)]
    texts = (rng.choice(change)() for _ in range(count))
    read = count_read(lambda text=text: tokenizer_from_json(text) for text in texts)
    assert 0 < read < count / 2


@MANY
@pytest.mark.timeout(1200)
def test_many_malformed_vocab_and_merges(count):
    rng = random.Random(3)
    vocab = json.dumps(TINY, ensure_ascii=False)

    def pair():
        kind = rng.randrange(3)
        first = [vocab, mutated(vocab, rng), restructured(vocab, rng)][kind]
        second = mutated(TINY_MERGES, rng) if kind == 0 or rng.random() < 0.2 else TINY_MERGES
        return [text.encode(errors="surrogateescape") for text in (first, second)]

    def load(data):
        return loading._build(gpt2_files.read(*data, "vocab.json", "merges.txt"))

    pairs = (pair() for _ in range(count))
    read = count_read(lambda data=data: load(data) for data in pairs)
    assert 0 < read < count / 2
