"""Notifying people."""

from dataclasses import dataclass
from typing import Protocol

from durable_research.domain.ledger.effects import ProviderClass
from durable_research.domain.requests.notice import Notice
from durable_research.domain.workflows.approval import ApprovalNotice
from durable_research.ports.vendors.remote import RemoteEffect


@dataclass(frozen=True)
class Notification:
    """The message that a report is ready or waits for `approval`, or a `notice`: ids, a title and links; no report text.

    `to` is the requested channel.
    """

    workflow_id: str
    title: str
    status: str
    url: str
    to: str = ""
    approval: ApprovalNotice | None = None
    notice: Notice | None = None

    @property
    def occasion(self) -> str:
        """The reason of the notification, for machines."""
        if self.approval:
            return self.approval.occasion.value
        return self.notice.kind.value if self.notice else "done"


@dataclass(frozen=True)
class Delivery:
    """A notification that the receiver accepted; `left_out` are the recipients for whom it refused, each with the reason."""

    reference: str
    left_out: tuple[str, ...] = ()


class Notifier(Protocol):
    """One channel. The effect's key is the message's id, so that receivers can drop repeats.

    `settle_seconds` is how long the receiver may take to show a send to a look-up; 0 where it offers no look-up.
    """

    channel: str
    provider_class: ProviderClass
    settle_seconds: float

    def prepare(self, notification: Notification) -> RemoteEffect[Delivery]:
        """Make the effect of this notification."""
        ...
