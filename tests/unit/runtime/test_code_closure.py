"""The code closure of every script is what an interpreter imports, and every spelling of an import counts."""

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from feature_sensitivity.evaluation import feature_extrema
from feature_sensitivity.runtime import code_closure
from feature_sensitivity.runtime.code_closure import PACKAGE, source_files
from feature_sensitivity.runtime.partial_results import partial_result_key
from feature_sensitivity.training import construction, train
from snakemake_runs import ROOT

SCRIPTS = ROOT / "workflow_scripts"
PROBE = ROOT / "tests/support/imported_files.py"


@pytest.fixture(scope="module")
def imported() -> dict[str, dict[str, list[str]]]:
    """The files of the project that a fresh interpreter imports with each script."""
    command = [sys.executable, str(PROBE), str(SCRIPTS), PACKAGE.name]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


@pytest.mark.parametrize("script", sorted(SCRIPTS.glob("*.py")), ids=lambda script: script.stem)
def test_the_closure_of_a_script_is_what_an_interpreter_imports(
    script: Path, imported: dict[str, dict[str, list[str]]]
):
    closure = {str(path) for path in code_closure.code_closure(script)}
    assert closure >= set(imported[script.stem]["loaded"]), "what importing the script loads"
    modules = {path for path in closure if path.endswith(".py")}
    assert modules == set(imported[script.stem]["all"]), "imports inside functions included"
    folders = {Path(path).parent for path in modules if Path(path).parent != SCRIPTS}
    beside = {str(path) for folder in folders for path in folder.iterdir() if path.suffix not in ("", ".py")}
    assert closure - modules == beside, "parts of pages included"


