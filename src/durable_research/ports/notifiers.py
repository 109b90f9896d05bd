"""Telling people."""

from dataclasses import dataclass
from typing import Protocol

from durable_research.domain.effects import ProviderClass
from durable_research.ports.remote import RemoteEffect


@dataclass(frozen=True)
class Notification:
    """What is told when a report is ready: ids, a title and links; no report text."""

    workflow_id: str
    title: str
    status: str
    url: str


@dataclass(frozen=True)
class Delivery:
    """A notification that the receiver accepted."""

    reference: str


class Notifier(Protocol):
    """One channel. The effect's key is the message's id, so that receivers can drop repeats."""

    channel: str
    provider_class: ProviderClass

    def prepare(self, notification: Notification) -> RemoteEffect[Delivery]:
        """Make the effect of this notification."""
        ...
