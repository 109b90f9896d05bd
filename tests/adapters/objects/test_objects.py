"""The guarantees of every object store, tested on a folder, Azure Blob and S3 alike."""

import asyncio
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from durable_research.adapters.objects.obstore import ObstoreObjects
from durable_research.domain.errors import InfrastructureDown, NotFound
from tests.adapters.objects.stores import ENVIRONMENT, STORES, Store

ROUNDS, RACERS = 100, 8


@pytest.fixture(scope="module", params=STORES)
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with pytest.MonkeyPatch.context() as environment:
        for name, value in ENVIRONMENT.items():
            environment.setenv(name, value)
        made = STORES[request.param](tmp_path_factory.mktemp(request.param))
        yield made
        made.stop()


@pytest.fixture
def objects(store: Store) -> ObstoreObjects:
    return ObstoreObjects(store.url, store.endpoint)


@pytest.fixture
def folder() -> str:
    """A folder of the test's own."""
    return f"tenant/{secrets.token_hex(8)}"


async def keys(objects: ObstoreObjects, prefix: str) -> list[str]:
    return sorted([one.key async for one in objects.list(prefix)])


async def test_a_stored_object_is_read_back(objects: ObstoreObjects, folder: str) -> None:
    await objects.put(f"{folder}/a.md", b"text")

    assert await objects.get(f"{folder}/a.md") == b"text"


async def test_a_second_write_does_not_replace_an_object(objects: ObstoreObjects, folder: str) -> None:
    await objects.put(f"{folder}/a.md", b"first")

    await objects.put(f"{folder}/a.md", b"second")

    assert await objects.get(f"{folder}/a.md") == b"first"


async def test_of_many_concurrent_writers_one_wins_and_all_read_its_bytes(objects: ObstoreObjects, folder: str) -> None:
    async def race(key: str, body: bytes) -> bytes:
        await objects.put(key, body)
        return await objects.get(key)

    for number in range(ROUNDS):
        bodies = [f"{number} of {racer}".encode() for racer in range(RACERS)]

        read = await asyncio.gather(*(race(f"{folder}/{number}", body) for body in bodies))

        assert len(set(read)) == 1
        assert read[0] in bodies


async def test_an_unknown_key_is_not_found(objects: ObstoreObjects, folder: str) -> None:
    with pytest.raises(NotFound):
        await objects.get(f"{folder}/none.md")


async def test_a_list_holds_the_objects_below_a_folder_only(objects: ObstoreObjects, folder: str) -> None:
    for key in (f"{folder}/a", f"{folder}/deeper/b", f"{folder}-twin/c"):
        await objects.put(key, b"")

    assert await keys(objects, folder) == [f"{folder}/a", f"{folder}/deeper/b"]


async def test_a_list_without_a_folder_holds_all_objects(objects: ObstoreObjects, folder: str) -> None:
    await objects.put(f"{folder}/a", b"")

    assert f"{folder}/a" in await keys(objects, "")


async def test_a_list_of_an_empty_folder_is_empty(objects: ObstoreObjects, folder: str) -> None:
    assert await keys(objects, folder) == []


async def test_a_listed_object_has_its_time_of_writing(objects: ObstoreObjects, folder: str) -> None:
    await objects.put(f"{folder}/a", b"")

    (one,) = [one async for one in objects.list(folder)]

    assert abs(datetime.now(UTC) - one.last_modified) < timedelta(minutes=1)


async def test_a_list_continues_over_several_pages(objects: ObstoreObjects, folder: str) -> None:
    # A few at once: each has the store's own deadline, and on a busy machine a thousand wait for each other.
    gate = asyncio.Semaphore(16)

    async def put(number: int) -> None:
        async with gate:
            await objects.put(f"{folder}/{number:04}", b"")

    await asyncio.gather(*(put(number) for number in range(1100)))

    assert len(await keys(objects, folder)) == 1100


async def test_deleting_an_object_twice_is_no_error(objects: ObstoreObjects, folder: str) -> None:
    await objects.put(f"{folder}/a", b"")
    await objects.put(f"{folder}/b", b"")

    await objects.delete(f"{folder}/a")
    await objects.delete(f"{folder}/a")

    assert await keys(objects, folder) == [f"{folder}/b"]


async def test_the_health_check_of_a_writable_store_can_be_repeated(objects: ObstoreObjects) -> None:
    await objects.check()
    await objects.check()


async def test_an_unreachable_store_fails_every_call_and_works_again_when_it_is_back(
    store: Store, objects: ObstoreObjects, folder: str
) -> None:
    await objects.put(f"{folder}/a", b"before")
    store.interrupt()
    try:
        for call in (
            objects.put(f"{folder}/b", b""),
            objects.get(f"{folder}/a"),
            keys(objects, folder),
            objects.delete(f"{folder}/a"),
            objects.check(),
        ):
            with pytest.raises(InfrastructureDown):
                await call
    finally:
        store.restore()

    await objects.check()
    await objects.put(f"{folder}/c", b"after")
    assert await objects.get(f"{folder}/c") == b"after"


async def test_deleting_the_last_object_removes_the_workflows_folder(tmp_path: Path) -> None:
    objects = ObstoreObjects(f"file://{tmp_path}/objects")
    await objects.put("tenant/workflow/a", b"")

    await objects.delete("tenant/workflow/a")

    assert list((tmp_path / "objects").iterdir()) == []
