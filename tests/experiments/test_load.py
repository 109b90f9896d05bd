"""The load lets in as many at once as it may, and only those that the gate lets through."""

import asyncio
from dataclasses import replace

from durable_research.experiments.campaign.load import Load
from durable_research.experiments.evidence.client import Client, ReportRequest, report_request


class SlowClient(Client):
    """Reports that end when the test ends them."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:1")
        self.begun: list[ReportRequest] = []
        self.may_end = asyncio.Event()

    async def submit_and_follow(self, one: ReportRequest) -> None:
        self.begun.append(one)
        await self.may_end.wait()
        one.ended_at = 1.0


async def begun(client: SlowClient, count: int) -> None:
    async with asyncio.timeout(10):
        while len(client.begun) < count:
            await asyncio.sleep(0)


async def test_the_number_of_reports_in_flight_is_limited() -> None:
    client = SlowClient()
    load = Load(client, [report_request(number, 1, "none") for number in range(5)], 2, lambda number: True)
    running = asyncio.create_task(load.run())

    await begun(client, 2)
    assert (load.pending, load.ended) == (2, 0)
    client.may_end.set()
    await running

    assert (load.pending, load.ended) == (0, 5)


async def test_a_gated_report_is_submitted_when_nothing_else_is_in_flight() -> None:
    client = SlowClient()
    requests = [report_request(number, 1, "none") for number in range(3)]
    load = Load(client, requests, 12, lambda number: number < 1 or not load.pending)
    running = asyncio.create_task(load.run())

    await begun(client, 1)
    assert load.pending == 1
    client.may_end.set()
    await running

    assert load.ended == 3


async def test_a_report_that_ended_before_counts_once_it_was_submitted() -> None:
    client = SlowClient()
    requests = [
        replace(report_request(number, 1, "none"), report_id=f"report-{number}", ended_at=1.0) for number in range(2)
    ]
    load = Load(client, requests, 12, lambda number: number < 1)

    running = asyncio.create_task(load.run())
    await begun(client, 1)

    assert (load.in_flight, load.ended) == (0, 1)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_two_requests_of_one_campaign_have_different_words_and_keys() -> None:
    first, second = report_request(1, 7, "canary"), report_request(2, 7, "canary")

    assert first.word != second.word
    assert first.key != second.key
    assert "canary" not in first.prompt.splitlines()[0]
