"""The file that lists the running processes: it is read as it was written, and missing fields are empty."""

import json
from pathlib import Path
from typing import Any

import pytest

from durable_research.local.up import RunningProcess, SimulatorAddresses, Up, read_up

WHOLE = Up(
    api="http://127.0.0.1:8000",
    temporal="127.0.0.1:7233",
    temporal_ui="http://127.0.0.1:8233",
    database="postgresql://user:secret@127.0.0.1:5432/research",
    simulator=SimulatorAddresses("http://127.0.0.1:9000", "smtp://127.0.0.1:2525", Path("/data/witness.jsonl")),
    processes=(RunningProcess("worker", "worker-1", 17, "worker-1@2"),),
    role_ports={"api": "http://127.0.0.1:20001", "worker-1": "http://127.0.0.1:20002"},
    prometheus="http://127.0.0.1:20003",
)
PROCESS = {"role": "worker", "name": "worker-1", "pid": 17, "identity": "worker-1@2"}


@pytest.mark.parametrize("up", [WHOLE, Up(), Up(api="http://127.0.0.1:1")])
def test_an_up_json_is_read_back_as_it_was_written(tmp_path: Path, up: Up) -> None:
    (tmp_path / "up.json").write_text(json.dumps(up.as_json()))

    assert read_up(tmp_path / "up.json") == up


def test_up_json_has_the_keys_that_other_programs_read() -> None:
    assert WHOLE.as_json() == {
        "api": "http://127.0.0.1:8000",
        "temporal": "127.0.0.1:7233",
        "temporal_ui": "http://127.0.0.1:8233",
        "database": "postgresql://user:secret@127.0.0.1:5432/research",
        "simulator": "http://127.0.0.1:9000",
        "smtp": "smtp://127.0.0.1:2525",
        "witness": "/data/witness.jsonl",
        "processes": [PROCESS],
        "role_ports": {"api": "http://127.0.0.1:20001", "worker-1": "http://127.0.0.1:20002"},
        "prometheus": "http://127.0.0.1:20003",
    }


@pytest.mark.parametrize(
    ("value", "up"),
    [
        ({}, Up()),
        ({"api": 8000, "temporal": None, "processes": None}, Up()),
        ({"processes": [{"role": "api"}, "api", {**PROCESS, "pid": "17"}]},
         Up(processes=(RunningProcess("api"), RunningProcess("worker", "worker-1", 0, "worker-1@2")))),
        ({"role_ports": ["api"]}, Up()),
        ({"role_ports": {"api": 9464, "worker-1": "http://127.0.0.1:20002"}},
         Up(role_ports={"api": "", "worker-1": "http://127.0.0.1:20002"})),
        ({"later": "versions", "api": "http://127.0.0.1:1"}, Up(api="http://127.0.0.1:1")),
    ],
)  # fmt: skip
def test_missing_and_malformed_fields_of_up_json_are_empty(tmp_path: Path, value: dict[str, Any], up: Up) -> None:
    (tmp_path / "up.json").write_text(json.dumps(value))

    assert read_up(tmp_path / "up.json") == up


@pytest.mark.parametrize("text", [None, "", "{", "[]", '"up"', b"\xff"])
def test_a_missing_or_damaged_up_json_is_read_as_none(tmp_path: Path, text: str | bytes | None) -> None:
    if text is not None:
        (tmp_path / "up.json").write_bytes(text if isinstance(text, bytes) else text.encode())

    assert read_up(tmp_path / "up.json") is None


def test_reading_a_missing_simulator_address_names_openai_api_key() -> None:
    with pytest.raises(LookupError, match="OPENAI_API_KEY"):
        assert Up().required_simulator
