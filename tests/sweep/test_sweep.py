"""A dozen networks of the sweep, each of another kind."""

from types import MappingProxyType

import pytest
from sweep_networks import checked, networks

NAMES = MappingProxyType(
    {
        "torchvision": ("googlenet", "mobilenet_v3_small", "shufflenet_v2_x0_5", "squeezenet1_1"),
        "timm": (
            "convnext_atto",
            "dla34",
            "deit_tiny_distilled_patch16_224",
            "levit_128s",
            "repvit_m0_9",
            "resnet18",
            "tf_efficientnet_lite0",
            "vit_tiny_patch16_224",
        ),
    }
)
UNWEIGHTED = ("squeezenet1_1",)
"""A ReLU stands between their linear layer and the outputs."""


@pytest.mark.parametrize(("library", "name"), [(library, name) for library in NAMES for name in NAMES[library]])
def test_the_number_is_that_of_the_network(library: str, name: str):
    pytest.importorskip(library)
    build = next(build for of, named, _, build in networks() if (of, named) == (library, name))
    row = checked(build)
    assert row["outcome"] == ("unweighted" if name in UNWEIGHTED else "right"), row
