"""The families of models: each name has its configuration, and refuses the options of others."""

import dataclasses

import pytest

from weft.config import FAMILIES, model_from_dict, to_dict
from weft.errors import ConfigError


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_goes_through_a_dict(name):
    config = model_from_dict({"model": name, "vocab_size": 65})
    assert config.model == name and config.vocab_size == 65
    assert config.block_size >= 1 and config.context >= config.block_size
    assert to_dict(config)["model"] == name
    assert model_from_dict(to_dict(config)) == config


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_refuses_what_is_out_of_range(name):
    for field in dataclasses.fields(FAMILIES[name]):
        if field.type == "int" and field.default is not None:
            with pytest.raises(ConfigError, match=field.name):
                model_from_dict({"model": name, "vocab_size": 65, field.name: -1})
        with pytest.raises(ConfigError, match=field.name):
            model_from_dict({"model": name, "vocab_size": 65, field.name: [1]})


def test_without_a_name_it_is_a_gpt():
    assert model_from_dict({"vocab_size": 65}).model == "gpt"


def test_an_unknown_family_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean lstm"):
        model_from_dict({"model": "lstn", "vocab_size": 65})
    with pytest.raises(ConfigError, match="choose one of gpt, ngram"):
        model_from_dict({"model": 3, "vocab_size": 65})


def test_an_option_of_another_family_is_refused_with_its_owner():
    with pytest.raises(ConfigError, match="order is not an option of model lstm, but of ngram"):
        model_from_dict({"model": "lstm", "vocab_size": 65, "order": 3})
    with pytest.raises(ConfigError, match="did you mean n_embd"):
        model_from_dict({"model": "gru", "vocab_size": 65, "n_emb": 3})
