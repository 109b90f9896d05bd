"""Names the code of a process, so that an operator sees which workers run another one."""

import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]
_DIGITS = 8


@cache
def build() -> str:
    """The version, and a hash of the modules as they are now: a checkout changes without its version."""
    digest = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        digest.update(str(path.relative_to(_PACKAGE)).encode() + b"\0" + path.read_bytes())
    try:
        released = version("durable-research")
    except PackageNotFoundError:  # run from a source tree that is not installed
        released = "0"
    return f"{released}+{digest.hexdigest()[:_DIGITS]}"
