"""An edition as its user meets it: a process, its words, and the `up.json` it leaves. And how to wait for a state."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import psutil

Found = TypeVar("Found")
SOURCES = Path(__file__).resolve().parents[2] / "src"


def eventually(question: Callable[[], Found | None], what: str, seconds: float = 60.0) -> Found:
    """Poll until the condition is true, or fail with its description."""
    deadline = time.monotonic() + seconds
    while not (answer := question()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s in vain for {what}")
        time.sleep(0.05)
    return answer


def alive(pid: int) -> bool:
    """Whether this process runs; one that only waits to be reaped does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Up:
    """One started edition."""

    def __init__(self, data: Path, state: Path, *arguments: str, **environment: str) -> None:
        self.data = data
        self.file = data / "up.json"
        data.parent.mkdir(parents=True, exist_ok=True)
        self._words = data.with_name(f"{data.name}.words")
        command = [sys.executable, "-m", "tests.local.run_up", "--data", str(data), "--state", str(state), *arguments]
        inherited = {name: value for name, value in os.environ.items() if name != "OPENAI_API_KEY"}
        with self._words.open("ab") as words:
            self._offset = words.tell()
            self.process = subprocess.Popen(
                command,
                env={**inherited, "PYTHONPATH": str(SOURCES), **environment},
                cwd=SOURCES.parent,
                stdout=words,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a process group of its own, like that of a command in a terminal
            )

    @property
    def words(self) -> str:
        """Its output so far."""
        return self._words.read_bytes()[self._offset :].decode()

    def ready(self) -> "Up":
        """Wait until it prints that everything is up."""
        # Its words and not the file: that of an edition killed a moment ago may not be gone yet.
        ready_message = "everything is up"
        eventually(lambda: ready_message in self.words or self.process.poll() is not None, ready_message, seconds=60)
        assert self.file.exists(), self.words
        return self

    def up(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.file.read_text())
        return content

    def pid(self, name: str) -> int | None:
        """The pid of a child, or None while it does not run."""
        found = [each["pid"] for each in self.up()["processes"] if each["name"] == name]
        return found[0] if found else None

    def running(self, name: str) -> int:
        """The pid of a child that must run."""
        pid = self.pid(name)
        assert pid is not None
        return pid

    def restarted(self, name: str, before: int) -> int:
        """Wait until the child runs under another pid, and return it."""

        def changed() -> int | None:
            now = self.pid(name)
            return now if now != before else None

        return eventually(changed, f"{name} to be started again")

    def family(self) -> list[int]:
        """Every process that it started, directly or indirectly."""
        return [each.pid for each in psutil.Process(self.process.pid).children(recursive=True)]

    def seen(self, name: str) -> dict[str, Any]:
        """The arguments and environment that a stand-in received."""
        content: dict[str, Any] = json.loads((self.data / "seen" / f"{name}.json").read_text())
        return content

    def ctrl_c(self) -> int:
        """Do what the terminal does: SIGINT to the process group in the foreground."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(30)

    def end(self) -> None:
        """Leave nothing behind, whatever the test did."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
