"""Normal and adversarial training with momentum SGD."""

import logging
import time
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import nn

from feature_sensitivity.config.training import TrainingSettings
from feature_sensitivity.config.user_code import sha256_of_code
from feature_sensitivity.data.batches import batches
from feature_sensitivity.data.split import Split
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.networks.build import build
from feature_sensitivity.networks.folding import folded_copy
from feature_sensitivity.networks.predictions import clean_accuracy, is_correct
from feature_sensitivity.runtime.console import Progress
from feature_sensitivity.runtime.cpu_workers import Share, every_core
from feature_sensitivity.runtime.devices import device_identity, device_name, has_bfloat16
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.partial_results import load_partial_result, partial_result_key, save_partial_result
from feature_sensitivity.training.trainer import Trainer, attacked_images

logger = logging.getLogger(__name__)

ROBUST_TEST_IMAGES = 1000
"""After each epoch of adversarial training, this many of the test images, the first ones, are attacked."""


def train(
    *,
    architecture: Mapping[str, Any],
    train_split: Split,
    test_split: Split,
    standardization: Standardization,
    settings: TrainingSettings,
    device: torch.device,
    partial_result: Path,
) -> tuple[nn.Module, pd.DataFrame]:
    """Return a trained network, and its history with one row per epoch.

    In adversarial training the history has ``robust_test_accuracy``, under the attack that is trained on.

    The network of the last epoch is returned: choosing one by its test accuracy would leak test
    data. After each epoch everything is saved to ``partial_result``; when that file fits these
    settings and data, training continues from it and ends with the same weights.

    Raises :class:`UserError` when the loss is no longer finite, or an option cannot work on this device or data.
    """
    check_options(settings, device)
    check_last_batch(architecture, train_split, settings.batch_size)
    trainer = Trainer(architecture, train_split, standardization, settings, device)
    key = partial_result_key(
        settings,
        dict(architecture),
        sha256_of_code(architecture["name"]),
        device_identity(device),
        standardization,
        train_split.images,
        train_split.labels,
        test_split.images,
        test_split.labels,
        code=Path(__file__),
    )
    history: list[dict[str, Any]] = []
    if saved := load_partial_result(partial_result, key):
        trainer.load_state(saved)
        history = saved["history"]
        logger.info("continuing after epoch %d of a run that was interrupted", len(history))
    n_images = len(train_split.labels)
    progress = Progress("training", total=settings.epochs * n_images, unit="images", done=len(history) * n_images)
    # Batch statistics make rows depend on each other; compiled code uses all cores by itself.
    row_wise = settings.attack_batchnorm == "eval" and not settings.compile
    with every_core(device, row_wise=row_wise) as share, progress as bar:
        for epoch in range(len(history) + 1, settings.epochs + 1):
            started, learning_rate = time.monotonic(), trainer.learning_rate
            loss, train_accuracy = trainer.run_epoch(epoch, share=share, bar=bar)
            row = {
                "epoch": epoch,
                "learning_rate": learning_rate,
                "train_loss": loss,
                "train_accuracy": train_accuracy,
                "test_accuracy": clean_accuracy(trainer.network, test_split, trainer.standardization, device=device),
                "seconds": time.monotonic() - started,
            }
            if settings.attack:
                row["robust_test_accuracy"] = _robust_accuracy(
                    trainer.network, test_split, trainer.standardization, settings=settings, share=share, device=device
                )
            history.append(row)
            logger.info("%s", _epoch_line(row, settings.epochs))
            save_partial_result(partial_result, key, {**trainer.state(), "history": history})
    return trainer.trained.eval(), pd.DataFrame(history).astype({"epoch": int})


def _robust_accuracy(
    network: nn.Module,
    split: Split,
    standardization: Standardization,
    *,
    settings: TrainingSettings,
    share: Share,
    device: torch.device,
) -> float:
    """Return the share of the first test images that stay correct under the attack, always from the same starts."""
    assert settings.attack is not None
    network.eval()
    attacked, generator = folded_copy(network), torch.Generator(device).manual_seed(settings.seed)
    first = Split(split.images[:ROBUST_TEST_IMAGES], split.labels[:ROBUST_TEST_IMAGES])
    n_correct = 0
    for _, x, y in batches(first, standardization, device=device, batch_size=settings.batch_size):
        moved = attacked_images(attacked, x, y, attack=settings.attack, generator=generator, share=share)
        n_correct += int(is_correct(network, moved, y).sum())
    return n_correct / len(first.labels)


def _epoch_line(row: Mapping[str, Any], epochs: int) -> str:
    """Return the line of an epoch in the log."""
    line = (
        f"epoch {row['epoch']} of {epochs}: loss {row['train_loss']:.4f}, "
        f"train accuracy {100 * row['train_accuracy']:.2f} %, test accuracy {100 * row['test_accuracy']:.2f} %"
    )
    robust = row.get("robust_test_accuracy")
    return line if robust is None else f"{line}, under attack {100 * robust:.2f} %"


def check_options(settings: TrainingSettings, device: torch.device) -> None:
    """Raise :class:`UserError` when mixed precision or compilation cannot work here."""
    if settings.mixed_precision and not has_bfloat16(device):
        raise UserError(
            f"training.mixed_precision is true, which needs bfloat16 in hardware, but this is {device_name(device)}, "
            "without it; write training.mixed_precision: false"
        )
    if settings.compile:
        try:
            torch.compile(torch.sin)(torch.zeros(2, device=device))
        except Exception as error:  # whatever a missing compiler makes torch raise
            reason = str(error).strip().partition("\n")[0]
            raise UserError(
                f"training.compile is true, but torch.compile fails here ({type(error).__name__}: {reason}); install "
                "a C++ compiler such as g++, or write training.compile: false"
            ) from error


def check_last_batch(architecture: Mapping[str, Any], split: Split, batch_size: int) -> None:
    """Raise :class:`UserError` when an epoch ends with one image of which BatchNorm has a single value per channel."""
    n_images = len(split.labels)
    if n_images % batch_size != 1:
        return
    with torch.random.fork_rng(devices=[]):
        network = build(architecture).train()
    try:
        with torch.no_grad():
            network(torch.zeros(1, *split.images.shape[1:]))
    except ValueError as error:
        better = next(size for size in count(batch_size + 1) if n_images % size != 1 or size > n_images)
        height, width = split.images.shape[2:]
        raise UserError(
            f"training.batch_size is {batch_size}, which leaves one image for the last of an epoch's batches, too few "
            f"for BatchNorm on {height} x {width} pixels; write {better}"
        ) from error
