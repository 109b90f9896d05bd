"""init and migrate: what they prepare, which servers they use, and their errors without a server."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from durable_research.cli.main import cli
from tests.installation import Installation

# Nothing listens there.
CLOSED = "127.0.0.1:1"


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner(env=environment).invoke(cli, arguments, catch_exceptions=False)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """`init` sets Temporal's address in its own process, which here is the test's."""
    for name in ("TEMPORAL_ADDRESS", "DATABASE_URL"):
        monkeypatch.setenv(name, "put back afterwards")
        monkeypatch.delenv(name)


@pytest.fixture
def silent_address() -> Iterator[str]:
    """A port that accepts connections and never sends a byte."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("is_open", [False, True])
def test_init_without_a_temporal_server_prints_one_error_and_exits_3(silent_address: str, is_open: bool) -> None:
    address = silent_address if is_open else CLOSED

    result = run("init", "--patience", "1.6", TEMPORAL_ADDRESS=address)

    assert (result.exit_code, result.output) == (
        3,
        f"error: temporal does not answer at {address}\n"
        "  check TEMPORAL_ADDRESS, or start it with: durable-research up --only temporal\n",
    )


def test_init_waits_three_seconds_by_default() -> None:
    assert "[default: 3.0]" in " ".join(run("init", "--help").output.split())


@pytest.mark.parametrize("arguments", [("migrate",), ("migrate", "--check")])
def test_migrate_without_a_database_prints_one_error_and_exits_3(arguments: tuple[str, ...]) -> None:
    result = run(*arguments, DATABASE_URL=f"postgresql://me:secret@{CLOSED}/x")

    assert (result.exit_code, result.output) == (
        3,
        "error: the database does not answer\n"
        "  check DATABASE_URL, or start it with: durable-research up --only postgres\n",
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("migrate", "--check"), "schema is at "),
        (("migrate",), "schema is at "),
        (("init",), "schedule reconcile-every-minute is in place"),
    ],
)
def test_init_and_migrate_use_the_servers_of_a_running_up(
    servers: Installation, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    (tmp_path / "up.json").write_text(json.dumps(servers.up))

    result = run(*arguments, DURABLE_RESEARCH_DATA=str(tmp_path))

    assert result.exit_code == 0, result.output
    assert words in result.output


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        (("migrate", "--check"), {"DATABASE_URL": f"postgresql://{CLOSED}/x"}),
        (("init", "--patience", "0.6"), {"TEMPORAL_ADDRESS": CLOSED}),
    ],
)
def test_environment_variables_take_precedence_over_a_running_up(
    servers: Installation, tmp_path: Path, arguments: tuple[str, ...], environment: dict[str, str]
) -> None:
    (tmp_path / "up.json").write_text(json.dumps(servers.up))

    assert run(*arguments, DURABLE_RESEARCH_DATA=str(tmp_path), **environment).exit_code == 3
