"""Normal and adversarial training with momentum SGD."""

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.optim import SGD

from feature_sensitivity.config.training import TrainingSettings
from feature_sensitivity.data.batches import batches
from feature_sensitivity.data.split import Split
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.networks.architectures import build
from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.networks.folding import folded_copy
from feature_sensitivity.networks.predictions import clean_accuracy, is_correct
from feature_sensitivity.runtime.console import Progress
from feature_sensitivity.runtime.cpu_workers import Share, every_core
from feature_sensitivity.runtime.devices import device_name
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.side_checkpoints import checkpoint_key, load_side_checkpoint, save_side_checkpoint
from feature_sensitivity.training.adversary import attackable, attacked_images
from feature_sensitivity.training.learning_rate import learning_rate_schedule

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
    side_checkpoint: Path,
) -> tuple[Classifier, pd.DataFrame]:
    """Return a trained network, and its history with one row per epoch.

    In adversarial training the history has ``robust_test_accuracy``, under the attack that is trained on.

    The network of the last epoch is returned: choosing one by its test accuracy would leak test
    data. After each epoch everything is saved to ``side_checkpoint``; when that file fits these
    settings and data, training continues from it and ends with the same weights.

    Raises :class:`UserError` when the loss is no longer finite, or an option cannot work on this device.
    """
    check_options(settings, device)
    trainer = _Trainer(architecture, train_split, standardization, settings, device)
    key = checkpoint_key(
        settings,
        dict(architecture),
        device.type,
        standardization,
        train_split.images,
        train_split.labels,
        test_split.images,
        test_split.labels,
        code=Path(__file__),
    )
    history: list[dict[str, Any]] = []
    if saved := load_side_checkpoint(side_checkpoint, key):
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
                "test_accuracy": clean_accuracy(trainer.network, test_split, standardization, device=device),
                "seconds": time.monotonic() - started,
            }
            if settings.attack:
                row["robust_test_accuracy"] = _robust_accuracy(
                    trainer.network, test_split, standardization, settings=settings, share=share, device=device
                )
            history.append(row)
            logger.info("%s", _epoch_line(row, settings.epochs))
            save_side_checkpoint(side_checkpoint, key, {**trainer.state(), "history": history})
    return trainer.network.eval(), pd.DataFrame(history).astype({"epoch": int})


class _Trainer:
    """A network with all that changes while it is trained."""

    def __init__(
        self,
        architecture: Mapping[str, Any],
        split: Split,
        standardization: Standardization,
        settings: TrainingSettings,
        device: torch.device,
    ) -> None:
        torch.manual_seed(settings.seed)
        self.network: Classifier = build(architecture).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._images = torch.from_numpy(split.images).to(device)
        self._labels = torch.from_numpy(split.labels).to(device)
        self._standardization = standardization
        self._settings = settings
        self._device = device
        self._optimizer = SGD(
            self.network.parameters(),
            lr=settings.learning_rate,
            momentum=settings.momentum,
            weight_decay=settings.weight_decay,
        )
        batches_per_epoch = -(-len(self._labels) // settings.batch_size)
        self._scheduler = learning_rate_schedule(self._optimizer, settings, batches_per_epoch=batches_per_epoch)
        self._generator = torch.Generator(device).manual_seed(settings.seed)
        self._attacked = attackable(self.network, settings)
        self._call = _compiled(self.network, settings)
        self._attacked_call = _compiled(self._attacked, settings)

    @property
    def learning_rate(self) -> float:
        """The present learning rate."""
        return float(self._optimizer.param_groups[0]["lr"])

    def state(self) -> dict[str, Any]:
        """Return all that a run needs to continue."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "scheduler": self._scheduler.state_dict(),
            "random": self._generator.get_state(),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Continue from a :meth:`state`."""
        self.network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._scheduler.load_state_dict(state["scheduler"])
        self._generator.set_state(state["random"])

    def run_epoch(self, epoch: int, *, share: Share, bar: Progress) -> tuple[float, float]:
        """Train on every image once; return the mean loss, and the accuracy on the images as trained on.

        Raises :class:`UserError` when the loss is no longer finite.
        """
        settings, n_images = self._settings, len(self._labels)
        total_loss = torch.zeros((), device=self._device)
        n_correct = torch.zeros((), device=self._device)
        self.network.train()
        order = torch.randperm(n_images, generator=self._generator, device=self._device)
        for rows in order.split(settings.batch_size):
            x, y = self._augmented(rows), self._labels[rows]
            with torch.autocast(self._device.type, torch.bfloat16, enabled=settings.mixed_precision):
                if settings.attack:
                    self._attacked.load_state_dict(attackable(self.network, settings).state_dict())
                    x = attacked_images(
                        self._attacked_call,
                        x,
                        y,
                        attack=settings.attack,
                        generator=self._generator,
                        share=share,
                    )
                logits = self._call(x)
                loss = F.cross_entropy(logits, y)
            self._optimizer.zero_grad()
            loss.backward()
            self._optimizer.step()
            self._scheduler.step()
            total_loss += loss.detach() * len(y)
            n_correct += (logits.detach().argmax(1) == y).sum()
            bar.advance(len(y), f"epoch {epoch} of {settings.epochs}")
        mean_loss = total_loss.item() / n_images
        if not torch.isfinite(total_loss):
            raise UserError(
                f"training diverged: the loss was {mean_loss} in epoch {epoch}; "
                "lower training.learning_rate in the config"
            )
        return mean_loss, n_correct.item() / n_images

    def _augmented(self, rows: Tensor) -> Tensor:
        x = self._standardization.standardize(self._images[rows])
        x = x.contiguous(memory_format=torch.channels_last)
        if self._settings.horizontal_flip:
            flipped = torch.rand(len(x), generator=self._generator, device=self._device) < 0.5
            x = torch.where(flipped[:, None, None, None], x.flip(3), x)
        return x


def _robust_accuracy(
    network: Classifier,
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
    if settings.mixed_precision and not (device.type == "cuda" and torch.cuda.is_bf16_supported()):
        raise UserError(
            f"training.mixed_precision is true, which needs a GPU with bfloat16, but this is {device_name(device)}; "
            "write training.mixed_precision: false"
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


def _compiled(network: Classifier, settings: TrainingSettings) -> Callable[[Tensor], Tensor]:
    # Only the last batch of an epoch has another shape, so each shape is compiled for itself.
    return torch.compile(network, dynamic=False) if settings.compile else network
