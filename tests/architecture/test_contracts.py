"""The import contracts hold, and each of them catches the violation that it is there for."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT = Path(sys.executable).with_name("lint-imports")


def lint(project: Path) -> str:
    """What import-linter says of a project folder."""
    return subprocess.run(
        [str(LINT), "--no-cache", "--no-logo"] if _knows_no_logo() else [str(LINT), "--no-cache"],
        cwd=project,
        env={"PYTHONPATH": str(project / "src"), "PATH": "/usr/bin:/bin", "NO_COLOR": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    ).stdout


def _knows_no_logo() -> bool:
    return "--no-logo" in subprocess.run([str(LINT), "--help"], capture_output=True, text=True, check=False).stdout


# One line in one file, and the contract that must catch it.
VIOLATIONS = [
    ("domain/usage.py", "import durable_research.ports.engine", "Rooms stack one way"),
    ("operations/reading.py", "import durable_research.web.app", "Rooms stack one way"),
    ("local/demo.py", "import durable_research.chaos.evidence", "Rooms stack one way"),
    ("chaos/runs.py", "import durable_research.worker", "Rooms stack one way"),
    ("chaos/campaign.py", "import durable_research.simulator.text", "Nothing of ours imports the pretend world"),
    ("chaos/tables.py", "import durable_research.adapters.database.tables", "Only bootstrap chooses adapters"),
    ("helpers.py", "", "Rooms stack one way"),
    ("simulator/text.py", "import durable_research.domain.report", "The pretend world imports nothing of ours"),
    ("local/demo.py", "import durable_research.simulator.text", "Nothing of ours imports the pretend world"),
    ("worker.py", "import durable_research.adapters.database.tables", "Only bootstrap chooses adapters"),
    ("pipelines/generate_report/activities.py", "import openai", "The story never touches the world"),
    ("ports/engine.py", "import sqlalchemy", "The story never touches the world"),
    (
        "pipelines/generate_report/workflow.py",
        "import durable_research.temporal.engine",
        "Pipelines use the durable house rules by their three doors",
    ),
    ("domain/progress.py", "import temporalio.workflow", "Domain and ports do not know Temporal"),
    ("operations/starting.py", "import temporalio.client", "Pages and operations speak to ports"),
    ("cli/main.py", "import sqlalchemy", "Pages and operations speak to ports"),
    (
        "pipelines/reconcile/activities.py",
        "import durable_research.pipelines.generate_report.messages",
        "Pipelines do not know each other",
    ),
    (
        "adapters/objects/obstore.py",
        "import durable_research.adapters.database.tables",
        "Vendors do not know each other",
    ),
    ("domain/usage.py", "import durable_research.domain.report", "No cycles"),
]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__", "fonts", "static"))
    return tmp_path


def test_all_contracts_hold() -> None:
    assert " 0 broken" in lint(ROOT)


@pytest.mark.parametrize(
    ("file", "line", "contract"), VIOLATIONS, ids=[f"{file}: {line}" for file, line, _ in VIOLATIONS]
)
def test_one_wrong_import_breaks_the_contract_meant_for_it(copy: Path, file: str, line: str, contract: str) -> None:
    path = copy / "src" / "durable_research" / file
    path.write_text((path.read_text() if path.exists() else '"""A room that nobody placed."""\n') + f"\n{line}\n")

    said = lint(copy)

    assert f"{contract} BROKEN" in said or (file == "helpers.py" and "helpers" in said), said
