"""Small networks of many kinds, each with its penultimate features written out by hand."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision import models

from feature_sensitivity.networks.build import build

N_CLASSES = 5


class Case(NamedTuple):
    """A network, the size of its images, and its features in plain operations."""

    network: nn.Module
    size: int
    features: Callable[[Tensor], Tensor]


class DenseGELU(nn.Module):
    """A plain MLP, whose ``view`` works with one memory layout only."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(3 * 8 * 8, 24), nn.Linear(24, 12)
        self.drop, self.head = nn.Dropout(0.5), nn.Linear(12, N_CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = x.view(len(x), -1)
        return self.head(self.drop(F.gelu(self.second(F.gelu(self.first(x))))))


class TwoExits(nn.Module):
    """Keeps what its layers compute on itself, as networks with several exits do."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.head = nn.Linear(16, N_CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        self.low = F.relu(self.first(x))
        self.exits = {"high": F.relu(self.second(self.low))}
        return self.head(torch.cat([self.low.mean(dim=(2, 3)), self.exits["high"].mean(dim=(2, 3))], dim=1))


def _two_exits() -> Case:
    net = TwoExits()

    def features(x: Tensor) -> Tensor:
        low = F.relu(net.first(x))
        return torch.cat([low.mean(dim=(2, 3)), F.relu(net.second(low)).mean(dim=(2, 3))], dim=1)

    return Case(net, 16, features)


def _dense() -> Case:
    net = DenseGELU()
    return Case(net, 8, lambda x: F.gelu(net.second(F.gelu(net.first(x.flatten(1))))))


def _vit() -> Case:
    net = models.VisionTransformer(16, 4, 2, 2, 16, 32, num_classes=N_CLASSES)
    nn.init.normal_(net.heads.head.weight)

    def features(x: Tensor) -> Tensor:
        patches = net.conv_proj(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([net.class_token.expand(len(x), -1, -1), patches], dim=1)
        return net.encoder(tokens)[:, 0]

    return Case(net, 16, features)


def _mobilenet() -> Case:
    net = models.mobilenet_v3_small(num_classes=N_CLASSES)
    nn.init.kaiming_normal_(net.classifier[0].weight)  # its own initial weights give features near 0
    return Case(net, 32, lambda x: F.hardswish(net.classifier[0](net.features(x).mean(dim=(2, 3)))))


def _efficientnet() -> Case:
    net = models.efficientnet_b0(num_classes=N_CLASSES)
    return Case(net, 32, lambda x: net.features(x).mean(dim=(2, 3)))


def _resnet50() -> Case:
    net = build({"name": "resnet50", "in_channels": 3, "n_classes": N_CLASSES, "width": 4})

    def features(x: Tensor) -> Tensor:
        x = F.relu(net.bn1(net.conv1(x)))
        for group in (net.layer1, net.layer2, net.layer3, net.layer4):
            for block in group:
                out = F.relu(block.bn1(block.conv1(x)))
                out = F.relu(block.bn2(block.conv2(out)))
                x = F.relu(block.bn3(block.conv3(out)) + block.downsample(x))
        return x.mean(dim=(2, 3))

    return Case(net, 16, features)


def _preactresnet18() -> Case:
    net = build({"name": "preactresnet18", "in_channels": 3, "n_classes": N_CLASSES, "width": 4})

    def features(x: Tensor) -> Tensor:
        x = net.conv1(x)
        for group in (net.layer1, net.layer2, net.layer3, net.layer4):
            for block in group:
                out = F.relu(block.bn1(x))
                shortcut = block.shortcut(out) if block.shortcut else x
                x = block.conv2(F.relu(block.bn2(block.conv1(out)))) + shortcut
        return F.relu(net.bn(x)).mean(dim=(2, 3))

    return Case(net, 16, features)


def _wideresnet() -> Case:
    net = build({"name": "wideresnet-10-2", "in_channels": 3, "n_classes": N_CLASSES})

    def features(x: Tensor) -> Tensor:
        x = net.conv1(x)
        for group in (net.block1, net.block2, net.block3):
            for block in group.layer:
                out = F.relu(block.bn1(x))
                shortcut = block.convShortcut(out) if block.convShortcut else x
                x = block.conv2(F.relu(block.bn2(block.conv1(out)))) + shortcut
        return F.relu(net.bn1(x)).mean(dim=(2, 3))

    return Case(net, 16, features)


CASES = {
    "GELU MLP": _dense,
    "two exits": _two_exits,
    "ViT": _vit,
    "MobileNetV3": _mobilenet,
    "EfficientNet": _efficientnet,
    "ResNet50": _resnet50,
    "PreActResNet18": _preactresnet18,
    "WideResNet": _wideresnet,
}


def case(name: str) -> Case:
    """Return a network in eval mode, its BatchNorm statistics as after training."""
    torch.manual_seed(0)
    made = CASES[name]()
    made.network.train()
    for module in made.network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # the average over all batches, as after a long training
    with torch.no_grad():
        for _ in range(20):
            made.network(torch.randn(8, 3, made.size, made.size))
    made.network.eval()
    return made
