"""A step's wait for a provider that is busy or cannot be reached, folded from the events of the step.

It begins with the first such failure and ends with any other answer of the provider; dead workers, drains and failures of our
own infrastructure neither begin nor end it. So it survives everything that the log survives.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from durable_research.domain.errors import InfrastructureDown
from durable_research.domain.shapes import FailureBody
from durable_research.domain.workflows.events import AttemptFailed, EventKind, Payload
from durable_research.domain.workflows.progress import ProgressEvent, since_resumed

_CANNOT_ASK: FailureBody = {"code": "", "detail": "the provider cannot be asked"}


@dataclass(frozen=True)
class ProviderWait:
    """Since when a step waits, how often it has polled, until when it waits, and the last poll's error."""

    since: datetime
    polls: int
    until: datetime
    last_error: FailureBody

    @property
    def words(self) -> str:
        """The wait as a person reads it while it lasts."""
        return f"waits since {_clock(self.since)} UTC, {self._polls_in_words}, goes on until {self._until} UTC"

    @property
    def words_when_over(self) -> str:
        """The same when it has ended."""
        return f"waited since {_clock(self.since)} UTC, {self._polls_in_words}"

    @property
    def _polls_in_words(self) -> str:
        return "looked once" if self.polls == 1 else f"looked {self.polls} times"

    @property
    def _until(self) -> str:
        is_same_day = self.until.astimezone(UTC).date() == self.since.astimezone(UTC).date()
        return _clock(self.until) if is_same_day else f"{self.until.astimezone(UTC):%Y-%m-%d %H:%M}"


def _clock(at: datetime) -> str:
    return f"{at.astimezone(UTC):%H:%M}"


def wait_after(wait: ProviderWait | None, kind: EventKind, at: datetime, payload: Payload) -> ProviderWait | None:
    """The step's wait after one more event of the step; None when it does not wait."""
    if kind in {
        EventKind.PROVIDER_ANSWERED,
        EventKind.ATTEMPT_COMPLETED,
        EventKind.ATTEMPT_CANCELLED,
        EventKind.RESUMED,
    }:
        return None
    if not isinstance(payload, AttemptFailed):
        return wait
    error = payload.error or _CANNOT_ASK
    # A worker's death before the engine has this failure must not begin another wait; a person's decision does.
    if payload.wait_left_seconds is not None and not payload.asks_a_person:
        until = at + timedelta(seconds=payload.wait_left_seconds)
        return ProviderWait(wait.since if wait else at, wait.polls + 1 if wait else 1, until, error)
    return wait if error["code"] == InfrastructureDown.code else None


def provider_wait(events: Sequence[ProgressEvent]) -> tuple[str, ProviderWait] | None:
    """The step that waits for its provider now, and its wait; None after the outcome or during compensation."""
    waits: dict[str, ProviderWait | None] = {}
    for event in events:
        if event.kind is EventKind.CLOSED or event.is_undo:
            waits.clear()
        elif event.step:
            waits[event.step] = wait_after(waits.get(event.step), event.kind, event.at, event.payload)
    return next(((step, wait) for step, wait in waits.items() if wait), None)


def ended_waiting(events: Sequence[ProgressEvent]) -> bool:
    """Whether a step's wait for its provider ended unanswered, without a person's cancellation and without an undo."""
    events = since_resumed(events)
    if any(event.kind is EventKind.CANCEL_REQUESTED or event.is_undo for event in events):
        return False
    failed = [event.payload for event in events if isinstance(event.payload, AttemptFailed)]
    return bool(failed) and failed[-1].wait_left_seconds == 0 and not failed[-1].asks_a_person
