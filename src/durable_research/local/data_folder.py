"""The files that the one-machine edition stores between two runs, and the lock that excludes a second supervisor."""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from durable_research.local.errors import AlreadyRunning, LocalError
from durable_research.local.up import UP_FILE
from durable_research.payload_keys import new_key


def write_json(path: Path, value: Any) -> None:
    """Write `value` as JSON, as `write_text` does."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write `text` atomically: a reader sees the old file or the new one; only our user can read it (mode 0600)."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def read_object(path: Path) -> dict[str, Any]:
    """Return the JSON object in `path`, or an empty one when there is no such file.

    Raises:
        LocalError: the file is there and is not a JSON object.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as cause:
        raise LocalError(f"{path} is damaged ({cause}); restore it, or remove the data folder to start anew") from cause
    if not isinstance(value, dict):
        raise LocalError(f"{path} should hold a JSON object; restore it, or remove the data folder to start anew")
    return value


class DataFolder:
    """The files of one installation, by name."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.logs = self.root / "logs"
        self.objects = self.root / "objects"
        self.billing_log = self.root / "witness.jsonl"
        self.temporal = self.root / "temporal"
        self.postgres = self.root / "postgres"
        self.prometheus = self.root / "prometheus"
        self.payload_keys = self.root / "keys" / "payload.keys"
        self.up = self.root / UP_FILE
        self.ports = self.root / "ports.json"
        self._starts = self.root / "starts.json"

    def create(self) -> None:
        """Make the folders that are missing, for our user alone."""
        for folder in (self.root, self.logs, self.objects, self.temporal, self.postgres):
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as cause:
                raise LocalError(f"cannot create {folder}: {cause.strerror}; choose another by --data") from cause

    def ensure_payload_keys(self) -> None:
        """Create, once, the key that encrypts Temporal's payloads: without it, running reports could not be read again."""
        if self.payload_keys.exists():
            return
        self.payload_keys.parent.mkdir(mode=0o700, exist_ok=True)
        write_text(self.payload_keys, new_key() + "\n")

    def next_start(self, name: str) -> int:
        """Count the starts of the child `name` since this folder was created, beginning with 1.

        The count is written to disk before the child starts, so that two workers never have the same identity.
        """
        starts = read_object(self._starts)
        number = int(starts.get(name, 0)) + 1
        write_json(self._starts, {**starts, name: number})
        return number

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Hold the folder for this process.

        Raises:
            AlreadyRunning: another process holds it; names its pid.
        """
        self.create()
        # Never removed: a lock on a file that another process removes and creates again excludes no process.
        with (self.root / "up.lock").open("a+", encoding="ascii") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as cause:
                lock.seek(0)
                raise AlreadyRunning(
                    f"`durable-research up` already runs on {self.root} (pid {lock.read().strip() or 'unknown'}); "
                    f"stop it first, or choose another folder by --data"
                ) from cause
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield
