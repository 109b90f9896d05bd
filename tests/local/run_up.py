"""`durable-research up` with stand-ins for our own programs, as a process of its own that tests can interrupt and kill."""

import argparse
import asyncio
import sys
from pathlib import Path

from durable_research.local.console import console
from durable_research.local.edition import run_edition
from durable_research.local.plan import UpOptions
from durable_research.local.processes.supervisor import Pace

STAND_IN = (sys.executable, str(Path(__file__).with_name("stand_in.py")))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only")
    parser.add_argument("--with", dest="extras")
    chosen = parser.parse_args()
    options = UpOptions(
        data=chosen.data,
        port=chosen.port,
        workers=chosen.workers,
        only=tuple(chosen.only.split(",")) if chosen.only else None,
        extras=tuple(chosen.extras.split(",")) if chosen.extras else (),
        state=chosen.state,
        program=STAND_IN,
        simulator_program=(*STAND_IN, "simulator"),
        pace=Pace(
            first_backoff_seconds=0.3,
            check_every_seconds=0.3,
            check_timeout_seconds=1.0,
            unresponsive_grace_seconds=0.5,
        ),
    )
    return asyncio.run(run_edition(options, console(sys.stdout)))


if __name__ == "__main__":
    sys.exit(main())
