from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from feature_sensitivity.config.attack import Attack
from feature_sensitivity.config.training import SCHEDULES
from feature_sensitivity.data.split import Split
from feature_sensitivity.networks.build import build
from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.networks.predictions import clean_accuracy
from feature_sensitivity.runtime.cpu_workers import every_core
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.training import train as training
from feature_sensitivity.training.trainer import (
    Trainer,
    attackable,
    attacked_images,
    learning_rate_schedule,
    random_crops,
)
from training_cases import ARCHITECTURE, ATTACK, SETTINGS, STANDARD, equal, run, weights


@pytest.mark.parametrize("attack", [None, ATTACK], ids=["normal", "adversarial"])
def test_training_learns_and_records_each_epoch(digits: tuple[Split, Split], tmp_path: Path, attack: Attack | None):
    settings = replace(SETTINGS, epochs=6, attack=attack)
    network, history = run(digits, tmp_path / "partial.pt", settings)
    assert history.epoch.tolist() == [1, 2, 3, 4, 5, 6]
    assert history.train_loss.iloc[-1] < 0.5 * history.train_loss.iloc[0]
    assert history.train_accuracy.iloc[-1] > 0.6
    assert history.test_accuracy.iloc[-1] == clean_accuracy(network, digits[1], **STANDARD)
    assert not network.training


def test_robust_accuracy_is_recorded_in_adversarial_training(digits: tuple[Split, Split], tmp_path: Path):
    _, normal = run(digits, tmp_path / "normal.pt", SETTINGS)
    _, adversarial = run(digits, tmp_path / "adversarial.pt", replace(SETTINGS, epochs=6, attack=ATTACK))
    assert "robust_test_accuracy" not in normal
    assert 0.3 < adversarial.robust_test_accuracy.iloc[-1] < adversarial.test_accuracy.iloc[-1]


