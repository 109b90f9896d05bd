"""People are told when a report fails for good or waits for a decision: each once, and only when they want to be."""

import asyncio
from typing import Any

import pytest

from durable_research.domain.errors import DocumentError
from durable_research.domain.ledger.effects import ResendPolicy
from tests.installation import PATIENCE_SECONDS
from tests.pipelines.conftest import Harness


async def ended(harness: Harness, report: str) -> None:
    """Wait until the run is over: what is told of a failure is told after its end is written."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (view := await harness.engine.describe(report)) and view.status == "running":
            await asyncio.sleep(0.02)


def told(harness: Harness, report: str) -> list[str]:
    """The types of what the webhook received, oldest first; the billing log stores the beginning of each message."""
    lines = harness.servers.billing_log(report, kind="webhook")
    return [line["text"].removeprefix('{"type": "').partition('"')[0] for line in lines]


async def failed(harness: Harness, about: str, **more: Any) -> str:
    harness.renderer.fail(about, DocumentError("no way"))
    report = await harness.ask(about, title=about, **more)
    assert (await harness.finished(report))["status"] == "failed"
    await ended(harness, report)
    return report


async def test_a_failure_is_notified_once(harness: Harness) -> None:
    report = await failed(harness, "failing is told")

    assert told(harness, report) == ["report.failed"]


async def test_each_failure_of_a_resumed_report_is_notified(harness: Harness) -> None:
    report = await failed(harness, "failing twice is told twice")
    harness.renderer.fail("failing twice is told twice", DocumentError("no way"))

    await harness.resuming.resume(report, "default", {})
    assert (await harness.finished(report))["resumption"] == 1
    await ended(harness, report)

    assert told(harness, report) == ["report.failed", "report.failed"]


async def test_notify_on_done_sends_no_failure_notice(harness: Harness) -> None:
    report = await failed(harness, "failing unheard", notify_on=["done"])

    assert told(harness, report) == []


async def test_notify_on_failed_sends_no_done_notice(harness: Harness) -> None:
    report = await harness.ask("done unheard", notify_on=["failed"])

    status = await harness.finished(report)

    assert harness.step(status, "send_notification")["state"] == "left_out"
    assert told(harness, report) == []


@pytest.mark.parametrize(("wanted", "types"), [(None, ["report.decision_asked"]), (["done"], [])])
async def test_a_needed_decision_is_notified_unless_notify_on_excludes_it(
    plain_house: Harness,
    monkeypatch: pytest.MonkeyPatch,
    quick_retries: None,
    wanted: list[str] | None,
    types: list[str],
) -> None:
    harness = plain_house
    monkeypatch.setattr(harness.writer, "resend", ResendPolicy.ASK)
    about = f"a decision, {len(types)} told"
    harness.fault(about, fault="cut")
    more: dict[str, Any] = {"notify_on": wanted} if wanted else {}
    report = await harness.ask(about, **more)
    await harness.until(report, "waiting_for_you")
    if types:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not told(harness, report):
                await asyncio.sleep(0.02)

    await harness.deciding.decide(report, "default", {"decision": "give_up"})
    await harness.finished(report)
    await ended(harness, report)

    assert told(harness, report)[: len(types)] == types
    assert len(told(harness, report)) == (2 if types else 0)
