"""A network in training: its weights, optimizer, schedule, attack and random numbers, an epoch at a time."""

from collections.abc import Callable, Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import SGD, Optimizer, lr_scheduler

from feature_sensitivity.attacks.norms import norm_named
from feature_sensitivity.attacks.pgd import cross_entropy, run_pgd
from feature_sensitivity.config.attack import Attack
from feature_sensitivity.config.training import TrainingSettings
from feature_sensitivity.data.split import Split
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.networks.build import build
from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.networks.copies import ThreadCopies, copied
from feature_sensitivity.networks.folding import folded_copy
from feature_sensitivity.networks.forward import fitting_memory_format
from feature_sensitivity.networks.pixel_inputs import inputs_in
from feature_sensitivity.runtime.console import Progress
from feature_sensitivity.runtime.cpu_workers import Share
from feature_sensitivity.runtime.devices import default_generator
from feature_sensitivity.runtime.errors import UserError


class Trainer:
    """A network with all that changes while it is trained.

    ``network`` is the ``trained`` one with inputs in the unit of the attack, which ``standardization`` makes of images.
    """

    def __init__(
        self,
        architecture: Mapping[str, Any],
        split: Split,
        standardization: Standardization,
        settings: TrainingSettings,
        device: torch.device,
    ) -> None:
        torch.manual_seed(settings.seed)
        self.trained = build(architecture)
        unit = settings.attack.unit if settings.attack else "standardized"
        self.network, self.standardization = inputs_in(unit, self.trained, standardization)
        self.network.to(device)
        self._images = torch.from_numpy(split.images).to(device)
        self._memory_format = self._fitting_memory_format()
        self.network.to(memory_format=self._memory_format)
        self._labels = torch.from_numpy(split.labels).to(device)
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
        self._call = _called(self.network, settings, device)
        self._attacked_call = _called(self._attacked, settings, device, in_threads=True)

    def _fitting_memory_format(self) -> torch.memory_format:
        if isinstance(self.network, Classifier):
            return self.network.memory_format
        return fitting_memory_format(self.network, self.standardization.standardize(self._images[:2]))

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
            "dropout": default_generator(self._device).get_state(),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Continue from a :meth:`state`."""
        self.network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._scheduler.load_state_dict(state["scheduler"])
        self._generator.set_state(state["random"])
        default_generator(self._device).set_state(state["dropout"])

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
            if settings.attack:
                self._attacked.load_state_dict(attackable(self.network, settings).state_dict())
                x = attacked_images(
                    self._attacked_call, x, y, attack=settings.attack, generator=self._generator, share=share
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
        images = self._images[rows]
        if self._settings.crop_padding:
            images = random_crops(images, self._settings.crop_padding, self._generator)
        x = self.standardization.standardize(images)
        x = x.contiguous(memory_format=self._memory_format)
        if self._settings.horizontal_flip:
            flipped = torch.rand(len(x), generator=self._generator, device=self._device) < 0.5
            x = torch.where(flipped[:, None, None, None], x.flip(3), x)
        return x


def attackable(network: nn.Module, settings: TrainingSettings) -> nn.Module:
    """Return a copy to attack, with the network's present weights."""
    if settings.attack_batchnorm == "eval":
        return folded_copy(network)
    # A copy, so that the attack leaves the running statistics alone.
    return copied(network).train().requires_grad_(False)


def attacked_images(
    attacked: Callable[[Tensor], Tensor],
    x: Tensor,
    y: Tensor,
    *,
    attack: Attack,
    generator: torch.Generator,
    share: Share,
) -> Tensor:
    """Return the images [n, ...] after PGD on the cross-entropy from uniform random starts (Madry et al. 2018)."""

    def run(x: Tensor, y: Tensor, start: Tensor) -> tuple[Tensor]:
        return (run_pgd(cross_entropy(attacked, y), x, start, attack=attack),)

    start = norm_named(attack.norm).uniform(x.shape, attack.epsilon, generator)
    return x + share(run, x, y, start)[0]


def learning_rate_schedule(
    optimizer: Optimizer, settings: TrainingSettings, *, batches_per_epoch: int
) -> lr_scheduler.LRScheduler:
    """Return the schedule of the settings, advanced after each batch."""
    total = settings.epochs * batches_per_epoch
    if settings.schedule == "step":
        milestones = [batch for batch in (total // 2, total * 3 // 4) if batch > 0]
        return lr_scheduler.MultiStepLR(optimizer, milestones, gamma=0.1)
    if settings.schedule == "cosine":
        return lr_scheduler.CosineAnnealingLR(optimizer, total)
    if settings.schedule == "one_cycle":
        # One step more than there are batches: the scheduler is also advanced after the last one.
        return lr_scheduler.OneCycleLR(optimizer, settings.learning_rate, total + 1, cycle_momentum=False)
    return lr_scheduler.ConstantLR(optimizer, factor=1.0)


def random_crops(images: Tensor, padding: int, generator: torch.Generator) -> Tensor:
    """Return a random crop of each image [n, channels, height, width], of its size, after padding each side by zeros.

    ``images`` may be of any dtype.
    """
    n, _, height, width = images.shape
    top, left = torch.randint(2 * padding + 1, (2, n), generator=generator, device=images.device)
    image = torch.arange(n, device=images.device)[:, None, None]
    rows = (top[:, None] + torch.arange(height, device=images.device))[:, :, None]
    columns = (left[:, None] + torch.arange(width, device=images.device))[:, None, :]
    # Indices on both sides of a slice put the channels last.
    return F.pad(images, (padding,) * 4)[image, :, rows, columns].permute(0, 3, 1, 2)


def _called(
    network: nn.Module, settings: TrainingSettings, device: torch.device, *, in_threads: bool = False
) -> Callable[[Tensor], Tensor]:
    """Return what computes the network's logits, in float32, as the settings say."""
    call: Callable[[Tensor], Tensor] = network
    if settings.compile:
        from torch._inductor import config as compiler

        # Otherwise it chooses kernels by their time on a GPU, and a run that is continued may round differently.
        compiler.deterministic = True
        # Only the last batch of an epoch has another shape, so each shape is compiled for itself.
        call = torch.compile(network, dynamic=False)
    elif in_threads:
        copies = ThreadCopies(network)

        def call(x: Tensor) -> Tensor:
            return cast("Tensor", copies.mine()(x))

    if not settings.mixed_precision:
        return call

    def logits(x: Tensor) -> Tensor:
        # Here and not around a batch, since an attack calls it in threads of its own, each with its own autocast.
        with torch.autocast(device.type, torch.bfloat16):
            return call(x).float()

    return logits
