"""Reading what the engine stores sealed."""

from typing import Any, Protocol


class PayloadReader(Protocol):
    """Opens the engine's payloads for its operators."""

    namespace: str

    def read(self, message: dict[str, Any]) -> dict[str, Any]:
        """Open the payloads of a message in the JSON form of Temporal's remote codecs.

        Raises:
            InvalidInput: it is not such a message.
            UnknownKeyId, PayloadUnreadable: a payload in it cannot be opened.
        """
        ...
