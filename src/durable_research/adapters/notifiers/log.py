"""The channel that is always there: one log line."""

from durable_research import telemetry
from durable_research.domain.effects import ProviderClass
from durable_research.ports.notifiers import Delivery, Notification
from durable_research.ports.remote import RemoteEffect


class LogNotifier:
    """Writes the notification into the worker's log; a repeat is the same line with the same id."""

    channel = "log"
    provider_class = ProviderClass.KEYED
    settle_seconds = 0.0

    def prepare(self, notification: Notification) -> "LogLine":
        """Make the effect."""
        return LogLine(notification)


class LogLine(RemoteEffect[Delivery]):
    """One line."""

    def __init__(self, notification: Notification) -> None:
        self._notification = notification

    async def send(self, key: str, anchor: str | None) -> str:
        """Write it; ids only, the title is a person's text."""
        note = self._notification
        event = telemetry.NOTIFIED
        if note.approval:
            event = telemetry.APPROVAL_REMINDED if note.approval.is_reminder else telemetry.APPROVAL_ASKED
        telemetry.get_logger().info(event, report_id=note.workflow_id, key=key)
        return key

    async def collect(self, reference: str) -> Delivery:
        """Nothing to wait for."""
        return Delivery(reference)
