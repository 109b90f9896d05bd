"""Finds a `prometheus` program: the user's own, or Debian's, which `make monitoring` unpacks into our cache."""

import shutil
import subprocess
from pathlib import Path

from durable_research.local.errors import PrometheusMissing
from durable_research.local.temporal.binary import default_cache

_TRY_SECONDS = 30
_REMEDY = "run: make monitoring (it unpacks Debian's package), or put Prometheus 2.42 or newer on the PATH"


def find_prometheus(cache: Path | None = None) -> Path:
    """Return a program that runs.

    Raises:
        PrometheusMissing: there is none, or it does not run; the text says how to have one.
    """
    unpacked = (cache or default_cache()) / "prometheus" / "usr" / "bin" / "prometheus"
    found = shutil.which("prometheus")
    program = Path(found) if found else unpacked
    if not program.exists():
        raise PrometheusMissing(f"there is no `prometheus` on the PATH, and none in our cache ({unpacked}); {_REMEDY}")
    try:
        tried = subprocess.run(  # noqa: S603 - trying it is the point
            [str(program), "--version"], capture_output=True, text=True, timeout=_TRY_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as cause:
        raise PrometheusMissing(f"{program} does not run ({cause}); {_REMEDY}") from cause
    if not (tried.stdout + tried.stderr).startswith("prometheus, version"):
        raise PrometheusMissing(f"{program} is another program (or does not run here); {_REMEDY}")
    return program
