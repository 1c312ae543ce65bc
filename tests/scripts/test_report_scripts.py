"""Every script of the report as a notebook would call it, on a small run made here."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure

from compare_study import compare_study
from derive_measures import derive_measures
from feature_sensitivity.analysis.feature_counts import counts_over_seeds
from feature_sensitivity.analysis.refits import ADVERSARIAL_AS_TRAINED, NORMAL_AS_TRAINED, read_refits
from feature_sensitivity.analysis.tables import write_table
from feature_sensitivity.evaluation.expected_sensitivity import SensitivityFiles
from feature_sensitivity.reporting.style import save_figure
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.identity import derived_from
from feature_sensitivity.studies.last_layer_refit.measurement import COLUMNS as REFIT_COLUMNS
from feature_sensitivity.studies.plan import Scope
from feature_sensitivity.studies.registry import PLANS
from feature_sensitivity.studies.variant_files import VariantFiles
from judge_claims import judge_claims
from plot_accuracy import plot_accuracy
from plot_construction import plot_construction
from plot_learning import plot_learning
from plot_measures import plot_measures
from plot_quantiles import plot_quantiles
from plot_sensitivity import plot_sensitivity
from plot_tradeoff import plot_tradeoff
from report_cases import (
    EPSILONS,
    MODELS,
    N_FEATURES,
    OF_TRAINING,
    Files,
    make_history,
    text_of,
)
from report_study import report_study
from summarize_results import summarize_results
from tabulate_benchmarks import tabulate_benchmarks
from write_overview import write_overview
from write_reference import write_reference


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("run") / "linf")


def test_plot_accuracy(files: Files, tmp_path: Path):
    svg = tmp_path / "figure1.svg"
    plot_accuracy(accuracy=files.accuracy, svg=svg, models=MODELS, protocol="PROTOCOL", bars="BARS")
    assert "PROTOCOL; 100 test images, seed 0; BARS" in text_of(svg)
    assert svg.with_suffix(".png").stat().st_size > 1000
    assert len(pd.read_csv(svg.with_suffix(".csv"))) == 9


@pytest.mark.parametrize("plot", [partial(plot_sensitivity, pooled=""), plot_quantiles])
def test_plots_of_sensitivities(plot, files: Files, tmp_path: Path):
    svg = tmp_path / "figure.svg"
    plot(
        sensitivity=files.derived(definition="range", weight_normalization="none"),
        svg=svg,
        models=MODELS,
        protocol="PROTOCOL",
        spread="",
    )
    assert "PROTOCOL; 5 test images, 24 features, seed 0; " in text_of(svg)
    numbers = pd.read_csv(svg.with_suffix(".csv"), dtype={"epsilon": str})
    assert set(numbers.epsilon) == set(EPSILONS)
    assert set(numbers.model) == set(MODELS)


def summarize(files: Files, folder: Path) -> Path:
    history = make_history(folder / "normal.history.csv")
    summarize_results(
        accuracy=files.accuracy,
        histories={"normal": history},
        of_training={"normal": OF_TRAINING},
        sensitivity=files.sensitivity,
        csv=folder / "summary.csv",
        markdown=folder / "summary.md",
        page=folder / "summary.html",
        text=folder / "summary.txt",
        accuracy_protocol="ATTACK",
        sensitivity_protocol="FEATURES",
        spread="INTERVALS",
    )
    return folder / "summary.csv"


def test_summarize_results(files: Files, tmp_path: Path):
    table = pd.read_csv(summarize(files, tmp_path))
    assert len(table) == 9
    assert table[table.epsilon > 0].sensitivity_mean.notna().all()
    markdown = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert "Accuracy: ATTACK; 100 test images, seed 0; INTERVALS. Sensitivity: FEATURES; 5 test images, 24" in markdown
    assert "- normal: 50.0 % of the images have a gradient of exactly zero" in markdown
    assert "<h2>Warnings</h2>" in (tmp_path / "summary.html").read_text(encoding="utf-8")
    assert "ATTACK" not in (tmp_path / "summary.txt").read_text(encoding="utf-8")


def test_plot_tradeoff(files: Files, tmp_path: Path):
    svg = tmp_path / "tradeoff.svg"
    plot_tradeoff(
        summary=summarize(files, tmp_path),
        sensitivity=files.sensitivity,
        svg=svg,
        models=MODELS,
        accuracy_protocol="ATTACK",
        sensitivity_protocol="FEATURES",
        bars="BARS",
    )
    assert svg.with_suffix(".png").stat().st_size > 1000
    assert "Accuracy: ATTACK; 100 test images" in text_of(svg)


def test_plot_learning(tmp_path: Path):
    history = make_history(tmp_path / "normal.history.csv")
    svg = tmp_path / "learning.svg"
    plot_learning(
        histories={"normal": history}, expected={"normal": OF_TRAINING}, svg=svg, protocol="PROTOCOL", seeds="seed 0"
    )
    assert "PROTOCOL; loss and training accuracy" in text_of(svg)


def test_plot_construction(tmp_path: Path):
    images, labels = np.zeros((4, 3, 2, 2), np.uint8), np.arange(4)
    with h5py.File(tmp_path / "original.h5", "w") as original, h5py.File(tmp_path / "made.h5", "w") as made:
        for file in (original, made):
            file["train/images"], file["train/labels"] = images, labels
        made["train/start_index"], made["train/relative_distance"] = labels[::-1], np.full(4, 0.5)
        made.attrs["source"] = "SOURCE"
    svg = tmp_path / "construction.svg"
    plot_construction(
        constructed=tmp_path / "made.h5",
        original=tmp_path / "original.h5",
        svg=svg,
        name="robust",
        teacher="adversarial",
        seed=0,
    )
    assert "robust: the first training image of each class; SOURCE over 4 images" in text_of(svg)


def derive(
    files: Files, folder: Path, measures: list[str] | None = None, *, sensitivity: SensitivityFiles | None = None
) -> tuple[Path, Path]:
    paths = folder / "features.csv", folder / "feature_counts.csv"
    derive_measures(
        sensitivity=sensitivity or files.sensitivity,
        attacked=files.attacked,
        measures=measures,
        features=paths[0],
        counts=paths[1],
        markdown=folder / "feature_counts.md",
        page=folder / "feature_counts.html",
        protocol="PROTOCOL",
        spread="SPREAD",
    )
    return paths


def test_derive_measures(files: Files, tmp_path: Path):
    features, counts = derive(files, tmp_path, sensitivity=files.derived(weight_normalization="none"))
    table = pd.read_csv(features, dtype={"epsilon": str})
    assert list(table.columns) == ["model", "epsilon", "epsilon_255", "feature", "measure", "value"]
    keys = ["model", "epsilon", "feature", "measure"]
    assert not table[keys].duplicated().any()
    assert len(table) == 3 * 2 * N_FEATURES * (37 + 7 * 10)
    found = table.set_index(keys).value
    for (model, epsilon), file in files.sensitivity.read().items():
        of_feature = found.loc[model, epsilon, :, "sensitivity"].to_numpy()
        np.testing.assert_allclose(of_feature, file.sensitivity_raw, rtol=1e-6)
    assert found["normal", "0.2", 3, "neuron_sensitivity"] == pytest.approx(0.05)
    assert found["normal", "0.2", 3, "linearity"] == pytest.approx(found["normal", "0.2", 3, "sensitivity"] / 0.2)
    counted = pd.read_csv(counts)
    assert counted.epsilon.tolist() == [0.04, 0.2] * 3
    assert (counted[["useful", "useful_shown", "robustly_useful_shown"]] == 0).all(axis=None), "all values are 0"
    assert counted.latent_vulnerability.tolist() == pytest.approx([24 * 0.01, 24 * 0.05] * 3)
    markdown = (tmp_path / "feature_counts.md").read_text()
    assert "| normal         | 0.04 (2.0/255) | 24         | 0 (0 to 24)" in markdown
    assert "robust usefulness is overestimated" in markdown
    assert "PROTOCOL; 5 test images, 24 features, seed 0; SPREAD." in markdown
    chosen, _ = derive(files, tmp_path, ["used_share", "class_usefulness"])
    assert set(pd.read_csv(chosen).measure) == {"used_share", *(f"class_usefulness_{c}" for c in range(10))}


def test_counts_over_seeds(files: Files, tmp_path: Path):
    names = {"normal": "normal", "adversarial": "normal_seed1"}
    _, counts = derive(files, tmp_path)
    table = pd.read_csv(counts).query("model in @names")
    table["model"] = table.model.map(names)
    table.loc[table.model == "normal", ["robustly_useful", "robustly_useful_high"]] = 4, 10
    pooled = counts_over_seeds(table)
    assert pooled.model.tolist() == ["normal", "normal"]
    assert pooled.n_seeds.tolist() == [2, 2]
    assert pooled.robustly_useful.tolist() == [2, 2]
    # Student's t of 4 and 0, and the mean distances to 10 and 24: far beyond what there is.
    assert pooled.robustly_useful_low.tolist() == [0, 0]
    assert pooled.robustly_useful_high.tolist() == [24, 24]


def draw(files: Files, folder: Path, features: Path, counts: Path, **changes) -> None:
    arguments = {
        "counts": counts,
        "features": features,
        "counts_svg": folder / "useful_features.svg",
        "measure_svgs": {name: folder / f"{name}.svg" for name in ("used_share", "linearity")},
        "models": MODELS,
        "epsilons": EPSILONS,
        "expected": derived_from(files.sensitivity),
        "protocols": {"features": "FEATURES", "class": "CLASS"},
        "spread": "SPREAD",
        "pooled": "POOLED",
    }
    plot_measures(**{**arguments, **changes})


def test_plot_measures(files: Files, tmp_path: Path):
    features, counts = derive(files, tmp_path)
    draw(files, tmp_path, features, counts)
    assert "FEATURES; 5 test images, 24 features, seed 0; black lines" in text_of(tmp_path / "useful_features.svg")
    assert "classifier: CLASS" in text_of(tmp_path / "used_share.svg")
    assert "CLASS" not in text_of(tmp_path / "linearity.svg")
    numbers = pd.read_csv(tmp_path / "used_share.csv")
    assert len(numbers) == 6
    assert (numbers.n_features == N_FEATURES).all()
    for name in ("useful_features", "used_share", "linearity"):
        assert (tmp_path / f"{name}.png").stat().st_size > 1000


def test_tables_of_features_of_another_run_are_not_drawn(files: Files, tmp_path: Path):
    features, counts = derive(files, tmp_path, ["used_share", "linearity"])
    other = {**derived_from(files.sensitivity), "sensitivity": {"normal": {"steps": 9}}}
    with pytest.raises(UserError, match=r"sensitivity.normal.steps is 4, expected 9"):
        draw(files, tmp_path, features, counts, expected=other)
    for path in (features, counts):
        content = path.read_text()
        path.write_text(content.replace("adversarial", "normal"))
        with pytest.raises(UserError, match=f"{path.name} is not as it was written"):
            draw(files, tmp_path, features, counts)
        path.write_text(content)


def test_write_overview(tmp_path: Path):
    claims, png, page = tmp_path / "claims.csv", tmp_path / "figure.png", tmp_path / "overview.html"
    save_figure(Figure(), png.with_suffix(".svg"))
    verdicts = ["reproduced", "not reproduced", "undecided"]
    sentences = ["`normal` is <best>.", "Two.", "Three."]
    table = pd.DataFrame({"claim": ["A1", "A2", "A3"], "sentence": sentences, "verdict": verdicts})
    arguments = {"claims": claims, "expected": {"accuracy": {"steps": 4}}, "figure1": png, "figure2": png, "page": page}
    arguments |= {"measured": "Measured: `normal`.", "links": {"All numbers": "claims.html"}}
    write_table(claims, table, made_from={"accuracy": {"steps": 4}})
    write_overview(**arguments)
    text = page.read_text(encoding="utf-8")
    assert "The paper's claims: 1 reproduced, 1 not reproduced, 1 undecided" in text
    assert "✓</span><strong>A1</strong> <code>normal</code> is &lt;best&gt;. (reproduced)" in text
    assert "✗</span><strong>A2" in text
    assert "?</span><strong>A3" in text
    assert text.count("data:image/png;base64,") == 2
    assert max(map(len, text.splitlines())) < 10_000, "the longest line that the text of a report may have"
    assert '<a href="claims.html">All numbers</a>' in text.partition("</main>")[2], "the report has links of its own"
    with pytest.raises(UserError, match=r"accuracy.steps is 4, expected 9"):
        write_overview(**{**arguments, "expected": {"accuracy": {"steps": 9}}})
    table.assign(verdict="reproduced").to_csv(claims, index=False)
    with pytest.raises(UserError, match=r"claims.csv is not as it was written"):
        write_overview(**arguments)
    write_table(claims, table, made_from={"accuracy": {"steps": 4}})
    for other, message in ((png.read_bytes()[:200], "cannot be read as PNG"), (png.read_bytes(), "is another figure")):
        figure2 = tmp_path / "other.png"
        figure2.write_bytes(other)
        with pytest.raises(UserError, match=message):
            write_overview(**{**arguments, "figure2": figure2})


def test_judge_claims(files: Files, tmp_path: Path):
    _, feature_counts = derive(files, tmp_path, ["sensitivity"])
    refit = pd.DataFrame(
        [
            {"head": head, "epsilon": 0.04, "accuracy": share, "ci_low": share - 0.01, "ci_high": share + 0.01}
            for head, share in ((NORMAL_AS_TRAINED, 0.1), (ADVERSARIAL_AS_TRAINED, 0.8), ("all", 0.12))
        ]
    )
    write_table(tmp_path / "refit.csv", refit, made_from=files.sensitivity.identity())
    for refits, verdict in ((None, "undecided"), (tmp_path / "refit.csv", "reproduced")):
        judge_claims(
            accuracy=files.accuracy,
            sensitivity=files.sensitivity,
            attacked=files.attacked,
            csv=tmp_path / "claims.csv",
            markdown=tmp_path / "claims.md",
            page=tmp_path / "claims.html",
            seeds="",
            feature_counts=feature_counts,
            refits=refits,
        )
        claims = pd.read_csv(tmp_path / "claims.csv").set_index("claim")
        assert claims.verdict["S2"] == "reproduced"
        assert claims.verdict["S6"] == verdict
        assert claims.verdict["U1"] == "undecided"
        assert claims.verdict["S3"] == claims.verdict_in_margins["S3"] == "reproduced"
        assert "robustly useful share of normal at 0.2: 0 (0 to 1) open" in claims.numbers["U1"]
    assert "## S2: reproduced\n\nThe sensitivities of every model grow" in (tmp_path / "claims.md").read_text()
    assert "<h2>S6: reproduced</h2>" in (tmp_path / "claims.html").read_text()


def test_write_reference(files: Files, tmp_path: Path):
    summary, claims, study = summarize(files, tmp_path), tmp_path / "claims.csv", tmp_path / "norms.md"
    verdict = {"claim": ["A1"], "sentence": ["One."], "verdict": ["reproduced"], "rule": ["Above."]}
    write_table(claims, pd.DataFrame(verdict), made_from=files.sensitivity.identity())
    study.write_text("# The norm\n\nAnswer.\n")
    figure = tmp_path / "figure1.png"
    save_figure(Figure(), figure.with_suffix(".svg"))
    (tmp_path / "benchmarks/train_model").mkdir(parents=True)
    (tmp_path / "benchmarks/train_model/normal.tsv").write_text("s\tmax_rss\tcpu_time\n600\t900\t1200\n")
    words = tmp_path / "words.toml"
    words.write_text('introduction = ["Small."]\n[claims]\nA1 = "As expected."\n')
    page, copy = tmp_path / "reference/reference.md", tmp_path / "reference/figures/reference_figure1.png"
    write_reference(
        title="Reference run",
        changed="epochs: 2\n",
        sensitivity=list(files.sensitivity.paths.values()),
        summary=summary,
        claims=claims,
        expected=files.sensitivity.identity(),
        pages=[tmp_path / "summary.md", study],
        captions=[["Figure 1"], []],
        figures=[figure],
        copies=[copy],
        benchmarks=tmp_path / "benchmarks",
        interpretation=words,
        page=page,
    )
    text = page.read_text(encoding="utf-8")
    assert f"| torch_version               | {torch.__version__}" in text
    assert '<img src="figures/reference_figure1.png" width="640" alt="Figure 1">' in text
    assert copy.read_bytes() == figure.read_bytes()
    assert "As expected." in text
    assert "## The norm\n\nAnswer." in text
    assert "| train_model | 1" in text


def variant(files: Files) -> VariantFiles:
    return VariantFiles(accuracy=files.accuracy, sensitivity=files.sensitivity)


def report(study: str, csv: Path, tmp_path: Path, *, checkpoints: dict[str, str], settings: dict[str, Any]) -> str:
    """Report a study of this run with these settings; return its Markdown."""
    plan = PLANS[study]
    config = {"studies": {study: settings}, "accuracy": {"stronger_attack": None}}
    report_study(
        study,
        tables={csv: list(plan.rows(Scope(MODELS, EPSILONS, config)))},
        columns=plan.columns,
        markdown=tmp_path / f"{study}.md",
        page=tmp_path / f"{study}.html",
        svg=tmp_path / f"{study}.svg",
        models=MODELS,
        checkpoints=checkpoints,
        protocol="PROTOCOL",
    )
    return (tmp_path / f"{study}.md").read_text(encoding="utf-8")


def test_compare_definitions(files: Files, tmp_path: Path):
    csv = tmp_path / "definitions.csv"
    compare_study("definitions", variants={"own": variant(files)}, csv=csv)
    table = pd.read_csv(csv)
    assert len(table) == 2 * 5 * 5
    assert (table[table.claim == "S2"].verdict == "reproduced").all()
    assert (table.n_hold + table.n_fail <= table.n_checks).all()


def test_compare_norms_and_report_study(files: Files, tmp_path: Path):
    l2 = Files(tmp_path / "l2", norm="l2")
    csv = tmp_path / "norms.csv"
    compare_study("norms", variants={"linf": variant(files), "l2": variant(l2)}, csv=csv)
    table = pd.read_csv(csv)
    assert table.norm.tolist() == ["linf"] * 6 + ["l2"] * 6
    assert table.sensitivity.between(table.sensitivity_low, table.sensitivity_high).all()
    markdown = report(
        "norms", csv, tmp_path, checkpoints=files.sensitivity.identity()["checkpoints"], settings={"epsilons": EPSILONS}
    )
    assert markdown.startswith(
        "# The norm of the attack\n\nIs the robust dataset's failure a matter of the norm?\n\n**"
    )
    assert markdown.endswith("\n\nPROTOCOL\n")
    assert "<strong>Gain of robust_dataset" in (tmp_path / "norms.html").read_text(encoding="utf-8")
    assert "PROTOCOL" in text_of(tmp_path / "norms.svg")


def test_a_study_without_numbers_says_so(tmp_path: Path):
    table = tmp_path / "last_layer_refit.csv"
    networks = dict.fromkeys(MODELS, "a network")
    write_table(table, pd.DataFrame(columns=REFIT_COLUMNS), made_from={"checkpoints": networks})
    assert "No numbers: the log of the rule" in report(
        "last_layer_refit", table, tmp_path, checkpoints=networks, settings={"shares": [10], "epsilon": "0.08"}
    )
    assert "No numbers" in text_of(tmp_path / "last_layer_refit.svg")
    assert read_refits(table, networks) is None


def test_compare_attacks_and_report_study(files: Files, tmp_path: Path):
    csv = tmp_path / "attack_strength.csv"
    compare_study("attack_strength", variants=dict.fromkeys(["paper", "fast", "strong"], variant(files)), csv=csv)
    table = pd.read_csv(csv)
    assert set(table.protocol) == {"paper", "fast", "strong"}
    assert (table[table.kind == "mean sensitivity / paper's"].value == 1).all()
    assert len(table[table.kind == "accuracy"]) == 3 * 3 * 3
    markdown = report(
        "attack_strength", csv, tmp_path, checkpoints=files.sensitivity.identity()["checkpoints"], settings={}
    )
    assert "No claim's verdict depends on the protocol. At epsilon 0.2" in markdown


def test_compare_crossing(files: Files, tmp_path: Path):
    csv = tmp_path / "crossing.csv"
    paths = {key: path for key, path in files.sensitivity.paths.items() if key[0] != "adversarial"}
    sensitivity = replace(files.sensitivity, paths=paths)
    compare_study(
        "crossing", variants={"own": replace(variant(files), accuracy=None, sensitivity=sensitivity)}, csv=csv
    )
    table = pd.read_csv(csv)
    assert table.epsilon.tolist() == [0.04, 0.2]
    assert table.ratio.tolist() == pytest.approx((table.normal / table.robust_dataset).tolist(), rel=1e-6)


def test_tabulate_benchmarks(tmp_path: Path):
    with pytest.raises(UserError, match="holds no benchmarks yet"):
        tabulate_benchmarks(folder=tmp_path, csv=tmp_path / "benchmarks.csv")
    (tmp_path / "plot.tsv").write_text("s\th:m:s\tmax_rss\tcpu_time\n60\t0:01:00\t-\t0\n")
    tabulate_benchmarks(folder=tmp_path, csv=tmp_path / "benchmarks.csv")
    assert pd.read_csv(tmp_path / "benchmarks.csv").loc[0, "minutes in all"] == 1
