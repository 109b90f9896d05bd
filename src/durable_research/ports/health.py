"""The health of our dependencies."""

from typing import Protocol


class Health(Protocol):
    """One dependency, and whether it answers."""

    name: str

    async def check(self) -> None:
        """Return when it answers; raise InfrastructureDown when it does not."""
        ...
