"""What `doctor` looks at, in the order in which things are mended. None of it changes anything or costs anything."""

import asyncio
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from durable_research.cli.operator.doctor.findings import Finding, address
from durable_research.cli.operator.doctor.provider import examine_provider
from durable_research.cli.shared.installation import as_up_says, data_folder, running
from durable_research.cli.shared.terminal import clean, clean_lines
from durable_research.domain.errors import ResearchError
from durable_research.local.up import Up
from durable_research.settings import settings as settings_room
from durable_research.settings.settings import Settings, SettingsInvalid

_OLDEST_PYTHON = (3, 11)
_ROOM_WANTED = 1 << 30
_ROOM_NEEDED = 200 << 20
_SECONDS = 20.0
_ANSWER_SECONDS = 2.0
_START = "start everything with: durable-research up"
_MEND = {
    "database": f"check DATABASE_URL, or {_START}",
    "temporal": f"check TEMPORAL_ADDRESS, or {_START}",
    "object store": "check OBJECT_STORE_URL, and that this user may write there",
}


def examine() -> list[Finding]:
    """Look at everything; what is broken in one place keeps no other from being looked at."""
    up = running()
    settings, findings = _settings(up)
    checks: list[tuple[str, Callable[[], Iterator[Finding]]]] = [
        ("python", _python),
        ("edition", lambda: _edition(up)),
        ("settings", lambda: iter(findings)),
        ("temporal program", lambda: _temporal_program(up)),
    ]
    if settings:
        known = settings  # for the type checker: the name does not change any more
        checks += [
            ("dependencies", lambda: _dependencies(known)),
            ("provider", lambda: examine_provider(known)),
            ("port", lambda: _port(known, up)),
        ]
    checks.append(("disk", lambda: _disk(settings.data_folder if settings else data_folder())))
    return [finding for name, check in checks for finding in _safely(name, check)]


def _safely(name: str, check: Callable[[], Iterator[Finding]]) -> list[Finding]:
    try:
        return list(check())
    except Exception as error:  # a command's edge: whatever a check meets is a finding and not the end of doctor
        words = clean(f"{type(error).__name__}: {error}")
        return [Finding(name, False, f"cannot be looked at ({words})", "mend what is named there")]


def _python() -> Iterator[Finding]:
    found, oldest = ".".join(map(str, sys.version_info[:3])), ".".join(map(str, _OLDEST_PYTHON))
    yield Finding("python", sys.version_info >= _OLDEST_PYTHON, found, f"install Python {oldest} or newer")


def _edition(up: Up | None) -> Iterator[Finding]:
    """Whether `up` runs on the data folder, or was killed and left its addresses behind."""
    import psutil

    if up is None:
        yield Finding("up", True, f"not running on {data_folder()}; the environment alone counts")
        return
    pids = [process.pid for process in up.processes]
    gone = sum(1 for pid in pids if not pid or not psutil.pid_exists(pid))
    words = f"runs {len(pids)} processes on {data_folder()}" + (f", {gone} of which are gone" if gone else "")
    mend = "if it does not start them again within seconds, it was killed: durable-research up"
    yield Finding("up", not gone, words, mend, matters=gone == len(pids))


def _settings(up: Up | None) -> tuple[Settings | None, list[Finding]]:
    """The settings as `up` gives them to its programs: its addresses count where the environment names none."""
    ours = as_up_says()
    if up is not None and not os.environ.get("OBJECT_STORE_URL"):
        ours["object_store_url"] = (data_folder() / "objects").resolve().as_uri()
    if up is not None and up.simulator:
        ours["provider"] = "simulator"
    try:
        settings = settings_room.load(**ours)
    except SettingsInvalid as error:
        mend = "correct them; .env.example names every setting"
        return None, [Finding("settings", False, clean_lines(str(error)), mend)]
    return settings, [Finding("settings", True, "valid")]


