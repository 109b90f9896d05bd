"""Folders that an unprivileged PostgreSQL can reach, a real Temporal program, and editions that are always ended."""

import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from durable_research.local.temporal.binary import find_temporal
from tests.local.running import Up


@pytest.fixture(scope="session")
def state() -> Iterator[Path]:
    """The folder for PostgreSQL when the tests run as root: not below pytest's own folder, which only root may enter."""
    folder = Path(tempfile.mkdtemp(prefix="durable-research-state-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def temporal_program() -> Path:
    messages: list[str] = []
    return find_temporal(messages.append, stop=threading.Event())


@pytest.fixture
def up(tmp_path: Path, state: Path, request: pytest.FixtureRequest) -> Callable[..., Up]:
    """Start an edition on this test's data folder, or on another by name; ended with the test."""

    def start(*arguments: str, folder: str = "data", **environment: str) -> Up:
        edition = Up(tmp_path / folder, state, *arguments, **environment)
        request.addfinalizer(edition.end)
        return edition

    return start
