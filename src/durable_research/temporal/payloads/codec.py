"""The payload codec: what Temporal stores is ciphertext, with the key's id beside it."""

from collections.abc import Sequence
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.converter import PayloadCodec
from temporalio.exceptions import ApplicationError

from durable_research.domain.errors import FieldError, InvalidInput, PayloadUnreadable, Rejected, UnknownKeyId
from durable_research.payload_keys import Keyring

_ENCODING = b"binary/encrypted"
_KEY_ID = "encryption-key-id"


class SealingCodec(PayloadCodec):
    """Seals with the keyring's active key; without keys it passes plain payloads, and reports sealed ones."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Seal each payload whole, its own metadata included."""
        active = self._keyring.active
        if active is None:
            return list(payloads)
        label = {"encoding": _ENCODING, _KEY_ID: active.encode()}
        return [Payload(metadata=label, data=self._keyring.seal(one.SerializeToString())) for one in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Open sealed payloads; others pass, so that payloads from before there were keys stay readable.

        Raises:
            ApplicationError: with the codes of `UnknownKeyId` and `PayloadUnreadable`.
        """
        try:
            return [self.open(one) for one in payloads]
        except (UnknownKeyId, PayloadUnreadable) as error:
            # Not marked non-retryable: the SDK would fail the workflow permanently on the first worker that lacks a key. So
            # the task fails with the reason, and is retried: a paid report waits until the setting is repaired.
            raise ApplicationError(error.detail, type=error.code) from None

    def open(self, payload: Payload) -> Payload:
        """Open one payload."""
        if payload.metadata.get("encoding") != _ENCODING:
            return payload
        plain = self._keyring.open(payload.metadata[_KEY_ID].decode(errors="replace"), payload.data)
        try:
            return Payload.FromString(plain)
        except DecodeError:
            raise PayloadUnreadable("a payload opens, and is no payload of ours") from None


class PayloadOpener:
    """The PayloadReader port: opens payloads in the JSON form of Temporal's remote codecs."""

    def __init__(self, keyring: Keyring) -> None:
        self.namespace = keyring.namespace
        self._codec = SealingCodec(keyring)

    def read(self, message: dict[str, Any]) -> dict[str, Any]:
        """Open a `Payloads` message.

        Raises:
            InvalidInput: it is not such a message.
            UnknownKeyId, PayloadUnreadable: a payload in it cannot be opened.
        """
        try:
            payloads = ParseDict(message, Payloads())
        except (ParseError, ValueError):
            raise _not_payloads() from None
        return MessageToDict(Payloads(payloads=[self._codec.open(one) for one in payloads.payloads]))


def _not_payloads() -> Rejected:
    words = "must be payloads in JSON, with metadata and data in base64"
    return InvalidInput([FieldError("/payloads", "type", words)])
