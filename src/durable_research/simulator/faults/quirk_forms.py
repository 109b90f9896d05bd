"""The form of an entry in the table of quirks, and how it changes a normal answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from durable_research.simulator.faults.quirk_edits import Edit, Rewrite
from durable_research.simulator.generation.generation import Outcome
from durable_research.simulator.generation.streaming import EVENT_STREAM, NEWLINES, Framing, SentEvent, Timed

Json = dict[str, Any]
Api = Literal["chat", "responses", "embeddings", "conversations", "stored_list"]

TEXT: frozenset[Api] = frozenset({"chat", "responses"})
PAID: frozenset[Api] = TEXT | {"embeddings"}


@dataclass(frozen=True)
class Replacement:
    """The answer that replaces the normal one, unbilled."""

    status: int
    body: Json | str
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Quirk:
    """One quirk. `source` names the server and the report of it; `if_field` limits it to requests that have the field."""

    description: str
    source: str
    apis: frozenset[Api]
    replacement: Replacement | None = None
    if_field: str | None = None
    outcome: Outcome = "complete"
    edits: tuple[Edit, ...] = ()
    rewrites: tuple[Rewrite, ...] = ()
    framing: Framing = NEWLINES
    content_type: str = EVENT_STREAM
    reports_usage: bool = False  # also when the request does not include it
    ignores_stream: bool = False
    ignores_filter: bool = False
    loses_call: bool = False  # cuts the connection in mid-answer; a later request does not find the call
    first_byte_delay_seconds: float = 0.0  # from acceptance to the first byte
    chunk_seconds: float = 0.0  # between two chunks of the text

    @property
    def is_billed(self) -> bool:
        """Whether a call with this quirk is accepted, and so billed."""
        return self.replacement is None and bool(self.apis & PAID)

    def payload(self, sent: Json) -> Json:
        """Edit one JSON object of the answer."""
        for edit in self.edits:
            sent = edit(sent)
        return sent

    def rewritten(self, events: list[SentEvent]) -> list[SentEvent]:
        """Rewrite the events of a stream; their objects are not edited yet."""
        for rewrite in self.rewrites:
            events = rewrite(events)
        return events

    def timed(self, events: list[SentEvent]) -> list[Timed]:
        """The stream's bytes, its objects edited."""
        edited = [one if one.block else SentEvent(one.moment, self.payload(one.data), one.is_named) for one in events]
        return self.framing.timed(edited)


NORMAL = Quirk("", "", frozenset())
