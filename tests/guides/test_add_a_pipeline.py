"""The guide is followed to the letter, in a copy of the source: every block of it is applied, started and used."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.installation import Installation

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "guides" / "add-a-pipeline.md"
COPIED = (
    "src",
    "docs",
    "requirements",
    "tests",
    "bench",
    "deploy",
    "examples",
    "tools",
    "pyproject.toml",
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    ".env.example",
)


@dataclass(frozen=True)
class Block:
    """One fenced block of the guide that names a file."""

    language: str
    path: str
    text: str

    @property
    def is_new_file(self) -> bool:
        return self.language != "diff"

    @property
    def added(self) -> int:
        """How many lines it adds."""
        return sum(self.is_new_file or line.startswith("+") for line in self.text.splitlines())

    def apply(self, tree: Path) -> None:
        """Write the new file, or change the one that is there at the one place that the block shows."""
        target = tree / self.path
        if self.is_new_file:
            assert not target.exists(), f"{self.path} is there already"
            target.parent.mkdir(exist_ok=True)
            target.write_text(self.text)
            return
        lines = self.text.splitlines(keepends=True)
        before = "".join(line[1:] for line in lines if line[0] in " -")
        after = "".join(line[1:] for line in lines if line[0] in " +")
        text = "\n" + target.read_text()
        assert text.count(f"\n{before}") == 1, f"{self.path} does not hold exactly once:\n{before}"
        target.write_text(text.replace(f"\n{before}", f"\n{after}")[1:])


def blocks() -> list[Block]:
    found = re.findall(r"^```(\w+) (\S+)\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    return [Block(*one) for one in found]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source with the guide applied to it."""
    tree = tmp_path_factory.mktemp("followed")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (tree / name).parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, tree / name)
    if (known := ROOT / ".mypy_cache").exists():  # so that files that `make check` has checked are not checked again
        shutil.copytree(known, tree / known.name)
    for block in blocks():
        block.apply(tree)
    return tree


@pytest.fixture(scope="module")
def installation(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A whole installation that runs from the copy."""
    with Installation(tmp_path_factory.mktemp("outlines"), PYTHONPATH=str(tree / "src")) as installation:
        installation.latency(0)
        yield installation


def outlined(installation: Installation, prompt: str, **fields: Any) -> dict[str, Any]:
    """Submit an outline and wait for its end."""
    body = {"prompt": prompt, **fields}
    answer = httpx.post(f"{installation.api}/api/workflows/outline", json=body, timeout=10)
    assert answer.status_code == 202, answer.text
    return installation.finished(answer.json()["workflow_id"])


def page(installation: Installation, path: str) -> str:
    answer = httpx.get(installation.api + path, headers={"Accept": "text/html"}, timeout=10)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_the_guide_states_how_many_files_and_lines_it_takes() -> None:
    new = [block for block in blocks() if block.is_new_file]
    changed = [block for block in blocks() if not block.is_new_file]

    counted = (
        f"It takes {len(new)} new files with {sum(block.added for block in new)} lines, "
        f"and {sum(block.added for block in changed)} lines in {len({block.path for block in changed})} files that are there."
    )
    assert counted in " ".join(GUIDE.read_text().split())


@pytest.mark.parametrize(
    "check",
    [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy", "src"],
        ["pytest", "--noconftest", "-q", "tests/architecture/test_house.py"],
    ],
    ids=["lint", "format", "types", "house"],
)
def test_the_guides_pipeline_passes_all_checks(tree: Path, check: list[str]) -> None:
    environment = {"PYTHONPATH": f"{tree / 'src'}:{tree}", "PATH": "/usr/bin:/bin", "HOME": str(tree)}
    done = subprocess.run([sys.executable, "-m", *check], cwd=tree, env=environment, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_guides_pipeline_makes_a_readable_outline(installation: Installation) -> None:
    status = outlined(installation, "Outline how tides work")

    assert (status["status"], [step["state"] for step in status["steps"]]) == ("done", ["done", "done"])
    outline_id = status["workflow_id"]
    assert httpx.get(f"{installation.api}/api/workflows/{outline_id}/texts/text", timeout=10).text.startswith("# ")
    assert "About this outline" in page(installation, f"/outlines/{outline_id}")
    assert f'href="/outlines/{outline_id}"' in page(installation, "/outlines")
    assert "Write an outline" in page(installation, "/")
    assert len(installation.billing_log("Outline how tides work")) == 1


def test_an_outline_with_too_few_sections_fails_and_is_removed(installation: Installation) -> None:
    status = outlined(installation, "Outline why winds blow", sections=100)

    assert (status["status"], status["error"]["code"]) == ("failed", "output_invalid")
    assert {step["name"]: step["state"] for step in status["steps"]} == {
        "write_outline": "done",
        "check_outline": "failed",
        "remove_outline": "done",
    }
    outline_id = status["workflow_id"]
    assert [
        path for path in (installation.data / "objects").rglob("*") if outline_id in str(path) and path.is_file()
    ] == []
    text = page(installation, f"/outlines/{outline_id}")
    assert "Undo: remove the outline" in text
    assert "What had been made is removed." in text


def test_request_fields_of_the_guides_pipeline_are_validated(installation: Installation) -> None:
    answer = httpx.post(f"{installation.api}/api/workflows/outline", json={"prompt": "a", "sections": 0}, timeout=10)

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/sections")
