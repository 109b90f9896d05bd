"""Each channel is notified once that a report is ready, whatever happens to the others and the network."""

from typing import Any

import httpx
import pytest

from durable_research.adapters.notifiers.email import EmailNotifier
from durable_research.domain.ledger.effects import ResendPolicy
from tests.pipelines.conftest import Harness

KINDS = ("webhook", "email", "slack")


def notified_keys(harness: Harness, report: str) -> dict[str, list[str]]:
    """The effect keys of a report's received notifications, by kind."""
    listed = httpx.get(f"{harness.servers.up['simulator']}/sink/email", timeout=30).json()
    mails = {mail["id"] for mail in listed if report in mail["body"]}
    found = {kind: harness.servers.billing_log("", kind=kind) for kind in KINDS}
    return {
        kind: [line["key"] for line in lines if report in line["text"] or line["id"] in mails]
        for kind, lines in found.items()
    }


async def notify_all(harness: Harness, prompt: str, *more: str) -> tuple[str, dict[str, Any]]:
    report = await harness.submit(prompt, notify=["log", *KINDS, *more])
    return report, await harness.finished(report)


async def test_each_requested_channel_is_notified_once(harness: Harness) -> None:
    report, status = await notify_all(harness, "tell everybody")

    assert status["status"] == "done"
    assert (await harness.result(report))["notified"] == ["log", *KINDS]
    assert {kind: len(keys) for kind, keys in notified_keys(harness, report).items()} == {
        "webhook": 1,
        "email": 1,
        "slack": 1,
    }


async def test_each_channel_has_its_own_effect_key(harness: Harness) -> None:
    report, _ = await notify_all(harness, "keys of their own")

    keys = [key for keys in notified_keys(harness, report).values() for key in keys]
    assert len(set(keys)) == len(KINDS)


async def test_a_webhook_address_in_the_request_is_notified_too(harness: Harness) -> None:
    url = f"{harness.servers.up['simulator']}/sink/webhook/of-a-user"

    report, _ = await notify_all(harness, "tell my own address", url)

    delivered = httpx.get(f"{harness.servers.up['simulator']}/sink/webhook", timeout=30).json()
    assert sorted(str(one["name"]) for one in delivered if report in one["body"]) == ["None", "of-a-user"]


async def test_an_unreachable_mail_address_is_named_and_the_others_are_notified(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipients = ["missing@example.org", "operator@example.org"]
    email = EmailNotifier(harness.servers.up["smtp"], "reports@example.org", recipients)
    monkeypatch.setattr(harness.report, "notifiers", {**harness.report.notifiers, "email": email})

    report, status = await notify_all(harness, "one wrong address")

    result = await harness.result(report)
    assert (status["status"], result["notified"]) == ("done", ["log", *KINDS])
    assert result["not_notified"] == ["email: missing@example.org (the mail server answered 550)"]
    assert len(notified_keys(harness, report)["email"]) == 1


async def test_a_busy_channel_is_retried_without_repeating_the_others(harness: Harness, quick_retries: None) -> None:
    harness.fault("Busy channel", fault="429", kind="slack", retry_after=0)
    report, status = await notify_all(harness, "Busy channel")

    waits = [
        event.data["retry_in_seconds"]
        for event in await harness.progress.read(report)
        if (event.step, event.kind) == ("send_notification", "attempt_failed")
    ]
    assert (harness.step(status, "send_notification")["attempt"], waits) == (2, [0])
    assert {kind: len(keys) for kind, keys in notified_keys(harness, report).items()} == {
        "webhook": 1,
        "email": 1,
        "slack": 1,
    }


async def test_a_mail_without_a_received_reply_is_not_resent(harness: Harness, quick_retries: None) -> None:
    harness.fault("Lost mail", fault="cut", kind="email")
    report, status = await notify_all(harness, "Lost mail")

    assert status["status"] == "done"
    assert {kind: len(keys) for kind, keys in notified_keys(harness, report).items()} == {
        "webhook": 1,
        "email": 1,
        "slack": 1,
    }
    assert (await harness.result(report))["notified"] == ["log", "webhook", "slack"]


async def test_a_mail_without_a_received_reply_is_resent_once_by_policy(
    harness: Harness, quick_retries: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(harness.report, "notification_resend", ResendPolicy.BOUNDED)
    harness.fault("Mail twice", fault="cut", kind="email")
    report, _ = await notify_all(harness, "Mail twice")

    keys = notified_keys(harness, report)
    assert (len(keys["email"]), len(set(keys["email"]))) == (2, 1)


async def test_a_slack_message_without_a_received_answer_is_found_and_not_reposted(
    harness: Harness, quick_retries: None
) -> None:
    harness.fault("Lost receipt", fault="billed_500", kind="slack")
    report, _ = await notify_all(harness, "Lost receipt")

    assert len(notified_keys(harness, report)["slack"]) == 1
    assert "slack" in (await harness.result(report))["notified"]


async def test_a_permanently_refusing_channel_does_not_fail_the_report(harness: Harness) -> None:
    harness.fault("Mailbox without an owner", fault="550", kind="email")
    report, status = await notify_all(harness, "Mailbox without an owner")

    assert status["status"] == "done"
    assert (await harness.result(report))["notified"] == ["log", "webhook", "slack"]
