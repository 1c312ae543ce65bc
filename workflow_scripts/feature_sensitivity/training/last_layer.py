"""Re-fits of the last layer on the features of a trained network, whose other layers stay as they are."""

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from feature_sensitivity.attacks.pgd import Objective, run_pgd
from feature_sensitivity.attacks.random_starts import random_image_start
from feature_sensitivity.config.attack import Attack
from feature_sensitivity.data.batches import batches
from feature_sensitivity.data.split import Split
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.networks.classifier import Classifier, require_last_layer
from feature_sensitivity.networks.folding import folded_copy
from feature_sensitivity.runtime.console import Progress

BATCH_SIZE = 256


def penultimate_features(
    network: Classifier, split: Split, standardization: Standardization, *, device: torch.device
) -> NDArray[np.float32]:
    """Return the features [n, n_features] of unperturbed images."""
    body = folded_copy(network).to(device)
    with torch.no_grad():
        rows = [
            body.features(x).cpu()
            for _, x, _ in batches(split, standardization, device=device, batch_size=2 * BATCH_SIZE)
        ]
    return torch.cat(rows).numpy()


def least_sensitive(sensitivity: NDArray[np.floating], percent: float) -> NDArray[np.int64]:
    """Return the indices of this share of the features, at least one, the least sensitive ones."""
    n = max(1, round(percent / 100 * len(sensitivity)))
    return np.sort(np.argsort(sensitivity, kind="stable")[:n])


def fit_last_layer(
    network: Classifier, features: NDArray[np.float32], labels: NDArray[np.int64], columns: NDArray[np.int64]
) -> Classifier:
    """Return a copy whose last layer is a logistic regression on these features [n, n_features], 0 on all others."""
    from sklearn.linear_model import LogisticRegression

    # In units of its standard deviation each feature is regularized alike.
    scale = features[:, columns].std(axis=0).astype(np.float64)
    scale[scale == 0] = 1
    fit = LogisticRegression(max_iter=1000).fit(features[:, columns] / scale, labels)
    copied = copy.deepcopy(network)
    with torch.no_grad():
        layer = require_last_layer(copied)
        layer.weight.zero_()
        layer.weight[:, torch.from_numpy(columns)] = torch.from_numpy(fit.coef_ / scale).float()
        layer.bias.copy_(torch.from_numpy(fit.intercept_))
    return copied


def fit_last_layer_adversarially(
    network: Classifier,
    split: Split,
    standardization: Standardization,
    *,
    attack: Attack,
    epochs: int,
    learning_rate: float,
    seed: int,
    device: torch.device,
) -> Classifier:
    """Return a copy whose last layer was trained on by Adam on a cosine, each batch attacked first."""
    attacked = folded_copy(network).to(device)
    layer = require_last_layer(attacked).requires_grad_(True)
    optimizer = torch.optim.Adam(layer.parameters(), lr=learning_rate)
    n_images = len(split.labels)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * -(-n_images // BATCH_SIZE))
    generator = torch.Generator().manual_seed(seed)
    with Progress("adversarial last layer", total=epochs * n_images, unit="images") as bar:
        for epoch in range(epochs):
            order = torch.randperm(n_images, generator=generator)
            for rows, x, y in batches(split, standardization, device=device, batch_size=BATCH_SIZE, order=order):
                start = random_image_start(
                    seed=seed,
                    image=rows.to(device),
                    restart=epoch,
                    shape=x.shape[1:],
                    epsilon=attack.epsilon,
                    norm=attack.norm,
                )
                moved = x + run_pgd(_loss(attacked, y), x, start, attack=attack)
                with torch.no_grad():
                    features = attacked.features(moved)
                loss = F.cross_entropy(layer(features), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                scheduler.step()
                bar.advance(len(y), f"loss {loss.item():.3f}")
    copied = copy.deepcopy(network)
    require_last_layer(copied).load_state_dict(
        {name: value.detach().cpu() for name, value in layer.state_dict().items()}
    )
    return copied


def _loss(network: Classifier, y: Tensor) -> Objective:
    return lambda points: F.cross_entropy(network(points), y, reduction="none")
