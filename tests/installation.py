"""An installation for tests: with ports that no other test picks, and `up.json` as any program reads it."""

import os
import signal
from pathlib import Path
from typing import Any

from durable_research.experiments.evidence.installation import PATIENCE_SECONDS, until
from durable_research.experiments.evidence.own_installation import OwnInstallation
from durable_research.launch import tie_to_parent
from tests.programs import free_port

__all__ = ["PATIENCE_SECONDS", "Installation", "end_with_the_tests", "until"]


def end_with_the_tests() -> None:
    """In the child: a test run that is killed must leave no server behind (Linux)."""
    tie_to_parent(os.getppid(), signal.SIGINT)


class Installation(OwnInstallation):
    """Started and stopped as often as a test likes; the data folder stays."""

    def __init__(self, data: Path, only: str | None = None, **environment: str) -> None:
        super().__init__(data, only, environment, free_port)

    @property
    def up(self) -> dict[str, Any]:
        """The content of up.json now."""
        return self.running.as_json()
