"""An installation that calls one of the peers over a wire, and a user's actions on it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from durable_research.domain.workflows.workflow import FINAL
from tests.installation import Installation, until
from tests.peers.peers import PEERS, Peer
from tests.peers.wire import Wire

# A stream may last much longer than it may be silent: this is the shortest that a busy machine does not reach by itself.
SILENCE_SECONDS = 15.0
# Slow tests run once with each peer and once with each API.
SOME_WORLDS = pytest.mark.parametrize(
    "running", [("llama.cpp", "responses"), ("aimock", "chat")], ids="-".join, indirect=True, scope="session"
)


@dataclass(frozen=True)
class World:
    """The installation, the peer, and the wire between them."""

    installation: Installation
    peer: Peer
    wire: Wire

    def connect_to(self, port: int) -> None:
        """The wire whole, and every connection new: nothing of an earlier test comes between."""
        self.wire.restore()
        self.wire.connect_to(port)
        self.wire.drop()

    def draft(self, workflow_id: str) -> str:
        """Wait until the model has begun to write, and return the draft."""

        def look() -> str | None:
            with psycopg.connect(self.installation.up["database"]) as connection:
                found = connection.execute("SELECT text FROM drafts WHERE workflow_id = %s", [workflow_id]).fetchone()
            return str(found[0]) if found and found[0] else None

        return until(f"a draft of {workflow_id}", look)

    def tries(self, workflow_id: str, step: str, number: int) -> None:
        """Wait until a step is tried for this time; whatever has ended is tried no more."""

        def look() -> bool:
            status = self.installation.status(workflow_id)
            return status["status"] in FINAL or any(
                one["name"] == step and (one["attempt"] or 0) >= number for one in status["steps"]
            )

        until(f"try {number} of {step}", look)

    def assert_counted(self, ends: list[dict[str, Any]], calls: int, of_each: int = 1, killed: int = 0) -> None:
        """The charges agree with what the peer counted: exactly, when no worker died but those that were killed."""
        charges = [end["charges"] for end in ends]
        assert calls <= sum(map(paid, ends)), charges
        if lost(self.installation, *ends) <= killed:
            assert (calls, sum(map(paid, ends))) == (of_each * len(ends),) * 2, charges

    def post(self, workflow_id: str, act: str) -> int:
        """Cancel, or retry at once; returns the status code, as an ended workflow refuses."""
        url = f"{self.installation.api}/api/workflows/{workflow_id}/{act}"
        return httpx.post(url, timeout=30).status_code


def paid(status: dict[str, Any]) -> int:
    """The largest number of calls by the status body."""
    charges = status["charges"]
    return int(charges["settled"] + charges["possible_extra"])


def lost(installation: Installation, *ends: dict[str, Any]) -> int:
    """How many attempts of finished workflows were taken for lost.

    A machine that is too busy to let a worker beat for seconds has Temporal do so. No lookup shows whether the attempt's call
    was accepted (class N), and it is resent, counted.
    """
    events = [event for end in ends for event in installation.events(end["workflow_id"])]
    return sum(event["kind"] == "attempt_lost" for event in events)


@contextmanager
def world_of(peer: str, api: str, folder: Path, **more: str) -> Iterator[World]:
    """Everything up, in a folder of its own."""
    wire, peer_server = Wire(), PEERS[peer](folder / "peer")
    wire.connect_to(peer_server.quick)
    settings = {
        "OPENAI_BASE_URL": f"http://127.0.0.1:{wire.port}/v1",
        "OPENAI_API_KEY": "nobody-looks-at-it",
        "OPENAI_MODEL": peer_server.model,
        "OPENAI_EMBEDDING_MODEL": peer_server.embedding_model,
        "OPENAI_API": api,
        "DURABLE_RESEARCH_PROVIDER": "openai",
        "MODEL_SILENCE_SECONDS": str(SILENCE_SECONDS),
        **more,
    }
    try:
        with Installation(folder / "data", **settings) as installation:
            yield World(installation, peer_server, wire)
    finally:
        peer_server.stop()
        wire.close()
