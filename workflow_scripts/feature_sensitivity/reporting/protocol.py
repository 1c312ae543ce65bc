"""The sentences that state a protocol, from the config alone.

Figures, tables, and the captions of the report all show the same sentence, which the rules pass to them. Needs
neither torch nor numpy nor matplotlib, so that reading the Snakefile stays fast. What only the data know, such as the
number of images, is in ``samples``.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from feature_sensitivity.config.attack import steps_sentence
from feature_sensitivity.config.measurement import AccuracySettings, SensitivitySettings
from feature_sensitivity.config.protocols import PROTOCOLS

Settings = Mapping[str, Any]

INTERVALS = "95 % Wilson intervals"
"""The intervals of the accuracies of a single network."""


def joined(*parts: str) -> str:
    """Return the parts that are not empty, with semicolons between them."""
    return "; ".join(part for part in parts if part)


def training(settings: Settings, adversarial: Settings) -> str:
    """Return the training, from the config's sections ``training`` and ``adversarial_training``."""
    flips = "horizontal flips" if settings["horizontal_flip"] else ""
    padding = settings["crop_padding"]
    crops = f"random crops after padding by {padding} pixels" if padding else ""
    augmentation = ", ".join(filter(None, [flips, crops])) or "no augmentation"
    return (
        f"momentum SGD, {settings['epochs']} epochs, batch {settings['batch_size']}, learning rate "
        f"{settings['learning_rate']} ({settings['schedule']}), weight decay {settings['weight_decay']:g}, "
        f"{augmentation}; adversarial training attacks every batch by {adversary(adversarial, adversarial['epsilon'])}"
    )


def adversary(adversarial: Settings, epsilon: str) -> str:
    """Return the attack of adversarial training; ``adversarial`` is the config's section ``adversarial_training``."""
    return f"{adversarial['norm']} PGD with epsilon {epsilon}, {steps_sentence(adversarial)}"


def spread(shown: str, seeds: str) -> str:
    """Return what ``shown``, such as ``points and bars``, means; nothing for one seed.

    ``seeds`` says what the numbers are means over; it is empty where they are of one seed.
    """
    return f"{shown}: mean and standard deviation over {seeds}" if seeds else ""


def counts_spread(seeds: str) -> str:
    """Return what counts of features and their ranges are over several seeds; nothing for one."""
    return f"counts: means over {seeds}; their ranges cover the spread over seeds, too" if seeds else ""


def pooled(seeds: str) -> str:
    """Return that features of all replicates are taken together; nothing for one seed."""
    return f"features of {seeds} together" if seeds else ""


def accuracy_bars(seeds: str, single: Collection[str]) -> str:
    """Return what the error bars of accuracies are; ``single`` are the models without replicates."""
    return _accuracy_spread("points and bars", seeds, single) if seeds else f"bars: {INTERVALS}"


def summary_spread(seeds: str, single: Collection[str]) -> str:
    """Return what follows each accuracy in the summary: its interval, or its spread over seeds."""
    if not seeds:
        return INTERVALS
    same = "all on the same test images, whose sampling error it leaves out"
    return f"{_accuracy_spread('with ±', seeds, single)}, {same}; other columns: the mean, of p the largest"


def _accuracy_spread(shown: str, seeds: str, single: Collection[str]) -> str:
    return spread(shown, seeds) + (f", with {INTERVALS}" if single else "")


def measured(config: Settings) -> str:
    """Return which models a run measures, on which images; ``config`` is the whole config."""
    models, images = config["models"], config["accuracy"]["images"]
    of_features = n_images(SensitivitySettings.from_config(config["sensitivity"]))
    return (
        f"Measured: {', '.join(f'`{model}`' for model in models)}, on test images of `{config['evaluation_dataset']}`, "
        f"accuracy on {images or 'all'} and sensitivity on {of_features}."
    )


def accuracy_sentence(settings: AccuracySettings, *, images: str = "", besides: str = "") -> str:
    """Return the attack on the classifier and its images, by default those of the settings; ``besides`` follows."""
    images = images or f"{settings.images or 'all'} test images"
    return f"Accuracy: {settings.sentence()}; {images}{besides}."


def sensitivity_sentence(settings: SensitivitySettings, *, attack: str = "", images: str = "") -> str:
    """Return the attack on features, the definition, and the images, by default those of the settings."""
    images = images or f"{n_images(settings)} test images"
    return f"Sensitivity: {attack or settings.sentence()}; {images}."


def every_protocol(settings: SensitivitySettings) -> str:
    """Return the attacks on features by every named protocol, with the run's other settings."""
    attacks = [
        f"Protocol {name}: {replace(settings, **numbers).attack_sentence()}." for name, numbers in PROTOCOLS.items()
    ]
    return f"{' '.join(attacks)} Sensitivity: {settings.definition_sentence()}."


def n_images(settings: SensitivitySettings) -> str:
    """Return on how many images sensitivities are measured; with a target they may be fewer."""
    return f"{'at most ' if settings.target_relative_error else ''}{settings.images}"


def setting_text(value: object) -> str:
    """Return a setting as the config spells it, without quotes."""
    if isinstance(value, list):
        return ", ".join(map(setting_text, value)).join("[]")
    return "null" if value is None else str(value)
