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
    misses: list[str] = []

    def miss(why: str) -> None:
        misses.append(why)
        say(f"{why}; trying the next way")

    if found := _from_environment(miss) or _from_path(miss):
        return found
    cache = cache or default_cache()
    home = cache / f"temporal-{VERSION}"
    if found := _from_cache(home, miss):
        return found
    with _one_at_a_time(home, say, stop):
        if found := _from_cache(home, None):  # another process created it while we waited
            return found
        ways: list[Callable[[Path], None]] = [
            lambda program: download_temporal(program, base_url, say, stop),
            lambda program: build(program, cache, say, stop),
        ]
        for way in ways:
            if found := _install(home, way, miss):
                return found
    raise TemporalMissing(_remedies(misses, home))


def default_cache() -> Path:
    """Return our folder below the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "durable-research"


def why_unusable(program: Path) -> str | None:
    """Return why `temporal --version` does not work with this file, or None when it does."""
    try:
        asked = subprocess.run(  # noqa: S603 - trying it is the point
            [str(program), "--version"], capture_output=True, text=True, timeout=TRY_SECONDS, check=False
        )
    except FileNotFoundError:
        return "there is no such file"
    except OSError as cause:
        return f"it cannot be run ({cause.strerror})"
    except subprocess.TimeoutExpired:
        return f"`--version` gave no answer within {TRY_SECONDS} s"
    if asked.returncode != 0 or not asked.stdout.startswith("temporal"):
        return f"`--version` did not answer like Temporal's (exit code {asked.returncode})"
    return None


def _from_environment(miss: Say) -> Path | None:
    named = os.environ.get("TEMPORAL_CLI_PATH")
    if not named:
        return None
    program = Path(named).expanduser().absolute()
    if why := why_unusable(program):
        miss(f"TEMPORAL_CLI_PATH names {program}, but {why}")
        return None
    return program


def _from_path(miss: Say) -> Path | None:
    found = shutil.which("temporal")
    if found is None:
        miss("there is no `temporal` on PATH")
        return None
    program = Path(found).absolute()
    if why := why_unusable(program):
        miss(f"{program} is on PATH, but {why}")
        return None
    return program


def _from_cache(home: Path, miss: Say | None) -> Path | None:
    program = home / "temporal"
    why = why_unusable(program)
    if why and miss:
        miss(f"no program in our cache ({program}): {why}")
    return None if why else program


def _install(home: Path, way: Callable[[Path], None], miss: Say) -> Path | None:
    """Create the program by `way` in a separate folder, try it, and only then rename it."""
    with tempfile.TemporaryDirectory(dir=home, prefix="partial-") as folder:
        program = Path(folder) / "temporal"
        try:
            way(program)
        except Interrupted:
            raise
        except LocalError as cause:
            miss(str(cause))
            return None
        except OSError as cause:
            miss(f"{cause.filename or home}: {cause.strerror}")
            return None
        if why := why_unusable(program):
            miss(f"the program was made, but {why}")
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


def _remedies(misses: list[str], home: Path) -> str:
    tried = "\n".join(f"  - {why}" for why in misses)
    return f"""no usable `temporal` program could be had. Tried:
{tried}
Any one of these helps:
  - install Temporal's CLI (https://docs.temporal.io/cli) so that `temporal` is on PATH
  - TEMPORAL_CLI_PATH=/path/to/temporal durable-research up
  - on a machine with a network, fetch {BASE_URL}/ and put the program at {home / "temporal"}
  - install Go 1.26.4 or newer and run from a source checkout, with a module proxy in reach"""
