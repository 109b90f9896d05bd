from pathlib import Path

import pytest

from durable_research.adapters.objects.obstore import ObstoreObjects
from durable_research.domain.errors import NotFound


@pytest.fixture
def objects(tmp_path: Path) -> ObstoreObjects:
    return ObstoreObjects(f"file://{tmp_path}/objects")


async def test_what_is_put_is_read_back(objects: ObstoreObjects) -> None:
    await objects.put("default/texts/a.md", b"text")

    assert await objects.get("default/texts/a.md") == b"text"


async def test_an_object_is_written_once(objects: ObstoreObjects) -> None:
    await objects.put("default/texts/a.md", b"first")

    await objects.put("default/texts/a.md", b"second")

    assert await objects.get("default/texts/a.md") == b"first"


async def test_an_unknown_key_is_not_found(objects: ObstoreObjects) -> None:
    with pytest.raises(NotFound):
        await objects.get("default/texts/none.md")


async def test_a_store_that_can_be_written_is_healthy_again_and_again(objects: ObstoreObjects) -> None:
    await objects.check()
    await objects.check()
