"""The table of spans: name, kind, attributes and meaning of each, once; and how code opens one. Standard library only.

`telemetry/otlp.py` makes OpenTelemetry's objects of it and sends them; until a process installs that, a span costs nothing. A
span's parent is a W3C `traceparent`, which is stored with an accepted workflow and passed on to its run and activities: a trace
holds together though another process starts the workflow later. Workflow code opens none: a replay would open it again.

Attributes are ids, numbers and words of ours, never what a person or a provider wrote; one that the span's row does not name is
not written.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from durable_research.telemetry import logs

AttributeValue = str | int | float | bool
_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})")
_SAMPLED = 1
# For `span`: below the span that is open here, if any. None begins a trace.
INHERITED = ""


class SpanKind(StrEnum):
    """The kind of a span, as OpenTelemetry names it."""

    SERVER = "server"
    CLIENT = "client"
    INTERNAL = "internal"


@dataclass(frozen=True)
class Attribute:
    """An attribute's public key and what it says."""

    key: str
    meaning: str


@dataclass(frozen=True)
class Span:
    """A row of the table; `{…}` in the name are attributes with few values."""

    name: str
    kind: SpanKind
    attributes: tuple[str, ...]
    meaning: str

    def name_of(self, attributes: Mapping[str, AttributeValue]) -> str:
        """The span's name, once its attributes are known."""
        return re.sub(r"\{(\w+)\}", lambda found: str(attributes.get(found[1], "none")), self.name)


ATTRIBUTES: Mapping[str, Attribute] = {
    "method": Attribute("http.request.method", "the request's method"),
    "route": Attribute("http.route", "the template of its address, never the address; `none` where there is none"),
    "status": Attribute("http.response.status_code", "the answer's status"),
    "request_id": Attribute("durable_research.request.id", "the request's id, as in the logs"),
    "workflow_id": Attribute("durable_research.workflow.id", "the workflow"),
    "workflow_kind": Attribute("durable_research.workflow.kind", "its kind"),
    "step": Attribute("durable_research.step", "the step"),
    "attempt": Attribute("durable_research.attempt", "our number of the attempt, as on the page and in the logs"),
    "worker": Attribute("durable_research.worker", "the worker's identity"),
    "end_unknown": Attribute(
        "durable_research.end_unknown",
        "`true`: the worker died; the span ends where the next attempt found that, and nobody knows when it really did",
    ),
    "effect_key": Attribute("durable_research.effect.key", "the effect's key, as in the ledger and at the provider"),
    "effect_kind": Attribute(
        "durable_research.effect.kind", "what is sent: a model call, an embedding, a notification"
    ),
    "provider_class": Attribute(
        "durable_research.effect.provider_class", "how an unresolved send can be resolved: `K`, `R`, `L` or `N`"
    ),
    "error": Attribute("error.type", "why it failed: our error's code, else the kind of the exception, or the status"),
}
_OF_EFFECT = ("effect_key", "effect_kind", "provider_class", "workflow_id", "step", "error")

HTTP_REQUEST = Span(
    "{method} {route}",
    SpanKind.SERVER,
    ("method", "route", "status", "request_id", "error"),
    "a request to pages or API",
)
WORKFLOW_START = Span(
    "workflow.start",
    SpanKind.CLIENT,
    ("workflow_id", "workflow_kind", "error"),
    "Temporal is given an accepted workflow; below it is all that the workflow does",
)
STEP_ATTEMPT = Span(
    "attempt {step}",
    SpanKind.INTERNAL,
    ("workflow_id", "step", "attempt", "worker", "end_unknown", "error"),
    "one attempt at a step; that of a worker that died is written by the next one",
)
PROVIDER_HANDLE = Span(
    "provider.handle", SpanKind.CLIENT, _OF_EFFECT, "a free handle is made, on which a send can be found"
)
PROVIDER_SEND = Span(
    "provider.send", SpanKind.CLIENT, _OF_EFFECT, "a model call or embedding is sent, until it is accepted"
)
NOTIFICATION_SEND = Span("notification.send", SpanKind.CLIENT, _OF_EFFECT, "a notification is sent")
PROVIDER_LOOK_UP = Span("provider.look_up", SpanKind.CLIENT, _OF_EFFECT, "an earlier send is looked up")
PROVIDER_REATTACH = Span(
    "provider.reattach", SpanKind.CLIENT, _OF_EFFECT, "an earlier attempt's accepted send is taken up"
)
PROVIDER_COLLECT = Span("provider.collect", SpanKind.CLIENT, _OF_EFFECT, "the answer to an accepted send is waited for")
PROVIDER_CANCEL = Span("provider.cancel", SpanKind.CLIENT, _OF_EFFECT, "an accepted send is stopped")

