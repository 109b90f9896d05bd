"""Finds a `temporal` program: the user's own, the cached one, the vendor's download, or one built from source.

Every way that fails gives its reason and the next one is tried; the first success is used. A file under its final name in
the cache is always complete: it is created under another name, tried, and renamed.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from durable_research.local.console import Say
from durable_research.local.errors import Interrupted, LocalError, TemporalMissing
from durable_research.local.temporal.build import build_temporal
from durable_research.local.temporal.download import BASE_URL, VERSION, download_temporal

TRY_SECONDS = 30
Builder = Callable[[Path, Path, Say, threading.Event], None]


def find_temporal(
    say: Say,
    *,
    cache: Path | None = None,
    base_url: str = BASE_URL,
    build: Builder = build_temporal,
    stop: threading.Event | None = None,
) -> Path:
    """Return a `temporal` program that runs. May take minutes the first time; blocks, so call it in a thread.

    `stop` ends a download or build from another thread.

    Raises:
        TemporalMissing: every way failed; the text lists them and the remedies.
        Interrupted: `stop` was set.
    """
    stop = stop or threading.Event()
    failures: list[str] = []

    def note_failure(reason: str) -> None:
        failures.append(reason)
        say(f"{reason}; trying the next way")

    if found := _from_environment(note_failure) or _from_path(note_failure):
        return found
    cache = cache or default_cache()
    home = cache / f"temporal-{VERSION}"
    if found := _from_cache(home, note_failure):
        return found
    with _one_at_a_time(home, say, stop):
        if found := _from_cache(home, None):  # another process created it while we waited
            return found
        installers: list[Callable[[Path], None]] = [
            lambda program: download_temporal(program, base_url, say, stop),
            lambda program: build(program, cache, say, stop),
        ]
        for installer in installers:
            if found := _install(home, installer, note_failure):
                return found
    raise TemporalMissing(_remedies(failures, home))


def default_cache() -> Path:
    """Return our folder below the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "durable-research"


def unusable_reason(program: Path) -> str | None:
    """Return why `temporal --version` does not work with this file, or None when it does."""
    try:
        result = subprocess.run(  # noqa: S603 - trying it is the point
            [str(program), "--version"], capture_output=True, text=True, timeout=TRY_SECONDS, check=False
        )
    except FileNotFoundError:
        return "there is no such file"
    except OSError as cause:
        return f"it cannot be run ({cause.strerror})"
    except subprocess.TimeoutExpired:
        return f"`--version` gave no answer within {TRY_SECONDS} s"
    if result.returncode != 0 or not result.stdout.startswith("temporal"):
        return f"`--version` did not answer like Temporal's (exit code {result.returncode})"
    return None


def _from_environment(note_failure: Say) -> Path | None:
    named = os.environ.get("TEMPORAL_CLI_PATH")
    if not named:
        return None
    program = Path(named).expanduser().absolute()
    if reason := unusable_reason(program):
        note_failure(f"TEMPORAL_CLI_PATH names {program}, but {reason}")
        return None
    return program


def _from_path(note_failure: Say) -> Path | None:
    found = shutil.which("temporal")
    if found is None:
        note_failure("there is no `temporal` on PATH")
        return None
    program = Path(found).absolute()
    if reason := unusable_reason(program):
        note_failure(f"{program} is on PATH, but {reason}")
        return None
    return program


def _from_cache(home: Path, note_failure: Say | None) -> Path | None:
    program = home / "temporal"
    reason = unusable_reason(program)
    if reason and note_failure:
        note_failure(f"no program in our cache ({program}): {reason}")
    return None if reason else program


def _install(home: Path, installer: Callable[[Path], None], note_failure: Say) -> Path | None:
    """Create the program by `installer` in a separate folder, try it, and only then rename it."""
    with tempfile.TemporaryDirectory(dir=home, prefix="partial-") as folder:
        program = Path(folder) / "temporal"
        try:
            installer(program)
        except Interrupted:
            raise
        except LocalError as cause:
            note_failure(str(cause))
            return None
        except OSError as cause:
            note_failure(f"{cause.filename or home}: {cause.strerror}")
            return None
        if reason := unusable_reason(program):
            note_failure(f"the program was made, but {reason}")
            return None
        program.replace(home / "temporal")
    return home / "temporal"


@contextmanager
def _one_at_a_time(home: Path, say: Say, stop: threading.Event) -> Iterator[None]:
    """Lock out a second process that would download or build the same; clean up after a killed one."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock = (home / "lock").open("a", encoding="ascii")
    except OSError as cause:
        raise TemporalMissing(f"cannot write to {home} ({cause.strerror}); set XDG_CACHE_HOME") from cause
    with lock:
        if not _locked(lock.fileno()):
            say("another process is already fetching or building the temporal program; waiting for it")
            while not _locked(lock.fileno()):
                if stop.wait(0.2):
                    raise Interrupted("stopped while waiting for another process to get the temporal program")
        for left_over in home.glob("partial-*"):
            shutil.rmtree(left_over, ignore_errors=True)
        yield


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _remedies(failures: list[str], home: Path) -> str:
    tried = "\n".join(f"  - {reason}" for reason in failures)
    return f"""no usable `temporal` program could be had. Tried:
{tried}
Any one of these helps:
  - install Temporal's CLI (https://docs.temporal.io/cli) so that `temporal` is on PATH
  - TEMPORAL_CLI_PATH=/path/to/temporal durable-research up
  - on a machine with a network, fetch {BASE_URL}/ and put the program at {home / "temporal"}
  - install Go 1.26.4 or newer and run from a source checkout, with a module proxy in reach"""
