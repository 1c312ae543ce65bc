"""Features at attacked images: the attack is that of the accuracy, gradients are those of plain autograd."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from accuracy_cases import STANDARDIZATION, N, correct
from extrema_cases import CPU
from feature_sensitivity.config.measurement import AccuracySettings
from feature_sensitivity.evaluation import attacked_features as module
from feature_sensitivity.evaluation.attacked_features import measure_attacked_features
from feature_sensitivity.evaluation.attacked_file import AttackedFile
from feature_sensitivity.evaluation.preparation import prepare
from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.networks.measured import measured
from feature_sensitivity.runtime import partial_results
from feature_sensitivity.runtime.errors import UserError
from interruptions import interrupted_until_done
from other_networks import CASES, case

EPSILONS = ("0.02", "0.3")


def settings(epsilon: str, *, norm: str = "linf", **changes) -> AccuracySettings:
    """The attack of ``accuracy_cases``."""
    return AccuracySettings(norm=norm, epsilon=epsilon, steps=5, relative_step_size="1/4", **changes)


def measure(network: Classifier, data: dict, *, norm: str = "linf", **changes) -> AttackedFile:
    split = data["split"]
    attack = {name: changes.pop(name) for name in ("restarts", "clip_to_pixel_box") if name in changes}
    arguments = {
        "network": network,
        "x": STANDARDIZATION.standardize(torch.from_numpy(split.images)),
        "label": split.labels,
        "image_index": data["image_index"],
        "features": np.array([0, 3, 5]),
        "standardization": STANDARDIZATION,
        "attacks": {epsilon: settings(epsilon, norm=norm, **attack) for epsilon in EPSILONS},
        "batch_size": 16,
        "device": CPU,
    }
    return measure_attacked_features(**{**arguments, **changes})


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_the_attack_is_that_of_the_accuracy(network: Classifier, data: dict, norm: str):
    got = measure(network, data, norm=norm)
    with torch.no_grad():
        logits = network(STANDARDIZATION.standardize(torch.from_numpy(data["split"].images))).numpy()
    assert np.array_equal(got.clean_prediction, logits.argmax(axis=1))
    ordered = np.sort(logits, axis=1)
    np.testing.assert_allclose(got.margin, ordered[:, -1] - ordered[:, -2], rtol=1e-3, atol=1e-5)
    for predicted, epsilon in zip(got.attacked_prediction, EPSILONS, strict=True):
        assert np.array_equal(predicted == data["split"].labels, correct(network, data, float(epsilon), norm=norm))


def test_features_are_those_at_the_attacked_images(network: Classifier, data: dict, monkeypatch: pytest.MonkeyPatch):
    seen: list[Tensor] = []
    original = module.attacked_images
    monkeypatch.setattr(module, "attacked_images", lambda *a, **k: seen.append(original(*a, **k)) or seen[-1])
    got = measure(network, data, clip_to_pixel_box=True)
    clean = STANDARDIZATION.standardize(torch.from_numpy(data["split"].images))
    for points, features, epsilon in zip(seen, got.attacked, EPSILONS, strict=True):
        assert (points - clean).abs().max() <= float(epsilon) + 1e-6
        assert points.abs().max() <= 2 + 1e-6, "the pixel box"
        with torch.no_grad():
            np.testing.assert_allclose(features, network.features(points)[:, [0, 3, 5]], rtol=1e-3, atol=1e-4)
    with torch.no_grad():
        np.testing.assert_allclose(got.clean, network.features(clean)[:, [0, 3, 5]], rtol=1e-3, atol=1e-4)


def test_of_several_restarts_the_largest_loss_counts(network: Classifier, data: dict):
    x, y = STANDARDIZATION.standardize(torch.from_numpy(data["split"].images)), torch.from_numpy(data["split"].labels)

    def loss(restarts: int) -> Tensor:
        prepared = prepare(
            network=network,
            x=x,
            image_index=np.arange(N),
            features=np.arange(1),
            standardization=STANDARDIZATION,
            clip_to_pixel_box=False,
            batch_size=16,
            device=CPU,
            code=Path(__file__),
        )
        points = module.attacked_images(prepared, y, settings("0.1", restarts=restarts))
        with torch.no_grad():
            return torch.nn.functional.cross_entropy(network(points), y, reduction="none")

    once, thrice = loss(1), loss(3)
    assert (thrice >= once - 1e-5).all()
    assert (thrice > once + 1e-5).any()


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("norm", "dual"), [("linf", 1), ("l2", 2)])
def test_gradient_norms_of_any_network(name: str, norm: str, dual: int):
    made = case(name)
    x = torch.randn(3, 3, made.size, made.size, generator=torch.Generator().manual_seed(3))
    features = np.array([1, 4, 9])
    got = measure_attacked_features(
        network=measured(made.network, x),
        x=x,
        label=np.arange(3),
        image_index=np.arange(3),
        features=features,
        standardization=STANDARDIZATION,
        attacks={"0.1": settings("0.1", norm=norm)},
        batch_size=2,
        device=CPU,
    )
    expected = np.empty((3, 3), np.float32)
    for row, column in np.ndindex(3, 3):
        point = x[row : row + 1].clone().requires_grad_()
        (gradient,) = torch.autograd.grad(made.features(point)[0, features[column]], point)
        expected[row, column] = gradient.flatten().norm(dual)
    assert expected.any()
    np.testing.assert_allclose(got.gradient_norm, expected, rtol=0.02, atol=1e-4)


def test_interruptions_change_no_bit(network: Classifier, data: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    whole = measure(network, data)
    attacks = []
    original = module.attacked_images
    monkeypatch.setattr(partial_results, "SECONDS_BETWEEN_SAVES", 0.0)
    monkeypatch.setattr(
        module,
        "attacked_images",
        lambda prepared, y, settings: attacks.append(settings) or original(prepared, y, settings),
    )
    resumed, interruptions = interrupted_until_done(
        lambda: measure(network, data, unfinished_folder=tmp_path), monkeypatch, every=4
    )
    assert interruptions > 2
    for name, values in vars(whole).items():
        assert np.array_equal(getattr(resumed, name), values), name
    assert len(attacks) < interruptions + 1, "an epsilon that was done is not attacked again"


def test_broken_features_are_refused(network: Classifier, data: dict):
    with torch.no_grad():
        network.conv1.weight[0, 0, 0, 0] = torch.inf
    with pytest.raises(UserError, match="features that are not finite"):
        measure(network, data)
