"""The ObjectStore port on obstore: a local folder, Azure Blob, S3 or GCS by the URL alone.

obstore reads credentials from the vendors' own environment variables (docs/guides/object-stores.md), not from here.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError
from obstore.store import LocalStore, ObjectStore, from_url

from durable_research.domain.errors import InfrastructureDown, NotFound
from durable_research.ports.objects import StoredObject

_MISSING = (NotFoundError, FileNotFoundError)
_UNREACHABLE = "the object store does not answer"


def _folder(url: str) -> Path | None:
    """The folder that a file:// URL names."""
    return Path(unquote(url.removeprefix("file://"))).resolve() if url.startswith("file://") else None


def _store(url: str, endpoint: str | None) -> ObjectStore:
    folder = _folder(url)
    if folder:
        # A workflow's folder is removed with its last object.
        return LocalStore(folder, mkdir=True, automatic_cleanup=True)
    if url.startswith("memory:"):
        return from_url(url)
    options: dict[str, Any] = {"retry_config": {"max_retries": 0}}  # the one retry layer is Temporal
    if endpoint:
        options["config"] = {"endpoint": endpoint}
        # Plain HTTP only when the setting has it: a store in the same machine or cluster.
        options["client_options"] = {"allow_http": endpoint.startswith("http://")}
    return from_url(url, **options)


def _sync(file: Path) -> None:
    """Force the object and its name to disk: the ledger that names it is forced too, and must not survive it."""
    for path in (file, file.parent):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class ObstoreObjects:
    """Objects that are written once and never change. `endpoint` is another address than the vendor's own."""

    name = "object store"
    _PROBE = "probe/readiness"

    def __init__(self, url: str, endpoint: str | None = None) -> None:
        self._store = _store(url, endpoint)
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
            raise InfrastructureDown(_UNREACHABLE) from cause

    async def get(self, key: str) -> bytes:
        """Read an object."""
        try:
            answer = await obstore.get_async(self._store, key)
            return bytes(await answer.bytes_async())
        except _MISSING as cause:
            raise NotFound("there is no such object") from cause
        except (BaseError, OSError) as cause:
            raise InfrastructureDown(_UNREACHABLE) from cause

    async def list(self, prefix: str = "") -> AsyncIterator[StoredObject]:
        """Walk the objects below a folder, a page at a time."""
        try:
            async for page in obstore.list(self._store, prefix or None):
                for one in page:
                    yield StoredObject(one["path"], one["last_modified"])
        except (BaseError, OSError) as cause:
            raise InfrastructureDown(_UNREACHABLE) from cause

    async def delete(self, key: str) -> None:
        """Remove an object; a missing one is no error."""
        try:
            await obstore.delete_async(self._store, key)
        except _MISSING:
            return
        except (BaseError, OSError) as cause:
            raise InfrastructureDown(_UNREACHABLE) from cause

    async def check(self) -> None:
        """Return when an object can be written, by overwriting a probe: a read-only store must not pass."""
        try:
            await obstore.put_async(self._store, self._PROBE, b"", mode="overwrite")
        except (BaseError, OSError) as cause:
            raise InfrastructureDown("the object store cannot be written") from cause
