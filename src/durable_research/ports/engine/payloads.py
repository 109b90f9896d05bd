"""Reading the engine's encrypted payloads."""

from typing import Any, Protocol


class PayloadReader(Protocol):
    """Decrypts the engine's payloads for its operators."""

    namespace: str

    def read(self, message: dict[str, Any]) -> dict[str, Any]:
        """Decrypt the payloads of a message in the JSON form of Temporal's remote codecs.

        Raises:
            InvalidInput: it is not such a message.
            UnknownKeyId, PayloadUnreadable: a payload in it cannot be decrypted.
        """
        ...
