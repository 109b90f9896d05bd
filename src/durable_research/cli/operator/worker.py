"""`durable-research worker`."""

import click

from durable_research.cli.shared.command import Exit, load_settings, run_role, stop


@click.command()
@click.option("--name", default="worker", show_default=True, help="How this worker is called in status and pages.")
@click.option("--queues", help="Task queues to serve, separated by commas. Default: all of them.")
def command(name: str, queues: str | None) -> None:
    """Run one worker process. SIGTERM stops polling, finishes or hands back, and leaves."""
    from durable_research.queues import QUEUES
    from durable_research.worker.process import WorkerOptions, run_worker

    served = tuple(queues.split(",")) if queues else QUEUES
    unknown = [queue for queue in served if queue not in QUEUES]
    if unknown:
        stop(f"no such task queue: {', '.join(unknown)}", f"choose from {', '.join(QUEUES)}", Exit.USAGE)
    settings = load_settings()
    run_role(name, settings, run_worker(settings, WorkerOptions(name, served)))
