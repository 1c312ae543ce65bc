import math
from pathlib import Path

import pytest
import torch
from torch import nn
from torchvision.models import resnet18

from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.networks.build import build
from feature_sensitivity.networks.checkpoints import load_checkpoint, save_checkpoint
from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.networks.folding import folded_copy
from feature_sensitivity.runtime.errors import UserError

PAPER = {"name": "resnet18", "in_channels": 3, "n_classes": 10, "width": 64}

STANDARDIZATION = Standardization((0.5,) * 3, (0.25,) * 3)


def count_macs(network: nn.Module, x: torch.Tensor) -> int:
    """Multiply-accumulates of one forward pass, counted where they happen."""
    total = 0

    def count(module: nn.Module, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
        nonlocal total
        weight = module.weight
        total += output[0].numel() * weight[0].numel()

    hooks = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    network(x)
    for hook in hooks:
        hook.remove()
    return total


def test_paper_network_has_the_published_size_and_cost():
    network = build(PAPER).eval()
    assert sum(p.numel() for p in network.parameters()) == 11_173_962
    macs = count_macs(network, torch.zeros(1, 3, 32, 32))
    assert macs == pytest.approx(0.556e9, rel=2e-3)  # published counts add normalization and pooling


def test_network_agrees_with_torchvision_given_its_stem_and_weights():
    torch.manual_seed(1)
    theirs = resnet18(num_classes=10)
    theirs.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    theirs.maxpool = nn.Identity()
    with torch.no_grad():
        theirs.train()(torch.randn(8, 3, 32, 32))
    ours = build(PAPER)
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(2, 3, 32, 32)
    results = []
    for network in (theirs.eval(), ours.eval()):
        points = x.clone().requires_grad_()
        logits = network(points)
        logits.square().sum().backward()
        results.append((logits.detach(), points.grad))
    torch.testing.assert_close(results[1], results[0], rtol=1e-5, atol=1e-5)


def test_a_folded_copy_has_the_same_values_and_no_weight_gradients(network: Classifier):
    x = torch.randn(4, 3, 8, 8)
    folded = folded_copy(network)
    torch.testing.assert_close(folded(x), network(x), rtol=1e-4, atol=1e-5)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in folded.modules())
    assert not any(p.requires_grad for p in folded.parameters())
    assert any(isinstance(m, nn.BatchNorm2d) for m in network.modules()), "the original must stay as it was"


@pytest.mark.parametrize(
    "surrogate", [False, True, torch.arange(16) % 2 == 0], ids=["never", "always", "every other row"]
)
def test_selected_features_and_their_gradients_are_those_of_all_features(
    network: Classifier, surrogate: bool | torch.Tensor
):
    folded, index = folded_copy(network), torch.randint(0, 32, (16,))
    x = torch.randn(16, 3, 8, 8)
    results = []
    for select in (
        lambda points: folded.selected_features(points, index, surrogate_relu=surrogate),
        lambda points: folded.features(points, surrogate_relu=surrogate)[torch.arange(16), index],
    ):
        points = x.clone().requires_grad_()
        values = select(points)
        values.sum().backward()
        results.append((values.detach(), points.grad))
    torch.testing.assert_close(results[0], results[1], rtol=1e-4, atol=1e-6)


def test_surrogate_gradient_keeps_values_and_reaches_dead_features(network: Classifier):
    with torch.no_grad():
        network.layer4[1].bn2.bias.fill_(-100.0)  # every last ReLU is closed
    x = torch.randn(2, 3, 8, 8, requires_grad=True)
    plain = network.features(x)
    surrogate = network.features(x, surrogate_relu=True)
    assert torch.equal(plain, surrogate)
    assert torch.autograd.grad(plain.sum(), x)[0].count_nonzero() == 0
    assert torch.autograd.grad(surrogate.sum(), x)[0].count_nonzero() > 0


@pytest.mark.parametrize("n", [1, 3, 29])
def test_narrow_networks_train_on_odd_batches(n: int):
    network = build({**PAPER, "width": 8}).train().to(memory_format=torch.channels_last)
    reference = build({**PAPER, "width": 8}).train()
    reference.load_state_dict(network.state_dict())
    x = torch.randn(max(n, 2), 3, 16, 16)
    for model in (network, reference):
        model(x.contiguous(memory_format=torch.channels_last)).square().sum().backward()
    weight = "layer2.0.downsample.0.weight"
    got, expected = (dict(model.named_parameters())[weight].grad for model in (network, reference))
    torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-4)


def test_checkpoint_round_trip_is_plain_data(network: Classifier, tmp_path: Path):
    path = tmp_path / "model.pt"
    metadata = {"architecture": {"name": "resnet18", "in_channels": 3, "n_classes": 5, "width": 4}, "seed": 3}
    save_checkpoint(path, network, STANDARDIZATION, metadata)
    content = torch.load(path, weights_only=True)
    assert {"state_dict", "architecture", "seed", "mean", "std"} == content.keys()
    loaded, standardization, described = load_checkpoint(path)
    assert standardization == STANDARDIZATION
    x = torch.randn(2, 3, 8, 8)
    assert torch.equal(loaded(x), network(x))
    assert described == {**metadata, **STANDARDIZATION.as_lists()}


def test_damaged_checkpoint_is_named_in_one_sentence(tmp_path: Path):
    path = tmp_path / "model.pt"
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(UserError, match=r"model\.pt is not a whole file of tensors .* delete it") as caught:
        load_checkpoint(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "value", "message"),
    [
        ("mean", None, r"is not a checkpoint of this workflow \(KeyError: 'mean'\)"),
        ("mean", [0.5, math.nan, 0.5], "are not all finite, and std above 0"),
        ("std", [0.2, 0.0, 0.2], "are not all finite, and std above 0"),
        ("std", [0.2], "3 numbers of mean and 1 of std"),
        ("mean", "abc", "is not a checkpoint of this workflow"),
        ("fc.weight", math.nan, r"holds numbers that are not finite, in fc\.weight"),
        ("conv1.weight", math.inf, r"holds numbers that are not finite, in conv1\.weight"),
    ],
)
def test_a_checkpoint_that_would_give_wrong_numbers_is_refused(
    network: Classifier, tmp_path: Path, entry: str, value: object, message: str
):
    path = tmp_path / "model.pt"
    architecture = {"name": "resnet18", "in_channels": 3, "n_classes": 5, "width": 4}
    save_checkpoint(path, network, STANDARDIZATION, {"architecture": architecture})
    content = torch.load(path, weights_only=True)
    if "." in entry:
        content["state_dict"][entry].view(-1)[0] = value
    elif value is None:
        del content[entry]
    else:
        content[entry] = value
    torch.save(content, path)
    with pytest.raises(UserError, match=message) as caught:
        load_checkpoint(path)
    assert "model.pt" in str(caught.value)
    assert "delete it and run the same command again" in str(caught.value)


@pytest.mark.parametrize("content", [[1], {}, 3])
def test_other_content_than_a_checkpoint_is_named(tmp_path: Path, content: object):
    torch.save(content, tmp_path / "model.pt")
    with pytest.raises(UserError, match="is not a checkpoint of this workflow"):
        load_checkpoint(tmp_path / "model.pt")
