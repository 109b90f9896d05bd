"""One simulator for the whole folder; each test speaks of a topic of its own."""

import signal
import uuid
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from openai import AsyncOpenAI

from tests.simulator.outside import Simulator


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    simulator = Simulator(tmp_path_factory.mktemp("outside") / "witness.jsonl", "--smtp-port", "0")
    yield simulator
    simulator.end(signal.SIGTERM)


@pytest.fixture
def simulator(running: Simulator) -> Simulator:
    running.calm()
    return running


@pytest.fixture
async def openai(simulator: Simulator) -> AsyncIterator[AsyncOpenAI]:
    async with simulator.openai() as client:
        yield client


@pytest.fixture
async def http(simulator: Simulator) -> AsyncIterator[httpx.AsyncClient]:
    async with simulator.http() as client:
        yield client


@pytest.fixture
def topic() -> str:
    return f"tides {uuid.uuid4().hex}"
