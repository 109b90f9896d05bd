"""Append-only JSON lines that survive being killed at any moment."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Journal:
    """A private file to which lines are only added."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        self._drop_torn_line()
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)

    def append(self, entry: Mapping[str, object], *, sync: bool) -> None:
        """Write one line; with `sync` it is written to disk when this returns."""
        os.write(self._file, json.dumps(entry).encode() + b"\n")
        if sync:
            os.fsync(self._file)

    def entries(self) -> list[dict[str, Any]]:
        # One line may be only half written at this very moment.
        complete_lines, _, _ = self._path.read_bytes().rpartition(b"\n")
        return [json.loads(line) for line in complete_lines.splitlines()]

    def _drop_torn_line(self) -> None:
        # Left by a power failure. Its call was never answered, and readers of the file must not fail on it.
        content = self._path.read_bytes()
        os.ftruncate(self._file, content.rfind(b"\n") + 1)
