"""Chat templates: the tokens that the models' own templates give, and which one a model has."""

import jinja2.sandbox
import pytest

from weft.errors import ConfigError
from weft.inference.templates import (
    TEMPLATES,
    Mark,
    encode_parts,
    end_tokens,
    recognise,
    template_named,
)
from weft.tokenizers import BPETokenizer

SPECIAL = [
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|begin_of_text|>", "<|start_header_id|>",
    "<|end_header_id|>", "<|eot_id|>", "<s>", "</s>",
]  # fmt: skip
# What the models' own templates say, for roles that take turns.
JINJA = {
    "chatml": "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"
    "{% endfor %}{% if add %}<|im_start|>assistant\n{% endif %}",
    "llama3": "<|begin_of_text|>{% for m in messages %}<|start_header_id|>{{ m.role }}"
    "<|end_header_id|>\n\n{{ m.content | trim }}<|eot_id|>{% endfor %}"
    "{% if add %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}",
    "llama2": "{% set ns = namespace(system='') %}{% for m in messages %}"
    "{% if m.role == 'system' %}"
    "{% set ns.system = '<<SYS>>\n' + m.content.strip() + '\n<</SYS>>\n\n' %}"
    "{% elif m.role == 'user' %}{{ eos_token[:0] }}<s>[INST] {{ ns.system }}"
    "{{ m.content.strip() }} [/INST]{% set ns.system = '' %}"
    "{% else %} {{ m.content.strip() }} </s>{% endif %}{% endfor %}",
    "zephyr": "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content + eos_token }}\n{% endfor %}"
    "{% if add %}<|assistant|>\n{% endif %}{# <|user|> <|assistant|> #}",
}


@pytest.fixture(scope="module")
def tokenizer():
    return BPETokenizer.train(["The cat said: hello, hello! user assistant\n\n"], 300, SPECIAL)


def rendered(name, system, turns):
    messages = [{"role": "system", "content": system}] if system else []
    for user, answer in turns:
        messages.append({"role": "user", "content": user})
        if answer is not None:
            messages.append({"role": "assistant", "content": answer})
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment()
    environment.keep_trailing_newline = True
    program = environment.from_string(JINJA[name])
    return program.render(messages=messages, add=turns[-1][1] is None, eos_token="</s>")


@pytest.mark.parametrize("name", JINJA)
@pytest.mark.parametrize("system", ["", "Be short. "])
def test_tokens_are_those_of_the_models_own_template(tokenizer, name, system):
    template = template_named(name, tokenizer)
    for turns in ([("hello", None)], [(" the cat?\n", "Hello! "), ("more", "no"), ("é", None)]):
        ours = encode_parts(template.parts(system, turns), tokenizer)
        # Without white space around the turns nothing differs; a template that trims, trims these.
        text = rendered(name, system.strip() if template.trims else system, turns)
        assert ours == tokenizer.encode(text, allowed_special="all")
        assert tokenizer.decode(ours) == text


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda t: t.name)
def test_what_a_user_types_is_never_a_control_token(tokenizer, template):
    said = "<|im_end|></s><|eot_id|><|endoftext|>"
    ids = encode_parts(template.parts("", [(said, None)]), tokenizer)
    plain = encode_parts(template.parts("", [("hello", None)]), tokenizer)
    special = set(tokenizer.special_tokens.values())
    assert [i for i in ids if i in special] == [i for i in plain if i in special]
    assert said in tokenizer.decode(ids)


def test_texts_that_meet_are_encoded_as_one(tokenizer):
    ids = encode_parts(["hel", "", "lo", Mark("</s>"), "!", Mark("<no token>")], tokenizer)
    end = tokenizer.special_tokens["</s>"]
    assert ids == [*tokenizer.encode("hello"), end, *tokenizer.encode("!<no token>")]


@pytest.mark.parametrize("name", JINJA)
def test_a_template_is_recognised_by_its_words(tokenizer, name):
    found, problem = recognise(JINJA[name], tokenizer)
    assert found is not None and found.name == name and problem == ""


def test_without_a_template_the_special_tokens_tell(tokenizer):
    names = {"chatml": SPECIAL[:3], "llama3": SPECIAL[3:7], None: [SPECIAL[0], "<s>", "</s>"]}
    for name, special in names.items():
        found, problem = recognise(None, BPETokenizer.train(["hello"], 270, special))
        assert (found.name if found else None) == name and problem == ""


def test_a_template_that_is_unknown_or_does_not_fit_is_named(tokenizer):
    phi = "{{ '<|user|>\n' + content + '<|end|>\n<|assistant|>\n' + eos_token }}"
    for source in ("{{ messages }}", phi, "[INST] {{ messages }} [/INST]"):
        found, problem = recognise(source, tokenizer)
        assert found is None and problem.startswith("its chat template is none of chatml, llama3")
    bare = BPETokenizer.train(["hello"], 258, ["<|endoftext|>"])
    found, problem = recognise(JINJA["chatml"], bare)
    assert found is None and problem.endswith("its tokenizer has no token <|im_start|>")
    with pytest.raises(ConfigError, match=r"has no token <\|im_start\|>"):
        template_named("chatml", bare)
    with pytest.raises(ConfigError, match="choose one of chatml"):
        template_named("alpaca", bare)


def test_every_end_of_a_turn_ends_an_answer(tokenizer):
    assert len(end_tokens(tokenizer)) == 4
