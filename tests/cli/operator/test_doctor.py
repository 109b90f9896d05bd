"""Doctor on machines that are ill in ways that need no server: the well one is a matter for the end-to-end tests."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SECRET = "sk-do-not-print-me"


def doctor(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("DURABLE_", "TEMPORAL_", "OPENAI_"))
    }
    program = [sys.executable, "-m", "durable_research", "doctor", *arguments]
    clean |= {"XDG_CACHE_HOME": str(folder), "PATH": str(folder)}  # no `temporal` of this machine
    return subprocess.run(program, cwd=folder, env=clean | environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """A killed installation, no database, no Temporal, a stranger on the API's port, and a `temporal` program."""
    folder = tmp_path_factory.mktemp("ill")
    program = folder / "temporal"
    program.write_text("#!/bin/sh\necho temporal version 9\n")
    program.chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        up = {
            "api": f"http://127.0.0.1:{port}",
            "temporal": "127.0.0.1:9",
            "database": f"postgresql://user:{SECRET}@127.0.0.1:9/x",
            "processes": [{"role": "api", "pid": 2**22 + 1}],
        }
        (folder / "data").mkdir()
        (folder / "data" / "up.json").write_text(json.dumps(up))
        provider = {"OPENAI_API_KEY": SECRET, "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
        done = doctor(folder, "--json", TEMPORAL_CLI_PATH=str(program), **provider)
    assert done.returncode == 1, done.stderr
    assert SECRET not in done.stdout + done.stderr
    assert not (folder / "data" / "objects").exists()
    return {one["name"].rstrip("0123456789 "): one for one in json.loads(done.stdout)["checks"]}


def test_a_killed_up_is_reported_as_not_running(findings: dict[str, dict[str, Any]]) -> None:
    assert findings["up"]["ok"] is False
    assert "durable-research up" in findings["up"]["mend"]


@pytest.mark.parametrize("name", ["database", "temporal"])
def test_an_unreachable_server_is_a_failure_with_the_command_that_starts_it(
    findings: dict[str, dict[str, Any]], name: str
) -> None:
    assert (findings[name]["ok"], findings[name]["matters"]) == (False, True)
    assert "127.0.0.1:9" in findings[name]["detail"]
    assert "durable-research up" in findings[name]["mend"]


def test_a_missing_object_store_folder_passes_and_is_not_created(findings: dict[str, dict[str, Any]]) -> None:
    assert findings["object store"]["ok"] is True


def test_a_working_temporal_program_passes(findings: dict[str, dict[str, Any]]) -> None:
    assert findings["temporal cli"]["ok"] is True


def test_an_unreachable_provider_is_a_failure_that_names_its_setting(findings: dict[str, dict[str, Any]]) -> None:
    assert (findings["provider"]["ok"], findings["provider"]["matters"]) == (False, True)
    assert "http://127.0.0.1:9/v1 cannot be reached" in findings["provider"]["detail"]
    assert "OPENAI_BASE_URL" in findings["provider"]["mend"]


def test_another_process_on_the_apis_port_is_named(findings: dict[str, dict[str, Any]]) -> None:
    assert findings["port"]["ok"] is False
    assert str(os.getpid()) in findings["port"]["detail"]


def test_all_settings_errors_are_listed_and_the_other_checks_still_run(tmp_path: Path) -> None:
    done = doctor(
        tmp_path, DURABLE_RESEARCH_PORT="many", DURABLE_RESEARCH_HOST="192.0.2.1", DURABLE_RESEARCH_PROVIDER="\x1b"
    )

    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert [line[0] for line in lines if line[0] != " "] == ["✔", "✔", "✖", "!", "✔"]
    for name in ("DURABLE_RESEARCH_PORT", "DURABLE_RESEARCH_HOST", "DURABLE_RESEARCH_PROVIDER"):
        assert any(f"{name}: " in line for line in lines)
    assert "\x1b" not in done.stdout
