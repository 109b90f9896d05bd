"""A server of dashboards that pages embed, under our own origin."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from durable_research.ports.health import Health

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Forwarded:
    """A request or an answer as it is passed on; `target` is the path with its query, as it was sent."""

    headers: Headers
    body: bytes


@dataclass(frozen=True)
class ForwardedRequest(Forwarded):
    """A request of a browser."""

    method: str
    target: str


@dataclass(frozen=True)
class ForwardedAnswer(Forwarded):
    """The server's answer."""

    status: int


class Dashboards(Health, Protocol):
    """Its `check` also finds out whether it lets itself be embedded."""

    async def forward(self, request: ForwardedRequest) -> ForwardedAnswer:
        """Pass a request on.

        Raises:
            InfrastructureDown: the server does not answer.
        """
        ...
