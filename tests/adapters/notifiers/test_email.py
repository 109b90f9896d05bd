"""E-mail on the simulator's mail server: the gap between the final dot and its reply is the only one in the dark."""

import asyncio
import dataclasses
import email
import email.policy
import functools
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import httpx
import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from durable_research.adapters.notifiers.email import EmailNotifier
from durable_research.domain.errors import Ambiguous, NotificationFailed, NotificationRefused
from durable_research.domain.ledger.effects import ProviderClass
from durable_research.domain.requests.notice import Notice, NoticeKind
from durable_research.domain.workflows.approval import ApprovalNotice
from durable_research.domain.workflows.events import EventKind
from durable_research.ports.vendors.notifiers import Notification
from tests.installation import Installation

KEY = "a" * 64


@pytest.fixture
def note() -> Notification:
    topic = uuid.uuid4().hex
    return Notification(f"report-{topic}", f"Tides {topic}", "done", f"http://127.0.0.1/reports/{topic}")


@pytest.fixture
def notifier(servers: Installation) -> EmailNotifier:
    return EmailNotifier(servers.up["smtp"], "reports@example.org", ["one@example.org", "two@example.org"])


def received(servers: Installation, note: Notification) -> list[dict[str, Any]]:
    listed = httpx.get(f"{servers.up['simulator']}/sink/email").json()
    return [one for one in listed if note.workflow_id in one["body"]]


async def test_the_message_id_is_built_from_the_effect_key(
    notifier: EmailNotifier, servers: Installation, note: Notification
) -> None:
    reference = await notifier.prepare(note).send(KEY, None)

    assert reference == f"<{KEY}@example.org>"
    assert [(one["message_id"], one["recipients"]) for one in received(servers, note)] == [
        (reference, ["one@example.org", "two@example.org"])
    ]
    assert [line["key"] for line in servers.billing_log(note.title, kind="email")] == [KEY]


async def test_the_message_holds_the_reports_title_and_address(
    notifier: EmailNotifier, servers: Installation, note: Notification
) -> None:
    await notifier.prepare(dataclasses.replace(note, title="Gezeiten – 潮汐")).send(KEY, None)

    letter = received(servers, note)[0]
    assert letter["headers"]["subject"] == "Your report is ready: Gezeiten – 潮汐"
    assert note.url in letter["body"]


@pytest.mark.parametrize(
    ("occasion", "subject"),
    [
        (EventKind.APPROVAL_ASKED, "Your approval is asked for: Tides"),
        (EventKind.APPROVAL_REMINDED, "Reminder: your approval is asked for: Tides"),
    ],
)
async def test_a_draft_that_waits_for_approval_has_its_own_mail_text(
    notifier: EmailNotifier, servers: Installation, note: Notification, occasion: Any, subject: str
) -> None:
    approval = ApprovalNotice(occasion=occasion, before="before_pdf", expires_at=datetime(2026, 12, 1, 9, tzinfo=UTC))

    await notifier.prepare(dataclasses.replace(note, title="Tides", approval=approval)).send(KEY, None)

    [letter] = received(servers, note)
    assert letter["headers"]["subject"] == subject
    assert letter["body"].splitlines() == [
        "Tides",
        "",
        note.url,
        "",
        f"Report {note.workflow_id} waits for you: the draft is written; approve it to have it typeset, edit it or refuse "
        "(until 2026-12-01 09:00 UTC).",
    ]


@pytest.mark.parametrize("gap", ["\r\n", "\n", "\r", "\x00", "\u2028", "\x0b"])
async def test_a_title_with_line_breaks_adds_no_header(
    notifier: EmailNotifier, servers: Installation, note: Notification, gap: str
) -> None:
    await notifier.prepare(dataclasses.replace(note, title=f"Tides{gap}Bcc: all@example.org")).send(KEY, None)

    letter = received(servers, note)[0]
    assert "bcc" not in letter["headers"]
    assert letter["headers"]["subject"] == "Your report is ready: Tides Bcc: all@example.org"


