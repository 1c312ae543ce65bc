"""Normal and adversarial training with momentum SGD (Madry et al. 2018 for the latter)."""

import copy
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.optim import SGD, lr_scheduler

from feature_sensitivity.attacks.pgd import PGD
from feature_sensitivity.attacks.projection import per_row, row_norms
from feature_sensitivity.data.split import Split
from feature_sensitivity.data.standardization import standardize
from feature_sensitivity.evaluation.robust_overfitting import robust_overfitting
from feature_sensitivity.networks.checkpoints import build
from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.networks.folding import frozen
from feature_sensitivity.networks.predictions import clean_accuracy
from feature_sensitivity.runtime.console import Progress
from feature_sensitivity.runtime.cpu_workers import Share, every_core
from feature_sensitivity.runtime.devices import device_name
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.side_checkpoints import checkpoint_key, load_side_checkpoint, save_side_checkpoint

logger = logging.getLogger(__name__)

ROBUST_TEST_IMAGES = 1000
"""The first so many test images tell, after each epoch of adversarial training, whether robustness overfits."""

SCHEDULES = ("step", "constant", "cosine", "one_cycle")


@dataclass(frozen=True)
class TrainingSettings:
    """What a training run depends on besides its data."""

    epochs: int
    batch_size: int
    learning_rate: float
    momentum: float
    weight_decay: float
    schedule: str
    horizontal_flip: bool
    seed: int
    attack: PGD | None = None
    """The attack of adversarial training; none in normal training."""
    attack_batchnorm: str = "eval"
    """``eval``: running statistics inside the attack; ``train``: the statistics of the attacked batch."""
    mixed_precision: bool = False
    """Convolutions and matrix products in bfloat16, which needs no scaling of the loss; CUDA only."""
    compile: bool = False
    """The network and its attacked copy go through ``torch.compile``."""


