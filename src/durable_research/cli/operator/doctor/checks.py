"""The checks of `doctor`, in the order of repair. They change nothing and cost nothing."""

import asyncio
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from durable_research.cli.operator.doctor.findings import Finding, address
from durable_research.cli.operator.doctor.provider import examine_provider
from durable_research.cli.shared.installation import data_folder, running, settings_from_up
from durable_research.cli.shared.terminal import clean, clean_lines
from durable_research.domain.errors import ResearchError
from durable_research.local.up import Up
from durable_research.settings import settings as settings_room
from durable_research.settings.settings import Settings, SettingsInvalid

_OLDEST_PYTHON = (3, 11)
_FREE_BYTES_ADVISED = 1 << 30
_FREE_BYTES_REQUIRED = 200 << 20
_SECONDS = 20.0
_ANSWER_SECONDS = 2.0
_START = "start everything with: durable-research up"
_REMEDIES = {
    "database": f"check DATABASE_URL, or {_START}",
    "temporal": f"check TEMPORAL_ADDRESS, or {_START}",
    "object store": "check OBJECT_STORE_URL, and that this user may write there",
}


def run_checks() -> list[Finding]:
    """Run all checks; a failed check does not stop the others."""
    up = running()
    settings, findings = _settings(up)
    checks: list[tuple[str, Callable[[], Iterator[Finding]]]] = [
        ("python", _python),
        ("edition", lambda: _edition(up)),
        ("settings", lambda: iter(findings)),
        ("temporal program", lambda: _temporal_program(up)),
    ]
    if settings:
        valid = settings  # for the type checker: this name is never None
        checks += [
            ("dependencies", lambda: _dependencies(valid)),
            ("provider", lambda: examine_provider(valid)),
            ("port", lambda: _port(valid, up)),
        ]
    checks.append(("disk", lambda: _disk(settings.data_folder if settings else data_folder())))
    return [finding for name, check in checks for finding in _safely(name, check)]


def _safely(name: str, check: Callable[[], Iterator[Finding]]) -> list[Finding]:
    try:
        return list(check())
    except Exception as error:  # a command's edge: every error of a check is a finding and does not end doctor
        text = clean(f"{type(error).__name__}: {error}")
        return [Finding(name, False, f"cannot be looked at ({text})", "mend what is named there")]


def _python() -> Iterator[Finding]:
    found, oldest = ".".join(map(str, sys.version_info[:3])), ".".join(map(str, _OLDEST_PYTHON))
    yield Finding("python", sys.version_info >= _OLDEST_PYTHON, found, f"install Python {oldest} or newer")


def _edition(up: Up | None) -> Iterator[Finding]:
    """Whether `up` runs on the data folder, or was killed and its addresses are stale."""
    import psutil

    if up is None:
        yield Finding("up", True, f"not running on {data_folder()}; the environment alone counts")
        return
    pids = [process.pid for process in up.processes]
    dead = sum(1 for pid in pids if not pid or not psutil.pid_exists(pid))
    text = f"runs {len(pids)} processes on {data_folder()}" + (f", {dead} of which are gone" if dead else "")
    remedy = "if it does not start them again within seconds, it was killed: durable-research up"
    yield Finding("up", not dead, text, remedy, matters=dead == len(pids))


def _settings(up: Up | None) -> tuple[Settings | None, list[Finding]]:
    """The settings as `up` passes them to its programs: its addresses apply where the environment sets none."""
    overrides = settings_from_up()
    if up is not None and not os.environ.get("OBJECT_STORE_URL"):
        overrides["object_store_url"] = (data_folder() / "objects").resolve().as_uri()
    if up is not None and up.simulator:
        overrides["provider"] = "simulator"
    try:
        settings = settings_room.load(**overrides)
    except SettingsInvalid as error:
        remedy = "correct them; .env.example names every setting"
        return None, [Finding("settings", False, clean_lines(str(error)), remedy)]
    return settings, [Finding("settings", True, "valid")]


def _temporal_program(up: Up | None) -> Iterator[Finding]:
    """The places that `up` searches before it downloads or builds."""
    from durable_research.local.temporal.binary import default_cache, unusable_reason
    from durable_research.local.temporal.download import VERSION

    named, on_path = os.environ.get("TEMPORAL_CLI_PATH"), shutil.which("temporal")
    cached = default_cache() / f"temporal-{VERSION}" / "temporal"
    places = [Path(one) for one in (named, on_path) if one] + [cached]
    failures = []
    for program in places:
        reason = unusable_reason(program)
        if reason is None:
            yield Finding("temporal cli", True, str(program))
            return
        failures.append(f"{program}: {reason}")
    remedy = "`durable-research up` fetches or builds it once; with a server of your own it is not needed"
    yield Finding("temporal cli", False, "\n".join(failures), remedy, matters=False)


def _dependencies(settings: Settings) -> Iterator[Finding]:
    """Database, Temporal and object store, checked as by the API; then the database's schema and workers."""
    from durable_research.bootstrap.logging import start_logging
    from durable_research.bootstrap.preparing import database_versions

    start_logging("doctor", settings)  # to stderr: stdout is for the findings
    store = _missing_store_folder(settings)
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
        text = f"reachable at {where.get(name, '')}" if answer == "ok" else f"{answer} at {where.get(name, '')}"
        yield Finding(name, answer == "ok", clean(text), _REMEDIES.get(name, ""))
    if health.get("database") != "ok":
        return
    current, newest = database_versions(settings)
    text = f"at {current or 'nothing'}" + ("" if current == newest else f", the newest is {newest}")
    yield Finding("schema", current == newest, text, "run: durable-research migrate")
    if current == newest:
        workers = asyncio.run(_live_workers(settings))
        yield Finding("workers", bool(workers), f"{len(workers)} live {', '.join(workers)}".strip(),
                      "start one with: durable-research worker", matters=False)  # fmt: skip


def _missing_store_folder(settings: Settings) -> Path | None:
    """The object store's folder if it does not exist yet: opening the store would create it."""
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
    """Whether the API runs on its port, or could."""
    from durable_research.local.processes.ports import holder, is_free

    api = urlsplit((up.api if up else "") or f"http://{settings.host}:{settings.port}")
    host, port = api.hostname or settings.host, api.port or settings.port
    if is_free(port, host):
        yield Finding(f"port {port}", True, "free: the API does not run there")
    elif asyncio.run(_is_our_api(host, port)):
        yield Finding(f"port {port}", True, f"the API answers at http://{host}:{port}")
    else:
        remedy = f"stop it, or choose another port: durable-research up --port {port + 1}"
        yield Finding(
            f"port {port}", False, f"in use by {clean(holder(port))}, which does not answer like our API", remedy
        )


async def _is_our_api(host: str, port: int) -> bool:
    """Whether our API answers there; another program may accept the connection and never answer."""
    from durable_research.local.processes.readiness import answers

    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            return await answers(host, port, "/livez")
    except TimeoutError:
        return False


def _disk(folder: Path) -> Iterator[Finding]:
    existing = next(one for one in (folder.resolve(), *folder.resolve().parents) if one.exists())
    free = shutil.disk_usage(existing).free
    text = f"{free / (1 << 30):.1f} GiB free for {folder}"
    yield Finding(
        "disk",
        free >= _FREE_BYTES_ADVISED,
        text,
        "make room: 1 GiB or more is good",
        matters=free < _FREE_BYTES_REQUIRED,
    )
