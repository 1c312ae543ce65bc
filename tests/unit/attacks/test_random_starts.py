import pytest
import torch

from feature_sensitivity.attacks.random_starts import philox4x32, random_start

# Known answers of Random123, the reference code of Salmon et al. (2011).
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN)
def test_generator_gives_the_published_numbers(counter: tuple, key: tuple, expected: tuple):
    words = philox4x32([torch.tensor([word]) for word in counter], key)
    assert tuple(int(word) for word in words) == expected


def start(*, image=(5,), feature=(7,), direction=(0,), restart=(0,), norm="linf", seed=1, epsilon=0.5):
    names = {"image": image, "feature": feature, "direction": direction, "restart": restart}
    tensors = {name: torch.tensor(value) for name, value in names.items()}
    return random_start(seed=seed, **tensors, shape=(3, 6, 5), epsilon=epsilon, norm=norm)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_start_depends_on_its_names_alone(norm: str):
    alone = start(norm=norm)
    several = start(image=(1, 5, 9), feature=(7, 7, 0), direction=(1, 0, 1), restart=(0, 0, 3), norm=norm)
    assert torch.equal(several[1:2], alone)
    for other in ({"image": (6,)}, {"feature": (8,)}, {"direction": (1,)}, {"restart": (1,)}, {"seed": 2}):
        assert not torch.equal(start(norm=norm, **other), alone)


def test_linf_starts_fill_the_ball_uniformly():
    many = random_start(
        seed=0,
        image=torch.arange(400),
        feature=torch.zeros(400, dtype=torch.int64),
        direction=torch.zeros(400, dtype=torch.int64),
        restart=torch.zeros(400, dtype=torch.int64),
        shape=(3, 8, 8),
        epsilon=0.25,
        norm="linf",
    )
    assert many.abs().max() < 0.25
    counts = torch.histc(many, bins=10, min=-0.25, max=0.25)
    expected = many.numel() / 10
    assert ((counts - expected).abs() < 5 * expected**0.5).all()


def test_l2_starts_fill_the_ball_uniformly():
    n = 2000
    names = {name: torch.zeros(n, dtype=torch.int64) for name in ("feature", "direction", "restart")}
    points = random_start(seed=0, image=torch.arange(n), **names, shape=(3,), epsilon=2.0, norm="l2")
    length = points.norm(dim=1)
    assert length.max() <= 2.0
    # In 3 dimensions the share within radius r is (r / epsilon)**3.
    assert (length < 1.0).float().mean() == pytest.approx(1 / 8, abs=0.03)
    assert points.mean(dim=0).abs().max() < 0.1
    assert (points[:, 0] > 0).float().mean() == pytest.approx(0.5, abs=0.05)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_starts_have_the_same_bits_on_cpu_and_gpu(norm: str):
    names = {name: torch.arange(64) for name in ("image", "feature")}
    flags = {name: torch.arange(64) % 2 for name in ("direction", "restart")}
    kwargs = {"seed": 3, "shape": (3, 32, 32), "epsilon": 0.08, "norm": norm}
    cpu = random_start(**names, **flags, **kwargs)
    gpu = random_start(**{k: v.cuda() for k, v in {**names, **flags}.items()}, **kwargs)
    assert torch.equal(cpu, gpu.cpu())
