"""The application on fakes, called over HTTP; and the same behind a real server, for what only bytes can show."""

from collections.abc import AsyncIterator

import pytest
from quart.testing import QuartClient

from tests.web.harness import Harness
from tests.web.running_server import RunningServer, behind


@pytest.fixture
def harness() -> Harness:
    return Harness()


@pytest.fixture
def client(harness: Harness) -> QuartClient:
    return QuartClient(harness.app)


@pytest.fixture
async def server(harness: Harness) -> AsyncIterator[RunningServer]:
    async with behind(harness) as running:
        yield running
