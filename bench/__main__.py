"""`make bench`: figures that the documentation quotes, each measured here and never asserted in a test."""

import tempfile
from pathlib import Path

import click

from bench.held_calls import measure_held_calls
from bench.latency import measure_latency
from bench.memory import measure_memory
from bench.recovery import measure_recovery
from bench.telemetry import measure_telemetry
from bench.typesetting import measure_typesetting

KINDS = ["recovery", "latency", "memory", "held-calls", "typesetting", "telemetry"]

# So many that a worker's background work, such as its beat, weighs little.
TELEMETRY_REPORTS = 60


@click.command()
@click.option("--only", type=click.Choice(KINDS), help="Measure just this.")
@click.option("--rounds", default=3, show_default=True, help="Kills for each step; interleaved rounds of latency.")
@click.option("--reports", default=20, show_default=True, help="Reports in a round of latency, one at a time.")
@click.option(
    "--peers",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="The folder of the bare workflow that latency is compared with; without one, ours is measured alone.",
)
def main(only: str | None, rounds: int, reports: int, peers: Path | None) -> None:
    """Measure recovery, latency beside a bare workflow, memory, typesetting, and what telemetry costs."""
    with tempfile.TemporaryDirectory(prefix="durable-research-bench-") as scratch:
        folder = Path(scratch)
        if only in {None, "memory"}:
            measure_memory(folder / "memory")
        if only in {None, "held-calls"}:
            measure_held_calls(folder / "held-calls")
        if only in {None, "recovery"}:
            measure_recovery(folder / "recovery", rounds)
        if only in {None, "typesetting"}:
            measure_typesetting()
        if only in {None, "telemetry"}:
            measure_telemetry(folder / "telemetry", rounds, TELEMETRY_REPORTS)
        if only in {None, "latency"}:
            measure_latency(folder / "latency", peers, rounds, reports)


if __name__ == "__main__":
    main()
