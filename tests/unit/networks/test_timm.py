"""Networks of timm, where it is installed: test_other_libraries.py makes an environment that has it."""

from pathlib import Path

import pytest
import torch

from extrema_cases import measure, settings
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.networks.build import build
from feature_sensitivity.networks.checkpoints import classifier_of
from feature_sensitivity.networks.imported import import_network
from feature_sensitivity.runtime.errors import UserError

timm = pytest.importorskip("timm", reason="timm is not installed here")

VIT = {"name": "timm:vit_tiny_patch16_224", "img_size": 16, "patch_size": 4, "depth": 2}


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_weights_of_a_network_for_other_classes_and_images(tmp_path: Path, suffix: str):
    torch.manual_seed(0)
    network = timm.create_model("vit_tiny_patch16_224", img_size=16, patch_size=4, depth=2, num_classes=7).eval()
    file = tmp_path / f"weights.{suffix}"
    if suffix == "pt":
        torch.save(network.state_dict(), file)
    else:
        pytest.importorskip("safetensors.torch").save_file(network.state_dict(), file)
    identity = Standardization.identity(3)
    imported = import_network(VIT, file, torch.rand(2, 3, 16, 16), own=None, default=identity)
    x = torch.rand(2, 3, 16, 16)
    with torch.no_grad():
        assert torch.equal(imported.network(x), network(x))
    assert imported.description["num_classes"] == 7
    classifier = classifier_of(imported.network, [3, 16, 16], None)
    with torch.no_grad():
        torch.testing.assert_close(classifier.features(x), network.forward_head(network.forward_features(x), True))
    got = measure(classifier, x, settings(epsilon=0.05, steps=2, batch_size=4), features=torch.arange(3).numpy())
    assert (got.maximum > got.clean).all()


def test_a_name_that_timm_does_not_have_is_reported():
    with pytest.raises(UserError, match="timm has no network 'vit_tiny_patch16_222'; write vit_tiny_patch16_224"):
        build({"name": "timm:vit_tiny_patch16_222"})
