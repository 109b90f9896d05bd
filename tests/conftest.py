"""What every test may use: real servers, started once."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from durable_research.local.temporal_binary import find_temporal
from tests.installation import Installation

# A setting of the person who runs the tests must not change what they test.
for name in [name for name in os.environ if name.startswith(("DURABLE_RESEARCH_", "OPENAI_"))]:
    del os.environ[name]
for name in (
    "TEMPORAL_ADDRESS",
    "TEMPORAL_NAMESPACE",
    "DATABASE_URL",
    "OBJECT_STORE_URL",
    "OBJECT_STORE_ENDPOINT",
    "PAYLOAD_KEYS",
    "PAYLOAD_KEYS_FILE",
):
    os.environ.pop(name, None)


@pytest.fixture(scope="session")
def temporal_program() -> Path:
    """The same temporal program that `up` uses."""
    return find_temporal(print)


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """PostgreSQL, Temporal and the simulator, without workers and API of ours."""
    with Installation(tmp_path_factory.mktemp("servers"), only="postgres,temporal,simulator") as installation:
        installation.latency(0)
        yield installation


@pytest.fixture(scope="session")
def database_url(servers: Installation) -> str:
    """A migrated database."""
    return str(servers.up["database"])
