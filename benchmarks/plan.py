"""How long settings take on CPU cores or GPUs, and in how many shards every sensitivity stays below an hour.

By the estimates of cost that a run shows at its start; the rates of a GPU in them are published ones, not measured.
"""

import heapq
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from snakemake.utils import update_config

from feature_sensitivity.config.costs import CORE, GPU, SHARE_AFTER_DROPPING, Machine
from feature_sensitivity.config.network_costs import pass_costs
from feature_sensitivity.config.protocols import with_protocols
from feature_sensitivity.config.units import sections_with_unit
from feature_sensitivity.studies.costs import job_seconds

N_GPUS = (1, 4, 16, 64, 256)
HOUR = 3600

SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "the paper's protocol": {},
    "with `strong`": {"sensitivity": {"protocol": "strong"}},
    "all 10,000 test images": {"sensitivity": {"images": 10_000}},
    "all 10,000 test images, with `fast`": {"sensitivity": {"images": 10_000, "protocol": "fast"}},
}

Stage = tuple[list[float], int]
"""Jobs that can run side by side, in seconds, and in how many shards a sensitivity is among them."""


def main() -> None:
    print("| setting | core hours | GPU hours | shards |" + "".join(f" {n} GPU{'s' * (n > 1)} |" for n in N_GPUS))
    print("|---|---|---|---|" + "---|" * len(N_GPUS))
    for name, changes in SETTINGS.items():
        show(name, *(list(run_stages(configured(changes), machine)) for machine in (CORE, GPU)))
    show("ResNet50 on 224 pixels: 2,048 features, 512 images, one model", [resnet50(CORE)], [resnet50(GPU)])


def show(name: str, on_cores: Sequence[Stage], on_gpus: Sequence[Stage]) -> None:
    core_hours, gpu_hours = (sum(sum(jobs) for jobs, _ in stages) / HOUR for stages in (on_cores, on_gpus))
    shards = max(n for _, n in on_gpus)
    times = [sum(makespan(jobs, n) for jobs, _ in on_gpus) for n in N_GPUS]
    print(f"| {name} | {core_hours:,.0f} | {gpu_hours:.0f} | {shards} |", *(f"{time / HOUR:.1f} h |" for time in times))


def configured(*changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return config.yaml with these changes, each on top of the one before."""
    config = yaml.safe_load((Path(__file__).parents[1] / "config.yaml").read_text())
    for change in changes:
        update_config(config, dict(change))
    config = with_protocols(config)
    return {**config, **sections_with_unit(config)}


def run_stages(config: Mapping[str, Any], machine: Machine) -> Iterator[Stage]:
    """Yield the stages of ``all``, each of which needs the one before."""

    costs = pass_costs(config, {})  # ResNet18's

    def time(rule: str, model: str) -> float:
        return job_seconds(rule, {"model": model}, config, costs, machine)

    def times(*rules: str) -> list[float]:
        return [time(rule, model) for rule in rules for model in config["models"]]

    yield times("train_model"), 1
    shards, n_shards = split(time("measure_sensitivity", "normal"), machine)
    sensitivities = shards * len(config["models"]) * len(config["epsilons"])
    yield times("measure_accuracy", "measure_attacked_features") + sensitivities, n_shards
    yield times("keep_extremal_images"), 1


def resnet50(machine: Machine) -> Stage:
    """Return the sensitivities, 20 steps, of torchvision's network: 4.09e9 multiply-accumulates, 1.11e7 values."""
    step = 2 * machine.forward_seconds(2 * 4.09e9, 1.11e7)
    seconds = 512 * 2048 * 2 * 20 * SHARE_AFTER_DROPPING * step + machine.seconds_per_job
    shards, n_shards = split(seconds, machine)
    return shards * 4, n_shards


def split(seconds: float, machine: Machine) -> tuple[list[float], int]:
    """Return the jobs, none longer than an hour, of a sensitivity that takes so long in one, and how many they are."""
    work = seconds - machine.seconds_per_job
    n = math.ceil(work / (HOUR - machine.seconds_per_job))
    return [work / n + machine.seconds_per_job] * n, n


def makespan(jobs: Sequence[float], n_gpus: int) -> float:
    """Return when the last of the jobs ends, each given to the GPU that is free first, the longest first."""
    busy = [0.0] * n_gpus
    for job in sorted(jobs, reverse=True):
        heapq.heapreplace(busy, busy[0] + job)
    return max(busy)


if __name__ == "__main__":
    main()
