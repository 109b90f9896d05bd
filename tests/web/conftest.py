"""The application on fakes, asked over HTTP; and the same behind a real server, for what only bytes can show."""

from collections.abc import AsyncIterator

import pytest
from quart.testing import QuartClient

from tests.web.behind import Behind, behind
from tests.web.house import House


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def client(house: House) -> QuartClient:
    return QuartClient(house.app)


@pytest.fixture
async def server(house: House) -> AsyncIterator[Behind]:
    async with behind(house) as running:
        yield running
