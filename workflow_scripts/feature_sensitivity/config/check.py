"""What is wrong with a configuration: all of it at once, each fault with its mend."""

import difflib
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from feature_sensitivity.config.replicates import model_of

Config = Mapping[str, Any]


def faults(config: Config, schema: Mapping[str, Any]) -> list[str]:
    """One sentence for each fault: key, value, and what to write instead. Empty for a good configuration."""
    found = [sentence for error in Draft202012Validator(schema).iter_errors(config) for sentence in _sentences(error)]
    return sorted(set(found)) or list(_across_fields(config))


def _sentences(error: ValidationError) -> Iterator[str]:
    key = ".".join(str(part) for part in error.absolute_path) or "the configuration"
    value: Any = error.instance
    rule: Any = error.validator_value
    known = error.schema.get("properties", {}) if isinstance(error.schema, Mapping) else {}
    place = f"{key}: " if error.absolute_path else ""
    if error.validator == "additionalProperties":
        for unknown in value.keys() - known.keys():
            near = difflib.get_close_matches(str(unknown), known, n=1)
            advice = f"write {near[0]}" if near else f"known here: {', '.join(known)}"
            yield f"{place}unknown key {unknown!r}; {advice}"
    elif error.validator == "required":
        for missing in [name for name in rule if name not in value]:
            or_weights = ", or the path of its weights" if missing == "training" and "dataset" in value else ""
            yield f"{place}the key {missing!r} is missing; add it as in config.yaml{or_weights}"
    elif error.validator == "enum":
        yield f"{key} is {_shown(value)}; write one of {', '.join(map(_spelled, rule))}"
    elif isinstance(error.schema, Mapping) and "description" in error.schema:
        advice = error.schema["description"].rstrip(".").lower()
        quoted = f", here {str(value)!r}" if error.validator == "type" and isinstance(value, float | int) else ""
        yield f"{key} is {_shown(value)}; write {advice}{quoted}"
    else:
        yield f"{key} is {_shown(value)}; {_expectation(error)}"


def _expectation(error: ValidationError) -> str:
    rule: Any = error.validator_value
    schema: Any = error.schema
    match error.validator:
        case "type":
            names = {
                "null": "null",
                "integer": "a whole number",
                "number": "a number",
                "boolean": "true or false",
                "array": "a list",
                "object": "keys and values below it, as in config.yaml",
            }
            kinds = [rule] if isinstance(rule, str) else rule
            return "write " + " or ".join(names.get(kind, f"a {kind}") for kind in kinds)
        case "minimum":
            return f"write {rule} or more"
        case "maximum":
            return f"write {rule} or less"
        case "exclusiveMinimum":
            return f"write a number above {rule}"
        case "exclusiveMaximum":
            return f"write a number below {rule}"
        case "minLength":
            return "write at least one character" + (", or null" if "null" in schema["type"] else "")
        case "minItems" | "minProperties":
            return f"write at least {rule}"
        case "uniqueItems":
            return "write each only once"
        case "pattern" if "a-z0-9_" in rule:
            return "write a name of lowercase letters, digits and underscores that begins with a letter"
        case _:
            return f"write what matches {rule!r}"


def _spelled(value: Any) -> str:
    return "null" if value is None else str(value)


def _shown(value: Any) -> str:
    return f"{value!r}" if isinstance(value, str) else f"{value}"


def _across_fields(config: Config) -> Iterator[str]:
    datasets, models = config["datasets"], config["models"]
    if len(config["standardization"]["mean"]) != len(config["standardization"]["std"]):
        yield "standardization.mean and standardization.std differ in length; write one number per channel in each"
    yield from _epsilon_faults(config["epsilons"])
    sensitivity = config["sensitivity"]
    if sensitivity["shards"] > sensitivity["images"]:
        yield (
            f"sensitivity.shards is {sensitivity['shards']}, more than there are images; "
            f"write {sensitivity['images']} or less"
        )
    if sensitivity["target_relative_error"] and sensitivity["shards"] > 1:
        yield "sensitivity.precision decides on all images together; write shards: 1, or precision: null"
    if sensitivity["search_dtype"] == "bfloat16" and sensitivity["iterate"] == "last":
        yield "sensitivity.search_dtype is 'bfloat16', which keeps the best iterate; write iterate: best, or float32"
    if Fraction(config["adversarial_training"]["epsilon"]) == 0:
        yield "adversarial_training.epsilon is 0; write a positive epsilon, or use training: normal"
    for model in models:
        if model_of(model) != model:
            yield f"models.{model} is a name for replicates; write one that does not end in _seed and a number"
        weights = models[model].get("weights")
        if weights and not Path(weights).is_file():
            yield f"models.{model}.weights is {weights!r}, which is no file seen from this folder; correct the path"
    for key, name in [
        ("evaluation_dataset", config["evaluation_dataset"]),
        *((f"models.{model}.dataset", entry["dataset"]) for model, entry in models.items()),
    ]:
        if name not in datasets:
            yield f"{key} is {name!r}, which datasets does not define; write one of {', '.join(datasets)}"
    for name in used_datasets(config):
        entry = datasets[name]
        if entry["source"] != "construction":
            if entry["source"] == "release" and not entry["path"] and not entry["urls"]:
                yield f"datasets.{name} has neither path nor urls; give one of them"
            continue
        if entry["original"] not in datasets:
            known = ", ".join(other for other in datasets if other != name)
            key = f"datasets.{name}.original"
            yield f"{key} is {entry['original']!r}, which datasets does not define; write one of {known}"
        if entry["teacher"] not in models:
            yield (
                f"datasets.{name}.teacher is {entry['teacher']!r}, which models does not define; "
                f"write one of {', '.join(models)}"
            )
        elif name in _ancestors(config, entry["original"]) | _ancestors(config, models[entry["teacher"]]["dataset"]):
            yield (
                f"datasets.{name} is constructed from itself, through its original or its teacher "
                f"{entry['teacher']!r}; write a teacher that is trained on other data"
            )
    evaluation = datasets.get(config["evaluation_dataset"], {})
    if evaluation.get("source") in ("release", "construction"):
        yield (
            f"evaluation_dataset is {config['evaluation_dataset']!r}, which has no test images; "
            "write a dataset that has some, such as cifar10"
        )


def _epsilon_faults(epsilons: list[str]) -> Iterator[str]:
    seen: dict[Fraction, str] = {}
    for epsilon in epsilons:
        number = Fraction(epsilon)
        if number == 0:
            yield f"epsilons has {epsilon!r}; leave it out, accuracy without attack is always measured"
        elif number in seen:
            yield f"epsilons has {epsilon!r} and {seen[number]!r}, the same number; keep one of them"
        seen.setdefault(number, epsilon)


def used_datasets(config: Config) -> list[str]:
    """The datasets that a run builds, in the order of the configuration."""
    wanted = [config["evaluation_dataset"], *(model["dataset"] for model in config["models"].values())]
    used = set().union(*(_ancestors(config, name) for name in wanted))
    return [name for name in config["datasets"] if name in used]


def _ancestors(config: Config, dataset: str, seen: frozenset[str] = frozenset()) -> set[str]:
    """A dataset and all that it is made from, as far as the configuration defines them."""
    entry = config["datasets"].get(dataset)
    if entry is None or dataset in seen:
        return set()
    found = {dataset}
    if entry["source"] == "construction":
        teacher = config["models"].get(entry["teacher"], {}).get("dataset")
        for parent in (entry["original"], teacher):
            found |= _ancestors(config, parent, seen | {dataset}) if parent else set()
    return found
