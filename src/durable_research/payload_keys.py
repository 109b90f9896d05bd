"""The keys that payloads are sealed with, and the sealing itself. Uses nothing of Temporal but the namespace's name.

AES-256-GCM with a random 96-bit nonce, stored as nonce + ciphertext + tag. Namespace and key id are bound in: a payload that is
moved to another namespace, or labelled with another key, does not open. The workflow's id is not: Temporal's Web UI hands the
codec endpoint payloads alone. A random nonce is safe for 2^32 payloads a key;
docs/guides/payload-encryption.md says when to rotate.
"""

import base64
import binascii
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from durable_research.domain.errors import PayloadUnreadable, UnknownKeyId

SETTING = "PAYLOAD_KEYS"
_KEY_BYTES = 32
_NONCE_BYTES = 12
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


@dataclass(frozen=True)
class PayloadKey:
    """One key; its id is stored in clear beside every payload that it sealed."""

    key_id: str
    secret: bytes = field(repr=False)


class KeysInvalid(ValueError):
    """The setting holds mistakes: all of them are in the text, and no secret is."""


def parse_keys(text: str) -> tuple[PayloadKey, ...]:
    """Read `id:base64,id:base64`, the active key first; an empty text is no key.

    Raises:
        KeysInvalid: with every mistake.
    """
    keys: list[PayloadKey] = []
    mistakes: list[str] = []
    for number, entry in enumerate(text.split(",") if text.strip() else (), start=1):
        key_id, colon, encoded = entry.strip().partition(":")
        secret = _secret_of(encoded)
        if not colon or not _ID.fullmatch(key_id):
            # The entry may be a secret without its id, so it is not repeated.
            mistakes.append(f"key {number} must be written id:base64, the id in letters, digits and . _ -")
        elif secret is None:
            mistakes.append(f"key {number} ({key_id}) must be {_KEY_BYTES} bytes in base64")
        elif any(known.key_id == key_id for known in keys):
            mistakes.append(f"key {number} ({key_id}) repeats an id")
        else:
            keys.append(PayloadKey(key_id, secret))
    if mistakes:
        raise KeysInvalid("; ".join(mistakes) + "; make one with: durable-research payload-key new")
    return tuple(keys)


def _secret_of(encoded: str) -> bytes | None:
    try:
        secret = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
    return secret if len(secret) == _KEY_BYTES else None


def new_key() -> str:
    """A fresh key as the setting writes it; its id begins with today, so that people see how old it is."""
    key_id = f"{datetime.now(UTC):%Y-%m-%d}-{os.urandom(2).hex()}"
    return f"{key_id}:{base64.b64encode(os.urandom(_KEY_BYTES)).decode()}"


class Keyring:
    """Seals with the active key, which is the first, and opens with any."""

    def __init__(self, keys: Sequence[PayloadKey], namespace: str) -> None:
        self.active = keys[0].key_id if keys else None
        self.namespace = namespace
        self._ciphers = {key.key_id: AESGCM(key.secret) for key in keys}

    def seal(self, plain: bytes) -> bytes:
        """Encrypt with the active key. There must be one."""
        assert self.active is not None, "nothing seals without a key"  # noqa: S101 - the codec checks before
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._ciphers[self.active].encrypt(nonce, plain, self._bound(self.active))

    def open(self, key_id: str, sealed: bytes) -> bytes:
        """Decrypt what the key of this id has sealed.

        Raises:
            UnknownKeyId: the setting holds no such key.
            PayloadUnreadable: changed, sealed by another key of this id, or in another namespace.
        """
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            name = key_id if _ID.fullmatch(key_id) else "of no valid form"
            raise UnknownKeyId(
                f"a payload was sealed with key {name}, which {SETTING} does not hold; add it at the end"
            )
        try:
            return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], self._bound(key_id))
        except (InvalidTag, ValueError):
            raise PayloadUnreadable(
                f"a payload labelled with key {key_id} does not open: it was changed, belongs to another namespace than "
                f"{self.namespace}, or {SETTING} holds another key under this id"
            ) from None

    def _bound(self, key_id: str) -> bytes:
        # Neither holds a NUL, so no two pairs give the same bytes.
        return f"{self.namespace}\0{key_id}".encode()
