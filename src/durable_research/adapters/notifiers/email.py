"""E-mail over SMTP: there is no look-up, so the reply to the final dot decides alone."""

import contextlib
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import localtime
from urllib.parse import SplitResult, unquote, urlsplit

import aiosmtplib

from durable_research.domain.errors import Ambiguous, NotificationFailed, NotificationRefused, StepFailed
from durable_research.domain.ledger.effects import ProviderClass
from durable_research.domain.requests.mailboxes import Mailbox, mailboxes
from durable_research.domain.requests.notice import NoticeKind
from durable_research.ports.vendors.notifiers import Delivery, Notification
from durable_research.ports.vendors.remote import RemoteEffect
from durable_research.telemetry import logs

_TIMEOUT_SECONDS = 10.0
_PORTS = {"smtp": 25, "smtps": 465}
# Old servers pass on seven bits only; with this encoding the text arrives through all of them.
_POLICY = SMTP_POLICY.clone(cte_type="7bit")
_EXTENSION = "SMTPUTF8"


class EmailNotifier:
    """Sends to the operator's addresses. The Message-ID is the effect's key, by which some receivers drop repeats.

    `url` is `smtp://user:password@host:port` (STARTTLS when the server offers it, and always with a password that leaves this
    machine) or `smtps://…`. `sender` may have a name before it.
    """

    channel = "email"
    provider_class = ProviderClass.NOTHING
    settle_seconds = 0.0

    def __init__(self, url: str, sender: str, recipients: Sequence[str]) -> None:
        self._server = urlsplit(url)
        (self._sender,) = mailboxes(sender)
        self._recipients = mailboxes(", ".join(recipients))

    def prepare(self, notification: Notification) -> "Letter":
        return Letter(self._server, self._sender, self._recipients, notification)


class Letter(RemoteEffect[Delivery]):
    """One message to all recipients, or to those that the server accepts.

    A non-ASCII address is in the envelope alone. So every server can pass on the message, and a later server that cannot
    handle such an address returns it for that address and not for the others.
    """

    def __init__(
        self, server: SplitResult, sender: Mailbox, recipients: tuple[Mailbox, ...], notification: Notification
    ) -> None:
        self._server = server
        self._sender = sender
        self._recipients = recipients
        self._notification = notification
        self._left_out: tuple[str, ...] = ()

    async def send(self, key: str, handle: str | None) -> str:
        """Send it; nothing is sent when the server accepts none of the recipients.

        Raises:
            NotificationFailed: the server was not reached, or refused the sender, all recipients or the text.
            Ambiguous: the server did not report whether it accepted the message.
        """
        message = self._message(key)
        client = _client(self._server)
        try:
            try:
                await client.connect()
                refused = await self._address(client)
            except (aiosmtplib.SMTPException, OSError) as cause:
                raise _answered(cause) from cause
            try:
                await client.data(message.as_bytes())
            except aiosmtplib.SMTPDataError as cause:
                raise _answered(cause) from cause
            except (aiosmtplib.SMTPException, OSError) as cause:
                raise Ambiguous("the mail server did not say whether it took the message") from cause
        finally:
            # An accepted message stays accepted, even if the QUIT fails.
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                await client.quit(timeout=1.0)
            client.close()
        self._left_out = tuple(str(one) for one in refused)
        for one in self._left_out:
            # The others have the message, so there is no retry: the operator has to correct the address.
            logs.emit(logs.RECIPIENT_SKIPPED, workflow_id=self._notification.workflow_id, recipient=one)
        return str(message["Message-ID"])

    async def collect(self, reference: str) -> Delivery:
        """Return at once: the 250 was the receipt."""
        return Delivery(reference, self._left_out)

    async def _address(self, client: aiosmtplib.SMTP) -> "list[_Refused]":
        """Send the envelope, and return the recipients that the server refuses."""
        offers = await _offers_utf8(client)
        needs = [one for one in (self._sender, *self._recipients) if one.needs_utf8]
        if self._sender.needs_utf8 and not offers:
            raise NotificationRefused(
                f"the mail server does not offer {_EXTENSION}, which {self._sender.address} needs"
            )
        await client.mail(self._sender.address, options=[_EXTENSION] if needs and offers else [], encoding="utf-8")
        refused = []
        for recipient in self._recipients:
            if recipient.needs_utf8 and not offers:
                refused.append(
                    _Refused(recipient.address, f"the mail server does not offer {_EXTENSION}, which it needs")
                )
                continue
            try:
                await client.rcpt(recipient.address, encoding="utf-8")
            except aiosmtplib.SMTPRecipientRefused as cause:
                permanent = 500 <= cause.code < 600
                refused.append(_Refused(recipient.address, f"the mail server answered {cause.code}", permanent))
        if len(refused) == len(self._recipients):
            words = "; ".join(map(str, refused))
            raise NotificationRefused(words) if all(one.permanent for one in refused) else NotificationFailed(words)
        return refused

    def _message(self, key: str) -> EmailMessage:
        note = self._notification
        # One line without control characters: a title is a person's or a model's text, and a header ends at a newline.
        title = " ".join("".join(char if char.isprintable() else " " for char in note.title).split())
        # A non-ASCII sender is in a header, which then only servers with the extension can pass on.
        message = EmailMessage(policy=_POLICY.clone(utf8=self._sender.needs_utf8))
        message["Message-ID"] = f"<{key}@{self._sender.domain}>"
        message["Date"] = localtime()
        message["From"] = _header(self._sender)
        message["To"] = [_header(one) for one in self._recipients if not one.needs_utf8] or "undisclosed-recipients:;"
        message["Subject"] = f"{_subject(note)}: {title}"
        message["Auto-Submitted"] = "auto-generated"
        message["X-Effect-Key"] = key
        message.set_content(f"{title}\n\n{note.url}\n\n{_news(note)}\n")
        return message


