"""What of a conversation is read: all of it while it fits, then the end of it and the system."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.errors import ConfigError, DataError
from weft.inference.conversation import Conversation, fit_text, fit_turns, running_text
from weft.inference.templates import Mark, encode_parts, template_named
from weft.tokenizers import BPETokenizer, CharacterTokenizer

TOKENIZER = BPETokenizer.train(
    ["the cat sat on the mat. yes! no?\n\nuser assistant system"], 290,
    ["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
)  # fmt: skip
CHATML = template_named("chatml", TOKENIZER)
TEXTS = st.text("thecast .\nü", max_size=30)


def talk(pairs, system=""):
    conversation = Conversation(system)
    for user, answer in pairs:
        conversation = conversation.said(user)
        if answer is not None:
            conversation = conversation.answered(answer)
    return conversation


def test_changes():
    one = Conversation("be kind").said("hello").answered("hi", seed=3)
    two = one.said("and?").answered("no", ended=True)
    assert two.undone() == one and two.undone().undone() == Conversation("be kind")
    assert two.unanswered() == one.said("and?")
    for change in (Conversation().undone, Conversation().unanswered):
        with pytest.raises(ConfigError, match="nothing was said yet"):
            change()


def test_all_is_read_while_it_fits():
    conversation = talk([("the cat?", "yes!"), ("no?", None)], "the system")
    prompt = fit_turns(conversation, CHATML, TOKENIZER, 100)
    turns = [(e.user, e.answer) for e in conversation.exchanges]
    whole = encode_parts(CHATML.parts("the system", turns), TOKENIZER)
    assert list(prompt.ids) == whole and (prompt.whole, prompt.dropped) == (len(whole), 0)
    assert fit_turns(conversation, CHATML, TOKENIZER, len(whole)) == prompt
    assert fit_turns(conversation, CHATML, TOKENIZER, len(whole) - 1).dropped == 1


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=12), TEXTS, st.integers(60, 140))
def test_whole_turns_are_dropped_and_the_system_stays(pairs, last, budget):
    pairs = [*pairs, (last, None)]
    prompt = fit_turns(talk(pairs, "the cat"), CHATML, TOKENIZER, budget)
    kept = encode_parts(CHATML.parts("the cat", pairs[prompt.dropped :]), TOKENIZER)
    assert list(prompt.ids) == kept and len(kept) <= budget
    whole = len(encode_parts(CHATML.parts("the cat", pairs), TOKENIZER))
    assert prompt.whole == whole and (prompt.dropped > 0) == (whole > budget)
    # Never more than is needed, a quarter of the room, and the turn that this cuts.
    if prompt.dropped:
        before = encode_parts(CHATML.parts("", pairs[prompt.dropped - 1 :]), TOKENIZER)
        assert len(before) + budget // 4 + 40 > budget or prompt.dropped == len(pairs) - 1


def test_what_stays_begins_at_the_same_place_for_some_turns():
    """Else every turn would read the whole window again, once it is full."""
    pairs, starts = [], []
    for i in range(60):
        pairs.append(("the cat sat", f"no {i}"))
        starts.append(fit_turns(talk([*pairs[:-1], ("yes", None)]), CHATML, TOKENIZER, 200).dropped)
    moves = sum(a != b for a, b in pairwise(starts))
    assert starts[-1] > 40 and moves < 30


def test_a_turn_that_does_not_fit_is_refused():
    conversation = talk([("hello", "yes"), ("the cat " * 50, None)])
    with pytest.raises(ConfigError, match=r"have \d+ tokens, and there is room for 40; chat"):
        fit_turns(conversation, CHATML, TOKENIZER, 40)
    with pytest.raises(ConfigError, match="room for 5"):
        fit_text(talk([("the cat", None)], "the mat " * 9), TOKENIZER, 5)


def test_the_running_text_of_a_base_model():
    def text(*pairs):
        return "".join(running_text(talk(pairs).exchanges))

    assert text(("ROMEO:", "\nAy me.\n\n"), ("JULIET:", "\nO!")) == "ROMEO:\nAy me.\n\nJULIET:\nO!"
    assert text(("the cat", " sat"), ("And the dog", " too")) == "the cat sat\nAnd the dog too"
    assert text(("the cat", " sat"), (" on the", " mat")) == "the cat sat on the mat"
    assert text(("the cat", " sat"), ("", " on")) == "the cat sat on"
    assert text(("", "the"), ("", None)) == "the"
    ended = talk([("a", None)]).answered("b", ended=True).said("c")
    assert running_text(ended.exchanges)[-4:] == [Mark("<|endoftext|>"), "", "c", ""]


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=12), st.integers(30, 90))
def test_a_base_model_reads_the_end_of_the_text_and_what_stays(pairs, budget):
    conversation = talk([*pairs[:-1], (pairs[-1][0], None)], "on the mat")
    prompt = fit_text(conversation, TOKENIZER, budget)
    stays = TOKENIZER.encode("on the mat\n")
    text = encode_parts(running_text(conversation.exchanges), TOKENIZER)
    assert list(prompt.ids[: prompt.kept]) == stays and len(prompt.ids) <= budget
    read = list(prompt.ids[prompt.kept :])
    assert read == text[len(text) - len(read) :] and prompt.whole == len(stays) + len(text)
    cut = len(text) - len(read)
    assert cut == 0 or len(read) > (budget - len(stays)) * 3 // 4 - 2
    assert cut or not prompt.dropped
    out_of_sight = encode_parts(running_text(conversation.exchanges[: prompt.dropped]), TOKENIZER)
    assert len(out_of_sight) <= cut
    if cut and prompt.dropped < len(conversation.exchanges) - 1:
        more = running_text(conversation.exchanges[: prompt.dropped + 1])
        assert len(encode_parts(more, TOKENIZER)) > cut


def test_a_tokenizer_without_line_ends_joins_without_one():
    tokenizer = CharacterTokenizer.train("the cat")
    prompt = fit_text(talk([("the", " cat"), ("cat", None)]), tokenizer, 50)
    assert tokenizer.decode(prompt.ids) == "the catcat"
    with pytest.raises(DataError, match="unknown character 'x'"):
        fit_text(talk([("x", None)]), tokenizer, 50)
