import torch

from feature_sensitivity.data.standardization import Standardization


def test_standardization_by_hand():
    images = torch.tensor([[[[0]], [[255]]]], dtype=torch.uint8)
    standardization = Standardization(mean=(0.5, 0.25), std=(0.25, 0.5))
    got = standardization.standardize(images)
    assert got.flatten().tolist() == [-2.0, 1.5]
    assert torch.equal(standardization.standardize(images.float() / 255), got)