SPANS = tuple(one for one in globals().copy().values() if isinstance(one, Span))


class OpenSpan(Protocol):
    """A span that has begun; `traceparent` makes others its children."""

    traceparent: str | None

    def set(self, **attributes: AttributeValue) -> None:
        """Add attributes of the span's row."""
        ...

    def discard(self) -> None:
        """Write nothing of it: for what is tried each second until it succeeds."""
        ...


class Tracer(Protocol):
    """Writes spans. With an `identity`, the span's id is made of that: whoever writes it, it is the same span."""

    def open(
        self, span: Span, attributes: Mapping[str, AttributeValue], parent: str | None, identity: str
    ) -> AbstractContextManager[OpenSpan]:
        """Begin a span, which ends with the block."""
        ...

    def record(
        self,
        span: Span,
        attributes: Mapping[str, AttributeValue],
        parent: str | None,
        identity: str,
        times: tuple[datetime, datetime],
    ) -> None:
        """Write a span that somebody else began."""
        ...


class _NotTraced:
    """What `span` yields where traces are off."""

    traceparent: str | None = None

    def set(self, **attributes: AttributeValue) -> None:
        """Do nothing."""

    def discard(self) -> None:
        """Do nothing."""


_NOT_TRACED = _NotTraced()
# A process has one, as it has one set of loggers.
_installed: list[Tracer] = []
_current: ContextVar[str | None] = ContextVar("traceparent", default=None)


@contextmanager
def installed(tracer: Tracer | None) -> Iterator[None]:
    """Write the spans of this process by the tracer, or none, until the block ends."""
    _installed[:] = [tracer] if tracer else []
    try:
        yield
    finally:
        _installed.clear()


@contextmanager
def span(
    row: Span, /, *, parent: str | None = INHERITED, identity: str = "", **attributes: AttributeValue
) -> Iterator[OpenSpan]:
    """Open a span until the block ends; log lines within it have its trace id."""
    if not _installed:
        yield _NOT_TRACED
        return
    above = current_traceparent() if parent == INHERITED else parent
    with _installed[0].open(row, attributes, above, identity) as opened:
        token = _current.set(opened.traceparent)
        try:
            with logs.context(trace_id=trace_id_of(opened.traceparent)):
                yield opened
        finally:
            _current.reset(token)


def record(
    row: Span,
    times: tuple[datetime, datetime],
    /,
    *,
    parent: str | None = None,
    identity: str = "",
    **attributes: AttributeValue,
) -> None:
    """Write a span that began and ended at these times."""
    if _installed:
        _installed[0].record(row, attributes, parent, identity, times)


def current_traceparent() -> str | None:
    """The `traceparent` of the span that is open here; None where traces are off."""
    return _current.get()


def current_trace_id() -> str | None:
    """The id of the trace to which this place belongs, if it is written."""
    return trace_id_of(_current.get())


def valid_traceparent(text: str | None) -> str | None:
    """The text, if it is a `traceparent`."""
    return text if text is not None and _TRACEPARENT.fullmatch(text) else None


def trace_id_of(traceparent: str | None) -> str | None:
    """The id of a trace that is written; None where the sampler has left it out, or for anything else."""
    found = _TRACEPARENT.fullmatch(traceparent or "")
    return found[1] if found and int(found[2], 16) & _SAMPLED else None
