"""The sentences that state a protocol, from the config alone.

Figures, tables, and the captions of the report all show the same sentence, which the rules pass to them. Needs
neither torch nor numpy nor matplotlib, so that reading the Snakefile stays fast. What only the data know, such as the
number of images, is in ``samples``.
"""

from collections.abc import Collection, Mapping
from typing import Any

from feature_sensitivity.config.attack import steps_sentence
from feature_sensitivity.config.measurement import AccuracySettings, SensitivitySettings
from feature_sensitivity.config.protocols import PROTOCOLS
from feature_sensitivity.config.units import UNIT_TITLES

Settings = Mapping[str, Any]

INTERVALS = "95 % Wilson intervals"
"""Of the accuracies of a single network."""


def joined(*parts: str) -> str:
    """Return the parts that are not empty, with semicolons between them."""
    return "; ".join(part for part in parts if part)


def accuracy_attack(settings: Settings) -> str:
    """Return the attack on the classifier; ``settings`` is the config's section ``accuracy``."""
    return AccuracySettings.from_config(settings).sentence()


def sensitivity_attack(settings: Settings) -> str:
    """Return the attack on features and the definition; ``settings`` is the config's section ``sensitivity``."""
    return SensitivitySettings.from_config(settings).sentence()


def feature_attack(settings: Settings) -> str:
    """Return the attack on features alone; ``settings`` is the config's section ``sensitivity``."""
    return SensitivitySettings.from_config(settings).attack_sentence()


def training(settings: Settings, adversarial: Settings) -> str:
    """Return the training, from the config's sections ``training`` and ``adversarial_training``."""
    flips = "horizontal flips" if settings["horizontal_flip"] else ""
    padding = settings["crop_padding"]
    crops = f"random crops after padding by {padding} pixels" if padding else ""
    augmentation = ", ".join(filter(None, [flips, crops])) or "no augmentation"
    return (
        f"momentum SGD, {settings['epochs']} epochs, batch {settings['batch_size']}, learning rate "
        f"{settings['learning_rate']} ({settings['schedule']}), weight decay {settings['weight_decay']:g}, "
        f"{augmentation}; adversarial training attacks every batch by {_adversary(adversarial, adversarial['epsilon'])}"
    )


def _adversary(adversarial: Settings, epsilon: str) -> str:
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
    return (
        f"Measured: {', '.join(f'`{model}`' for model in models)}, on test images of `{config['evaluation_dataset']}`, "
        f"accuracy on {images or 'all'} and sensitivity on {_n_images(config['sensitivity'])}."
    )


OF_PROTOCOLS = ("convergence", "attack_strength")
"""Studies that compare the protocols, whatever that of the run is."""


def study(name: str, config: Settings) -> str:
    """Return the settings of a study and of the attacks that it rests on; ``config`` is the whole config."""
    own = ", ".join(f"{key} {_text(value)}" for key, value in config["studies"].get(name, {}).items())
    attacks = _protocols(config) if name in OF_PROTOCOLS else _attacks(name, config)
    studied = f"Study: {own}. " if own else ""
    unit = UNIT_TITLES[config["epsilon_unit"]]
    return f"{studied}{attacks} Seed {config['seeds'][0]}. Intervals at 95 %. Epsilon in {unit}."


def _attacks(study: str, config: Settings) -> str:
    """Return the attacks behind a study, on the classifier and on features, and their images."""
    accuracy, sensitivity, own = config["accuracy"], config["sensitivity"], config["studies"].get(study, {})
    attack, images = accuracy_attack(accuracy), f"{accuracy['images'] or 'all'} test images"
    attack_on_features, feature_images = sensitivity_attack(sensitivity), f"{_n_images(sensitivity)} test images"
    if study == "error_bounds":  # the classifier is attacked in the ball of the features, on their images
        same = {key: sensitivity[key] for key in ("norm", "clip_to_pixel_box")}
        attack = accuracy_attack({**accuracy, **same, "iterate": "any", "restarts": own["restarts"]})
        images = "the images of the sensitivities"
    if study == "norms":
        both = {"norm": "linf and l2"}
        attack, attack_on_features = accuracy_attack({**accuracy, **both}), sensitivity_attack({**sensitivity, **both})
        feature_images += f" under linf, {own['images']} under l2"
    if study == "definitions":
        attack_on_features = feature_attack(sensitivity)
    if study == "last_layer_refit":
        images += f"; adversarial fit: {_adversary(config['adversarial_training'], own['epsilon'])}"
    on_features = f"Sensitivity: {attack_on_features}; {feature_images}."
    return on_features if study == "crossing" else f"Accuracy: {attack}; {images}. {on_features}"


def _n_images(sensitivity: Settings) -> str:
    """Return on how many images sensitivities are measured; with a target they may be fewer."""
    return f"{'at most ' if sensitivity['target_relative_error'] else ''}{sensitivity['images']}"


def _protocols(config: Settings) -> str:
    section = config["sensitivity"]
    attacks = [f"Protocol {name}: {feature_attack({**section, **numbers})}." for name, numbers in PROTOCOLS.items()]
    return f"{' '.join(attacks)} Sensitivity: {SensitivitySettings.from_config(section).definition_sentence()}."


def _text(value: object) -> str:
    """Return a setting as the config spells it, without quotes."""
    if isinstance(value, list):
        return ", ".join(map(_text, value)).join("[]")
    return "null" if value is None else str(value)
