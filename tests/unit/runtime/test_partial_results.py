from pathlib import Path

import numpy as np
import pytest
import torch

from feature_sensitivity.attacks import pgd, projection
from feature_sensitivity.config.attack import Attack
from feature_sensitivity.runtime.partial_results import load_partial_result, partial_result_key, save_partial_result


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "partial.pt"
    save_partial_result(path, "key", {"values": torch.arange(1000.0), "done": 3})
    return path


def test_a_fitting_one_is_read(path: Path):
    content = load_partial_result(path, "key")
    assert content is not None
    assert content["done"] == 3
    assert torch.equal(content["values"], torch.arange(1000.0))


def test_none_is_no_fault(tmp_path: Path):
    assert load_partial_result(tmp_path / "none.pt", "key") is None


def test_another_key_is_set_aside(path: Path, caplog: pytest.LogCaptureFixture):
    assert load_partial_result(path, "another") is None
    assert path.with_name("partial.pt.other").exists()
    assert not path.exists()
    assert "other settings, data or code" in caplog.text


@pytest.mark.parametrize("where", [0.0, 0.3, 0.5, 0.99])
def test_one_flipped_bit_is_noticed(path: Path, where: float, caplog: pytest.LogCaptureFixture):
    content = bytearray(path.read_bytes())
    content[int(where * (len(content) - 1))] ^= 1
    path.write_bytes(content)
    loaded = load_partial_result(path, "key")
    # A bit between the members of the archive matters to nobody.
    assert loaded is None or torch.equal(loaded["values"], torch.arange(1000.0))
    if loaded is None:
        assert path.with_name("partial.pt.damaged").exists()
        assert "is damaged" in caplog.text


def test_a_flipped_value_is_noticed(path: Path):
    content = path.read_bytes()
    value = np.float32(500).tobytes()
    assert content.count(value) == 1
    path.write_bytes(content.replace(value, np.float32(501).tobytes()))
    assert load_partial_result(path, "key") is None


@pytest.mark.parametrize("keep", [0, 10, 1000])
def test_a_truncated_one_is_noticed(path: Path, keep: int):
    path.write_bytes(path.read_bytes()[:keep])
    assert load_partial_result(path, "key") is None


def test_a_file_of_something_else_is_set_aside(path: Path):
    torch.save([1, 2], path)
    assert load_partial_result(path, "key") is None
    assert path.with_name("partial.pt.other").exists()


CODE = Path(pgd.__file__)


def test_the_key_depends_on_everything():
    attack = Attack(norm="linf", epsilon=0.1, steps=2, step_size=0.1)
    base = partial_result_key(attack, [1], np.zeros(3), code=CODE)
    assert base == partial_result_key(attack, [1], np.zeros(3), code=CODE)
    others = [
        partial_result_key(Attack(norm="linf", epsilon=0.1, steps=3, step_size=0.1), [1], np.zeros(3), code=CODE),
        partial_result_key(attack, [2], np.zeros(3), code=CODE),
        partial_result_key(attack, [1], np.ones(3), code=CODE),
        partial_result_key(attack, [1], np.zeros(3), code=Path(projection.__file__)),
    ]
    assert base not in others
    assert len(set(others)) == 4
