"""Keeping bytes."""

from typing import Protocol


class ObjectStore(Protocol):
    """Bytes under keys; objects are content-addressed and never change."""

    async def put(self, key: str, data: bytes) -> None:
        """Store the object; one that is already there is left alone."""
        ...

    async def get(self, key: str) -> bytes:
        """Read an object.

        Raises:
            NotFound: there is no such object.
        """
        ...
