"""New linear layers on old features."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from feature_sensitivity.attacks.pgd import Objective
from feature_sensitivity.config.attack import Attack
from feature_sensitivity.data.split import Split
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.training import last_layer
from feature_sensitivity.training.last_layer import (
    fit_last_layer,
    fit_last_layer_adversarially,
    least_sensitive,
    penultimate_features,
)

CPU = torch.device("cpu")
UNIT = Standardization((0.5,) * 3, (0.25,) * 3)


@pytest.fixture
def split() -> Split:
    """Two kinds of images, bright above or bright below."""
    rng = np.random.default_rng(0)
    images = rng.uniform(0, 0.3, (60, 3, 8, 8)).astype(np.float32)
    labels = np.arange(60, dtype=np.int64) % 2
    images[labels == 0, :, :4] += 0.6
    images[labels == 1, :, 4:] += 0.6
    return Split(images, labels)


@pytest.fixture
def binary(network: Classifier) -> Classifier:
    network.fc = torch.nn.Linear(network.fc.in_features, 2)
    return network


def test_the_least_sensitive_features_are_chosen():
    sensitivity = np.array([0.4, 0.1, 0.3, 0.2])
    assert least_sensitive(sensitivity, 50).tolist() == [1, 3]
    assert least_sensitive(sensitivity, 1).tolist() == [1]
    assert least_sensitive(sensitivity, 100).tolist() == [0, 1, 2, 3]


def test_features_are_those_of_the_network(network: Classifier, split: Split):
    features = penultimate_features(network, split, UNIT, device=CPU)
    with torch.no_grad():
        expected = network.features((torch.from_numpy(split.images) - 0.5) / 0.25)
    np.testing.assert_allclose(features, expected.numpy(), rtol=1e-4, atol=1e-4)


def test_a_fitted_layer_uses_its_features_only_and_leaves_the_network_alone():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(300, 6)).astype(np.float32) * 10
    labels = 2 * (features[:, 2] > 0).astype(np.int64) + (features[:, 4] > 0)
    network = Classifier()
    network.fc = torch.nn.Linear(6, 4)
    before = network.fc.weight.clone()
    columns = np.array([2, 4])
    fitted = fit_last_layer(network, features, labels, columns)
    assert torch.equal(network.fc.weight, before)
    assert not fitted.fc.weight[:, [0, 1, 3, 5]].any()
    with torch.no_grad():
        predicted = fitted.fc(torch.from_numpy(features)).argmax(1).numpy()
    assert (predicted == labels).mean() > 0.9


@pytest.mark.parametrize(("n_outputs", "classes"), [(2, [0, 1]), (6, [1, 4]), (6, [0, 2, 5])])
def test_a_layer_is_fitted_for_two_classes_and_where_some_have_no_images(n_outputs: int, classes: list[int]):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(300, 6)).astype(np.float32)
    labels = np.array(classes)[features[:, : len(classes)].argmax(axis=1)]
    network = Classifier()
    network.fc = torch.nn.Linear(6, n_outputs, bias=len(classes) != 3)
    fitted = fit_last_layer(network, features, labels, np.arange(6))
    with torch.no_grad():
        probabilities = torch.softmax(fitted.fc(torch.from_numpy(features)), dim=1).numpy()
    assert (probabilities.argmax(axis=1) == labels).mean() > 0.9
    expected = LogisticRegression(max_iter=1000).fit(features / features.std(axis=0), labels)
    expected_probabilities = expected.predict_proba(features / features.std(axis=0))
    np.testing.assert_allclose(probabilities[:, classes], expected_probabilities, atol=1e-3)


def test_a_smaller_batch_of_the_attack_changes_no_fit(
    binary: Classifier, split: Split, monkeypatch: pytest.MonkeyPatch
):
    attack = Attack(norm="linf", epsilon=0.1, steps=2, step_size=0.05)
    settings = {"attack": attack, "epochs": 2, "learning_rate": 0.05, "seed": 0, "device": CPU}
    whole = fit_last_layer_adversarially(binary, split, UNIT, **settings)
    attacked, tried = last_layer.run_pgd, []

    def with_little_memory(objective: Objective, x: Tensor, start: Tensor, *, attack: Attack) -> Tensor:
        tried.append(len(x))
        if len(x) > 20:
            raise torch.OutOfMemoryError
        return attacked(objective, x, start, attack=attack)

    monkeypatch.setattr(last_layer, "run_pgd", with_little_memory)
    again = fit_last_layer_adversarially(binary, split, UNIT, **settings)
    assert max(tried) == 60
    assert max(tried[4:]) <= 16
    torch.testing.assert_close(again.fc.weight, whole.fc.weight)


def test_adversarial_fitting_changes_the_last_layer_only(binary: Classifier, split: Split):
    attack = Attack(norm="linf", epsilon=0.1, steps=2, step_size=0.05)
    settings = {"attack": attack, "epochs": 30, "learning_rate": 0.05, "seed": 0, "device": CPU}
    fitted = fit_last_layer_adversarially(binary, split, UNIT, **settings)
    for name, value in fitted.state_dict().items():
        assert torch.equal(value, binary.state_dict()[name]) == (not name.startswith("fc."))
    with torch.no_grad():
        predicted = fitted((torch.from_numpy(split.images) - 0.5) / 0.25).argmax(1).numpy()
    assert (predicted == split.labels).mean() > 0.9
    again = fit_last_layer_adversarially(binary, split, UNIT, **settings)
    assert torch.equal(again.fc.weight, fitted.fc.weight)
