"""The billing log holds each charge before the call is answered."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI

from durable_research.simulator.billing_log import BillingLog
from durable_research.simulator.faults.fault_book import FaultBook
from durable_research.simulator.generation.generation import Generation
from durable_research.simulator.generation.state import State
from durable_research.simulator.journal import Journal
from durable_research.simulator.world import Settings, World
from tests.simulator.outside import MODEL, Simulator, eventually


async def test_a_billed_call_is_logged_before_its_id_is_sent(
    simulator: Simulator, openai: AsyncOpenAI, topic: str
) -> None:
    accepted = await openai.responses.create(model=MODEL, input=topic, background=True)

    assert [line["id"] for line in simulator.billed(topic)] == [accepted.id]


async def test_a_call_is_billed_at_acceptance_and_not_at_its_answer(
    simulator: Simulator, openai: AsyncOpenAI, topic: str
) -> None:
    simulator.settings(latency_seconds=60)
    call = asyncio.create_task(openai.responses.create(model=MODEL, input=topic))

    async def billed() -> bool:
        return bool(simulator.billed(topic))

    assert (await eventually(billed), call.done()) == (True, False)
    call.cancel()


async def test_a_billing_line_identifies_the_call(simulator: Simulator, openai: AsyncOpenAI, topic: str) -> None:
    prompt = topic + "x" * 300
    response = await openai.responses.create(model=MODEL, input=prompt, metadata={"effect_key": "our key"})

    [line] = simulator.billed(topic)

    assert response.usage is not None
    del line["at"]
    assert line == {
        "kind": "model_call",
        "key": "our key",
        "text": prompt[:200],
        "id": response.id,
        "model": MODEL,
        "tokens": response.usage.total_tokens,
    }


async def test_a_call_sent_twice_is_billed_twice(simulator: Simulator, openai: AsyncOpenAI, topic: str) -> None:
    for _ in range(2):
        await openai.responses.create(model=MODEL, input=topic, metadata={"effect_key": "same"})

    assert len(simulator.billed(topic)) == 2


async def test_concurrent_calls_have_one_complete_billing_line_each(
    simulator: Simulator, openai: AsyncOpenAI, topic: str
) -> None:
    await asyncio.gather(*(openai.responses.create(model=MODEL, input=topic) for _ in range(20)))

    assert len(simulator.billed(topic)) == 20


async def test_retrieving_a_response_is_not_billed(simulator: Simulator, openai: AsyncOpenAI, topic: str) -> None:
    accepted = await openai.responses.create(model=MODEL, input=topic, background=True)

    await openai.responses.retrieve(accepted.id)

    assert len(simulator.billed(topic)) == 1


async def test_the_billing_log_can_be_read_over_http(simulator: Simulator, openai: AsyncOpenAI, topic: str) -> None:
    await openai.responses.create(model=MODEL, input=topic)

    async with simulator.http() as http:
        lines = (await http.get("/control/witness")).json()

    assert [line for line in lines if topic in line["text"]] == simulator.billed(topic)


class SlowDisk(BillingLog):
    """A billing log whose write completes only when the test allows it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.done = asyncio.Event()

    async def write(self, kind: str, **fields: Any) -> None:
        await self.done.wait()
        await super().write(kind, **fields)


@pytest.fixture
def disk(tmp_path: Path) -> SlowDisk:
    return SlowDisk(tmp_path / "witness.jsonl")


def accept(disk: SlowDisk, tmp_path: Path) -> "asyncio.Task[None]":
    world = World(disk, State(tmp_path / "state.jsonl"), Settings(), FaultBook(Journal(tmp_path / "faults.jsonl")))
    generation = Generation(id="resp_1", created=0, latency=0, model=MODEL, prompt="why?")
    return asyncio.create_task(world.accept(generation, "our key"))


async def test_no_call_is_accepted_before_its_billing_line_is_written(disk: SlowDisk, tmp_path: Path) -> None:
    acceptance = accept(disk, tmp_path)

    early, _ = await asyncio.wait([acceptance], timeout=0.1)

    disk.done.set()
    await acceptance
    assert (early, len(disk.lines())) == (set(), 1)


async def test_a_call_billed_after_its_client_hung_up_can_be_retrieved(disk: SlowDisk, tmp_path: Path) -> None:
    acceptance = accept(disk, tmp_path)
    await asyncio.wait([acceptance], timeout=0.1)
    acceptance.cancel()
    disk.done.set()

    async def look() -> bool:
        return "resp_1" in State(tmp_path / "state.jsonl").generations

    assert await eventually(look)
    assert len(disk.lines()) == 1
