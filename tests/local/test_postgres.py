"""The embedded PostgreSQL: private, durable, unprivileged, and the same one after every kind of stop."""

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import psycopg
import pytest

from durable_research.local.data_folder import DataFolder
from durable_research.local.errors import LocalError, StartFailed
from durable_research.local.postgres import server
from durable_research.local.postgres.server import Instance
from durable_research.local.processes.ports import choose_ports
from durable_research.local.processes.supervisor import Pace, Supervisor
from tests.local.running import alive, eventually


class Database:
    """One server with its data folder."""

    def __init__(self, data: DataFolder, state: Path) -> None:
        self.data, self.state = data, state
        self.messages: list[str] = []
        data.create()
        self.port = choose_ports(data.ports, ["postgres"])["postgres"]
        pace = Pace(first_backoff_seconds=0.2, check_every_seconds=0.2)
        self.supervisor = Supervisor(self.messages.append, data.next_start, lambda: None, pace=pace)

    @property
    def instance(self) -> Instance:
        return server.open_instance(self.data, self.state)

    @property
    def url(self) -> str:
        return self.instance.url(self.port)

    @property
    def pid(self) -> int:
        return self.supervisor.processes()[0].pid

    async def start(self) -> "Database":
        instance = self.instance
        await server.ensure_created(self.data, instance, self.supervisor.run_to_end, self.messages.append)
        await server.wait_for_old_server(instance)
        await self.supervisor.start(server.server_spec(self.data, instance, self.port))
        await server.ensure_database(instance, self.port)
        return self

    def query_value(self, question: str) -> str | None:
        with psycopg.connect(self.url, autocommit=True, connect_timeout=5) as connection:
            answer = connection.execute(question.encode())
            row = answer.fetchone() if answer.description else None
            return str(row[0]) if row else None


@pytest.fixture(scope="module")
async def database(tmp_path_factory: pytest.TempPathFactory, state: Path) -> AsyncIterator[Database]:
    """One server for every test that only looks."""
    made = await Database(DataFolder(tmp_path_factory.mktemp("looked-at")), state).start()
    yield made
    await made.supervisor.stop()


@pytest.fixture
async def own(tmp_path: Path, state: Path) -> AsyncIterator[Database]:
    """A server that a test may hurt."""
    made = Database(DataFolder(tmp_path / "data"), state)
    yield made
    await made.supervisor.stop()


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("data_checksums", "on"),
        ("server_encoding", "UTF8"),
        ("lc_collate", "C.UTF-8"),
        ("listen_addresses", "127.0.0.1"),
        ("unix_socket_directories", ""),
        ("password_encryption", "scram-sha-256"),
    ],
)
def test_the_server_has_the_documented_configuration(database: Database, setting: str, value: str) -> None:
    query = "SELECT datcollate FROM pg_database LIMIT 1" if setting == "lc_collate" else f"SHOW {setting}"

    assert database.query_value(query) == value


def test_vectors_can_be_stored(database: Database) -> None:
    database.query_value("CREATE EXTENSION IF NOT EXISTS vector")

    assert database.query_value("SELECT '[1,2,3]'::vector <-> '[1,2,4]'::vector") == "1.0"


def test_a_wrong_password_is_refused(database: Database) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(database.url.replace(database.instance.password, "guess"), connect_timeout=5)


def test_the_password_file_is_readable_by_our_user_only(database: Database) -> None:
    file = database.data.postgres / "instance.json"

    assert file.stat().st_mode & 0o777 == 0o600


def test_the_password_file_of_initdb_is_removed(database: Database) -> None:
    assert [path.name for path in database.instance.folder.iterdir()] == ["data"]


@pytest.mark.skipif(os.geteuid() != 0, reason="a plain user's server runs as that user")
def test_as_root_the_server_runs_without_root_privileges(database: Database) -> None:
    process = psutil.Process(database.pid)

    assert (process.uids().effective, process.uids().saved, process.gids().saved) == (64321, 64321, 64321)


@pytest.mark.skipif(os.geteuid() != 0, reason="a plain user's data belongs to that user")
def test_as_root_the_data_belong_to_the_servers_account_only(database: Database) -> None:
    folder = database.instance.folder.stat()

    assert (folder.st_uid, folder.st_mode & 0o777) == (64321, 0o700)


@pytest.mark.skipif(os.geteuid() != 0, reason="programs are copied only where another user must reach them")
def test_the_server_cannot_change_its_own_programs(database: Database) -> None:
    assert (database.instance.home.bin / "postgres").stat().st_uid == 0


async def test_rows_survive_a_stop_and_a_new_start(own: Database) -> None:
    await own.start()
    own.query_value("CREATE TABLE kept AS SELECT 42 AS answer")
    await own.supervisor.stop()

    again = await Database(own.data, own.state).start()

    assert again.query_value("SELECT answer FROM kept") == "42"
    await again.supervisor.stop()


async def test_a_killed_server_is_restarted_with_its_rows(own: Database) -> None:
    await own.start()
    own.query_value("CREATE TABLE kept AS SELECT 42 AS answer")
    before = own.pid
    backends = [each.pid for each in psutil.Process(before).children()]
    os.kill(before, signal.SIGKILL)

    async with asyncio.timeout(60):
        while not any("postgres is ready again" in words for words in own.messages):
            await asyncio.sleep(0.05)

    assert own.query_value("SELECT answer FROM kept") == "42"
    assert not any(map(alive, (before, *backends)))


async def test_a_recreated_data_folder_gets_a_new_database(own: Database) -> None:
    await own.start()
    own.query_value("CREATE TABLE kept AS SELECT 42 AS answer")
    earlier = own.instance.folder
    await own.supervisor.stop()
    shutil.rmtree(own.data.root)

    again = await Database(own.data, own.state).start()

    assert again.query_value("SELECT count(*) FROM pg_tables WHERE tablename = 'kept'") == "0"
    assert (os.geteuid() != 0) or any(str(earlier) in words for words in again.messages)
    await again.supervisor.stop()


async def test_a_removed_database_is_an_error_and_not_replaced(own: Database) -> None:
    await own.start()
    await own.supervisor.stop()
    shutil.rmtree(own.instance.folder)

    with pytest.raises(LocalError, match="which is gone; restore it, or remove"):
        own.instance  # noqa: B018 - opening it is what must fail


async def test_an_interrupted_initdb_is_repeated(own: Database) -> None:
    partial = own.instance.folder.with_name(f"{own.instance.folder.name}.partial")
    (partial / "data").mkdir(parents=True)
    (partial / "data" / "PG_VERSION").write_text("18")

    await own.start()

    assert own.query_value("SELECT 1") == "1"


async def test_a_database_of_another_version_is_refused(own: Database) -> None:
    (own.instance.folder / "data").mkdir(parents=True)
    (own.instance.folder / "data" / "PG_VERSION").write_text("17\n")

    with pytest.raises(LocalError, match="was made by PostgreSQL 17, and these programs are version 18"):
        await own.start()


async def test_a_failed_initdb_shows_the_end_of_its_log(own: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "USER", "pg_reserved")

    with pytest.raises(StartFailed, match="initdb ended with exit code 1; the end of"):
        await own.start()
    eventually(lambda: not list(own.instance.folder.parent.glob("*/password")), "no password left behind")
