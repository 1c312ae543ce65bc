"""The built-in architectures, in one table for the rules, which must not import torch, and for the builder."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple


class BuiltIn(NamedTuple):
    """A built-in architecture.

    Attributes:
        name: as a user writes it; of an architecture with sizes in its name, an example.
        network: the class in ``networks.architectures``. Its static method ``arguments_from`` reads the arguments off
            weights.
        features: penultimate features for each unit of the width, or of the widening in the name.
        pattern: what its names match where they hold sizes, each a group named as its argument. The others take a
            ``width``.
    """

    name: str
    network: str
    features: int
    pattern: str = ""

    @property
    def takes_width(self) -> bool:
        """Whether the network has an argument ``width``."""
        return not self.pattern

    def sizes_in(self, name: str) -> dict[str, int] | None:
        """Return the arguments that a name holds; None for a name of another architecture."""
        found = re.fullmatch(self.pattern or re.escape(self.name), name)
        return {key: int(number) for key, number in found.groupdict().items()} if found else None


BUILT_IN = (
    BuiltIn("resnet18", "ResNet18", features=8),
    BuiltIn("resnet50", "ResNet50", features=32),
    BuiltIn("preactresnet18", "PreActResNet18", features=8),
    BuiltIn("wideresnet-28-10", "WideResNet", features=64, pattern=r"wideresnet-(?P<depth>\d+)-(?P<widening>\d+)"),
)


def built_in(name: str) -> BuiltIn | None:
    """Return the built-in architecture of this name; None where there is none."""
    return next((entry for entry in BUILT_IN if entry.sizes_in(name) is not None), None)


def with_width(architecture: Mapping[str, Any], width: int) -> dict[str, Any]:
    """Return an architecture with the run's width if it takes one and has none of its own."""
    entry = built_in(str(architecture["name"]))
    return {**({"width": width} if entry and entry.takes_width else {}), **architecture}


def built_in_features(architecture: Mapping[str, Any], width: int) -> int | None:
    """Return the penultimate features of a built-in network; None for any other."""
    name = str(architecture["name"])
    if (entry := built_in(name)) is None:
        return None
    sizes = {**(entry.sizes_in(name) or {}), **with_width(architecture, width)}
    return entry.features * int(sizes["width" if entry.takes_width else "widening"])