def test_robust_accuracy_is_logged_with_each_epoch(
    digits: tuple[Split, Split], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    accuracies = iter([0.3, 0.5, 0.47])
    monkeypatch.setattr(training, "_robust_accuracy", lambda *_, **__: next(accuracies))
    with caplog.at_level("INFO"):
        run(digits, tmp_path / "partial.pt", replace(SETTINGS, epochs=3, attack=ATTACK))
    epochs = [record.message for record in caplog.records if record.message.startswith("epoch")]
    assert [epoch.rpartition(", ")[2] for epoch in epochs] == [
        f"under attack {n} %" for n in ("30.00", "50.00", "47.00")
    ]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_an_interrupted_training_ends_with_the_same_weights(
    digits: tuple[Split, Split], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, schedule: str
):
    settings = replace(SETTINGS, schedule=schedule, attack=ATTACK, horizontal_flip=True, crop_padding=2)
    undisturbed, history = run(digits, tmp_path / "undisturbed.pt", settings)
    save = training.save_partial_result

    def save_then_die(*arguments):
        save(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "save_partial_result", save_then_die)
    for _ in range(settings.epochs):
        with pytest.raises(KeyboardInterrupt):
            run(digits, tmp_path / "partial.pt", settings)
    monkeypatch.undo()
    resumed, resumed_history = run(digits, tmp_path / "partial.pt", settings)
    assert equal(weights(resumed), weights(undisturbed))
    pd.testing.assert_frame_equal(resumed_history.drop(columns="seconds"), history.drop(columns="seconds"))


def test_a_partial_result_of_other_settings_is_not_used(digits: tuple[Split, Split], tmp_path: Path):
    path = tmp_path / "partial.pt"
    run(digits, path, replace(SETTINGS, epochs=2))
    _, history = run(digits, path, replace(SETTINGS, epochs=2, learning_rate=0.01))
    assert history.learning_rate.tolist() == [0.01, 0.01]
    assert path.with_name("partial.pt.other").exists()


def test_a_damaged_partial_result_is_not_used(digits: tuple[Split, Split], tmp_path: Path):
    path = tmp_path / "partial.pt"
    first, _ = run(digits, path, SETTINGS)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    again, _ = run(digits, path, SETTINGS)
    assert path.with_name("partial.pt.damaged").exists()
    assert equal(weights(again), weights(first))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_a_crop_is_a_part_of_the_padded_image(dtype: torch.dtype):
    images = torch.arange(1, 41).reshape(1, 2, 4, 5).to(dtype)
    padded = torch.nn.functional.pad(images[0], (2, 2, 2, 2))
    possible = [padded[:, top : top + 4, left : left + 5] for top in range(5) for left in range(5)]
    crops = random_crops(images.expand(500, -1, -1, -1), 2, torch.Generator().manual_seed(0))
    found = [next(n for n, part in enumerate(possible) if torch.equal(part, crop)) for crop in crops]
    assert set(found) == set(range(25))


def test_the_seed_decides(digits: tuple[Split, Split], tmp_path: Path):
    same = [weights(run(digits, tmp_path / name, replace(SETTINGS, epochs=1))[0]) for name in ("a", "b")]
    other = weights(run(digits, tmp_path / "c", replace(SETTINGS, epochs=1, seed=2))[0])
    assert equal(*same)
    assert not equal(same[0], other)


def test_divergence_ends_with_a_sentence(digits: tuple[Split, Split], tmp_path: Path):
    with pytest.raises(UserError, match=r"training diverged: .* lower training\.learning_rate"):
        run(digits, tmp_path / "partial.pt", replace(SETTINGS, learning_rate=1e9))


def test_step_schedule_drops_at_half_and_three_quarters(digits: tuple[Split, Split], tmp_path: Path):
    _, history = run(digits, tmp_path / "partial.pt", replace(SETTINGS, epochs=4, schedule="step"))
    np.testing.assert_allclose(history.learning_rate, [0.05, 0.05, 0.005, 0.0005])


def test_a_single_epoch_begins_at_the_learning_rate_of_the_settings(digits: tuple[Split, Split], tmp_path: Path):
    settings = replace(SETTINGS, epochs=1, schedule="step", batch_size=len(digits[0].labels))
    _, history = run(digits, tmp_path / "partial.pt", settings)
    np.testing.assert_allclose(history.learning_rate, [0.05])
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.05)
    schedule = learning_rate_schedule(optimizer, settings, batches_per_epoch=8)
    rates = []
    for _ in range(8):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    np.testing.assert_allclose(rates, [0.05] * 4 + [0.005] * 2 + [0.0005] * 2)


@pytest.mark.parametrize("batchnorm", ["eval", "train"])
def test_the_attack_leaves_running_statistics_alone(network: Classifier, batchnorm: str):
    before = weights(network.train())
    x, y = torch.randn(8, 3, 8, 8), torch.randint(0, 5, (8,))
    attacked = attackable(network, replace(SETTINGS, attack=ATTACK, attack_batchnorm=batchnorm))
    generator = torch.Generator().manual_seed(0)
    with every_core(torch.device("cpu"), row_wise=batchnorm == "eval") as share:
        perturbation = attacked_images(attacked, x, y, attack=ATTACK, generator=generator, share=share) - x
    assert equal(weights(network), before)
    assert 0 < perturbation.abs().max() <= 0.1 * (1 + 1e-6)
    assert all(p.grad is None for p in network.parameters())


@pytest.mark.parametrize("attack", [None, ATTACK], ids=["normal", "adversarial"])
def test_a_compiled_network_trains_the_same(
    digits: tuple[Split, Split], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, attack: Attack | None
):
    """Traced whole but run by PyTorch itself, which spares the test a C++ compiler and minutes."""
    settings = replace(SETTINGS, epochs=1, attack=attack)
    plain = weights(run(digits, tmp_path / "plain.pt", settings)[0])
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager", fullgraph=True))
    compiled = weights(run(digits, tmp_path / "compiled.pt", replace(settings, compile=True))[0])
    assert all(torch.allclose(plain[name], compiled[name], rtol=1e-3, atol=1e-4) for name in plain)


