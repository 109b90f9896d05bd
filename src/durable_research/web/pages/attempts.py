"""The attempts of a workflow for its page: one row each, but all polls of one wait for a provider are one row."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from durable_research.catalogue import step_label
from durable_research.domain.wording import ATTEMPT_EVENTS, event_words
from durable_research.domain.workflows.events import AttemptFailed, AttemptStarted, EventKind, Payload
from durable_research.domain.workflows.progress import ProgressEvent
from durable_research.domain.workflows.waits import ProviderWait, wait_after

# The colour of a row by the event that ends its attempt; its other events are notes beside the outcome.
_CLASSES: dict[EventKind, str] = {
    EventKind.ATTEMPT_COMPLETED: "done",
    EventKind.ATTEMPT_FAILED: "failed",
    EventKind.ATTEMPT_LOST: "lost",
    EventKind.ATTEMPT_HANDED_BACK: "lost",
    EventKind.ATTEMPT_CANCELLED: "cancelled",
}
# The events that change the rows: a live page reads the rows again after them.
KINDS = tuple(ATTEMPT_EVENTS)


@dataclass
class AttemptLine:
    """One attempt, or the polls of one wait from `number` to `last`, in words. `css_class` names its colour.

    `resumption` is its resumption, 0 until the workflow is resumed first.
    """

    step: str
    number: int
    worker: str
    started_at: datetime
    css_class: str = "running"
    outcome: str = "running"
    notes: list[str] = field(default_factory=list)
    seconds: float | None = None
    last: int = 0
    resumption: int = 0

    @property
    def label(self) -> str:
        """The step's name for people."""
        return step_label(self.step)

    @property
    def numbers(self) -> str:
        """The numbers of its attempts."""
        return f"{self.number} to {self.last}" if self.last > self.number else str(self.number)

    def add(self, event: ProgressEvent) -> None:
        """Add one more event of this attempt."""
        if event.kind not in ATTEMPT_EVENTS:
            return
        words = event_words(event.kind, event.data, _detail(event.payload))
        if event.kind not in _CLASSES:
            self.notes.append(words)
            return
        self.css_class, self.outcome = _CLASSES[event.kind], words
        # The next attempt notices a lost one, so the time of its real end is unknown.
        if event.kind is not EventKind.ATTEMPT_LOST:
            self.seconds = (event.at - self.started_at).total_seconds()


def attempt_lines(events: Sequence[ProgressEvent]) -> list[AttemptLine]:
    """Every attempt in the log, in the order of their starts; a poll under way joins the row of its wait."""
    rows = _Rows()
    for event in events:
        rows.add(event)
    return list(rows.lines.values())


@dataclass
class _Rows:
    """`waits` and `of_wait` are the steps' open waits and their rows; `unclassified` are attempts that may become polls."""

    lines: dict[tuple[str, int], AttemptLine] = field(default_factory=dict)
    waits: dict[str, ProviderWait] = field(default_factory=dict)
    of_wait: dict[str, AttemptLine] = field(default_factory=dict)
    unclassified: dict[tuple[str, int], AttemptLine] = field(default_factory=dict)
    resumption: int = 0

    def add(self, event: ProgressEvent) -> None:
        if event.kind is EventKind.RESUMED:
            self.resumption = event.attempt
        if event.kind in {EventKind.CLOSED, EventKind.RESUMED} or event.is_undo:
            for step in list(self.waits):
                self._end_wait(step)
        key = (event.step, event.attempt)
        payload = event.payload
        if isinstance(payload, AttemptStarted):
            worker = payload.worker or "unknown"
            begun = AttemptLine(event.step, event.attempt, worker, event.at, resumption=self.resumption)
            (self.unclassified if event.step in self.waits else self.lines)[key] = begun
        elif isinstance(payload, AttemptFailed) and payload.is_waiting:
            self._add_poll(key, event, payload)
        else:
            self._add_other(key, event)

    def _add_poll(self, key: tuple[str, int], event: ProgressEvent, failed: AttemptFailed) -> None:
        """The provider was busy or unreachable: the step's wait begins, or continues."""
        poll = self.unclassified.pop(key, None) or self.lines.get(key)
        if poll is None:
            return
        wait = wait_after(self.waits.get(event.step), event.kind, event.at, failed)
        row = self.of_wait.setdefault(event.step, poll)
        if key in self.lines and row is not poll:  # it has a row of its own, as it was more than a poll
            poll.add(event)
        if wait:
            self.waits[event.step] = wait
            row.outcome = f"{wait.words}: {_detail(failed)}"
        row.css_class, row.last, row.worker = "waiting", event.attempt, poll.worker
        row.seconds = (event.at - row.started_at).total_seconds()

    def _add_other(self, key: tuple[str, int], event: ProgressEvent) -> None:
        """An attempt that was more than a poll has a row of its own."""
        if key in self.unclassified:
            self.lines[key] = self.unclassified.pop(key)
        if line := self.lines.get(key):
            line.add(event)
        wait = self.waits.get(event.step)
        is_final = isinstance(event.payload, AttemptFailed) and event.payload.final
        if wait and (is_final or wait_after(wait, event.kind, event.at, event.payload) is None):
            self._end_wait(event.step)

    def _end_wait(self, step: str) -> None:
        wait, row = self.waits.pop(step), self.of_wait.pop(step)
        row.css_class, row.outcome = "lost", f"{wait.words_when_over}: {wait.last_error['detail']}"


def _detail(payload: Payload) -> str:
    error = payload.error if isinstance(payload, AttemptFailed) else None
    return error["detail"] if error else "no reason was given"
