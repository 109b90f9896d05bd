"""One warm renderer for all tests of this folder; those that break it bring their own."""

from collections.abc import AsyncIterator

import pytest

from durable_research.adapters.documents.typst import TypstRenderer


@pytest.fixture(scope="session")
async def renderer() -> AsyncIterator[TypstRenderer]:
    renderer = TypstRenderer()
    await renderer.start()
    yield renderer
    await renderer.close()
