"""The construction against a plain loop, and against itself when it is divided or interrupted."""

import numpy as np
import pytest
import torch

from feature_sensitivity.config.construction import ConstructionSettings
from feature_sensitivity.config.training import TrainingSettings
from feature_sensitivity.data.dataset_file import join_splits
from feature_sensitivity.data.digits import load_digits
from feature_sensitivity.data.split import Split
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.networks.build import build
from feature_sensitivity.runtime import partial_results
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.training.construction import ConstructionTask, construct, images_of_part, random_other_images
from feature_sensitivity.training.train import train
from interruptions import interrupted_until_done

CPU = torch.device("cpu")
STANDARDIZATION = Standardization((0.4,) * 3, (0.3,) * 3)
N = 21


@pytest.fixture(autouse=True)
def _one_thread():
    """For images as small as these, a second thread only waits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def split():
    generator = np.random.Generator(np.random.PCG64(0))
    return Split(generator.integers(0, 256, (N, 3, 8, 8), np.uint8), np.arange(N) % 5)


def settings(**changes):
    return ConstructionSettings(
        **{"steps": 6, "step_size": 0.3, "tolerance": None, "batch_size": 4, "seed": 1, **changes}
    )


def run(teacher, split, folder, chosen, index=None):
    index = np.arange(len(split.labels)) if index is None else index
    return construct(
        teacher=teacher,
        split=split,
        index=index,
        settings=chosen,
        device=CPU,
        unfinished_folder=folder,
        standardization=STANDARDIZATION,
    )


def assert_same(first, second):
    np.testing.assert_array_equal(first.images, second.images)
    np.testing.assert_array_equal(first.labels, second.labels)
    for name in ("start_index", "relative_distance"):
        np.testing.assert_array_equal(first.details[name], second.details[name])


def plain_loop(teacher, split, chosen):
    """The method as one would write it down: images [n, ...] and distances [steps + 1, n]."""
    teacher.eval()
    pixels = torch.from_numpy(split.images).float() / 255
    target = teacher.features(STANDARDIZATION.standardize(pixels)).detach()
    pixels = pixels[random_other_images(len(pixels), chosen.seed)]
    distances = []
    for step in range(chosen.steps + 1):
        pixels = pixels.detach().requires_grad_()
        distance = (teacher.features(STANDARDIZATION.standardize(pixels), surrogate_relu=True) - target).norm(dim=1)
        distances.append(distance.detach())
        if step < chosen.steps:
            distance.sum().backward()
            gradient = pixels.grad
            length = gradient.flatten(1).norm(dim=1)[:, None, None, None]
            pixels = (pixels.detach() - chosen.step_size * gradient / length).clamp(0, 1)
    return pixels.detach().numpy(), torch.stack(distances).numpy()


def test_every_image_starts_from_another_one():
    other = random_other_images(1000, seed=3)
    assert sorted(other) == list(range(1000))
    assert not (other == np.arange(1000)).any()
    assert not (other == random_other_images(1000, seed=4)).all()


def test_parts_are_whole_batches_and_cover_every_image_once():
    parts = [images_of_part(N, part=part, n_parts=3, batch_size=4) for part in (1, 2, 3)]
    assert [len(part) for part in parts] == [8, 8, 5]
    np.testing.assert_array_equal(np.concatenate(parts), np.arange(N))


def test_too_many_parts_are_refused_with_the_number_that_goes():
    with pytest.raises(UserError, match="21 images make only 6 batches of 4; write 6 or less"):
        images_of_part(N, part=1, n_parts=7, batch_size=4)


def test_equals_a_plain_loop(network, split, tmp_path):
    made = run(network, split, tmp_path, settings())
    images, distances = plain_loop(network, split, settings())
    # Where rounding turns a ReLU over, an image takes another way; that happens to few.
    assert np.mean(np.abs(made.images - images).max(axis=(1, 2, 3)) < 1e-4) > 0.7
    relative = distances[-1] / distances[0]
    assert np.mean(np.abs(made.details["relative_distance"] - relative) < 1e-4) > 0.7
    np.testing.assert_array_equal(made.labels, split.labels)
    assert made.images.dtype == np.float32
    assert made.images.min() >= 0
    assert made.images.max() <= 1


def test_annealed_steps_with_momentum_come_nearer_and_join_to_the_same_bits(network, split, tmp_path):
    chosen = settings(step_size=0.6, schedule="cosine", momentum=0.5)
    made = run(network, split, tmp_path / "annealed", chosen)
    constant = run(network, split, tmp_path / "constant", settings())
    assert made.details["relative_distance"].mean() < constant.details["relative_distance"].mean()
    parts = [
        run(network, split, tmp_path / str(part), chosen, images_of_part(N, part=part, n_parts=2, batch_size=4))
        for part in (1, 2)
    ]
    assert_same(join_splits(parts), made)


@pytest.mark.parametrize("tolerance", [None, 0.6])
def test_parts_join_to_the_same_bits(network, split, tmp_path, tolerance):
    chosen = settings(tolerance=tolerance)
    parts = [
        run(network, split, tmp_path / str(part), chosen, images_of_part(N, part=part, n_parts=3, batch_size=4))
        for part in (1, 2, 3)
    ]
    assert_same(join_splits(parts), run(network, split, tmp_path / "whole", chosen))


@pytest.mark.parametrize("threads", [1, 2])
def test_an_image_does_not_depend_on_its_neighbours(tmp_path, threads):
    """At CIFAR-10's size and the width of the smaller runs, whatever the CPU's kernels do there."""
    torch.manual_seed(0)
    teacher = build({"name": "resnet18", "in_channels": 3, "n_classes": 10, "width": 16})
    generator = np.random.Generator(np.random.PCG64(0))
    split = Split(generator.integers(0, 256, (11, 3, 32, 32), np.uint8), np.zeros(11, np.int64))
    torch.set_num_threads(threads)
    whole = run(teacher, split, tmp_path / "whole", settings(steps=2))
    some = np.array([9, 2, 10, 0, 5])
    made = run(teacher, split, tmp_path / "some", settings(steps=2), some)
    np.testing.assert_array_equal(made.images, whole.images[some])
    np.testing.assert_array_equal(made.details["relative_distance"], whole.details["relative_distance"][some])


@pytest.mark.parametrize("tolerance", [None, 0.6])
def test_an_interrupted_construction_goes_on_to_the_same_bits(network, split, tmp_path, monkeypatch, tolerance):
    chosen = settings(tolerance=tolerance)
    expected = run(network, split, tmp_path / "expected", chosen)
    advance, n_steps = ConstructionTask.advance, []

    def counted(*arguments):
        n_steps.append(None)
        advance(*arguments)

    monkeypatch.setattr(ConstructionTask, "advance", counted)
    made, n_interruptions = interrupted_until_done(
        lambda: run(network, split, tmp_path / "partial", chosen), monkeypatch, every=5
    )
    assert_same(made, expected)
    assert n_interruptions > 4
    # No step is made twice: a batch is at most one step further when it is interrupted.
    assert len(n_steps) <= 6 * (chosen.steps + 1) + 2 * n_interruptions


def test_a_kill_between_the_two_files_of_a_checkpoint_loses_nothing(network, split, tmp_path, monkeypatch):
    expected = run(network, split, tmp_path / "expected", settings())
    monkeypatch.setattr(partial_results, "SECONDS_BETWEEN_SAVES", 0.0)
    monkeypatch.setattr(partial_results, "LARGEST_SHARE_OF_TIME", float("inf"))  # even where saving is slow
    save = partial_results.save_partial_result

    def save_or_die(path, key, content):
        if path.name == "in_progress.pt" and (path.parent / "finished_00001.pt").exists():
            raise KeyboardInterrupt
        save(path, key, content)

    monkeypatch.setattr(partial_results, "save_partial_result", save_or_die)
    with pytest.raises(KeyboardInterrupt):
        run(network, split, tmp_path / "partial", settings())
    monkeypatch.setattr(partial_results, "save_partial_result", save)
    assert_same(run(network, split, tmp_path / "partial", settings()), expected)


def test_what_other_settings_left_behind_is_not_used(network, split, tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(partial_results, "SECONDS_BETWEEN_SAVES", 0.0)
        run(network, split, tmp_path / "partial", settings(steps=1))
    assert_same(
        run(network, split, tmp_path / "partial", settings()), run(network, split, tmp_path / "new", settings())
    )


def test_the_tolerance_stops_an_image_where_it_is_reached_and_changes_no_other(network, split, tmp_path):
    tolerance = 0.6
    all_steps = run(network, split, tmp_path / "all", settings())
    made = run(network, split, tmp_path / "early", settings(tolerance=tolerance))
    _, distances = plain_loop(network, split, settings())
    relative = distances / distances[0]
    reached = (relative <= tolerance).any(axis=0)
    assert 0 < reached.sum() < N
    first = np.argmax(relative <= tolerance, axis=0)
    expected = np.where(reached, relative[first, np.arange(N)], relative[-1])
    assert np.mean(np.abs(made.details["relative_distance"] - expected) < 1e-4) > 0.7
    np.testing.assert_array_equal(made.images[~reached], all_steps.images[~reached])


def test_a_start_that_the_teacher_cannot_tell_from_the_original_stays(network, tmp_path):
    twins = Split(np.full((2, 3, 8, 8), 77, np.uint8), np.arange(2))
    made = run(network, twins, tmp_path, settings())
    np.testing.assert_array_equal(made.images, twins.images.astype(np.float32) / 255)
    np.testing.assert_array_equal(made.details["relative_distance"], 0)


def test_representations_of_digits_are_matched_to_a_fifth_of_their_first_distance(tmp_path):
    splits = load_digits(size=8).splits
    teacher, _ = train(
        architecture={"name": "resnet18", "in_channels": 3, "n_classes": 10, "width": 4},
        train_split=splits["train"],
        test_split=splits["test"],
        settings=TrainingSettings(
            epochs=2,
            batch_size=128,
            learning_rate=0.05,
            momentum=0.9,
            weight_decay=5e-4,
            schedule="constant",
            horizontal_flip=False,
            seed=0,
        ),
        device=CPU,
        partial_result=tmp_path / "training.pt",
        standardization=STANDARDIZATION,
    )
    chosen = settings(steps=60, step_size=0.2, batch_size=50)
    made = run(teacher, splits["train"], tmp_path / "partial", chosen, np.arange(50))
    assert made.details["relative_distance"].mean() < 0.2
