"""Killed without warning, again and again, a measurement loses little and ends with the same bits."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from extrema_cases import measure, same, settings
from feature_sensitivity.evaluation.feature_extrema import FeatureExtrema
from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.runtime import partial_results
from feature_sensitivity.runtime.console import Progress
from kills import killed_until_done, partial_content

KILLS = 20


def test_twenty_kills_at_random_moments_change_nothing(network: Classifier, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(partial_results, "SECONDS_BETWEEN_SAVES", 0.05)
    torch.manual_seed(2)
    images, path, result = torch.randn(7, 3, 8, 8), tmp_path / "partial", tmp_path / "result.npz"
    chosen = settings(restarts=4, steps=10)

    advance = Progress.advance

    def advance_slowly(*arguments: Any) -> None:
        time.sleep(0.02)  # its 460 groups thus take longer than the kills leave it, however fast the machine
        advance(*arguments)

    def work() -> None:
        monkeypatch.setattr(Progress, "advance", advance_slowly)  # in a process of its own
        got = measure(network, images, chosen, unfinished_folder=path)
        np.savez(result, clean=got.clean, maximum=got.maximum, minimum=got.minimum, zero_gradient=got.zero_gradient)

    rows_done: list[int] = []

    def note() -> None:
        finished = [partial_content(file)["rows"]["row"] for file in path.glob("finished_*.pt")]
        rows_done.append(sum(map(len, finished)))

    kills = killed_until_done(work, result, kills=KILLS, seconds=(0.02, 0.3), after_each=note)
    assert kills == KILLS
    assert rows_done == sorted(rows_done), "no kill may lose what was saved"
    with np.load(result) as arrays:
        assert same(FeatureExtrema(**arrays, batch_size=16), measure(network, images, chosen))
    assert not list(path.glob("[!.]*.pt.*")), "no partial result was damaged or refused"
