"""A workflow's attempts, as its log holds them: which began, how each ended, and for how long the last one waits."""

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import Row, bindparam, func, select

from durable_research.adapters.database.tables import progress_events
from durable_research.domain.workflows.events import (
    ENDS_OF_ATTEMPT,
    AttemptFailed,
    AttemptStarted,
    EventKind,
    payload_of,
)
from durable_research.domain.workflows.progress import EngineAttempt, LostAttempt
from durable_research.domain.workflows.waits import ProviderWait, wait_after
from durable_research.ports.database.progress import Waited

AttemptPayload = TypeVar("AttemptPayload", AttemptStarted, AttemptFailed)

ATTEMPTS = (
    select(
        progress_events.c.step,
        progress_events.c.attempt,
        progress_events.c.kind,
        progress_events.c.at,
        progress_events.c.data,
        func.clock_timestamp().label("now"),
    )
    .where(
        progress_events.c.workflow_id == bindparam("of_workflow"),
        (progress_events.c.step != "") | (progress_events.c.kind == EventKind.RESUMED),
    )
    .order_by(progress_events.c.seq)
)


class AttemptHistory:
    """A workflow's attempts so far, from the log, by step and number."""

    def __init__(self, rows: "Sequence[Row[*tuple[Any, ...]]]") -> None:
        self._rows = rows
        resumed = [number for number, row in enumerate(rows) if row.kind == EventKind.RESUMED]
        self._recent = rows[resumed[-1] :] if resumed else rows
        self.started = _by_attempt(rows, EventKind.ATTEMPT_STARTED, AttemptStarted)
        self._began = {(row.step, row.attempt): row.at for row in rows if row.kind == EventKind.ATTEMPT_STARTED}
        self._ended = {(row.step, row.attempt) for row in rows if row.kind in ENDS_OF_ATTEMPT}
        # The count begins anew when a person resumes the workflow.
        self._failed = _by_attempt(self._recent, EventKind.ATTEMPT_FAILED, AttemptFailed)
        self._done = {row.step for row in self._recent if row.kind == EventKind.ATTEMPT_COMPLETED}

    def lost(self, attempt: tuple[str, int]) -> LostAttempt:
        """What is known of an attempt that was left open."""
        worker = self.started[attempt].worker or ""
        return LostAttempt(*attempt, worker, self._began[attempt], found_at=self._rows[-1].now)

    def is_done(self, step: str) -> bool:
        """Whether an attempt of the step was completed."""
        return step in self._done

    def is_compensating_in(self, engine: EngineAttempt) -> bool:
        """Whether a compensation has begun in this run; a later run replays the steps, and compensates again."""
        return any(begun.undoes and begun.engine_run == engine.run_id for begun in self.started.values())

    def has_begun_after(self, step: str, engine: EngineAttempt) -> bool:
        """Whether a later attempt of the engine's run has begun this step."""
        return any(
            begun.engine_run == engine.run_id and begun.engine_attempt > engine.number
            for (name, _), begun in self.started.items()
            if name == step
        )

    def left_open(self, step: str | None) -> list[tuple[str, int]]:
        """List the attempts without an end, of one step or of all."""
        return sorted(each for each in self.started.keys() - self._ended if step in (None, each[0]))

    def last(self, step: str) -> int:
        """The number of the step's newest attempt; 0 before the first."""
        return max((number for name, number in self.started if name == step), default=0)

    def wait(self, step: str) -> ProviderWait | None:
        """The step's wait for its provider, while it waits."""
        wait = None
        for row in self._recent:
            if row.step == step:
                wait = wait_after(wait, EventKind(row.kind), row.at, payload_of(EventKind(row.kind), row.data))
        return wait

    def waited(self, step: str) -> Waited:
        """How long the wait had lasted when the rows were read."""
        wait = self.wait(step)
        return Waited((self._rows[-1].now - wait.since).total_seconds(), wait.polls) if wait else Waited()

    def age_seconds(self, step: str) -> float:
        """How long ago the step's first attempt began, since the latest resumption; 0 without one."""
        began = (row.at for row in self._recent if row.step == step and row.kind == EventKind.ATTEMPT_STARTED)
        first = next(began, None)
        return (self._rows[-1].now - first).total_seconds() if first else 0.0

    def failures(self, step: str) -> int:
        """Count the step's failures since the latest question to a person."""
        failed = {number: failure for (name, number), failure in self._failed.items() if name == step}
        last_question = max((number for number, failure in failed.items() if failure.asks_a_person), default=0)
        return sum(failure.counted for number, failure in failed.items() if number > last_question)


def _by_attempt(
    rows: "Sequence[Row[*tuple[Any, ...]]]", kind: EventKind, read_as: type[AttemptPayload]
) -> dict[tuple[str, int], AttemptPayload]:
    return {(row.step, row.attempt): read_as.model_validate(row.data) for row in rows if row.kind == kind}
