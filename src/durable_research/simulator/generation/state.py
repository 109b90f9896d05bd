"""The provider's stored state: accepted calls, conversations, deliveries. It survives restarts, as a real provider's does."""

import asyncio
import contextlib
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from durable_research.simulator.generation.generation import Generation, answer
from durable_research.simulator.journal import Journal


class Conversation(BaseModel):
    """A conversation as it was opened; its later messages are found through its responses."""

    model_config = ConfigDict(frozen=True)

    id: str
    created: float
    metadata: dict[str, str] = {}
    items: list[dict[str, Any]] = []


class AddedItems(BaseModel):
    """Items added to a conversation by a separate request, after it was opened."""

    model_config = ConfigDict(frozen=True)

    conversation: str
    at: float
    items: list[dict[str, Any]]


class Delivery(BaseModel):
    """One webhook as it arrived."""

    model_config = ConfigDict(frozen=True)

    at: str
    id: str
    name: str | None
    key: str | None
    repeat: bool
    headers: dict[str, str]
    body: str


class Mail(BaseModel):
    """One message as the mail server accepted it."""

    model_config = ConfigDict(frozen=True)

    at: str
    id: str
    key: str | None
    message_id: str | None
    repeat: bool
    sender: str
    recipients: list[str]
    headers: dict[str, str]
    body: str


class SlackMessage(BaseModel):
    """One message of a Slack channel; `ts` is its id there."""

    model_config = ConfigDict(frozen=True)

    ts: str
    channel: str
    text: str
    blocks: list[dict[str, Any]] = []
    metadata: dict[str, Any] | None = None

    @property
    def key(self) -> str | None:
        payload = (self.metadata or {}).get("event_payload")
        key = payload.get("effect_key") if isinstance(payload, dict) else None
        return key if isinstance(key, str) else None


class State:
    """All state in memory, and as an append-only log of changes, which is replayed at start."""

    def __init__(self, path: Path) -> None:
        self.generations: dict[str, Generation] = {}
        self.conversations: dict[str, Conversation] = {}
        self.deliveries: list[Delivery] = []
        self.added_to: dict[str, list[AddedItems]] = defaultdict(list)
        self.mails: list[Mail] = []
        self.slack: dict[tuple[str, str], SlackMessage] = {}
        self.by_idempotency_key: dict[str, str] = {}
        self._stopped_at: dict[str, float] = {}
        self._stop_signals: dict[str, asyncio.Event] = {}
        self._by_conversation: dict[str, list[str]] = defaultdict(list)
        self._journal = Journal(path)
        for entry in self._journal.entries():
            self._apply(entry["what"], entry["value"])

    def now(self) -> float:
        # The wall clock, not the monotonic one: progress continues across restarts.
        return time.time()

    def register(self, generation: Generation) -> None:
        """Add a call in memory; it survives a restart only after `persist`."""
        self.generations[generation.id] = generation
        if generation.conversation:
            self._by_conversation[generation.conversation].append(generation.id)
        if generation.idempotency_key:
            self.by_idempotency_key[generation.idempotency_key] = generation.id

    def persist(self, generation: Generation) -> None:
        if generation.store:
            self._append("generation", generation.model_dump(mode="json"))

    def stopped_at(self, generation_id: str) -> float | None:
        return self._stopped_at.get(generation_id)

    def is_finished(self, generation: Generation) -> bool:
        return self.stopped_at(generation.id) is not None or self.now() >= generation.done_at

    def stop(self, generation: Generation) -> None:
        """Stop a generation at its present length; a finished one is unchanged."""
        if self.is_finished(generation):
            return
        self._stopped_at[generation.id] = self.now()
        if signal := self._stop_signals.get(generation.id):
            signal.set()
        if generation.store:
            self._append("stop", {"id": generation.id, "at": self._stopped_at[generation.id]})

    async def wait(self, generation: Generation, until: float) -> None:
        """Wait until a moment, or until the generation is stopped before it."""
        signal = self._stop_signals.setdefault(generation.id, asyncio.Event())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(until - self.now()):
                await signal.wait()

    def open_conversation(self, conversation: Conversation) -> None:
        self.conversations[conversation.id] = conversation
        self._append("conversation", conversation.model_dump(mode="json"))

    def add_items(self, added: AddedItems) -> None:
        self.added_to[added.conversation].append(added)
        self._append("items", added.model_dump(mode="json"))

    def is_locked(self, conversation_id: str) -> bool:
        return any(not self.is_finished(self.generations[id]) for id in self._by_conversation[conversation_id])

    def answered_in(self, conversation_id: str) -> list[Generation]:
        """The generations of this conversation that ended with an answer, oldest first."""
        found = [self.generations[id] for id in self._by_conversation[conversation_id]]
        return [
            one
            for one in found
            if self.stopped_at(one.id) is None and self.now() >= one.done_at and answer(one).final_status != "failed"
        ]

    def receive(self, delivery: Delivery) -> None:
        self.deliveries.append(delivery)

    def persist_delivery(self, delivery: Delivery) -> None:
        self._append("delivery", delivery.model_dump(mode="json"))

    def add_mail(self, mail: Mail) -> None:
        self.mails.append(mail)
        self._append("mail", mail.model_dump(mode="json"))

    def post(self, message: SlackMessage) -> None:
        self.slack[message.channel, message.ts] = message
        self._append("slack", message.model_dump(mode="json"))

    def delete_slack_message(self, message: SlackMessage) -> None:
        self.slack.pop((message.channel, message.ts), None)
        self._append("slack_deleted", message.model_dump(mode="json"))

    def _append(self, kind: str, value: dict[str, Any]) -> None:
        # Not synced: it must survive a killed process; only the billing log must survive a crash of the machine.
        self._journal.append({"what": kind, "value": value}, sync=False)

    def _apply(self, kind: str, value: dict[str, Any]) -> None:
        match kind:
            case "generation":
                self.register(Generation.model_validate(value))
            case "stop":
                self._stopped_at[value["id"]] = value["at"]
            case "conversation":
                conversation = Conversation.model_validate(value)
                self.conversations[conversation.id] = conversation
            case "delivery":
                self.deliveries.append(Delivery.model_validate(value))
            case "items":
                added = AddedItems.model_validate(value)
                self.added_to[added.conversation].append(added)
            case "mail":
                self.mails.append(Mail.model_validate(value))
            case "slack":
                message = SlackMessage.model_validate(value)
                self.slack[message.channel, message.ts] = message
            case "slack_deleted":
                self.slack.pop((value["channel"], value["ts"]), None)