@pytest.mark.parametrize(("fault", "error"), [("451", NotificationFailed), ("550", NotificationRefused)])
async def test_a_refused_message_is_a_failure_and_not_ambiguous(
    notifier: EmailNotifier, servers: Installation, note: Notification, fault: str, error: type[Exception]
) -> None:
    servers.simulator("faults", {"match": note.title, "fault": fault, "kind": "email"})

    with pytest.raises(NotificationFailed) as failure:
        await notifier.prepare(note).send(KEY, None)

    assert type(failure.value) is error
    assert received(servers, note) == []


async def test_a_message_whose_reply_is_lost_is_ambiguous(
    notifier: EmailNotifier, servers: Installation, note: Notification
) -> None:
    servers.simulator("faults", {"match": note.title, "fault": "cut", "kind": "email"})

    with pytest.raises(Ambiguous):
        await notifier.prepare(note).send(KEY, None)

    assert len(received(servers, note)) == 1


class Mails:
    """A mail server that stores envelopes, with or without SMTPUTF8; `answers` are those to some recipients."""

    def __init__(self, **answers: str) -> None:
        self._answers = answers
        self.received: list[tuple[list[str], list[str], EmailMessage]] = []

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self._answers.get(address.partition("@")[0], "250 OK")
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.original_content, bytes)
        message = email.message_from_bytes(envelope.original_content, _class=EmailMessage, policy=email.policy.default)
        self.received.append((envelope.mail_options, [str(one) for one in envelope.rcpt_tos], message))
        return "250 OK"

    @asynccontextmanager
    async def serve(self, *, utf8: bool) -> AsyncIterator[str]:
        loop = asyncio.get_running_loop()
        make = functools.partial(SMTP, self, hostname="here", enable_SMTPUTF8=utf8, loop=loop)
        server = await loop.create_server(make, "127.0.0.1", 0)
        yield f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        server.close()


@pytest.mark.parametrize(
    ("recipients", "utf8", "reached", "left_out"),
    [
        (["jörg@example.org", "ann@example.org"], True, ["jörg@example.org", "ann@example.org"], []),
        (["jörg@example.org", "ann@example.org"], False, ["ann@example.org"], ["jörg@example.org"]),
        (["ann@bücher.example"], False, ["ann@xn--bcher-kva.example"], []),
        (['"ann lee"@example.org', "Bo <bo@example.org>"], False, ['"ann lee"@example.org', "bo@example.org"], []),
        (["gone@example.org", "ann@example.org"], True, ["ann@example.org"], ["gone@example.org"]),
        (["later@example.org", "ann@example.org"], True, ["ann@example.org"], ["later@example.org"]),
        (["jörg@example.org", "gone@example.org", "ann@example.org"], False, ["ann@example.org"],
         ["jörg@example.org", "gone@example.org"]),
    ],
)  # fmt: skip
async def test_an_unreachable_recipient_is_named_and_the_others_get_the_message(
    note: Notification, recipients: list[str], utf8: bool, reached: list[str], left_out: list[str]
) -> None:
    mails = Mails(gone="550 No such mailbox", later="450 Come again")
    async with mails.serve(utf8=utf8) as url:
        letter = EmailNotifier(url, "reports@example.org", recipients).prepare(note)
        delivery = await letter.collect(await letter.send(KEY, None))

    [(options, to, message)] = mails.received
    assert (to, [one.split(" ")[0] for one in delivery.left_out]) == (reached, left_out)
    assert options == (["SMTPUTF8"] if "jörg@example.org" in reached else [])
    assert str(message).isascii()