def train(
    *,
    architecture: Mapping[str, Any],
    train_split: Split,
    test_split: Split,
    mean: Sequence[float],
    std: Sequence[float],
    settings: TrainingSettings,
    device: torch.device,
    side_checkpoint: Path,
) -> tuple[Classifier, pd.DataFrame]:
    """A trained network, and its history with one row per epoch.

    In adversarial training the history has ``robust_test_accuracy``, under the attack that is trained on.

    The network of the last epoch is returned: choosing one by its test accuracy would leak test
    data. After each epoch everything is saved to ``side_checkpoint``; when that file fits these
    settings and data, training goes on from it and ends with the same weights.

    Raises :class:`UserError` when the loss is no longer finite, or an option cannot work on this device.
    """
    check_options(settings, device)
    torch.manual_seed(settings.seed)
    network = build(architecture).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = torch.from_numpy(train_split.images).to(device)
    labels = torch.from_numpy(train_split.labels).to(device)
    batches_per_epoch = -(-len(labels) // settings.batch_size)
    optimizer = SGD(
        network.parameters(),
        lr=settings.learning_rate,
        momentum=settings.momentum,
        weight_decay=settings.weight_decay,
    )
    scheduler = _scheduler(optimizer, settings, batches_per_epoch)
    generator = torch.Generator(device).manual_seed(settings.seed)
    key = checkpoint_key(
        *(settings, dict(architecture), list(mean), list(std), train_split.images, train_split.labels),
        code=Path(__file__),
    )
    parts = {"network": network, "optimizer": optimizer, "scheduler": scheduler}
    history: list[dict[str, Any]] = []
    if saved := load_side_checkpoint(side_checkpoint, key):
        for name, part in parts.items():
            part.load_state_dict(saved[name])
        generator.set_state(saved["random"])
        history = saved["history"]
        logger.info("going on after epoch %d of a run that was interrupted", len(history))

    attacked = _attackable(network, settings)
    trained_call, attacked_call = (_compiled(one, settings) for one in (network, attacked))

    progress = Progress("training", total=settings.epochs * len(labels), unit="images", done=len(history) * len(labels))
    # Batch statistics make rows depend on each other; compiled code uses all cores by itself.
    row_wise = settings.attack_batchnorm == "eval" and not settings.compile
    with every_core(device, row_wise=row_wise) as share, progress as bar:
        for epoch in range(len(history) + 1, settings.epochs + 1):
            started, learning_rate = time.monotonic(), optimizer.param_groups[0]["lr"]
            total_loss, n_correct = torch.zeros((), device=device), torch.zeros((), device=device)
            network.train()
            for batch in torch.randperm(len(labels), generator=generator, device=device).split(settings.batch_size):
                x, y = standardize(images[batch], mean, std), labels[batch]
                x = x.contiguous(memory_format=torch.channels_last)
                if settings.horizontal_flip:
                    flipped = torch.rand(len(x), generator=generator, device=device) < 0.5
                    x = torch.where(flipped[:, None, None, None], x.flip(3), x)
                with torch.autocast(device.type, torch.bfloat16, enabled=settings.mixed_precision):
                    if settings.attack:
                        attacked.load_state_dict(_attackable(network, settings).state_dict())
                        x = x + _perturbation(attacked_call, x, y, settings.attack, generator, share)
                    logits = trained_call(x)
                    loss = F.cross_entropy(logits, y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                scheduler.step()
                total_loss += loss.detach() * len(y)
                n_correct += (logits.detach().argmax(1) == y).sum()
                bar.advance(len(y), f"epoch {epoch} of {settings.epochs}")
            mean_loss = total_loss.item() / len(labels)
            if not torch.isfinite(total_loss):
                raise UserError(
                    f"training diverged: the loss was {mean_loss} in epoch {epoch}; "
                    "lower training.learning_rate in the config"
                )
            history.append(
                {
                    "epoch": epoch,
                    "learning_rate": learning_rate,
                    "train_loss": mean_loss,
                    "train_accuracy": n_correct.item() / len(labels),
                    "test_accuracy": clean_accuracy(network, test_split, mean=mean, std=std, device=device),
                    "seconds": time.monotonic() - started,
                }
            )
            if settings.attack:
                history[-1]["robust_test_accuracy"] = _robust_accuracy(
                    network, test_split, settings, settings.attack, share, mean=mean, std=std, device=device
                )
                _warn_of_overfitting(history)
            logger.info(
                "epoch %d of %d: loss %.4f, train accuracy %.2f %%, test accuracy %.2f %%",
                *(epoch, settings.epochs, mean_loss),
                *(100 * history[-1][name] for name in ("train_accuracy", "test_accuracy")),
            )
            state = {name: part.state_dict() for name, part in parts.items()}
            save_side_checkpoint(side_checkpoint, key, {**state, "random": generator.get_state(), "history": history})
    return network.eval(), pd.DataFrame(history).astype({"epoch": int})


def _robust_accuracy(
    network: Classifier,
    split: Split,
    settings: TrainingSettings,
    attack: PGD,
    share: Share,
    *,
    mean: Sequence[float],
    std: Sequence[float],
    device: torch.device,
) -> float:
    """The share of the first test images that stay correct under the attack, always from the same starts."""
    network.eval()
    attacked, generator = frozen(network), torch.Generator(device).manual_seed(settings.seed)
    images, labels = split.images[:ROBUST_TEST_IMAGES], torch.from_numpy(split.labels[:ROBUST_TEST_IMAGES]).to(device)
    n_correct = 0
    for batch in torch.arange(len(labels)).split(settings.batch_size):
        x, y = standardize(torch.from_numpy(images)[batch].to(device), mean, std), labels[batch.to(device)]
        x = x.contiguous(memory_format=torch.channels_last)
        x = x + _perturbation(attacked, x, y, attack, generator, share)
        with torch.no_grad():
            n_correct += int((network(x).argmax(1) == y).sum())
    return n_correct / len(labels)


def _warn_of_overfitting(history: Sequence[Mapping[str, Any]]) -> None:
    """Once, in the epoch in which robust overfitting sets in."""
    robust = [row["robust_test_accuracy"] for row in history]
    if not robust_overfitting(robust[:-1]):
        for warning in robust_overfitting(robust):
            logger.warning("%s", warning)


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


def _attackable(network: Classifier, settings: TrainingSettings) -> Classifier:
    """A copy to attack, with the network's weights of this moment."""
    if settings.attack_batchnorm == "eval":
        return frozen(network)
    # A copy, so that the attack leaves the running statistics alone.
    return copy.deepcopy(network).train().requires_grad_(False)


def _perturbation(
    attacked: Callable[[Tensor], Tensor],
    x: Tensor,
    y: Tensor,
    attack: PGD,
    generator: torch.Generator,
    share: Share,
) -> Tensor:
    def run(x: Tensor, y: Tensor, start: Tensor) -> tuple[Tensor]:
        return (attack.run(lambda points: F.cross_entropy(attacked(points), y, reduction="none"), x, start),)

    return share(run, x, y, _uniform_in_ball(x, attack.epsilon, attack.norm, generator))[0]


def _uniform_in_ball(x: Tensor, epsilon: float, norm: str, generator: torch.Generator) -> Tensor:
    if norm == "linf":
        return (torch.rand(x.shape, generator=generator, device=x.device) * 2 - 1) * epsilon
    direction = torch.randn(x.shape, generator=generator, device=x.device)
    radius = torch.rand(len(x), generator=generator, device=x.device) ** (1 / x[0].numel())
    return direction * per_row(epsilon * radius / row_norms(direction), x)


def _scheduler(optimizer: SGD, settings: TrainingSettings, batches_per_epoch: int) -> lr_scheduler.LRScheduler:
    """A schedule that is advanced after each batch."""
    total = settings.epochs * batches_per_epoch
    if settings.schedule == "step":
        milestones = [settings.epochs // 2 * batches_per_epoch, settings.epochs * 3 // 4 * batches_per_epoch]
        return lr_scheduler.MultiStepLR(optimizer, milestones, gamma=0.1)
    if settings.schedule == "cosine":
        return lr_scheduler.CosineAnnealingLR(optimizer, total)
    if settings.schedule == "one_cycle":
        # One step more than there are batches: the scheduler is also advanced after the last one.
        return lr_scheduler.OneCycleLR(optimizer, settings.learning_rate, total + 1, cycle_momentum=False)
    return lr_scheduler.ConstantLR(optimizer, factor=1.0)
