"""New linear layers on the features of a trained network, whose other layers stay as they are."""

import copy
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from feature_sensitivity.attacks.pgd import PGD
from feature_sensitivity.attacks.random_starts import random_start
from feature_sensitivity.data.split import Split
from feature_sensitivity.data.standardization import standardize
from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.networks.folding import frozen
from feature_sensitivity.runtime.console import Progress

BATCH_SIZE = 256


def penultimate_features(
    network: Classifier, split: Split, *, mean: Sequence[float], std: Sequence[float], device: torch.device
) -> NDArray[np.float32]:
    """The features [n, n_features] of unperturbed images."""
    body = frozen(network).to(device)
    rows = []
    with torch.no_grad():
        for images in torch.from_numpy(split.images).split(2 * BATCH_SIZE):
            x = standardize(images.to(device), mean, std).contiguous(memory_format=torch.channels_last)
            rows.append(body.features(x).cpu())
    return torch.cat(rows).numpy()


def least_sensitive(sensitivity: NDArray[np.floating], percent: float) -> NDArray[np.int64]:
    """The indices of this share of the features, at least one, the least sensitive ones."""
    n = max(1, round(percent / 100 * len(sensitivity)))
    return np.sort(np.argsort(sensitivity, kind="stable")[:n])


def fit_linear_layer(
    network: Classifier, features: NDArray[np.float32], labels: NDArray[np.int64], columns: NDArray[np.int64]
) -> Classifier:
    """A copy whose linear layer is a logistic regression on these features [n, n_features], 0 on all others."""
    from sklearn.linear_model import LogisticRegression

    # In units of its standard deviation each feature is regularized alike.
    scale = features[:, columns].std(axis=0).astype(np.float64)
    scale[scale == 0] = 1
    fit = LogisticRegression(max_iter=1000).fit(features[:, columns] / scale, labels)
    copied = copy.deepcopy(network)
    with torch.no_grad():
        copied.fc.weight.zero_()
        copied.fc.weight[:, torch.from_numpy(columns)] = torch.from_numpy(fit.coef_ / scale).float()
        copied.fc.bias.copy_(torch.from_numpy(fit.intercept_))
    return copied


def fit_linear_layer_adversarially(
    network: Classifier,
    split: Split,
    *,
    mean: Sequence[float],
    std: Sequence[float],
    attack: PGD,
    epochs: int,
    learning_rate: float,
    seed: int,
    device: torch.device,
) -> Classifier:
    """A copy whose linear layer was trained on, each batch attacked first (Madry et al. 2018), by Adam on a cosine."""
    attacked = frozen(network).to(device)
    layer = attacked.fc.requires_grad_(True)
    optimizer = torch.optim.Adam(layer.parameters(), lr=learning_rate)
    n_batches = -(-len(split.labels) // BATCH_SIZE)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * n_batches)
    generator = torch.Generator().manual_seed(seed)
    with Progress("adversarial linear layer", total=epochs * len(split.labels), unit="images") as bar:
        for epoch in range(epochs):
            for batch in torch.randperm(len(split.labels), generator=generator).split(BATCH_SIZE):
                x = standardize(torch.from_numpy(split.images)[batch].to(device), mean, std)
                x = x.contiguous(memory_format=torch.channels_last)
                y = torch.from_numpy(split.labels)[batch].to(device)
                x = x + _perturbation(attacked, x, y, attack, batch.to(device), epoch, seed)
                with torch.no_grad():
                    features = attacked.features(x)
                loss = F.cross_entropy(layer(features), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                scheduler.step()
                bar.advance(len(y), f"loss {loss.item():.3f}")
    copied = copy.deepcopy(network)
    copied.fc.load_state_dict({name: value.detach().cpu() for name, value in layer.state_dict().items()})
    return copied


def _perturbation(
    network: Classifier, x: Tensor, y: Tensor, attack: PGD, index: Tensor, epoch: int, seed: int
) -> Tensor:
    none = torch.zeros_like(index)
    start = random_start(
        seed=seed,
        image=index,
        feature=none,
        direction=none,
        restart=none + epoch,
        shape=x.shape[1:],
        epsilon=attack.epsilon,
        norm=attack.norm,
    )
    return attack.run(lambda points: F.cross_entropy(network(points), y, reduction="none"), x, start)
