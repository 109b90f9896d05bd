"""The ObjectStore port on obstore: a local folder, Azure Blob, S3 or GCS by the URL alone."""

import asyncio
import os
from pathlib import Path
from urllib.parse import unquote

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError
from obstore.store import LocalStore, ObjectStore, from_url

from durable_research.domain.errors import InfrastructureDown, NotFound


def _folder(url: str) -> Path | None:
    """The folder that a file:// URL names."""
    return Path(unquote(url.removeprefix("file://"))).resolve() if url.startswith("file://") else None


def _store(url: str) -> ObjectStore:
    folder = _folder(url)
    return LocalStore(folder, mkdir=True) if folder else from_url(url)


def _sync(file: Path) -> None:
    """Force the object and its name to disk: the ledger that names it is forced too, and must not survive it."""
    for path in (file, file.parent):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class ObstoreObjects:
    """Content-addressed objects: a key is written once and never changes."""

    name = "object store"
    _PROBE = "probe/readiness"

    def __init__(self, url: str) -> None:
        self._store = _store(url)
        self._folder = _folder(url)

    async def put(self, key: str, data: bytes) -> None:
        """Store the object unless it is there (If-None-Match)."""
        try:
            await obstore.put_async(self._store, key, data, mode="create")
            if self._folder:
                await asyncio.to_thread(_sync, self._folder / key)
        except AlreadyExistsError:
            return
        except (BaseError, OSError) as cause:
            raise InfrastructureDown("the object store does not answer") from cause

    async def get(self, key: str) -> bytes:
        """Read an object."""
        try:
            answer = await obstore.get_async(self._store, key)
            return bytes(await answer.bytes_async())
        except (NotFoundError, FileNotFoundError) as cause:
            raise NotFound("there is no such object") from cause
        except (BaseError, OSError) as cause:
            raise InfrastructureDown("the object store does not answer") from cause

    async def check(self) -> None:
        """Return when an object can be written, the probe over itself: a store that became read-only must not pass."""
        try:
            await obstore.put_async(self._store, self._PROBE, b"", mode="overwrite")
        except (BaseError, OSError) as cause:
            raise InfrastructureDown("the object store cannot be written") from cause
