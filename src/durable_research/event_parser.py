"""The one parser of server-sent events, for commands and experiments: bytes to messages, with its own line splitting.

It is a module below both, as neither may import the other, and imports nothing of ours.
"""

from dataclasses import dataclass

_RETRY_SECONDS = 0.5


@dataclass(frozen=True)
class Message:
    """One message. An empty `event` is a keep-alive."""

    event: str = ""
    data: str = ""
    id: str | None = None


class EventParser:
    """Bytes to messages, by the HTML standard's "event stream" format.

    Lines end by LF or CR LF only: httpx's own line reader also splits at U+2028 and the like, within a JSON text.
    """

    def __init__(self) -> None:
        self.retry_seconds = _RETRY_SECONDS
        self._rest = b""
        self._fields: dict[str, list[str]] = {}

    def feed(self, chunk: bytes) -> list[Message]:
        """The messages that are complete with this chunk."""
        *lines, self._rest = (self._rest + chunk).replace(b"\r\n", b"\n").split(b"\n")
        return [message for line in lines if (message := self._parse(line.decode("utf-8", "replace"))) is not None]

    def _parse(self, line: str) -> Message | None:
        if line.startswith(":"):
            return Message()
        if line:
            name, _, value = line.partition(":")
            self._fields.setdefault(name, []).append(value.removeprefix(" "))
            return None
        fields, self._fields = self._fields, {}
        if (retry := fields.get("retry", [""])[-1]).isdecimal():
            self.retry_seconds = min(int(retry) / 1000, 30.0)
        if "data" not in fields:
            return None
        number = fields["id"][-1] if "id" in fields else None
        return Message(fields.get("event", ["message"])[-1], "\n".join(fields["data"]), number)
