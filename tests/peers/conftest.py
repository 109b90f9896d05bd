"""One installation for each peer and API that it speaks, shared by all tests of it."""

from collections.abc import Iterator

import pytest

from tests.peers.peers import PEERS
from tests.peers.world import World, world_of

WORLDS = [(peer, api) for peer in PEERS for api in ("chat", "responses")]


@pytest.fixture(scope="session", params=WORLDS, ids="-".join)
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Ended before the next one is started: pytest sorts the tests by it."""
    peer, api = request.param
    with world_of(peer, api, tmp_path_factory.mktemp("peer")) as world:
        yield world


@pytest.fixture
def world(running: World) -> World:
    """The wire is whole, and the peer answers at once."""
    running.connect_to(running.peer.quick)
    return running
