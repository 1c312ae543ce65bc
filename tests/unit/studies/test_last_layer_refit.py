"""The networks that the study of new linear layers compares."""

import numpy as np
import pytest
import torch

from accuracy_cases import STANDARDIZATION, N, correct
from feature_sensitivity.analysis.refits import ADVERSARIAL_AS_TRAINED, NORMAL_AS_TRAINED
from feature_sensitivity.config.measurement import AccuracySettings
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.studies.last_layer_refit.measurement import Head, measure_heads

SETTINGS = AccuracySettings(epsilon="0.1", steps=5, relative_step_size="1/4")


def test_each_network_gets_images_as_it_was_trained_on_them(network: Classifier, data: dict):
    heads = {
        NORMAL_AS_TRAINED: Head(network, STANDARDIZATION, 32),
        ADVERSARIAL_AS_TRAINED: Head(network, Standardization((0.0,) * 3, (1.0,) * 3), 32),
    }
    table = measure_heads(
        heads,
        test_split=data["split"],
        image_index=np.arange(N),
        settings=SETTINGS,
        device=torch.device("cpu"),
    ).set_index(["head", "epsilon"])
    clean = correct(network, data, 0.0).mean()
    assert table.accuracy[NORMAL_AS_TRAINED, 0.0] == pytest.approx(clean)
    assert table.accuracy[ADVERSARIAL_AS_TRAINED, 0.0] != pytest.approx(clean)
