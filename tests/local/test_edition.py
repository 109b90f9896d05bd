"""The whole edition, as a process: real PostgreSQL, real Temporal, stand-ins for our own programs."""

import json
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from durable_research.local import up as up_file
from durable_research.local.edition import Finished, run_edition
from durable_research.local.errors import LocalError
from durable_research.local.plan import UpOptions
from tests.local.run_up import STAND_IN
from tests.local.running import Up, alive, eventually

Start = Callable[..., Up]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, state: Path, temporal_program: Path) -> "object":
    """One edition with everything, for the tests that only look."""
    edition = Up(tmp_path_factory.mktemp("whole") / "data", state, TEMPORAL_CLI_PATH=str(temporal_program))
    yield edition.ready()
    edition.end()


def test_up_json_holds_every_address(whole: Up) -> None:
    up = whole.up()

    assert sorted(up) == [
        "api", "database", "processes", "prometheus", "role_ports", "simulator", "smtp", "temporal", "temporal_ui", "witness",
    ]  # fmt: skip
    assert up["witness"] == str(whole.data / "witness.jsonl")


def test_up_json_lists_every_process_by_role_and_name(whole: Up) -> None:
    listed = [(each["role"], each["name"], each["identity"]) for each in whole.up()["processes"]]

    assert sorted(listed) == [
        ("api", "api", "api@1"),
        ("postgres", "postgres", "postgres@1"),
        ("simulator", "simulator", "simulator@1"),
        ("temporal", "temporal", "temporal@1"),
        ("worker", "worker-1", "worker-1@1"),
        ("worker", "worker-2", "worker-2@1"),
    ]


def test_every_listed_pid_runs(whole: Up) -> None:
    assert all(alive(each["pid"]) for each in whole.up()["processes"])


def test_up_json_is_readable_by_our_user_only(whole: Up) -> None:
    assert whole.file.stat().st_mode & 0o777 == 0o600


def test_the_database_in_up_json_can_be_used(whole: Up) -> None:
    with psycopg.connect(whole.up()["database"]) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("durable_research",)


def test_temporals_web_ui_answers(whole: Up) -> None:
    assert httpx.get(whole.up()["temporal_ui"], follow_redirects=True, timeout=30).status_code == 200


@pytest.mark.parametrize("name", ["migrate", "init", "api", "worker-1"])
def test_our_programs_get_every_address_in_their_environment(whole: Up, name: str) -> None:
    up, environment = whole.up(), whole.seen(name)["env"]
    expected = {
        "DATABASE_URL": up["database"],
        "TEMPORAL_ADDRESS": up["temporal"],
        "TEMPORAL_NAMESPACE": "default",
        "DURABLE_RESEARCH_DATA": str(whole.data),
        "DURABLE_RESEARCH_TEMPORAL_UI_URL": up["temporal_ui"],
        "OBJECT_STORE_URL": f"file://{whole.data}/objects",
        "PAYLOAD_KEYS_FILE": f"{whole.data}/keys/payload.keys",
        "DURABLE_RESEARCH_CODEC_ORIGIN": up["temporal_ui"],
        "OPENAI_BASE_URL": f"{up['simulator']}/v1",
        "OPENAI_API_KEY": "simulator",
        "OPENAI_MODEL": "simulator-research",
        "DURABLE_RESEARCH_PROVIDER": "simulator",
        "DURABLE_RESEARCH_WEBHOOK_URL": f"{up['simulator']}/sink/webhook",
        "DURABLE_RESEARCH_PUBLIC_URL": up["api"],
        "SMTP_URL": up["smtp"],
        "SLACK_API_URL": f"{up['simulator']}/api/",
    }

    assert {variable: environment.get(variable) for variable in expected} == expected


def test_each_process_of_ours_has_a_port_of_its_own_for_metrics_and_probes(whole: Up) -> None:
    ports = whole.up()["role_ports"]
    given = {name: whole.seen(name)["env"]["DURABLE_RESEARCH_METRICS_ADDRESS"] for name in ports}

    assert sorted(ports) == ["api", "worker-1", "worker-2"]
    assert ports == {name: f"http://{address}" for name, address in given.items()}
    assert len(set(ports.values())) == 3
    assert "DURABLE_RESEARCH_METRICS_ADDRESS" not in whole.seen("migrate")["env"]


def test_a_worker_gets_its_name_and_identity(whole: Up) -> None:
    seen = whole.seen("worker-2")

    assert (seen["argv"], seen["env"]["DURABLE_RESEARCH_WORKER_IDENTITY"]) == (
        ["worker", "--name", "worker-2"],
        "worker-2@1",
    )


def test_a_second_up_on_the_same_folder_is_refused_with_the_pid_of_the_first(whole: Up, state: Path) -> None:
    second = Up(whole.data, state)

    assert second.process.wait(30) == 1
    assert f"already runs on {whole.data} (pid {whole.process.pid})" in second.words
    assert whole.file.exists()


def test_a_killed_worker_is_restarted_with_a_new_identity_in_up_json(whole: Up) -> None:
    before = whole.running("worker-1")
    os.kill(before, signal.SIGKILL)

    whole.restarted("worker-1", before)

    assert any(each["identity"] == "worker-1@2" for each in whole.up()["processes"])


def test_a_killed_temporal_is_restarted_at_the_same_address(whole: Up) -> None:
    before, address = whole.running("temporal"), whole.up()["temporal"]
    os.kill(before, signal.SIGKILL)

    whole.restarted("temporal", before)

    assert whole.up()["temporal"] == address
    eventually(lambda: "temporal is ready again" in whole.words, "temporal to be ready")


