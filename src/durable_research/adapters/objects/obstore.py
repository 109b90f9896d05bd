"""The ObjectStore port on obstore: a local folder, Azure Blob, S3 or GCS by the URL alone."""

from pathlib import Path
from urllib.parse import unquote

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError
from obstore.store import LocalStore, ObjectStore, from_url

from durable_research.domain.errors import InfrastructureDown, NotFound


def _store(url: str) -> ObjectStore:
    if url.startswith("file://"):
        return LocalStore(Path(unquote(url.removeprefix("file://"))).resolve(), mkdir=True)
    return from_url(url)


class ObstoreObjects:
    """Content-addressed objects: a key is written once and never changes."""

    name = "object store"
    _PROBE = "probe/readiness"

    def __init__(self, url: str) -> None:
        self._store = _store(url)

    async def put(self, key: str, data: bytes) -> None:
        """Store the object unless it is there (If-None-Match)."""
        try:
            await obstore.put_async(self._store, key, data, mode="create")
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