def _temporal_program(up: Up | None) -> Iterator[Finding]:
    """The places where `up` looks before it downloads or builds."""
    from durable_research.local.temporal.binary import default_cache, unusable_reason
    from durable_research.local.temporal.download import VERSION

    named, on_path = os.environ.get("TEMPORAL_CLI_PATH"), shutil.which("temporal")
    cached = default_cache() / f"temporal-{VERSION}" / "temporal"
    places = [Path(one) for one in (named, on_path) if one] + [cached]
    misses = []
    for program in places:
        why = unusable_reason(program)
        if why is None:
            yield Finding("temporal cli", True, str(program))
            return
        misses.append(f"{program}: {why}")
    mend = "`durable-research up` fetches or builds it once; with a server of your own it is not needed"
    yield Finding("temporal cli", False, "\n".join(misses), mend, matters=False)


def _dependencies(settings: Settings) -> Iterator[Finding]:
    """Database, Temporal and object store, as the API asks them; then what the database says."""
    from durable_research.bootstrap.preparing import database_versions
    from durable_research.telemetry.logs import configure_logging

    configure_logging("doctor")  # to stderr: stdout is for the findings
    store = _folder_to_be_made(settings)
    if store:
        settings = settings.model_copy(update={"object_store_url": "memory:///"})
    health = asyncio.run(_health(settings))
    where = {
        "database": address(settings.database_url.get_secret_value()),
        "temporal": os.environ.get("TEMPORAL_ADDRESS") or "the profile's address, else 127.0.0.1:7233",
        "object store": f"{store}, which is made when it is first used"
        if store
        else address(settings.object_store_url),
    }
    for name, answer in health.items():
        words = f"reachable at {where.get(name, '')}" if answer == "ok" else f"{answer} at {where.get(name, '')}"
        yield Finding(name, answer == "ok", clean(words), _MEND.get(name, ""))
    if health.get("database") != "ok":
        return
    current, newest = database_versions(settings)
    words = f"at {current or 'nothing'}" + ("" if current == newest else f", the newest is {newest}")
    yield Finding("schema", current == newest, words, "run: durable-research migrate")
    if current == newest:
        live = asyncio.run(_live_workers(settings))
        yield Finding("workers", bool(live), f"{len(live)} live {', '.join(live)}".strip(),
                      "start one with: durable-research worker", matters=False)  # fmt: skip


def _folder_to_be_made(settings: Settings) -> Path | None:
    """The object store's folder when it is not there yet: opening the store would make it."""
    path = Path(settings.object_store_url.removeprefix("file://"))
    return None if path.exists() or not settings.object_store_url.startswith("file://") else path


async def _health(settings: Settings) -> dict[str, str]:
    from durable_research.bootstrap.operations import open_operations

    async with asyncio.timeout(_SECONDS), open_operations(settings) as operations:
        return await operations.health()


async def _live_workers(settings: Settings) -> list[str]:
    from durable_research.bootstrap.operations import open_operations

    async with asyncio.timeout(_SECONDS), open_operations(settings) as operations:
        try:
            return [clean(identity) for identity in await operations.reading.live_workers()]
        except ResearchError:
            return []


def _port(settings: Settings, up: Up | None) -> Iterator[Finding]:
    """Whether the API runs there, or could."""
    from durable_research.local.processes.ports import holder, is_free

    api = urlsplit((up.api if up else "") or f"http://{settings.host}:{settings.port}")
    host, port = api.hostname or settings.host, api.port or settings.port
    if is_free(port, host):
        yield Finding(f"port {port}", True, "free: the API does not run there")
    elif asyncio.run(_is_ours(host, port)):
        yield Finding(f"port {port}", True, f"the API answers at http://{host}:{port}")
    else:
        mend = f"stop it, or choose another port: durable-research up --port {port + 1}"
        yield Finding(
            f"port {port}", False, f"in use by {clean(holder(port))}, which does not answer like our API", mend
        )


async def _is_ours(host: str, port: int) -> bool:
    """A stranger may take the connection and never say a word."""
    from durable_research.local.processes.readiness import answers

    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            return await answers(host, port, "/livez")
    except TimeoutError:
        return False


def _disk(folder: Path) -> Iterator[Finding]:
    there = next(one for one in (folder.resolve(), *folder.resolve().parents) if one.exists())
    free = shutil.disk_usage(there).free
    words = f"{free / (1 << 30):.1f} GiB free for {folder}"
    yield Finding("disk", free >= _ROOM_WANTED, words, "make room: 1 GiB or more is good", matters=free < _ROOM_NEEDED)
