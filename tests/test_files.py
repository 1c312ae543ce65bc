from pathlib import Path

import pytest

from feature_sensitivity.files import sha256_of_file, sha256_of_settings, whole_file


def test_a_file_appears_whole(tmp_path: Path):
    path = tmp_path / "new/folder/result.txt"
    with whole_file(path) as temporary:
        temporary.write_text("all of it")
        assert not path.exists()
    assert path.read_text() == "all of it"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path, error: type[BaseException]):
    path = tmp_path / "result.txt"
    path.write_text("old")

    def fail_half_way() -> None:
        with whole_file(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        fail_half_way()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_sha256_of_a_file_is_the_published_one(tmp_path: Path):
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    assert sha256_of_file(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_equal_settings_have_equal_keys_in_any_order():
    assert sha256_of_settings({"a": 1, "b": [2, None]}) == sha256_of_settings({"b": [2, None], "a": 1})
    assert sha256_of_settings({"a": 1}) != sha256_of_settings({"a": 2})
