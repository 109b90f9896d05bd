"""The simulator as a program: how it starts and stops."""

import signal
from pathlib import Path

import pytest
from click.testing import CliRunner

from durable_research.simulator.__main__ import main
from tests.simulator.outside import Simulator


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_simulator_prints_only_its_ready_line_and_stops_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    simulator = Simulator(tmp_path / "witness.jsonl")
    simulator.process.send_signal(number)

    rest, _ = simulator.process.communicate(timeout=10)

    assert simulator.ready_line.startswith("simulator ready on http://127.0.0.1:")
    assert (rest, simulator.process.returncode) == ("", 0)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--host", "192.0.2.1"], "not a loopback address"),
        (["--host", "example.org"], "not a loopback address"),
        (["--latency-seconds", "-1"], "--latency-seconds"),
        (["--webhook-secret", "whsec_!"], "must be whsec_ followed by base64"),
    ],
)
def test_the_simulator_refuses_invalid_options(tmp_path: Path, options: list[str], reason: str) -> None:
    ended = CliRunner().invoke(main, ["--port", "0", "--witness", str(tmp_path / "witness.jsonl"), *options])

    assert (ended.exit_code, reason in ended.stderr) == (2, True)
