"""A worker by itself, without the servers that it needs."""

import json
import os
import signal
import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from durable_research import queues
from durable_research.settings.settings import load
from durable_research.telemetry import logs
from durable_research.worker.process import drain_time
from tests.installation import end_with_the_tests, until


def test_a_worker_that_waits_for_temporal_ends_on_a_stop_signal(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    with log.open("wb") as output:
        worker = subprocess.Popen(
            [sys.executable, "-m", "durable_research", "worker", "--queues", "ai-tasks"],
            env={**os.environ, "TEMPORAL_ADDRESS": "127.0.0.1:9", "DURABLE_RESEARCH_DATA": str(tmp_path)},
            stdout=output,
            stderr=output,
            preexec_fn=end_with_the_tests,
        )
    until("the worker to look for Temporal", lambda: logs.INFRASTRUCTURE_DOWN.name in log.read_text())

    worker.send_signal(signal.SIGTERM)

    assert worker.wait(20) == 0
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {(line["event"], line["role"]) for line in lines} == {(logs.INFRASTRUCTURE_DOWN.name, "worker")}


def test_a_worker_whose_port_for_metrics_is_taken_does_not_start(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        worker = subprocess.run(
            [sys.executable, "-m", "durable_research", "worker"],
            env={**os.environ, "DURABLE_RESEARCH_METRICS_ADDRESS": address, "DURABLE_RESEARCH_DATA": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )

    assert (worker.returncode, worker.stdout) == (1, "")
    assert f"error: worker cannot run: cannot listen on {address} for metrics and probes" in worker.stderr
    assert "Traceback" not in worker.stderr


@pytest.mark.parametrize(
    ("api", "queue", "seconds"),
    [
        ("chat", queues.AI_TASKS, 7.0),
        ("chat-stored", queues.AI_TASKS, 0.0),
        ("responses", queues.AI_TASKS, 0.0),
        ("responses-keyed", queues.AI_TASKS, 0.0),
        ("responses", queues.DOCUMENTS, 7.0),
    ],
)
def test_resumable_calls_are_handed_back_at_once_and_others_get_the_drain_time(
    api: str, queue: str, seconds: float
) -> None:
    assert drain_time(queue, load(openai_api=api, drain_seconds=7)) == timedelta(seconds=seconds)
