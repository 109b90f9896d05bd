"""The crash table: real reports hit every crash point many times; the table compares their bills with the promise."""

import asyncio
import random
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from durable_research.experiments.campaign.collection import reported_charges
from durable_research.experiments.crash_points import LONGEST_FREEZE, SHORTEST_FREEZE, Cell
from durable_research.experiments.crash_table import runs
from durable_research.experiments.crash_table.cells import CellResult, judge_cells
from durable_research.experiments.crash_table.late_charges import settle
from durable_research.experiments.crash_table.runs import Run
from durable_research.experiments.evidence.evidence import Reported
from durable_research.experiments.installations.fork_client import ForkClient
from durable_research.experiments.installations.ground import (
    MODULES,
    Simulated,
    prepare_ground,
    prepare_slots,
    run_beside_servers,
)
from durable_research.experiments.installations.slot import Slot
from durable_research.local.console import Say
from durable_research.local.data_folder import DataFolder
from durable_research.local.edition import Finished
from durable_research.local.processes.supervisor import Supervisor
from durable_research.local.up import Up

# A slot changes its cell after so many runs: often, so that changes of load affect all cells; not too often, for speed.
_RUNS_IN_A_ROW = 10
_SAY_EVERY_SECONDS = 15.0


@dataclass(frozen=True)
class TableOptions:
    """The options of the command line."""

    cells: tuple[Cell, ...]
    runs: int
    other_runs: int
    seed: int
    side_by_side: int
    data: Path

    def runs_of(self, cell: Cell) -> int:
        """How many runs a line of the table gets; the paid calls matter most."""
        return self.runs if cell.effect == "model call" and not cell.point.is_resumed else self.other_runs


@dataclass(frozen=True)
class _Chunk:
    cell: Cell
    first: int
    count: int
    freeze_seconds: float


@dataclass
class CrashTable:
    """Runs once; `results` and `seconds` are set afterwards."""

    options: TableOptions
    say: Say
    results: list[CellResult] = field(default_factory=list)
    seconds: float = 0.0
    _runs: list[tuple[Slot, Run]] = field(default_factory=list)
    _told: dict[str, Reported] = field(default_factory=dict)

    async def run(self) -> None:
        """Start the servers, do all runs, check them, stop everything."""
        await run_beside_servers(self.options.data, self.say, self._live_through)

    async def _live_through(self, up: Up, supervisor: Supervisor) -> None:
        data = DataFolder(self.options.data)
        forks = ForkClient(MODULES)
        saying = asyncio.create_task(self._say_progress())
        try:
            await forks.open()
            classes = [cell.model_class for cell in self.options.cells]
            ground = await prepare_ground(data, up, forks, supervisor, classes, Simulated())
            slots = await prepare_slots(data, ground, self.options.side_by_side)
            self.say(f"{len(slots)} slots are prepared")
            began = time.monotonic()
            chunks = asyncio.Queue[_Chunk]()
            for chunk in self._chunks():
                chunks.put_nowait(chunk)
            async with asyncio.TaskGroup() as working:
                for slot in slots:
                    working.create_task(self._work(slot, chunks))
            self.seconds = time.monotonic() - began
            self._told |= await settle(self._runs, self._told, self.say)
            self.say("collecting the evidence")
            self.results = await judge_cells(self.options.cells, self._runs, self._told)
        finally:
            saying.cancel()
            await forks.close()
        raise Finished

    def _chunks(self) -> list[_Chunk]:
        dice = random.Random(self.options.seed)  # noqa: S311 - a table must be repeatable
        chunks, number = [], 0
        for cell in self.options.cells:
            wanted = self.options.runs_of(cell)
            for done in range(0, wanted, _RUNS_IN_A_ROW):
                count = min(_RUNS_IN_A_ROW, wanted - done)
                chunks.append(_Chunk(cell, number, count, dice.uniform(SHORTEST_FREEZE, LONGEST_FREEZE)))
                number += count
        dice.shuffle(chunks)
        return chunks

    async def _work(self, slot: Slot, chunks: "asyncio.Queue[_Chunk]") -> None:
        while not chunks.empty():
            chunk = chunks.get_nowait()
            await slot.begin(chunk.cell, chunk.cell.point.rule(chunk.freeze_seconds))
            lived = []
            for number in range(chunk.first, chunk.first + chunk.count):
                run = await runs.live_through(slot, chunk.cell, number, self.options.seed)
                lived.append(run)
                self._runs.append((slot, run))
                if run.why_void:
                    self.say(f"{chunk.cell.name}: void, {run.why_void}")
            # The workers stop first: a send of a continued worker is in the ledger before the API reports it.
            await slot.stop_workers()
            self._told |= await reported_charges(slot.url, _accepted(lived))
            await slot.stop_api()

    async def _say_progress(self) -> None:
        wanted = sum(self.options.runs_of(cell) for cell in self.options.cells)
        began = time.monotonic()
        while True:
            await asyncio.sleep(_SAY_EVERY_SECONDS)
            self.say(f"{len(self._runs)} of {wanted} runs after {time.monotonic() - began:.0f} s")


def _accepted(lived: Iterable[Run]) -> list[str]:
    return [run.asked.report_id for run in lived if run.asked.report_id]
