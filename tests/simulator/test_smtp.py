"""The mail server: each accepted message is logged once, and faults interrupt it at the critical moments."""

import smtplib
from email.message import EmailMessage

import httpx
import pytest

from tests.simulator.outside import Simulator


def letter(topic: str, **headers: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "us@example.org", "you@example.org", topic
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content("Your report is ready.\n")
    return message


def send(simulator: Simulator, message: EmailMessage, to: str | None = None, timeout: float = 5) -> None:
    with smtplib.SMTP("127.0.0.1", simulator.mail_port, timeout=timeout) as client:
        client.send_message(message, to_addrs=to)


async def test_the_smtp_address_is_in_the_ready_line(simulator: Simulator) -> None:
    assert simulator.mail_line == f"simulator takes mail on smtp://127.0.0.1:{simulator.mail_port}\n"


async def test_a_message_is_logged_with_its_message_id(simulator: Simulator, topic: str) -> None:
    send(simulator, letter(topic, Message_ID="<key-1@example.org>"))

    assert [(line["kind"], line["key"], line["text"]) for line in simulator.billed(topic)] == [
        ("email", "key-1", f"{topic}\nYour report is ready.\n")
    ]


async def test_an_effect_key_header_takes_precedence_over_the_message_id(simulator: Simulator, topic: str) -> None:
    send(simulator, letter(topic, Message_ID="<other@example.org>", X_Effect_Key="key-2"))

    assert [line["key"] for line in simulator.billed(topic)] == ["key-2"]


async def test_a_repeated_message_is_marked_as_a_repeat(simulator: Simulator, topic: str) -> None:
    for _ in range(2):
        send(simulator, letter(topic, Message_ID=f"<{topic.replace(' ', '-')}@example.org>"))

    assert [line.get("repeat") for line in simulator.billed(topic)] == [None, True]


async def test_received_messages_are_listed(simulator: Simulator, http: httpx.AsyncClient, topic: str) -> None:
    send(simulator, letter(topic))

    listed = [one for one in (await http.get("/sink/email")).json() if one["headers"]["subject"] == topic]

    assert [(one["sender"], one["recipients"]) for one in listed] == [("us@example.org", ["you@example.org"])]


@pytest.mark.parametrize("status", [451, 550])
async def test_a_message_can_be_refused(simulator: Simulator, topic: str, status: int) -> None:
    simulator.fault(topic, fault=str(status), kind="email")

    with pytest.raises(smtplib.SMTPDataError) as refusal:
        send(simulator, letter(topic))

    assert (refusal.value.smtp_code, simulator.billed(topic)) == (status, [])


async def test_a_missing_mailbox_is_refused_before_the_message_text(simulator: Simulator, topic: str) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        send(simulator, letter(topic), to="missing@example.org")

    assert simulator.billed(topic) == []


async def test_a_cut_connection_stores_the_message_without_a_reply(simulator: Simulator, topic: str) -> None:
    simulator.fault(topic, fault="cut", kind="email")

    with pytest.raises(smtplib.SMTPServerDisconnected):
        send(simulator, letter(topic))

    assert len(simulator.billed(topic)) == 1


async def test_a_timeout_stores_no_message(simulator: Simulator, topic: str) -> None:
    simulator.fault(topic, fault="timeout", kind="email")

    with (
        pytest.raises(smtplib.SMTPServerDisconnected, match="timed out"),
        smtplib.SMTP("127.0.0.1", simulator.mail_port, timeout=2) as client,
    ):
        client.send_message(letter(topic))

    assert simulator.billed(topic) == []
