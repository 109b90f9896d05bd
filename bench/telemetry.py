"""What metrics and traces cost a worker: its CPU time for a report with neither, with metrics, and with both, in turns."""

import os
import signal
import statistics
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil

from durable_research.experiments.evidence.installation import Installation
from durable_research.experiments.evidence.own_installation import OwnInstallation
from durable_research.local.processes.child import launch_command
from durable_research.telemetry.logs import WORKER_READY

WARM_UP = 10
_METRICS = "DURABLE_RESEARCH_METRICS_ADDRESS"
_TRACES = "OTEL_EXPORTER_OTLP_ENDPOINT"
_STOPPING_SECONDS = 60.0


def measure_telemetry(folder: Path, rounds: int, reports: int) -> None:
    """Print a worker's CPU milliseconds a report in each round, and the median ratio to a worker that measures nothing."""
    print(f"\nCPU of a worker, ms a report, instant model ({rounds} rounds of {reports} reports in turns)")
    with OwnInstallation(folder, only="postgres,temporal,simulator,api") as installation, _collector() as collector:
        installation.latency(0)
        variants: dict[str, Mapping[str, str]] = {
            "neither": {},
            "metrics": {_METRICS: "127.0.0.1:0"},
            "metrics and traces": {_METRICS: "127.0.0.1:0", _TRACES: collector},
        }
        spent: dict[str, list[float]] = {name: [] for name in variants}
        for turn in range(rounds):
            for name, more in variants.items():
                spent[name].append(_one_round(installation, folder / f"{turn}-{name}.log", more, reports))
            print(
                f"  round {turn + 1}: " + "   ".join(f"{name} {spent[name][-1]:.1f}" for name in variants), flush=True
            )
        for name in list(variants)[1:]:
            ratios = [with_it / bare for with_it, bare in zip(spent[name], spent["neither"], strict=True)]
            print(f"  median ratio, {name}: {statistics.median(ratios):.3f}", flush=True)


def _one_round(installation: Installation, log: Path, more: Mapping[str, str], reports: int) -> float:
    with _worker(installation, log, more) as worker:
        _make(installation, WARM_UP)
        before = _cpu_seconds(worker)
        _make(installation, reports)
        return (_cpu_seconds(worker) - before) / reports * 1000


def _make(installation: Installation, reports: int) -> None:
    for one in [installation.submit("durable AI research, measured") for _ in range(reports)]:
        installation.finished(one)


def _cpu_seconds(worker: psutil.Process) -> float:
    """Of the process and of those that typeset for it."""
    times = [one.cpu_times() for one in (worker, *worker.children(recursive=True))]
    return sum(one.user + one.system for one in times)


@contextmanager
def _worker(installation: Installation, log: Path, more: Mapping[str, str]) -> Iterator[psutil.Process]:
    """A worker with the environment that the edition gives its own."""
    api = installation.process("api")
    if api is None:
        raise LookupError("the installation has no API")
    environment = {k: v for k, v in psutil.Process(api.pid).environ().items() if k not in {_METRICS, _TRACES}}
    command = launch_command(
        (sys.executable, "-m", "durable_research", "worker", "--name", "measured"), death_signal=signal.SIGTERM
    )
    with log.open("wb") as output:
        running = subprocess.Popen(command, env={**environment, **more}, stdout=output, stderr=output, cwd=os.getcwd())
    try:
        installation.until("the worker", lambda: WORKER_READY.name in log.read_text())
        yield psutil.Process(running.pid)
    finally:
        running.terminate()
        running.wait(_STOPPING_SECONDS)


@contextmanager
def _collector() -> Iterator[str]:
    """Takes OTLP and forgets it; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