@dataclass(frozen=True)
class _Refused:
    """One refused address, and the reason."""

    address: str
    why: str
    permanent: bool = True

    def __str__(self) -> str:
        return f"{self.address} ({self.why})"


def _header(mailbox: Mailbox) -> Address:
    return Address(mailbox.name, username=mailbox.unquoted, domain=mailbox.domain)


async def _offers_utf8(client: aiosmtplib.SMTP) -> bool:
    if client.is_ehlo_or_helo_needed:
        try:
            await client.ehlo()
        except aiosmtplib.SMTPHeloError:
            return False  # an old server, for which the next command sends HELO
    return client.supports_extension(_EXTENSION)


def _subject(note: Notification) -> str:
    if note.approval:
        return "Reminder: your approval is asked for" if note.approval.is_reminder else "Your approval is asked for"
    if note.notice:
        return "Your report failed" if note.notice.kind is NoticeKind.FAILED else "Your decision is asked for"
    return "Your report is ready"


def _news(note: Notification) -> str:
    if note.approval:
        return f"Report {note.workflow_id} waits for you: {note.approval.words}."
    if note.notice:
        return f"Of report {note.workflow_id}: {note.notice.words}."
    return f"Report {note.workflow_id} is {note.status}."


def _client(server: SplitResult) -> aiosmtplib.SMTP:
    user, password = (unquote(part) if part else None for part in (server.username, server.password))
    host = server.hostname or "localhost"
    is_tls = server.scheme == "smtps"
    # A password must never travel in the clear because an attacker on the way hid the server's STARTTLS.
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
    """Classify the server's answer; its text is not shown, as it may quote addresses."""
    code = getattr(cause, "code", None)
    if code is None:
        return NotificationFailed(f"the mail server did not answer ({type(cause).__name__})")
    words = f"the mail server answered {code}"
    return NotificationRefused(words) if 500 <= code < 600 else NotificationFailed(words)
