"""The number of GPUs on which jobs may compute."""

import pytest

from feature_sensitivity.runtime.visible_gpus import n_visible_gpus

FOUR = "".join(f"GPU {i}: NVIDIA H100 80GB HBM3 (UUID: GPU-{i}f00-11aa)\n" for i in range(4))
IN_PARTS = (
    "GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-0f00-11aa)\n"
    "  MIG 3g.20gb     Device  0: (UUID: MIG-aa00-1)\n  MIG 3g.20gb     Device  1: (UUID: MIG-bb00-2)\n"
)


@pytest.mark.parametrize(
    ("listing", "chosen", "expected"),
    [
        (FOUR, None, 4),
        (FOUR, "", 0),
        (FOUR, "-1", 0),
        (FOUR, "NoDevFiles", 0),
        (FOUR, "2", 1),
        (FOUR, "0, 3", 2),
        (FOUR, "1,1", 1),
        (FOUR, "0,7,1", 1),
        (FOUR, "GPU-2f", 1),
        (FOUR, "GPU-2f00-11aa,GPU-3f00-11aa,GPU-9", 2),
        (IN_PARTS, None, 1),
        (IN_PARTS, "MIG-bb00-2", 1),
        (IN_PARTS, "MIG-aa00-1,MIG-bb00-2", 1),
        (IN_PARTS, "", 0),
        ("No devices were found\n", None, 0),
    ],
)
def test_jobs_see_as_many_gpus_as_cuda_shows_them(listing: str, chosen: str | None, expected: int):
    assert n_visible_gpus(listing, chosen) == expected
