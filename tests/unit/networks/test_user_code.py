"""The user's own code: repositories do not mix, packages are packages, and whatever it does at import is a sentence."""

from pathlib import Path

import pytest

from feature_sensitivity.config.user_code import code_files
from feature_sensitivity.networks.build import build
from feature_sensitivity.runtime.errors import UserError

NET = "from torch import nn\n{how}\ndef net():\n    from late_{part} import late\n    return nn.Linear(n, late)\n"


def repository(folder: Path, n: int, *, how: str, inside: str = "") -> str:
    place = folder / inside
    place.mkdir(parents=True)
    for package in (Path(inside), *Path(inside).parents) if inside else ():
        if package != Path():
            (folder / package / "__init__.py").touch()
    (place / "helper.py").write_text(f"n = {n}\n")
    (folder / "late_x.py").write_text(f"late = {n}\n")
    (place / "nets.py").write_text(NET.format(how=how, part="x"))
    return f"{place}/nets.py:net"


@pytest.mark.parametrize(
    ("how", "inside"),
    [
        ("from helper import n", ""),
        ("from .helper import n", "package"),
        ("from . import helper; n = helper.n", "package/inner"),
        ("from package.helper import n", "package"),
        ("from torch_like.helper import n", "torch_like"),
    ],
)
def test_two_repositories_with_files_of_the_same_names_do_not_mix(how: str, inside: str, tmp_path: Path):
    names = [repository(tmp_path / part, n, how=how, inside=inside) for part, n in (("a", 3), ("b", 5))]
    for _ in range(2):
        for name, n in zip(names, (3, 5), strict=True):
            network = build({"name": name})
            assert (network.in_features, network.out_features) == (n, n)


def test_what_a_package_imports_counts_as_the_networks_code(tmp_path: Path):
    name = repository(tmp_path / "a", 3, how="from .helper import n", inside="package")
    assert [file.name for file in code_files(name)] == ["helper.py", "nets.py"]


@pytest.mark.parametrize(
    "code",
    [
        "import sys; sys.exit('no GPU')",
        "import argparse; p = argparse.ArgumentParser(); p.add_argument('--x', required=True); p.parse_args([])",
        "raise SystemExit",
        "1 / 0",
        "import no_such_package_at_all",
        "def net(): raise SystemExit(2)",
    ],
)
def test_code_that_ends_at_import_is_a_sentence(code: str, tmp_path: Path):
    (tmp_path / "nets.py").write_text(code)
    for _ in range(2):
        with pytest.raises(UserError, match=r"nets\.py:net raises \w+"):
            build({"name": f"{tmp_path}/nets.py:net"})
