"""A whole installation, as a user has it."""

from collections.abc import Iterator

import pytest

from tests.installation import Installation


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The product with a worker and the pretend provider, which answers at once."""
    with Installation(tmp_path_factory.mktemp("product")) as installation:
        installation.latency(0)
        yield installation
