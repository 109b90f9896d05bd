"""One paid or visible act at a vendor, prepared but not sent: the ledger decides whether and when it is sent."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

Answer = TypeVar("Answer", covariant=True)


@dataclass(frozen=True)
class EarlierSend:
    """A send of ours whose fate we do not know: our key, the handle it hung on (class L), when its intent was committed."""

    key: str
    handle: str | None
    opened_at: datetime


# What a send bears at the provider, so that it can be told from others: our key, and the hash of what was asked.
KEY_TAG = "effect_key"
FINGERPRINT_TAG = "request_fingerprint"


@dataclass(frozen=True)
class Shown:
    """Something that a provider shows when it is asked for a send of ours, and the tags that it bears."""

    reference: str
    key: str | None
    fingerprint: str | None = None


def ours_among(shown: Iterable[Shown], key: str, fingerprint: str | None) -> tuple[list[str], list[str]]:
    """Tell ours from strays, by reference and in their order.

    A list may ignore its filter and show everybody's; what bears our key may answer something else that was asked under it. One
    without a fingerprint was sent by an older version of ours; None stands for a request that is not known any more.
    """
    ours: list[str] = []
    strays: list[str] = []
    for one in shown:
        fits = fingerprint is None or one.fingerprint is None or one.fingerprint == fingerprint
        (ours if one.key == key and fits else strays).append(one.reference)
    return ours, strays


class RemoteEffect(Protocol[Answer]):
    """What an adapter implements for each act. It retries nothing and keeps no state that a later attempt would need.

    Adapters inherit from it: what a vendor cannot do is answered here.
    """

    async def handle(self, key: str) -> str | None:
        """Class L: make the free handle that the send will hang on, before it; None where the server has none.

        Raises:
            StepFailed: nothing was made and nothing was sent.
        """
        return None

    async def send(self, key: str, handle: str | None) -> str:
        """Send at once, tagged with our key, and return the provider's id as soon as it is known.

        Raises:
            StillRunning: refused, because an earlier send on the same handle is under way.
            Ambiguous: perhaps accepted.
            StepFailed: any other one is certainly not accepted.
        """
        ...

    async def find(self, send: EarlierSend) -> str | None:
        """Classes R and L: the provider's id of an earlier send, or None when the provider shows none now.

        Raises:
            StillRunning: the provider says that it is at work on it.
            CannotAsk: the provider has no way to ask, and never had.
            StepFailed, Ambiguous: it could not be asked.
        """
        return None

    async def take_up(self, reference: str) -> None:
        """Make sure, before `collect`, that an accepted send of an earlier attempt can be taken up again.

        Raises:
            AnswerLost: only the attempt that sent it could read its answer.
            ModelForgotten: the provider no longer knows it.
            StepFailed: it could not be asked.
        """
        return

    async def collect(self, reference: str) -> Answer:
        """Wait for the answer to an accepted send and return it; may be called again by a later attempt."""
        ...

    async def cancel(self, reference: str) -> None:
        """Stop an accepted send, so that it spends no more; one that cannot be stopped is left alone."""
        return