def test_a_frozen_api_is_restarted(whole: Up) -> None:
    before = whole.running("api")
    os.kill(before, signal.SIGSTOP)

    whole.restarted("api", before)

    assert "did not answer 3 times in a row" in whole.words


def test_after_ctrl_c_no_process_and_no_up_json_is_left(up: Start, temporal_program: Path) -> None:
    edition = up(TEMPORAL_CLI_PATH=str(temporal_program)).ready()
    family = edition.family()

    code = edition.ctrl_c()

    assert (code, [pid for pid in family if alive(pid)], edition.file.exists()) == (0, [], False)


def test_on_ctrl_c_workers_drain_before_anything_else_stops(up: Start) -> None:
    edition = up("--only", "postgres,worker").ready()

    edition.ctrl_c()

    stopped = [line.split("stopping ")[1] for line in edition.words.splitlines() if "| stopping " in line]
    assert stopped == ["worker-1, worker-2", "postgres"]
    assert (edition.data / "logs" / "worker-1.log").read_text().endswith("worker.drained\n")


def test_when_up_is_killed_every_process_dies(up: Start, temporal_program: Path) -> None:
    edition = up(TEMPORAL_CLI_PATH=str(temporal_program)).ready()
    family = edition.family()
    assert len(family) > 10  # servers, workers and their renderers, PostgreSQL's own processes, the guard

    edition.process.kill()
    edition.process.wait()

    eventually(lambda: not any(map(alive, family)), "all of them to die", seconds=10)


def test_when_up_is_killed_its_up_json_is_removed(up: Start) -> None:
    edition = up("--only", "simulator").ready()

    edition.process.kill()
    edition.process.wait()

    eventually(lambda: not edition.file.exists(), "up.json to be removed")


def test_after_a_kill_the_next_up_continues_with_the_same_data(up: Start) -> None:
    first = up("--only", "postgres,worker").ready()
    with psycopg.connect(first.up()["database"]) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    address = first.up()["database"]
    first.process.kill()
    first.process.wait()

    second = up("--only", "postgres,worker").ready()

    with psycopg.connect(second.up()["database"]) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    assert second.up()["database"] == address
    assert sorted(each["identity"] for each in second.up()["processes"]) == ["postgres@2", "worker-1@2", "worker-2@2"]


def test_a_port_in_use_is_an_error_that_names_port_and_process(up: Start) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]

        refused = up("--only", "api", "--port", str(port))

        assert refused.process.wait(30) == 1
        assert f"error: port {port} on 127.0.0.1 is in use by" in refused.words
        assert f"(pid {os.getpid()}); stop it, or choose another port by --port" in refused.words


def test_a_role_that_is_left_out_is_not_started(up: Start) -> None:
    edition = up("--only", "api").ready()

    assert [each["role"] for each in edition.up()["processes"]] == ["api"]
    assert edition.seen("api")["env"]["TEMPORAL_ADDRESS"] == edition.up()["temporal"]


def test_the_address_of_a_left_out_role_can_come_from_the_environment(up: Start) -> None:
    edition = up(
        "--only", "api", TEMPORAL_ADDRESS="engine.example:7233", DATABASE_URL="postgresql://elsewhere/db"
    ).ready()

    assert (edition.up()["temporal"], edition.up()["database"]) == ("engine.example:7233", "postgresql://elsewhere/db")


def test_with_an_openai_api_key_no_simulator_is_started(up: Start) -> None:
    edition = up("--only", "simulator,api", OPENAI_API_KEY="sk-real").ready()

    assert (edition.up()["simulator"], edition.up()["witness"]) == (None, None)
    assert edition.seen("api")["env"]["OPENAI_API_KEY"] == "sk-real"


def test_a_failed_migration_is_an_error_with_the_end_of_its_log(up: Start) -> None:
    edition = up("--only", "postgres", STAND_IN_FAILS="migrate")

    assert edition.process.wait(30) == 1
    assert "migrate: the stand-in was told to fail" in edition.words
    assert not edition.file.exists()


def test_a_child_that_cannot_start_stops_the_children_already_started(up: Start) -> None:
    edition = up("--only", "simulator,api", STAND_IN_FAILS="api")

    assert edition.process.wait(30) == 1
    assert "stopping simulator" in edition.words


def test_the_ports_are_stored_in_the_data_folder(up: Start) -> None:
    edition = up("--only", "api").ready()

    ports = json.loads((edition.data / "ports.json").read_text())

    assert edition.up()["api"] == f"http://127.0.0.1:{ports['api']}"


def quick(tmp_path: Path, state: Path) -> UpOptions:
    return UpOptions(
        data=tmp_path / "data", only=("simulator",), state=state, simulator_program=(*STAND_IN, "simulator")
    )


async def test_a_callback_gets_the_addresses_when_all_is_up_and_can_end_the_edition(
    tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    seen_up: list[dict[str, Any]] = []

    async def callback(up: up_file.Up) -> None:
        seen_up.append(json.loads((tmp_path / "data" / "up.json").read_text()))
        assert up.as_json() == seen_up[0]
        raise Finished

    assert await run_edition(quick(tmp_path, state), lambda words: None, callback) == 0
    assert [(each["role"], alive(each["pid"])) for each in seen_up[0]["processes"]] == [("simulator", False)]


async def test_an_error_of_the_callback_is_raised_after_everything_stopped(
    tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    pids: list[int] = []

    async def callback(up: up_file.Up) -> None:
        pids.extend(each.pid for each in up.processes)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await run_edition(quick(tmp_path, state), lambda words: None, callback)
    assert [alive(pid) for pid in pids] == [False]


def test_an_unknown_role_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="--only names mongodb; there are postgres, temporal, simulator, api, worker"):
        UpOptions(data=tmp_path, only=("api", "mongodb"))
