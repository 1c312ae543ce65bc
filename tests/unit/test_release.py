"""What a release says of itself in several files is the same in each."""

import json
import re

import yaml

from feature_sensitivity import __version__
from snakemake_runs import ROOT


def test_the_version_is_that_of_the_package():
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == __version__
    sections = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert sections[0] in ("Unreleased", __version__)


def test_the_archive_and_the_citation_agree():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    archive = json.loads((ROOT / ".zenodo.json").read_text())
    assert (archive["title"], archive["license"]) == (citation["title"], citation["license"])
    assert [one["name"] for one in archive["creators"]] == [one["name"] for one in citation["authors"]]
    assert "version" not in archive, "Zenodo takes it from the tag"


def test_the_hosted_check_runs_what_continuous_integration_runs():
    steps = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]["test"]["steps"]
    assert steps[-1] == {"run": "bash .ci/run"}
