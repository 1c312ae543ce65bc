"""Killing a process at random moments until its work is done."""

import io
import multiprocessing
import os
import random
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from feature_sensitivity.runtime.partial_results import DIGEST_SIZE, MARK


def partial_content(path: Path) -> dict[str, Any]:
    """Return what a partial result holds after its mark and its checksum."""
    return torch.load(io.BytesIO(path.read_bytes()[len(MARK) + DIGEST_SIZE :]), weights_only=True)


def killed_until_done(
    work: Callable[[], None],
    result: Path,
    *,
    kills: int,
    seconds: tuple[float, float],
    after_each: Callable[[], None],
) -> int:
    """Run ``work`` until ``result`` exists, and end it up to ``kills`` times with SIGKILL; return how many times.

    ``seconds`` is the range of random times after which it is killed.
    """
    fork, moment, killed = multiprocessing.get_context("fork"), random.Random(0), 0
    while not result.exists():
        child = fork.Process(target=work)
        child.start()
        if killed < kills:
            child.join(moment.uniform(*seconds))
            if child.is_alive():
                assert child.pid
                os.kill(child.pid, signal.SIGKILL)
                killed += 1
        child.join()
        after_each()
    return killed
