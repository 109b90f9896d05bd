"""The embedded PostgreSQL: one database folder for each data folder, served on loopback, with a password.

The data folder holds `postgres/instance.json`: the name of its database folder, and the password. A data folder that was
deleted and created again has none, gets a new database, and never sees the rows of the deleted one.
"""

import asyncio
import contextlib
import hashlib
import os
import secrets
import shutil
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg

from durable_research.local.console import Say
from durable_research.local.data_folder import DataFolder, read_object, write_json
from durable_research.local.errors import LocalError
from durable_research.local.postgres.programs import MAJOR_VERSION, STATE_OF_ROOT, Home, find_home
from durable_research.local.processes.child import Account, Child, ChildSpec

USER = "app"
DATABASE = "durable_research"
OLD_SERVER_SECONDS = 15.0

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # TCP is the only way to connect, and it requires the password
    # A dozen for each of our processes: enough for a dozen workers, or for several small installations on this server.
    "max_connections": "200",
    "shared_buffers": "96MB",
    # The durability of the whole system depends on these three; they are the defaults, set here so that they stay so.
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
}

RunToEnd = Callable[[ChildSpec], Awaitable[None]]


@dataclass(frozen=True)
class Instance:
    """One database folder, with the name and password to connect."""

    folder: Path
    password: str
    home: Home

    def url(self, port: int, database: str = DATABASE) -> str:
        """The address of a database in it; contains the password."""
        return f"postgresql://{USER}:{self.password}@127.0.0.1:{port}/{database}"


def open_instance(data: DataFolder, state: Path = STATE_OF_ROOT) -> Instance:
    """Return this data folder's instance; the first call chooses name and password. Creates no database yet."""
    home = find_home(data.postgres, state)
    file = data.postgres / "instance.json"
    stored = read_object(file)
    if not stored:
        # The first half shows which data folder it belongs to, the second distinguishes a folder from its re-created one.
        name = f"{hashlib.sha256(str(data.root).encode()).hexdigest()[:8]}-{secrets.token_hex(4)}"
        stored = {"name": name, "password": secrets.token_urlsafe(24), "created": False}
        write_json(file, stored)
    instance = Instance(home.databases / stored["name"], stored["password"], home)
    if stored["created"] and not instance.folder.exists():
        raise LocalError(
            f"the database of {data.root} should be in {instance.folder}, which is gone; "
            f"restore it, or remove {data.root} to start anew"
        )
    return instance


async def ensure_created(data: DataFolder, instance: Instance, run_to_end: RunToEnd, say: Say) -> None:
    """Create the database folder if this data folder has none yet.

    It is created under another name and renamed, so that an interrupted `initdb` is never mistaken for a database.
    """
    if not instance.folder.exists():
        _mention_earlier_databases(instance, say)
        await _initdb(data, instance, run_to_end)
    version = (instance.folder / "data" / "PG_VERSION").read_text(encoding="ascii").strip()
    if version != MAJOR_VERSION:
        raise LocalError(
            f"{instance.folder} was made by PostgreSQL {version}, and these programs are version {MAJOR_VERSION}; "
            f"dump it with the older programs and load it into a new data folder"
        )
    file = data.postgres / "instance.json"
    write_json(file, {**read_object(file), "created": True})


