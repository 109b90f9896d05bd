"""Memory that a model call holds while its provider writes for minutes: a slot and a connection, and nothing else."""

from pathlib import Path

import psutil

from durable_research.experiments.evidence.installation import Installation, until
from durable_research.experiments.evidence.own_installation import OwnInstallation


def measure_held_calls(folder: Path, calls: int = 200, seconds: float = 600.0) -> None:
    """Submit this many reports with this model latency, and print what each running call adds to the workers."""
    print(f"\nMemory of {calls} calls at once, each written for {seconds:g} s, MB (PSS)")
    with OwnInstallation(folder) as installation:
        installation.latency(0)
        installation.finished(installation.submit("One report before the others"))
        before = _workers_megabytes(installation)
        installation.latency(seconds)
        for number in range(calls):
            installation.submit(f"Held number {number}")
        until("all calls to be accepted", lambda: len(installation.billing_log("Held number")) == calls, 600)
        held = _workers_megabytes(installation)
        print(
            f"  workers before {before:.0f}, with all calls {held:.0f}: {(held - before) * 1024 / calls:.0f} kB a call"
        )


def _workers_megabytes(installation: Installation) -> float:
    workers = [process.pid for process in installation.running.processes if process.role == "worker"]
    families = [[psutil.Process(pid), *psutil.Process(pid).children(recursive=True)] for pid in workers]
    return float(sum(one.memory_full_info().pss for family in families for one in family)) / 2**20
