"""A few faults at a few stages; the long form is ``make torture``."""

import subprocess
import sys
from pathlib import Path

import pytest

from snakemake_runs import ROOT

pytestmark = pytest.mark.workflow


def test_a_few_faults_are_survived(tmp_path: Path):
    program = [sys.executable, ROOT / "tests/support/faults.py", tmp_path, "--short"]
    done = subprocess.run(program, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "| all | 3 of 3 | 2 of 2 | 1 of 1 | 1 of 1 | 8 of 8 |" in done.stdout
