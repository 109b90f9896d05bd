"""A report's permanent failure or wait for a decision is notified: each once, and only if `notify_on` includes it."""

import asyncio
from typing import Any

import pytest

from durable_research.domain.caller import LOCAL_CALLER
from durable_research.domain.errors import DocumentError
from durable_research.domain.ledger.effects import ResendPolicy
from tests.installation import PATIENCE_SECONDS
from tests.pipelines.conftest import Harness


async def ended(harness: Harness, report: str) -> None:
    """Wait until the run is over: a failure is notified after its end is written."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (view := await harness.engine.describe(report)) and view.status == "running":
            await asyncio.sleep(0.02)


def notice_types(harness: Harness, report: str) -> list[str]:
    """The types of what the webhook received, oldest first; the billing log stores the beginning of each message."""
    lines = harness.servers.billing_log(report, kind="webhook")
    return [line["text"].removeprefix('{"type": "').partition('"')[0] for line in lines]


async def failed(harness: Harness, about: str, **more: Any) -> str:
    harness.renderer.fail(about, DocumentError("no way"))
    report = await harness.submit(about, title=about, **more)
    assert (await harness.finished(report))["status"] == "failed"
    await ended(harness, report)
    return report


async def test_a_failure_is_notified_once(harness: Harness) -> None:
    report = await failed(harness, "failing is told")

    assert notice_types(harness, report) == ["report.failed"]


async def test_each_failure_of_a_resumed_report_is_notified(harness: Harness) -> None:
    report = await failed(harness, "failing twice is told twice")
    harness.renderer.fail("failing twice is told twice", DocumentError("no way"))

    await harness.resuming.resume(report, LOCAL_CALLER, {})
    assert (await harness.finished(report))["resumption"] == 1
    await ended(harness, report)

    assert notice_types(harness, report) == ["report.failed", "report.failed"]


async def test_notify_on_done_sends_no_failure_notice(harness: Harness) -> None:
    report = await failed(harness, "failing unheard", notify_on=["done"])

    assert notice_types(harness, report) == []


async def test_notify_on_failed_sends_no_done_notice(harness: Harness) -> None:
    report = await harness.submit("done unheard", notify_on=["failed"])

    status = await harness.finished(report)

    assert harness.step(status, "send_notification")["state"] == "left_out"
    assert notice_types(harness, report) == []


@pytest.mark.parametrize(("wanted", "types"), [(None, ["report.decision_asked"]), (["done"], [])])
async def test_a_needed_decision_is_notified_unless_notify_on_excludes_it(
    harness_without_lookup: Harness,
    monkeypatch: pytest.MonkeyPatch,
    quick_retries: None,
    wanted: list[str] | None,
    types: list[str],
) -> None:
    harness = harness_without_lookup
    monkeypatch.setattr(harness.writer, "resend", ResendPolicy.ASK)
    about = f"a decision, {len(types)} told"
    harness.fault(about, fault="cut")
    more: dict[str, Any] = {"notify_on": wanted} if wanted else {}
    report = await harness.submit(about, **more)
    await harness.until(report, "waiting_for_you")
    if types:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not notice_types(harness, report):
                await asyncio.sleep(0.02)

    await harness.deciding.decide(report, LOCAL_CALLER, {"decision": "give_up"})
    await harness.finished(report)
    await ended(harness, report)

    assert notice_types(harness, report)[: len(types)] == types
    assert len(notice_types(harness, report)) == (2 if types else 0)