async def _initdb(data: DataFolder, instance: Instance, run_to_end: RunToEnd) -> None:
    partial = instance.folder.with_name(f"{instance.folder.name}.partial")
    await asyncio.to_thread(shutil.rmtree, partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    password_file = partial / "password"
    _write_private(password_file, instance.password, instance.home.init_account)
    _hand_over(partial, instance.home.init_account)
    options = ["-U", USER, "-E", "UTF8", "--locale=C.UTF-8", "--auth=scram-sha-256", "--data-checksums"]
    spec = ChildSpec(
        name="initdb",
        role="postgres",
        argv=(str(instance.home.bin / "initdb"), "-D", str(partial / "data"), *options, f"--pwfile={password_file}"),
        env=clean_environment(os.environ),
        log=data.logs / "postgres.log",
        ready=_accepts(instance, 0),
        account=instance.home.init_account,
    )
    try:
        await run_to_end(spec)
    finally:
        password_file.unlink(missing_ok=True)
    await asyncio.to_thread(_hand_over, partial, instance.home.account)
    partial.rename(instance.folder)


def server_spec(data: DataFolder, instance: Instance, port: int, stage: int = 0) -> ChildSpec:
    """Describe the server as a child: SIGINT is its fast and clean stop.

    When the supervisor dies, the server gets SIGQUIT: it and its backends end at once, and the next start replays the WAL.
    """
    settings = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
    return ChildSpec(
        name="postgres",
        role="postgres",
        argv=(str(instance.home.bin / "postgres"), "-D", str(instance.folder / "data"), "-p", str(port), *settings),
        env=clean_environment(os.environ),
        log=data.logs / "postgres.log",
        ready=_accepts(instance, port),
        healthy=_accepts(instance, port),
        account=instance.home.account,
        stop_signal=signal.SIGINT,
        death_signal=signal.SIGQUIT,
        grace_seconds=30.0,
        tries=3,  # after a kill -9 of everything, the last backends of the old server may take a moment to exit
        stage=stage,
    )


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Remove PG* (PostgreSQL would obey PGDATA and the like) and every secret that the database does not need."""
    allowed = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
    return {name: environment[name] for name in allowed if name in environment}


async def wait_for_old_server(instance: Instance) -> None:
    """Wait for a server of an earlier run that is still stopping on the same folder.

    Raises:
        LocalError: it does not stop; names its pid.
    """
    deadline = time.monotonic() + OLD_SERVER_SECONDS
    while (pid := running_server(instance)) is not None:
        if time.monotonic() > deadline:
            raise LocalError(f"PostgreSQL (pid {pid}) already runs on {instance.folder}; stop it: `kill -INT {pid}`")
        await asyncio.sleep(0.1)


def running_server(instance: Instance) -> int | None:
    """Return the pid of a server on this folder, or None; the pid file alone proves nothing: a killed server leaves it."""
    try:
        pid = int((instance.folder / "data" / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])
        process = psutil.Process(pid)
        runs = process.name() == "postgres" and process.status() != psutil.STATUS_ZOMBIE
    except (OSError, ValueError, IndexError, psutil.Error):
        return None
    return pid if runs else None


async def ensure_database(instance: Instance, port: int) -> None:
    """Create the database if it is missing."""
    address = instance.url(port, "postgres")
    async with await psycopg.AsyncConnection.connect(address, autocommit=True, connect_timeout=10) as connection:
        found = await connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
        if await found.fetchone() is None:
            await connection.execute(f"CREATE DATABASE {DATABASE}")


def _accepts(instance: Instance, port: int) -> Callable[[Child], Awaitable[bool]]:
    def answers() -> bool:
        try:
            # A server that starts, or recovers, refuses the connection itself.
            psycopg.connect(instance.url(port, "postgres"), connect_timeout=4).close()
        except psycopg.Error:
            return False
        return True

    async def check(child: Child) -> bool:
        # In a thread: the supervisor's deadline would leave a connection that is being opened unclosed.
        return await asyncio.to_thread(answers)

    return check


def _write_private(path: Path, text: str, owner: Account | None) -> None:
    # A file and not a pipe: the unprivileged user cannot read root's pipe.
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(text)
        if owner:
            os.fchown(file.fileno(), owner.user, owner.group)


def _hand_over(folder: Path, owner: Account | None) -> None:
    if owner:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, owner.user, owner.group, follow_symlinks=False)


def _mention_earlier_databases(instance: Instance, say: Say) -> None:
    same_folder = instance.folder.name.split("-")[0]
    with contextlib.suppress(OSError):
        for other in instance.folder.parent.glob(f"{same_folder}-*"):
            say(f"postgres: an earlier life of this data folder left {other}; remove it if it is not needed")
