"""Real processes, as a user has them."""

from collections.abc import Iterator

import pytest

from tests.installation import Installation


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A whole installation with two workers, shared by journeys that leave it whole."""
    with Installation(tmp_path_factory.mktemp("installation")) as installation:
        yield installation


@pytest.fixture
def own_installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A data folder of the test's own; the test starts and stops it."""
    installation = Installation(tmp_path_factory.mktemp("own"))
    yield installation
    installation.stop()
    installation.discard()
