"""Made-up extremal images, and the measurements to which they belong."""

import numpy as np

from feature_sensitivity.evaluation.extremal_file import ExtremalImages
from feature_sensitivity.evaluation.sensitivity_file import SensitivityFile

EPSILONS = (0.04, 0.2)


def measured(*, n_images: int = 5, n_features: int = 6, n_classes: int = 3) -> list[SensitivityFile]:
    """Files of one model at two epsilons."""
    rng = np.random.default_rng(0)
    clean = rng.uniform(0, 1, (n_images, n_features)).astype(np.float32)
    zeros, weight = np.zeros(n_features, np.float32), rng.normal(size=(n_classes, n_features)).astype(np.float32)
    return [
        SensitivityFile(
            clean=clean,
            maximum=clean + np.float32(epsilon),
            minimum=clean - np.float32(epsilon),
            sensitivity=zeros + np.float32(epsilon),
            sensitivity_raw=zeros + np.float32(epsilon),
            standard_error=zeros,
            weight=weight,
            image_index=np.arange(n_images) * 10,
            label=np.arange(n_images) % n_classes,
            feature_index=np.arange(n_features),
            zero_gradient=zeros,
            at_cap=zeros,
            attributes={
                "model": "normal",
                "checkpoint_sha256": "abc",
                "epsilon": epsilon,
                "epsilon_255": 50 * epsilon,
                "content_sha256": f"content {epsilon}",
            },
        )
        for epsilon in EPSILONS
    ]


def extremal_images(
    *, n_images: int = 2, features: tuple[int, ...] = (4, 1, 3), n_most: int = 2, shape: tuple[int, ...] = (3, 4, 4)
) -> ExtremalImages:
    """What is kept of them: perturbations of a share of epsilon, up in the left half and down in the other."""
    rng = np.random.default_rng(1)
    image = rng.uniform(0.3, 0.7, (n_images, *shape)).astype(np.float32)
    files = measured()
    at = np.ix_(range(n_images), features)
    sign = np.where(np.arange(shape[2]) < shape[2] / 2, 1, -1).astype(np.float32)
    change = np.stack([np.broadcast_to(epsilon * sign, (n_images, len(features), *shape)) for epsilon in EPSILONS])
    return ExtremalImages(
        epsilon=list(EPSILONS),
        feature_index=np.array(features),
        is_most_sensitive=(np.arange(len(features)) < n_most).astype(np.int64),
        image_index=files[0].image_index[:n_images],
        label=files[0].label[:n_images],
        clean=files[0].clean[at],
        maximum=np.stack([file.maximum[at] for file in files]),
        minimum=np.stack([file.minimum[at] for file in files]),
        image=image,
        maximizing=(image[:, None] + change).astype(np.float32),
        minimizing=(image[:, None] - change).astype(np.float32),
    )
