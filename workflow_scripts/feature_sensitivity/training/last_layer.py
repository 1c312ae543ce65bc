"""Refits of the last layer on the features of a trained network, whose other layers stay as they are."""

from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from feature_sensitivity.attacks.pgd import cross_entropy, run_pgd
from feature_sensitivity.attacks.random_starts import random_image_start
from feature_sensitivity.config.attack import Attack
from feature_sensitivity.data.batches import batches, in_fitting_batches
from feature_sensitivity.data.split import Split
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.networks.classifier import Classifier, require_last_layer
from feature_sensitivity.networks.copies import copied
from feature_sensitivity.networks.folding import folded_copy
from feature_sensitivity.runtime.batch_size import BatchSize, fitting_rows
from feature_sensitivity.runtime.console import Progress

BATCH_SIZE = 256

LOGIT_OF_NO_CLASS = -1e6
"""Of a class without training images: far below every other logit."""


def penultimate_features(
    network: Classifier, split: Split, standardization: Standardization, *, device: torch.device
) -> NDArray[np.float32]:
    """Return the features [n, n_features] of unperturbed images."""
    body = folded_copy(network).to(device)
    with torch.no_grad():
        computed = in_fitting_batches(
            lambda batch: body.features(batch.x).cpu(),
            split,
            standardization,
            device=device,
            batch_size=2 * BATCH_SIZE,
        )
        return torch.cat([features for _, features in computed]).numpy()


def least_sensitive(sensitivity: NDArray[np.floating], percent: float) -> NDArray[np.int64]:
    """Return the indices of this share of the features, at least one, the least sensitive ones."""
    n = max(1, round(percent / 100 * len(sensitivity)))
    return np.sort(np.argsort(sensitivity, kind="stable")[:n])


def fit_last_layer(
    network: Classifier, features: NDArray[np.float32], labels: NDArray[np.int64], columns: NDArray[np.int64]
) -> Classifier:
    """Return a copy whose last layer is a logistic regression on these features [n, n_features], 0 on all others.

    A class that has no label here is never predicted.
    """
    from sklearn.linear_model import LogisticRegression

    refitted = copied(network)
    layer = require_last_layer(refitted)
    # In units of its standard deviation each feature is regularized alike.
    scale = features[:, columns].std(axis=0).astype(np.float64)
    scale[scale == 0] = 1
    fit = LogisticRegression(max_iter=1000).fit(features[:, columns] / scale, labels)
    weight, bias = fit.coef_ / scale, fit.intercept_
    if len(fit.classes_) == 2:  # one logit, of the second class against the first
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.fill_(LOGIT_OF_NO_CLASS)
        layer.weight[np.ix_(fit.classes_, columns)] = torch.from_numpy(weight).float()
        layer.bias[fit.classes_] = torch.from_numpy(bias).float()
    return refitted


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
    at_a_time = BatchSize(fitting_rows(BATCH_SIZE, split.images.shape[2:]))
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
                    attack=attack,
                )
                features = at_a_time.fit(partial(_attacked_features, attacked, x, y, start, attack))
                loss = F.cross_entropy(layer(features), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                scheduler.step()
                bar.advance(len(y), f"loss {loss.item():.3f}")
    refitted = copied(network)
    require_last_layer(refitted).load_state_dict(
        {name: value.detach().cpu() for name, value in layer.state_dict().items()}
    )
    return refitted


def _attacked_features(network: Classifier, x: Tensor, y: Tensor, start: Tensor, attack: Attack, n_rows: int) -> Tensor:
    """Return the features [n, n_features] of attacked images, of which ``n_rows`` are computed at a time."""
    parts = []
    for images, labels, starts in zip(x.split(n_rows), y.split(n_rows), start.split(n_rows), strict=True):
        moved = images + run_pgd(cross_entropy(network, labels), images, starts, attack=attack)
        with torch.no_grad():
            parts.append(network.features(moved))
    return torch.cat(parts)
