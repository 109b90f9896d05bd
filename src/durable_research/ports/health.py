"""Whether what we depend on answers."""

from typing import Protocol


class Health(Protocol):
    """One thing that we depend on, and whether it answers."""

    name: str

    async def check(self) -> None:
        """Return when it answers; raise InfrastructureDown when it does not."""
        ...