@pytest.mark.parametrize(
    ("recipients", "error", "words"),
    [
        (["jörg@example.org"], NotificationRefused,
         "jörg@example.org (the mail server does not offer SMTPUTF8, which it needs)"),
        (["gone@example.org"], NotificationRefused, "gone@example.org (the mail server answered 550)"),
        (["gone@example.org", "later@example.org"], NotificationFailed,
         "gone@example.org (the mail server answered 550); later@example.org (the mail server answered 450)"),
    ],
)  # fmt: skip
async def test_with_no_reachable_recipient_nothing_is_sent_and_each_is_named(
    note: Notification, recipients: list[str], error: type[Exception], words: str
) -> None:
    mails = Mails(gone="550 No such mailbox", later="450 Come again")
    async with mails.serve(utf8=False) as url:
        with pytest.raises(NotificationFailed) as failure:
            await EmailNotifier(url, "reports@example.org", recipients).prepare(note).send(KEY, None)

    assert (type(failure.value), str(failure.value), mails.received) == (error, words, [])


async def test_a_non_ascii_sender_needs_a_server_with_smtputf8(note: Notification) -> None:
    sender = "Übersicht <über@bücher.example>"
    mails = Mails()
    async with mails.serve(utf8=False) as url:
        with pytest.raises(
            NotificationRefused, match=r"does not offer SMTPUTF8, which über@xn--bcher-kva\.example needs"
        ):
            await EmailNotifier(url, sender, ["ann@example.org"]).prepare(note).send(KEY, None)
    async with mails.serve(utf8=True) as url:
        reference = await EmailNotifier(url, sender, ["ann@example.org"]).prepare(note).send(KEY, None)

    [(options, _, message)] = mails.received
    assert (options, str(message["From"])) == (["SMTPUTF8"], "Übersicht <über@xn--bcher-kva.example>")
    assert str(message["Message-ID"]) == reference == f"<{KEY}@xn--bcher-kva.example>"


async def test_display_names_of_addresses_are_kept_in_the_headers(note: Notification) -> None:
    mails = Mails()
    recipients = ["ann@example.org", "jörg@example.org"]
    async with mails.serve(utf8=True) as url:
        await EmailNotifier(url, '"Reports, new" <reports@example.org>', recipients).prepare(note).send(KEY, None)

    [(_, _, message)] = mails.received
    assert (message["From"], message["To"]) == ('"Reports, new" <reports@example.org>', "ann@example.org")


async def test_an_unreachable_server_is_a_transient_failure(note: Notification) -> None:
    with pytest.raises(NotificationFailed) as failure:
        await EmailNotifier("smtp://127.0.0.1:9", "a@example.org", ["b@example.org"]).prepare(note).send(KEY, None)

    assert not failure.value.permanent


async def test_a_password_is_not_sent_without_tls(note: Notification) -> None:
    lines: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A server whose STARTTLS an attacker on the path has removed."""
        writer.write(b"220 here\r\n")
        while line := await reader.readline():
            lines.append(line)
            writer.write(b"250-here\r\n250 AUTH PLAIN LOGIN\r\n" if line.startswith(b"EHLO") else b"502 no\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    # Resolves to this machine without naming it: the rule treats it as another machine.
    url = f"smtp://user:pass@127.1:{server.sockets[0].getsockname()[1]}"

    with pytest.raises(NotificationFailed):
        await EmailNotifier(url, "a@example.org", ["b@example.org"]).prepare(note).send(KEY, None)

    server.close()
    assert [line for line in lines if line.startswith(b"EHLO")]
    assert [line for line in lines if line.startswith(b"AUTH")] == []


async def test_the_email_notifier_has_provider_class_nothing(notifier: EmailNotifier) -> None:
    assert (notifier.provider_class, notifier.settle_seconds) == (ProviderClass.NOTHING, 0.0)


@pytest.mark.parametrize(
    ("kind", "subject"),
    [
        (NoticeKind.FAILED, "Your report failed: Tides"),
        (NoticeKind.DECISION_ASKED, "Your decision is asked for: Tides"),
    ],
)
async def test_a_failure_or_decision_notice_shows_its_code(
    notifier: EmailNotifier, servers: Installation, note: Notification, kind: NoticeKind, subject: str
) -> None:
    notice = Notice(kind=kind, number=0, code="document_error")

    await notifier.prepare(dataclasses.replace(note, title="Tides", notice=notice)).send(KEY, None)

    [letter] = received(servers, note)
    assert letter["headers"]["subject"] == subject
    assert "(document_error)" in letter["body"]
