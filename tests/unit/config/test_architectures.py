"""The one table of built-in architectures, against the networks themselves."""

import inspect

import pytest
import torch

from feature_sensitivity.config.architectures import BUILT_IN, BuiltIn, built_in, built_in_features, with_width
from feature_sensitivity.networks import architectures
from feature_sensitivity.networks.build import build, built_in_arguments, with_sizes

NAMES = [*(entry.name for entry in BUILT_IN if entry.takes_width), "wideresnet-10-2", "wideresnet-16-1"]


def test_every_network_is_in_the_table_and_every_entry_has_a_network():
    assert sorted(entry.network for entry in BUILT_IN) == sorted(architectures.__all__)
    for entry in BUILT_IN:
        assert built_in(entry.name) is entry


@pytest.mark.parametrize("entry", BUILT_IN, ids=lambda entry: entry.name)
def test_a_network_takes_a_width_where_the_table_says_so(entry: BuiltIn):
    arguments = inspect.signature(getattr(architectures, entry.network)).parameters
    assert entry.takes_width == ("width" in arguments)
    assert (entry.sizes_in(entry.name) or {}).keys() <= arguments.keys()


@pytest.mark.parametrize("name", NAMES)
def test_what_the_table_says_is_true_of_the_network(name: str):
    description = with_sizes({"name": name}, width=8, in_channels=1, n_classes=7)
    network = build(description)
    assert built_in_features({"name": name}, 8) == network.n_features
    # Its sizes can be read off its weights, and give the same network.
    again = build({"name": name, **built_in_arguments(name, network.state_dict())})
    again.load_state_dict(network.state_dict())
    x = torch.zeros(2, 1, 32, 32)
    assert torch.equal(network.eval()(x), again.eval()(x))


@pytest.mark.parametrize("name", ["resnet", "resnet180", "wideresnet", "wideresnet-28", "wideresnet-28-10-2", "a.py:f"])
def test_no_other_name_is_built_in(name: str):
    assert built_in(name) is None
    assert built_in_features({"name": name}, 8) is None
    assert with_width({"name": name}, 8) == {"name": name}


def test_a_width_of_its_own_stands():
    assert with_width({"name": "resnet50", "width": 3}, 8) == {"name": "resnet50", "width": 3}
    assert built_in_features({"name": "resnet50", "width": 3}, 8) == 96
