from pathlib import Path

import pandas as pd
import pytest

from feature_sensitivity.analysis.benchmark_table import costs_by_rule
from feature_sensitivity.runtime.errors import UserError
from snakemake_runs import run_snakemake
from tabulate_benchmarks import tabulate_benchmarks


def test_time_and_memory_by_rule(tmp_path: Path):
    columns = "s\th:m:s\tmax_rss\tcpu_time\n"
    files = {
        "train_model/normal.tsv": "600\t0:10:00\t900.5\t1200\n",
        "train_model/adversarial.tsv": "1200\t0:20:00\t1000\t1200\n",
        "plot_accuracy.tsv": "3\t0:00:03\t-\t0\n",
    }
    for name, line in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(columns + line)
    table = costs_by_rule(tmp_path, sorted(tmp_path.rglob("*.tsv")))
    expected = pd.DataFrame(
        {
            "rule": ["train_model", "plot_accuracy"],
            "jobs": [2, 1],
            "minutes in all": [30, 0.05],
            "minutes of the longest": [20, 0.05],
            "CPU minutes in all": [40.0, 0.0],
            "peak memory MB": [1000.0, float("nan")],
        }
    )
    pd.testing.assert_frame_equal(table, expected)


@pytest.mark.workflow
def test_before_any_run_there_is_nothing_to_tabulate(workflow: Path):
    done = run_snakemake(workflow, "--cores", "1", "benchmarks", check=False)
    assert done.returncode != 0
    assert "results/benchmarks holds no benchmarks yet" in done.stdout
    assert "Traceback" not in done.stdout


def test_beside_a_demo_it_says_where_to_look(tmp_path: Path):
    (tmp_path / "demo/benchmarks/train_model").mkdir(parents=True)
    (tmp_path / "demo/benchmarks/train_model/normal.tsv").write_text("s\n1\n")
    with pytest.raises(UserError, match=r"no benchmarks yet; another run's are in .*/demo/benchmarks: name the target"):
        tabulate_benchmarks(folder=tmp_path / "benchmarks", csv=tmp_path / "table.csv")