def test_mixed_precision_trains(digits: tuple[Split, Split], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Where the CPU has no bfloat16, PyTorch imitates it, slowly."""
    monkeypatch.setattr(training, "check_options", lambda *_: None)
    settings = replace(SETTINGS, epochs=6, attack=ATTACK, mixed_precision=True)
    network, history = run(digits, tmp_path / "partial.pt", settings)
    assert history.train_loss.iloc[-1] < 0.6 * history.train_loss.iloc[0]
    assert all(p.dtype == torch.float32 for p in network.parameters())


def test_mixed_precision_holds_in_every_thread(digits: tuple[Split, Split]):
    """PyTorch's own autocast is of one thread, and an attack runs in several."""
    settings = replace(SETTINGS, attack=ATTACK, mixed_precision=True)
    trainer = Trainer(ARCHITECTURE, digits[0], STANDARD["standardization"], settings, STANDARD["device"])
    x = torch.from_numpy(digits[0].images[:8]).float()
    with ThreadPoolExecutor(1) as pool, torch.no_grad():
        elsewhere, here = pool.submit(trainer._attacked_call, x).result(), trainer._attacked_call(x)
        assert here.dtype == torch.float32
        assert torch.equal(elsewhere, here)
        assert not torch.equal(here, trainer._attacked(x))


def test_options_that_cannot_work_here_end_with_a_sentence(monkeypatch: pytest.MonkeyPatch):
    cpu = torch.device("cpu")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, "avx512_bf16": False, "amx_bf16": False})
    with pytest.raises(UserError, match=r"needs bfloat16 in hardware, but this is CPU.*mixed_precision: false"):
        training.check_options(replace(SETTINGS, mixed_precision=True), cpu)

    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True})
    training.check_options(replace(SETTINGS, mixed_precision=True), cpu)

    def no_compiler(*_, **__):
        raise RuntimeError("no compiler was found\nand more")

    monkeypatch.setattr(torch, "compile", no_compiler)
    with pytest.raises(
        UserError, match=r"fails here \(RuntimeError: no compiler was found\); install a C\+\+ compiler"
    ):
        training.check_options(replace(SETTINGS, compile=True), cpu)


def test_a_last_batch_of_one_small_image_is_refused_before_any_epoch(digits: tuple[Split, Split], tmp_path: Path):
    train_split, test_split = digits
    odd = Split(train_split.images[:65], train_split.labels[:65]), test_split
    with pytest.raises(UserError, match=r"batch_size is 64, which leaves one image .* on 8 x 8 pixels; write 65"):
        run(odd, tmp_path / "partial.pt", SETTINGS)
    larger = Split(odd[0].images.repeat(2, axis=2).repeat(2, axis=3), odd[0].labels)
    training.check_last_batch(ARCHITECTURE, larger, 64)
    training.check_last_batch(ARCHITECTURE, train_split, 64)


def test_adversarial_training_in_pixel_units_is_that_of_a_network_that_standardizes(digits, tmp_path: Path):
    # One std for all channels: a ball of pixels is one in standardized units, of a radius larger by 1 / std.
    std = STANDARD["standardization"].std[0]
    attack = replace(ATTACK, epsilon=ATTACK.epsilon * std, step_size=ATTACK.step_size * std, unit="pixel")
    settings = replace(SETTINGS, epochs=1, attack=ATTACK)
    _, standardized = run(digits, tmp_path / "standardized.pt", settings)
    in_pixels = replace(settings, attack=attack)
    network, pixel = run(digits, tmp_path / "pixel.pt", in_pixels)
    assert pixel.train_loss.tolist() == pytest.approx(standardized.train_loss.tolist(), rel=0.02)
    assert network.state_dict().keys() == build(ARCHITECTURE).state_dict().keys()