@pytest.mark.parametrize("module", [feature_extrema, train, construction], ids=lambda module: module.__name__)
def test_a_partial_result_is_not_used_after_an_edit_of_the_standardization(module: ModuleType):
    """Partial results are keyed by these files; the three modules are those that write partial results."""
    assert PACKAGE / "data/standardization.py" in source_files(Path(module.__file__ or ""))


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a package of two layers, and nothing that imports anything."""
    for name in ("", "low/", "high/"):
        (tmp_path / f"toy/{name}").mkdir()
        (tmp_path / f"toy/{name}__init__.py").write_text(f'"""Layer {name}."""\nNAME = 1\n')
    for name in ("low/a.py", "low/b.py", "high/c.py"):
        (tmp_path / f"toy/{name}").write_text("VALUE = 1\n")
    monkeypatch.setattr(code_closure, "PACKAGE", tmp_path / "toy")
    return tmp_path


def closure_of(file: str, folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in code_closure.code_closure(folder / file)} - {file}


LOW, A = {"toy/__init__.py", "toy/low/__init__.py"}, {"toy/low/a.py"}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import toy.low.a", LOW | A),
        ("import toy.low.a as b", LOW | A),
        ("import json, toy.low.a", LOW | A),
        ("from toy.low import a", LOW | A),
        ("from toy.low import a as b, NAME", LOW | A),
        ("from toy.low import (\n    NAME,\n    a,\n)", LOW | A),
        ("from toy.low.a import VALUE", LOW | A),
        ("from toy.low.a import *", LOW | A),
        ("from toy import low", LOW),
        ("from toy.low import NAME", LOW),
        ("import toy", {"toy/__init__.py"}),
        ("def work():\n    from toy.low import a", LOW | A),
        ("class Work:\n    async def work(self):\n        import toy.low.a", LOW | A),
        ("try:\n    import toy.low.a\nexcept ImportError:\n    pass", LOW | A),
        ("'import toy.low.a'  # import toy.low.a", set()),
        ("import toyish.low.a, json, no.such.module", set()),
        ("import script", {"script.py"}),
        ("from script import work", {"script.py"}),
    ],
)
def test_every_spelling_in_a_script_counts(toy: Path, source: str, expected: set[str]):
    (toy / "script.py").write_text("")
    (toy / "main.py").write_text(f"{source}\n")
    assert closure_of("main.py", toy) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from . import d", {"toy/high/d.py"}),
        ("from .d import VALUE", {"toy/high/d.py"}),
        ("from ..low import a", LOW | A),
        ("from ..low.a import VALUE", LOW | A),
        ("from .. import low", LOW),
        ("def work():\n    from ..low import a", LOW | A),
        ("import script", set()),
    ],
)
def test_every_spelling_in_the_package_counts(toy: Path, source: str, expected: set[str]):
    (toy / "script.py").write_text("")
    (toy / "toy/high/script.py").write_text("")
    (toy / "toy/high/d.py").write_text("VALUE = 1\n")
    (toy / "toy/high/c.py").write_text(f"{source}\n")
    assert closure_of("toy/high/c.py", toy) == expected | {"toy/__init__.py", "toy/high/__init__.py"}


def test_imports_of_an_init_count_and_a_circle_ends(toy: Path):
    (toy / "toy/low/__init__.py").write_text("from .a import VALUE\n")
    (toy / "toy/low/a.py").write_text("from toy.low import b\n")
    (toy / "toy/low/b.py").write_text("import toy.low.a\n")
    (toy / "main.py").write_text("import toy.low\n")
    assert closure_of("main.py", toy) == LOW | A | {"toy/low/b.py"}


def test_a_package_beside_the_user_s_file_is_followed(tmp_path: Path):
    """As torch codes are laid out: ``make.py`` beside a package that imports relatively and by its own name."""
    (tmp_path / "models/blocks").mkdir(parents=True)
    for name, source in {
        "make.py": "from models import resnet\n",
        "models/__init__.py": "from .resnet import *\n",
        "models/resnet.py": "from ..elsewhere import x\nfrom .blocks.basic import Block\nimport models.heads\n",
        "models/heads.py": "import settings\n",
        "models/blocks/basic.py": "from ..heads import Head\n",
        "settings.py": "VALUE = 1\n",
        "unused.py": "VALUE = 2\n",
    }.items():
        (tmp_path / name).write_text(source)
    found = {str(path.relative_to(tmp_path)) for path in code_closure.code_closure(tmp_path / "make.py")}
    assert found == {
        "make.py",
        "models/__init__.py",
        "models/resnet.py",
        "models/heads.py",
        "models/blocks/basic.py",
        "settings.py",
    }


def test_an_edit_is_noticed_by_the_same_process(toy: Path):
    main, a = toy / "main.py", toy / "toy/low/a.py"
    main.write_text("import toy.low.a\n")
    assert source_files(main) == [main, toy / "toy/__init__.py", toy / "toy/low/__init__.py", a]
    a.write_text("CHANGES_NO_RESULT = True\nfrom toy.low import b\n")
    assert source_files(main) == [
        main,
        toy / "toy/__init__.py",
        toy / "toy/low/__init__.py",
        toy / "toy/low/b.py",
    ]
    a.unlink()
    assert source_files(main) == [main, toy / "toy/__init__.py", toy / "toy/low/__init__.py"]


def test_an_edit_changes_the_key_of_a_partial_result(toy: Path):
    code, a = toy / "toy/high/c.py", toy / "toy/low/a.py"
    code.write_text("from toy.low.a import VALUE\n")
    before = partial_result_key(code=code)
    assert partial_result_key(code=code) == before
    a.write_text("VALUE = 2\n")
    assert partial_result_key(code=code) != before


def test_a_docstring_changes_no_result(toy: Path):
    (toy / "toy/__init__.py").write_text('"""The toy."""\n')
    (toy / "toy/low/__init__.py").write_text("")
    (toy / "main.py").write_text("import toy.low.a\n")
    assert source_files(toy / "main.py") == [toy / "main.py", toy / "toy/low/a.py"]


def test_only_true_marks_a_module(toy: Path):
    (toy / "main.py").write_text("import toy.low.a, toy.low.b\n")
    (toy / "toy/low/a.py").write_text("CHANGES_NO_RESULT = False\n")
    (toy / "toy/low/b.py").write_text("def work():\n    CHANGES_NO_RESULT = True\n")
    assert {toy / "toy/low/a.py", toy / "toy/low/b.py"} <= set(source_files(toy / "main.py"))
