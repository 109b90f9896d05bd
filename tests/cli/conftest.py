"""The commands as a person runs them, against a stand-in for the installation."""

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from durable_research.cli.main import cli
from tests.cli.stub_server import DEADLINE_SECONDS, StubServer

Command = Callable[..., Result]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without an installation, and an environment without our settings."""
    for name in [name for name in os.environ if name.startswith(("DURABLE_RESEARCH", "TEMPORAL_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def installation() -> Iterator[StubServer]:
    stand_in = StubServer()
    yield stand_in
    stand_in.stop()


@pytest.fixture
def command(installation: StubServer) -> Command:
    """Run a command in this process, with its streams piped."""

    def run(*arguments: str, stdin: str | bytes | None = None) -> Result:
        return CliRunner(env={"DURABLE_RESEARCH_SERVER": installation.url}).invoke(
            cli, arguments, input=stdin, catch_exceptions=False
        )

    return run


def _accept_ctrl_c() -> None:
    """In the child: a test run in the background ignores SIGINT, and its children would inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Process:
    """A command in a process of its own, piped, or on a terminal where stdout and stderr are one."""

    def __init__(self, *arguments: str, server: str, on_terminal: bool = False) -> None:
        environment = os.environ | {
            "DURABLE_RESEARCH_SERVER": server,
            "TERM": "xterm",
            "COLUMNS": "160",
            "NO_COLOR": "1",
        }
        program = [sys.executable, "-m", "durable_research", *arguments]
        self._terminal: int | None = None
        if on_terminal:
            self._terminal, child_end = pty.openpty()
            self._child = subprocess.Popen(
                program, stdin=child_end, stdout=child_end, stderr=child_end, env=environment, preexec_fn=_accept_ctrl_c
            )
            os.close(child_end)
        else:
            pipe = subprocess.PIPE
            self._child = subprocess.Popen(
                program, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, env=environment, preexec_fn=_accept_ctrl_c
            )

    def type(self, text: str) -> None:
        assert self._terminal is not None
        os.write(self._terminal, text.encode())

    def interrupt(self) -> None:
        self._child.send_signal(signal.SIGINT)

    def read_until(self, text: str) -> str:
        """The terminal's output up to and including `text`."""
        assert self._terminal is not None
        seen = b""
        while text.encode() not in seen:
            seen += os.read(self._terminal, 4096)
        return seen.decode()

    def end(self) -> tuple[int, str, str]:
        """Exit code, stdout and stderr; on a terminal all is in stdout."""
        if self._terminal is None:
            out, err = self._child.communicate(timeout=DEADLINE_SECONDS)
            return self._child.returncode, out.decode(), err.decode()
        seen = b""
        try:
            while data := os.read(self._terminal, 4096):
                seen += data
        except OSError:
            pass  # how Linux signals that the other end is closed
        os.close(self._terminal)
        return self._child.wait(DEADLINE_SECONDS), seen.decode().replace("\r\n", "\n"), ""


@pytest.fixture
def process(installation: StubServer) -> Callable[..., Process]:
    def start(*arguments: str, on_terminal: bool = False) -> Process:
        return Process(*arguments, server=installation.url, on_terminal=on_terminal)

    return start
