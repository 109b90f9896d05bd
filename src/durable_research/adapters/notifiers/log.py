"""The channel that is always available: one log line."""

from durable_research.domain.ledger.effects import ProviderClass
from durable_research.ports.vendors.notifiers import Delivery, Notification
from durable_research.ports.vendors.remote import RemoteEffect
from durable_research.telemetry import logs

_EVENTS = {
    "done": logs.NOTIFIED,
    "approval_asked": logs.APPROVAL_REQUESTED,
    "approval_reminded": logs.APPROVAL_REMINDED,
    "failed": logs.REPORT_FAILED,
    "decision_asked": logs.DECISION_REQUESTED,
}


class LogNotifier:
    """Writes the notification into the worker's log; a repeat is the same line with the same id."""

    channel = "log"
    provider_class = ProviderClass.KEYED
    settle_seconds = 0.0

    def prepare(self, notification: Notification) -> "LogLine":
        return LogLine(notification)


class LogLine(RemoteEffect[Delivery]):
    """One line."""

    def __init__(self, notification: Notification) -> None:
        self._notification = notification

    async def send(self, key: str, handle: str | None) -> str:
        """Write the line; ids only, as the title is a person's text."""
        note = self._notification
        logs.emit(_EVENTS[note.occasion], report_id=note.workflow_id, key=key)
        return key

    async def collect(self, reference: str) -> Delivery:
        """Return at once: the line is written."""
        return Delivery(reference)
