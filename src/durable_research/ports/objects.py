"""Keeping bytes, and knowing which of them are still needed."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol


@dataclass(frozen=True)
class StoredObject:
    """An object as a list shows it."""

    key: str
    last_modified: datetime


class ObjectStore(Protocol):
    """Bytes under the keys of `domain/documents/object_keys.py`; objects never change."""

    async def put(self, key: str, data: bytes) -> None:
        """Store the object; one that is already there is left alone."""
        ...

    async def get(self, key: str) -> bytes:
        """Read an object.

        Raises:
            NotFound: there is no such object.
        """
        ...

    def list(self, prefix: str = "") -> AsyncIterator[StoredObject]:
        """Walk the objects below a folder, in no certain order; an empty prefix walks all."""
        ...

    async def delete(self, key: str) -> None:
        """Remove an object; one that is gone already is no error."""
        ...


class NamedObjects(Protocol):
    """What our rows say about objects."""

    async def orphans(self, workflow_of: Mapping[str, str], ended_for: timedelta) -> set[str]:
        """Those of these keys (each with its workflow's id) that no row names, of workflows that ended that long ago.

        Nothing is told of a workflow that no row knows: its objects are somebody's.
        """
        ...
