import re
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from durable_research.cli.main import COMMANDS, cli
from tests.cli.stub_server import StubServer

REST = {
    "submit": "POST /api/workflows/PIPELINE",
    "watch": "GET /api/workflows/ID/events",
    "list": "GET /api/workflows",
    "show": "GET /api/workflows/ID/status",
    "open": "GET /api/reports/ID.pdf",
    "resume": "POST /api/workflows/ID/resume",
    "cancel": "POST /api/workflows/ID/cancel",
}


def imported_by(*arguments: str) -> set[str]:
    """The top-level packages that a command imports."""
    program = [sys.executable, "-X", "importtime", "-m", "durable_research", *arguments]
    import_times = subprocess.run(program, capture_output=True, text=True, check=True).stderr
    return {name.partition(".")[0] for name in re.findall(r"^import time:.*\| +([\w.]+)$", import_times, re.MULTILINE)}


def test_help_imports_no_heavy_library() -> None:
    heavy = {"temporalio", "sqlalchemy", "openai", "rich", "httpx", "quart", "pydantic"}

    assert imported_by("--help") & heavy == set()


@pytest.mark.parametrize("arguments", [("list",), ("submit", "x", "--wait")])
def test_user_commands_import_no_server_library(installation: StubServer, arguments: tuple[str, ...]) -> None:
    servers_own = {"temporalio", "sqlalchemy", "psycopg", "openai", "quart", "uvicorn", "typst", "obstore"}

    assert imported_by(*arguments, "--server", installation.url) & servers_own == set()


@pytest.mark.parametrize("name", sorted(REST))
def test_the_help_of_a_user_command_names_its_rest_call(name: str) -> None:
    result = CliRunner().invoke(cli, [name, "--help"])

    assert result.exit_code == 0
    assert f"REST: {REST[name]}" in " ".join(result.stdout.split())


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_can_be_imported_and_has_help(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)

    assert command is not None
    assert command.help
