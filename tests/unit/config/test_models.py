"""Names of replicates, and what they are read back as."""

from feature_sensitivity.config.models import model_of, replicate_names, seed_of, with_seed


def test_one_seed_adds_no_name():
    assert replicate_names({"normal": {}, "adversarial": {}}, [7]) == ["normal", "adversarial"]


def test_the_first_seed_keeps_the_name_and_every_further_one_adds_its_own():
    names = replicate_names({"normal": {}, "robust_dataset": {"weights": None}}, [3, 0, 12])
    assert names == [
        "normal",
        "normal_seed0",
        "normal_seed12",
        "robust_dataset",
        "robust_dataset_seed0",
        "robust_dataset_seed12",
    ]
    assert [model_of(name) for name in names] == ["normal"] * 3 + ["robust_dataset"] * 3
    assert [seed_of(name, [3, 0, 12]) for name in names] == [3, 0, 12] * 2


def test_a_model_that_is_trained_already_has_no_further_replicates():
    names = replicate_names({"mine": {"weights": "mine.pt"}, "normal": {}}, [0, 1])
    assert names == ["mine", "normal", "normal_seed1"]


def test_a_file_for_each_seed_gives_replicates():
    models = {"mine": {"weights": "mine/{seed}.pt"}, "other": {"architecture": "other.py:network"}}
    assert replicate_names(models, [0, 3]) == ["mine", "mine_seed3", "other"]
    assert [with_seed(models["mine"], seed)["weights"] for seed in (0, 3)] == ["mine/0.pt", "mine/3.pt"]
    assert with_seed(models["other"], 3) == models["other"]


def test_only_the_end_of_a_name_tells_a_seed():
    for name in ("normal_seed", "normal_seed1_wide", "seed1", "normal_1"):
        assert model_of(name) == name
