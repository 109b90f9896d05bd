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
from durable_research.experiments.crash_table.cells import CellResult, check_cells
from durable_research.experiments.crash_table.late_charges import wait_for_late_charges
from durable_research.experiments.crash_table.runs import Run
from durable_research.experiments.evidence.evidence import ReportedCharges
from durable_research.experiments.installations.fork_client import ForkClient
from durable_research.experiments.installations.shared_parts import (
    MODULES,
    SimulatorTiming,
    prepare_shared_parts,
    prepare_slots,
    run_with_servers,
)
from durable_research.experiments.installations.slot import Slot
from durable_research.local.console import Say
from durable_research.local.data_folder import DataFolder
from durable_research.local.edition import Finished
from durable_research.local.processes.supervisor import Supervisor
from durable_research.local.up import Up

# A slot changes its cell after so many runs: often, so that changes of load affect all cells; not too often, for speed.
_RUNS_IN_A_ROW = 10
_PROGRESS_EVERY_SECONDS = 15.0


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
    _reported: dict[str, ReportedCharges] = field(default_factory=dict)

    async def run(self) -> None:
        """Start the servers, do all runs, check them, stop everything."""
        await run_with_servers(self.options.data, self.say, self._run_cells)

    async def _run_cells(self, up: Up, supervisor: Supervisor) -> None:
        data = DataFolder(self.options.data)
        forks = ForkClient(MODULES)
        progress = asyncio.create_task(self._report_progress())
        try:
            await forks.open()
            classes = [cell.model_class for cell in self.options.cells]
            shared = await prepare_shared_parts(data, up, forks, supervisor, classes, SimulatorTiming())
            slots = await prepare_slots(data, shared, self.options.side_by_side)
            self.say(f"{len(slots)} slots are prepared")
            began = time.monotonic()
            chunks = asyncio.Queue[_Chunk]()
            for chunk in self._chunks():
                chunks.put_nowait(chunk)
            async with asyncio.TaskGroup() as group:
                for slot in slots:
                    group.create_task(self._work(slot, chunks))
            self.seconds = time.monotonic() - began
            self._reported |= await wait_for_late_charges(self._runs, self._reported, self.say)
            self.say("collecting the evidence")
            self.results = await check_cells(self.options.cells, self._runs, self._reported)
        finally:
            progress.cancel()
            await forks.close()
        raise Finished

    def _chunks(self) -> list[_Chunk]:
        rng = random.Random(self.options.seed)  # noqa: S311 - a table must be repeatable
        chunks, number = [], 0
        for cell in self.options.cells:
            total = self.options.runs_of(cell)
            for done in range(0, total, _RUNS_IN_A_ROW):
                count = min(_RUNS_IN_A_ROW, total - done)
                chunks.append(_Chunk(cell, number, count, rng.uniform(SHORTEST_FREEZE, LONGEST_FREEZE)))
                number += count
        rng.shuffle(chunks)
        return chunks

    async def _work(self, slot: Slot, chunks: "asyncio.Queue[_Chunk]") -> None:
        while not chunks.empty():
            chunk = chunks.get_nowait()
            await slot.start_cell(chunk.cell, chunk.cell.point.rule(chunk.freeze_seconds))
            finished = []
            for number in range(chunk.first, chunk.first + chunk.count):
                run = await runs.run_cell(slot, chunk.cell, number, self.options.seed)
                finished.append(run)
                self._runs.append((slot, run))
                if run.void_reason:
                    self.say(f"{chunk.cell.name}: void, {run.void_reason}")
            # The workers stop first: a send of a continued worker is in the ledger before the API reports it.
            await slot.stop_workers()
            self._reported |= await reported_charges(slot.url, _accepted(finished))
            await slot.stop_api()

    async def _report_progress(self) -> None:
        total = sum(self.options.runs_of(cell) for cell in self.options.cells)
        began = time.monotonic()
        while True:
            await asyncio.sleep(_PROGRESS_EVERY_SECONDS)
            self.say(f"{len(self._runs)} of {total} runs after {time.monotonic() - began:.0f} s")


def _accepted(finished: Iterable[Run]) -> list[str]:
    return [run.request.report_id for run in finished if run.request.report_id]
