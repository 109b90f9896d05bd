"""How long a step is dead after the worker that runs it was killed: from SIGKILL to its next attempt elsewhere."""

import statistics
import time
from datetime import datetime
from pathlib import Path

from durable_research.experiments.evidence.installation import Installation, until
from durable_research.experiments.evidence.own_installation import OwnInstallation
from durable_research.failpoints.reach import FAILPOINTS_VARIABLE, HITS_FILE, Place, Point
from durable_research.pipelines.generate_report import pipeline

# Where each step is held, in the middle of its work, until it is killed.
HELD = {
    pipeline.LLM_CALL.step: f"{pipeline.LLM_CALL.step}.{Place.SENT}",
    pipeline.CREATE_PDF.step: Point.CREATE_PDF_RENDERED,
    pipeline.STORE_REPORT_METADATA.step: Point.STORE_REPORT_METADATA_STORED,
    pipeline.SEND_NOTIFICATION.step: f"{pipeline.SEND_NOTIFICATION.step}.{Place.SENT}",
}


def measure_recovery(folder: Path, rounds: int) -> None:
    """Print the seconds from the kill to the step running elsewhere, for each of the four steps."""
    print("\nSIGKILL of the worker in a step -> the step running on another worker, seconds")
    for step, point in HELD.items():
        rule = {FAILPOINTS_VARIABLE: f"{point}=pause@1:3600"}
        with OwnInstallation(folder / step, environment=rule) as installation:
            installation.latency(0.2)
            durations = [_one(installation, step) for _ in range(rounds)]
        every = "  ".join(f"{seconds:.2f}" for seconds in durations)
        print(f"  {step:22} median {statistics.median(durations):.2f}   ({every})", flush=True)


def _one(installation: Installation, step: str) -> float:
    hits = installation.data / HITS_FILE
    hits.unlink(missing_ok=True)  # the next report is held again
    until("both workers", lambda: len([p for p in installation.running.processes if p.role == "worker"]) == 2)
    report = installation.submit(f"Killed in {step} at {time.time()}")
    until(f"{step} to be held", hits.exists)
    holder = installation.step(report, step)["worker"]
    at = time.time()
    installation.kill(holder)
    installation.finished(report)
    starts = [event for event in installation.events(report) if event["kind"] == "attempt_started"]
    again = next(event for event in starts if event["step"] == step and event["attempt"] == 2)
    assert again["worker"] != holder
    return datetime.fromisoformat(again["at"]).timestamp() - at
