"""One paid or visible act at a vendor, prepared but not sent: the ledger decides whether and when it is sent."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

Answer = TypeVar("Answer", covariant=True)


@dataclass(frozen=True)
class EarlierSend:
    """An unresolved send: our key, its handle (class L), and when its intent was committed."""

    key: str
    handle: str | None
    opened_at: datetime


# The tags by which a send is found at the provider: our key, and the hash of the request.
KEY_TAG = "effect_key"
FINGERPRINT_TAG = "request_fingerprint"


@dataclass(frozen=True)
class Shown:
    """One result of a look-up at the provider, and the tags that it bears."""

    reference: str
    key: str | None
    fingerprint: str | None = None


def own_and_foreign(shown: Iterable[Shown], key: str, fingerprint: str | None) -> tuple[list[str], list[str]]:
    """Separate our sends from foreign ones, by reference and in their order.

    A list may ignore its filter and show everything; an answer with our key may belong to another request under that key. One
    without a fingerprint was sent by an older version of this code; None means that the request is not known any more.
    """
    own: list[str] = []
    foreign: list[str] = []
    for one in shown:
        is_same_request = fingerprint is None or one.fingerprint is None or one.fingerprint == fingerprint
        (own if one.key == key and is_same_request else foreign).append(one.reference)
    return own, foreign


class RemoteEffect(Protocol[Answer]):
    """The adapter's part of each act. It retries nothing and holds no state that a later attempt would need.

    Adapters inherit from it: the methods here are the defaults for vendors without the feature.
    """

    async def handle(self, key: str) -> str | None:
        """Class L: create the free handle of the send, before it; None where the server has no handles.

        Raises:
            StepFailed: nothing was created and nothing was sent.
        """
        return None

    async def send(self, key: str, handle: str | None) -> str:
        """Send at once, tagged with our key, and return the provider's id as soon as it is known.

        Raises:
            StillRunning: refused, because an earlier send on the same handle is under way.
            Ambiguous: perhaps accepted.
            StepFailed: any other error: certainly not accepted.
        """
        ...

    async def find(self, send: EarlierSend) -> str | None:
        """Classes R and L: find the provider's id of an earlier send; None when the provider shows none now.

        Raises:
            StillRunning: the provider reports that the call is running.
            CannotAsk: the provider has no look-up, and never had.
            StepFailed, Ambiguous: the look-up failed.
        """
        return None

    async def reattach_to(self, reference: str) -> None:
        """Make sure, before `collect`, that this attempt can re-attach to an accepted send of an earlier one.

        Raises:
            AnswerLost: only the attempt that sent it could read its answer.
            ModelForgotten: the provider has no record of it any more.
            StepFailed: the look-up failed.
        """
        return

    async def collect(self, reference: str) -> Answer:
        """Wait for the answer to an accepted send and return it; may be called again by a later attempt."""
        ...

    async def cancel(self, reference: str) -> None:
        """Stop an accepted send, so that it costs no more; without a way to stop it, do nothing."""
        return
