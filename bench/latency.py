"""A report, one at a time, with an instant model: ours, and the bare workflow of a peers' folder in turns where there is one.

The bare workflow is no part of this repository. It runs on a Temporal server of its own with the same settings, four task
queues and the same PostgreSQL; its "model" is a function call, ours is HTTP to the simulator with latency 0, and ours keeps
ledger, log, drafts and objects.
"""

import importlib
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import psycopg

from durable_research.event_parser import EventParser
from durable_research.experiments.evidence.installation import Installation, until
from durable_research.experiments.evidence.own_installation import OwnInstallation
from durable_research.local.temporal.binary import find_temporal
from durable_research.local.temporal.server import server_command

WARM_UP = 5


def measure_latency(folder: Path, peers: Path | None, rounds: int, reports: int) -> None:
    """Print the medians of each round and, with a bare workflow beside ours, the ratio of the two."""
    print(f"\nOne report at a time, instant model, ms ({rounds} rounds of {reports} in turns)")
    with ExitStack() as stack:
        installation = stack.enter_context(OwnInstallation(folder / "ours"))
        bare = stack.enter_context(Bare(folder / "bare", peers, installation)) if peers else None
        installation.latency(0)
        client = stack.enter_context(httpx.Client(base_url=installation.api, timeout=30))
        for number in range(WARM_UP):
            _with_workflow(client, f"warm {number}")
            if bare:
                bare.one(f"warm-{number}")
        ratios = []
        for turn in range(rounds):
            mine = _median_milliseconds(_with_workflow(client, f"{turn}.{number}") for number in range(reports))
            line = f"  round {turn + 1}: ours {mine:.0f}"
            if bare:
                other = _median_milliseconds(bare.one(f"{turn}-{number}") for number in range(reports))
                ratios.append(mine / other)
                line += f"   bare {other:.0f}   ratio {mine / other:.2f}"
            print(line, flush=True)
        if ratios:
            print(f"  median ratio {statistics.median(ratios):.2f}")


def _median_milliseconds(seconds: Iterable[float]) -> float:
    return statistics.median(seconds) * 1000


def _with_workflow(client: httpx.Client, name: str) -> float:
    """Seconds from the request to the closing event at a client that follows the stream."""
    began = time.perf_counter()
    answer = client.post("/api/workflows/generate-report", json={"prompt": f"durable AI research {name}"})
    with client.stream("GET", answer.json()["events_url"]) as stream:
        parser = EventParser()
        arrivals = (message for chunk in stream.iter_bytes() for message in parser.feed(chunk))
        next(message for message in arrivals if message.event == "closed")
    return time.perf_counter() - began


class Bare:
    """The peers' bare workflow: two worker processes and a submitter, driven by its standard input."""

    def __init__(self, folder: Path, peers: Path, installation: Installation) -> None:
        folder.mkdir(parents=True)
        (folder / "pdf").mkdir()
        self._folder, self._peers = folder, peers
        self._log = folder / "events.log"
        self._log.touch()
        self._processes: list[subprocess.Popen[Any]] = []
        self._database = installation.running.database
        self._port = _free_port()

    def __enter__(self) -> "Bare":
        sys.path.insert(0, str(self._peers))
        schema = importlib.import_module("job").SCHEMA  # the peers' own module

        with psycopg.connect(self._database, autocommit=True) as connection:
            connection.execute("CREATE SCHEMA bare")
            connection.execute("SET search_path TO bare")
            connection.execute(schema)
        command = server_command(
            find_temporal(print), port=self._port, ui_port=_free_port(), database=self._folder / "temporal.db"
        )
        self._start(command)
        until("the peer's server", self._answers)
        environment = {
            "BENCH_TEMPORAL": f"127.0.0.1:{self._port}",
            "BENCH_QUEUES": "four",
            "BENCH_DSN": f"{self._database}?options=-csearch_path%3Dbare",
            "BENCH_LOG": str(self._log),
            "BENCH_PDF_DIR": str(self._folder / "pdf"),
            "PYTHONPATH": f"{self._peers}{os.pathsep}{self._peers / 'peers'}",
        }
        program = str(self._peers / "peers" / "temporal_bare.py")
        for role in (["worker", "0"], ["worker", "1"], ["submit"]):
            process = self._start((sys.executable, program, *role), environment)
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        self._submitter = self._processes[-1]
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._processes):
            process.terminate()
            process.wait(20)

    def one(self, name: str) -> float:
        """Seconds from the start to the notification of one report."""
        assert self._submitter.stdin is not None
        began = time.perf_counter()
        self._submitter.stdin.write(f"bare-{name}\n")
        self._submitter.stdin.flush()
        expected_line = f"note bare-{name} "
        while expected_line not in self._log.read_text():
            time.sleep(0.0005)
        return time.perf_counter() - began

    def _start(self, command: tuple[str, ...], environment: dict[str, str] | None = None) -> "subprocess.Popen[Any]":
        with (self._folder / "output.log").open("a") as log:
            process = subprocess.Popen(
                command,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE if environment else log,
                stderr=log,
                text=True,
            )
        self._processes.append(process)
        return process

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
