"""Killed without warning, again and again, a training ends with the same weights."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch

from feature_sensitivity.data.split import Split
from kills import killed_until_done, partial_content
from training_cases import ATTACK, SETTINGS, equal, run, weights

KILLS = 8


def test_kills_at_random_moments_change_nothing(digits: tuple[Split, Split], tmp_path: Path):
    settings = replace(SETTINGS, epochs=12, schedule="one_cycle", horizontal_flip=True, attack=ATTACK)
    path, result = tmp_path / "partial.pt", tmp_path / "result.pt"

    def work() -> None:
        network, history = run(digits, path, settings)
        torch.save((weights(network), history.drop(columns="seconds").to_dict("list")), tmp_path / "part.pt")
        (tmp_path / "part.pt").replace(result)

    epochs_done: list[int] = []

    def note() -> None:
        if path.exists():
            epochs_done.append(len(partial_content(path)["history"]))

    kills = killed_until_done(work, result, kills=KILLS, seconds=(0.1, 0.8), after_each=note)
    assert kills > 0
    assert epochs_done == sorted(epochs_done), "no kill may lose an epoch that was saved"
    assert not list(tmp_path.glob("partial.pt.*")), "no partial result was damaged or refused"
    resumed, history = torch.load(result, weights_only=True)
    undisturbed, expected = run(digits, tmp_path / "undisturbed.pt", settings)
    assert equal(resumed, weights(undisturbed))
    pd.testing.assert_frame_equal(pd.DataFrame(history), expected.drop(columns="seconds"))
