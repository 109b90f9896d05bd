"""Storing bytes, and finding the ones that are no longer needed."""

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
        """Store the object; an existing one stays as it is."""
        ...

    async def get(self, key: str) -> bytes:
        """Read an object.

        Raises:
            NotFound: there is no such object.
        """
        ...

    def list(self, prefix: str = "") -> AsyncIterator[StoredObject]:
        """List the objects below a folder, in no certain order; an empty prefix lists all."""
        ...

    async def delete(self, key: str) -> None:
        """Remove an object; a missing one is no error."""
        ...


class NamedObjects(Protocol):
    """The object keys that database rows hold."""

    async def orphans(self, workflow_of: Mapping[str, str], ended_for: timedelta) -> set[str]:
        """Find those of these keys (each with its workflow's id) that no row names, of workflows that ended that long ago.

        The keys of a workflow without a row are never orphans: they may belong to another installation.
        """
        ...
