"""The table of log events: name, level, fields and meaning of each, once; and how code emits one. Standard library only.

Events go through Python's own logging, so that one formatter (`telemetry/log_lines.py`) writes ours and those of libraries
alike; a second framework on top would need a bridge for the latter and give nothing that these few lines lack.

Values are ids, numbers and words of ours, never what a person or a provider wrote. A field that an event's row does not name is
not written.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType

Value = str | int | float | bool | None | tuple[str, ...]
LOGGER = "durable_research"


class Level(IntEnum):
    """How grave an event is: INFO is the usual course, WARNING what we coped with, ERROR what somebody must mend."""

    INFO = logging.INFO
    WARNING = logging.WARNING
    ERROR = logging.ERROR


@dataclass(frozen=True)
class LogEvent:
    """A row of the table; `name` is public and never changes."""

    name: str
    level: Level
    fields: tuple[str, ...]
    meaning: str


API_READY = LogEvent("api.ready", Level.INFO, ("url",), "the API listens")
WORKER_READY = LogEvent("worker.ready", Level.INFO, ("identity", "queues"), "the worker polls its task queues")
WORKER_DRAINING = LogEvent(
    "worker.draining", Level.INFO, ("identity",), "the worker stops polling and finishes its steps"
)
WORKER_STOPPED = LogEvent("worker.stopped", Level.INFO, ("identity",), "the worker has drained")
BEAT_FAILED = LogEvent(
    "worker.beat_failed", Level.WARNING, ("error",), "the worker could not write its sign of life; it tries again"
)
OBSERVING_FAILED = LogEvent(
    "observing.failed",
    Level.ERROR,
    ("error",),
    "what waits could not be read for its gauges, by an error of ours; it tries again",
)
ATTEMPT_FAILED = LogEvent("attempt.failed", Level.WARNING, ("code",), "an attempt at a step failed")
ATTEMPT_CRASHED = LogEvent(
    "attempt.crashed", Level.ERROR, (), "a mistake of ours ended an attempt; it counts as failed"
)
ATTEMPT_STALE = LogEvent(
    "attempt.stale",
    Level.WARNING,
    ("error",),
    "the end of a cancelled attempt was not written; the next attempt closes it",
)
LATE_SEND = LogEvent(
    "effect.stray", Level.WARNING, ("key",), "a send came after another attempt's; it was stopped and is counted"
)
UNRELATED_ANSWER_SKIPPED = LogEvent(
    "effect.stray_shown", Level.WARNING, ("key", "strays"), "the provider showed answers that belong to other sends"
)
EMBEDDING_FAILED = LogEvent("embedding.failed", Level.WARNING, ("error",), "a text could not be embedded late")
DRAFT_DROPPED = LogEvent(
    "draft.dropped", Level.INFO, ("drafts", "error"), "drafts were not shown while the database was away"
)
INFRASTRUCTURE_DOWN = LogEvent(
    "infrastructure.down", Level.INFO, ("what", "at", "error"), "something of ours does not answer; it is tried again"
)
ENGINE_UNREACHABLE = LogEvent(
    "engine.not_heard", Level.INFO, ("error",), "Temporal could not be given a start or cancellation; it is tried again"
)
REQUEST_ANSWERED = LogEvent(
    "request.answered",
    Level.INFO,
    ("method", "route", "status", "seconds", "client_request_id"),
    "a request that changes something, or that was refused, got its answer",
)
REQUEST_FAILED = LogEvent("request.failed", Level.ERROR, ("method", "route"), "a mistake of ours ended a request")
PAYLOADS_DECRYPTED = LogEvent(
    "payloads.opened", Level.INFO, ("count",), "sealed payloads were opened for Temporal's Web UI"
)
NOTIFIED = LogEvent("report.notified", Level.INFO, ("report_id", "key"), "channel `log`: the report is done")
REPORT_FAILED = LogEvent("report.failed", Level.INFO, ("report_id", "key"), "channel `log`: the report failed")
APPROVAL_REQUESTED = LogEvent(
    "report.approval_asked", Level.INFO, ("report_id", "key"), "channel `log`: a draft waits for approval"
)
APPROVAL_REMINDED = LogEvent(
    "report.approval_reminded", Level.INFO, ("report_id", "key"), "channel `log`: a draft still waits for approval"
)
DECISION_REQUESTED = LogEvent(
    "report.decision_asked", Level.INFO, ("report_id", "key"), "channel `log`: a person must decide about a send"
)
RECIPIENT_SKIPPED = LogEvent(
    "mail.recipient_left_out",
    Level.ERROR,
    ("recipient",),
    "the mail server refuses one recipient; the others have the mail",
)
TRACES_DROPPED = LogEvent(
    "traces.dropped",
    Level.WARNING,
    (),
    "the collector takes no spans; further ones are dropped without a line until it does",
)
LIBRARY_MESSAGE = LogEvent(
    "library.message",
    Level.WARNING,
    ("logger", "message"),
    "a library logged something; the level is the library's own, WARNING or above",
)

EVENTS = tuple(one for one in globals().copy().values() if isinstance(one, LogEvent))
# What a line has besides its event's fields, where there is such.
CONTEXT: Mapping[str, str] = {
    "role": "the process: `api`, or the worker's name",
    "worker": "the worker's identity",
    "workflow_id": "the workflow that the line is about",
    "step": "its step",
    "attempt": "our number of the attempt at the step",
    "request_id": "the request during which it happened, as in the answer's `X-Request-Id` and in every problem",
    "trace_id": "the trace that it belongs to, where traces are on",
}

_NOTHING: Mapping[str, Value] = MappingProxyType({})
_context: ContextVar[Mapping[str, Value]] = ContextVar("log_context", default=_NOTHING)


@contextmanager
def context(**fields: Value) -> Iterator[None]:
    """Add fields of `CONTEXT` to every line of the block and of the tasks that begin in it; None adds nothing."""
    token = _context.set({**_context.get(), **{name: value for name, value in fields.items() if value is not None}})
    try:
        yield
    finally:
        _context.reset(token)


def current_context() -> Mapping[str, Value]:
    """The fields that `context` adds at this place."""
    return _context.get()


def emit(event: LogEvent, /, *, exception: BaseException | None = None, **fields: Value) -> None:
    """Write one line. Fields are those of the event's row or of `CONTEXT`; None is left out, an exception named, not quoted."""
    logger = logging.getLogger(LOGGER)
    if logger.isEnabledFor(event.level):
        known = {*event.fields, *CONTEXT}
        named = {name: value for name, value in fields.items() if name in known and value is not None}
        line = {"event": event.name, "fields": {**current_context(), **named}}
        info = (type(exception), exception, exception.__traceback__) if exception else None
        logger.log(event.level, event.name, exc_info=info, extra={"of_event": line})
