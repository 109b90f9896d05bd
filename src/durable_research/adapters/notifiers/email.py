"""E-mail over SMTP: nothing can be asked, so the one moment that matters is the reply to the final dot."""

import contextlib
import ipaddress
from collections.abc import Sequence
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import localtime
from urllib.parse import SplitResult, unquote, urlsplit

import aiosmtplib

from durable_research.domain.effects import ProviderClass
from durable_research.domain.errors import Ambiguous, NotificationFailed, NotificationRefused, StepFailed
from durable_research.ports.notifiers import Delivery, Notification
from durable_research.ports.remote import RemoteEffect

_TIMEOUT_SECONDS = 10.0
_PORTS = {"smtp": 25, "smtps": 465}
# Old servers pass seven bits only; this way the text arrives through all of them.
_POLICY = SMTP_POLICY.clone(cte_type="7bit")


class EmailNotifier:
    """Sends to the operator's addresses. The Message-ID is the effect's key, which some receivers drop repeats by.

    `url` is `smtp://user:password@host:port` (STARTTLS when the server offers it, and always with a password that leaves this
    machine) or `smtps://…`.
    """

    channel = "email"
    provider_class = ProviderClass.NOTHING
    settle_seconds = 0.0

    def __init__(self, url: str, sender: str, recipients: Sequence[str]) -> None:
        self._server = urlsplit(url)
        self._sender = sender
        self._recipients = tuple(recipients)

    def prepare(self, notification: Notification) -> "Letter":
        """Make the effect."""
        return Letter(self._server, self._sender, self._recipients, notification)


class Letter(RemoteEffect[Delivery]):
    """One message to all recipients."""

    def __init__(
        self, server: SplitResult, sender: str, recipients: tuple[str, ...], notification: Notification
    ) -> None:
        self._server = server
        self._sender = sender
        self._recipients = recipients
        self._notification = notification

    async def send(self, key: str, anchor: str | None) -> str:
        """Send it; a recipient who is refused refuses it for all, before any text is sent."""
        message = self._message(key)
        client = _client(self._server)
        try:
            try:
                await client.connect()
                await client.mail(self._sender)
                for recipient in self._recipients:
                    await client.rcpt(recipient)
            except (aiosmtplib.SMTPException, OSError) as cause:
                raise _answered(cause) from cause
            try:
                await client.data(message.as_bytes())
            except aiosmtplib.SMTPDataError as cause:
                raise _answered(cause) from cause
            except (aiosmtplib.SMTPException, OSError) as cause:
                raise Ambiguous("the mail server did not say whether it took the message") from cause
        finally:
            # Taken is taken, whatever becomes of the goodbye.
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                await client.quit(timeout=1.0)
            client.close()
        return str(message["Message-ID"])

    async def collect(self, reference: str) -> Delivery:
        """The 250 was the receipt."""
        return Delivery(reference)

    def _message(self, key: str) -> EmailMessage:
        note = self._notification
        # One line without control characters: a title is a person's or a model's text, and a header ends at a newline.
        title = " ".join("".join(char if char.isprintable() else " " for char in note.title).split())
        message = EmailMessage(policy=_POLICY)
        message["Message-ID"] = f"<{key}@{self._sender.rpartition('@')[2]}>"
        message["Date"] = localtime()
        message["From"] = self._sender
        message["To"] = ", ".join(self._recipients)
        message["Subject"] = f"{_subject(note)}: {title}"
        message["Auto-Submitted"] = "auto-generated"
        message["X-Effect-Key"] = key
        message.set_content(f"{title}\n\n{note.url}\n\n{_news(note)}\n")
        return message


def _subject(note: Notification) -> str:
    if note.approval:
        return "Reminder: your approval is asked for" if note.approval.is_reminder else "Your approval is asked for"
    return "Your report is ready"


def _news(note: Notification) -> str:
    if note.approval:
        return f"Report {note.workflow_id} waits for you: {note.approval.words}."
    return f"Report {note.workflow_id} is {note.status}."


def _client(server: SplitResult) -> aiosmtplib.SMTP:
    user, password = (unquote(part) if part else None for part in (server.username, server.password))
    host = server.hostname or "localhost"
    is_tls = server.scheme == "smtps"
    # A password in the clear, because somebody on the way hid the server's STARTTLS, must not happen.
    start_tls = True if password and not is_tls and not _is_here(host) else None
    return aiosmtplib.SMTP(
        hostname=host,
        port=server.port or _PORTS.get(server.scheme, 25),
        username=user,
        password=password,
        use_tls=is_tls,
        start_tls=False if is_tls else start_tls,
        timeout=_TIMEOUT_SECONDS,
    )


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _answered(cause: Exception) -> StepFailed:
    """What the server's words mean; its text is not shown, as it may quote addresses."""
    code = getattr(cause, "code", None)
    if code is None:
        return NotificationFailed(f"the mail server did not answer ({type(cause).__name__})")
    words = f"the mail server answered {code}"
    return NotificationRefused(words) if 500 <= code < 600 else NotificationFailed(words)
