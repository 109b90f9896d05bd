"""People are told when a report fails for good or waits for a decision: each once, and only when they want to be."""

import asyncio
from typing import Any

import pytest

from durable_research.domain.errors import DocumentError
from durable_research.domain.ledger.effects import ResendPolicy
from tests.pipelines.conftest import House


async def ended(house: House, report: str) -> None:
    """Wait until the run is over: what is told of a failure is told after its end is written."""
    async with asyncio.timeout(60):
        while (view := await house.engine.describe(report)) and view.status == "running":
            await asyncio.sleep(0.02)


def told(house: House, report: str) -> list[str]:
    """The types of what the webhook was told, oldest first; the witness keeps the beginning of each message."""
    lines = house.servers.witness(report, kind="webhook")
    return [line["text"].removeprefix('{"type": "').partition('"')[0] for line in lines]


async def failed(house: House, about: str, **more: Any) -> str:
    house.renderer.fail(about, DocumentError("no way"))
    report = await house.ask(about, title=about, **more)
    assert (await house.finished(report))["status"] == "failed"
    await ended(house, report)
    return report


async def test_a_failure_is_told_once(house: House) -> None:
    report = await failed(house, "failing is told")

    assert told(house, report) == ["report.failed"]


async def test_each_failure_of_a_resumed_report_is_told(house: House) -> None:
    report = await failed(house, "failing twice is told twice")
    house.renderer.fail("failing twice is told twice", DocumentError("no way"))

    await house.resuming.resume(report, "default", {})
    assert (await house.finished(report))["resumption"] == 1
    await ended(house, report)

    assert told(house, report) == ["report.failed", "report.failed"]


async def test_who_wants_to_know_of_the_end_alone_hears_of_nothing_else(house: House) -> None:
    report = await failed(house, "failing unheard", notify_on=["done"])

    assert told(house, report) == []


async def test_who_wants_to_know_of_failures_alone_is_not_told_that_it_is_done(house: House) -> None:
    report = await house.ask("done unheard", notify_on=["failed"])

    status = await house.finished(report)

    assert house.step(status, "send_notification")["state"] == "left_out"
    assert told(house, report) == []


@pytest.mark.parametrize(("wanted", "types"), [(None, ["report.decision_asked"]), (["done"], [])])
async def test_that_a_decision_is_asked_for_is_told(
    plain_house: House,
    monkeypatch: pytest.MonkeyPatch,
    quick_retries: None,
    wanted: list[str] | None,
    types: list[str],
) -> None:
    house = plain_house
    monkeypatch.setattr(house.writer, "resend", ResendPolicy.ASK)
    about = f"a decision, {len(types)} told"
    house.fault(about, fault="cut")
    more: dict[str, Any] = {"notify_on": wanted} if wanted else {}
    report = await house.ask(about, **more)
    await house.until(report, "waiting_for_you")
    if types:
        async with asyncio.timeout(60):
            while not told(house, report):
                await asyncio.sleep(0.02)

    await house.deciding.decide(report, "default", {"decision": "give_up"})
    await house.finished(report)
    await ended(house, report)

    assert told(house, report)[: len(types)] == types
    assert len(told(house, report)) == (2 if types else 0)
