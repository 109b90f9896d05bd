"""An answer as it comes over the wire: from its first value, which carries its id, to its end."""

import secrets
from dataclasses import dataclass, field

from durable_research.adapters.models.answers.reader import Reading
from durable_research.adapters.models.http.error_bodies import complaint_of
from durable_research.adapters.models.http.outcomes import of_complaint, of_prose
from durable_research.adapters.models.http.wire import Exchange
from durable_research.adapters.models.json.events import Body, Shape
from durable_research.domain.errors import Ambiguous
from durable_research.ports.vendors.models import TextSink

# After the end only the token counts may still come.
_AFTER_THE_END_SECONDS = 10.0


@dataclass
class AnswerStream:
    """Reads one exchange; its creator must close it."""

    exchange: Exchange
    reading: Reading
    on_text: TextSink
    _body: Body = field(default_factory=Body)
    _has_ended: bool = False

    async def begin(self) -> str:
        """Wait for the first value of the answer and return its id, or a generated one where it has none.

        Raises:
            StepFailed, StillRunning: the server sent no answer.
            Ambiguous: nothing came.
        """
        while not self.reading.is_named and not self.reading.is_refused and await self._read_piece():
            pass
        if self.reading.is_refused:
            raise of_complaint(
                self.exchange.response.status_code, complaint_of(self.reading.error), self.exchange.context
            )
        if not self.reading.is_named:
            raise Ambiguous("the answer ended before anything came that could be read")
        # Two sends without an id must not look like one.
        return self.reading.reference or f"unnamed-{secrets.token_hex(8)}"

    async def finish(self) -> None:
        """Read to the end; once the answer's end was received, no fault of the connection loses the answer.

        Raises:
            Ambiguous: the connection was lost, or silent for too long, before that.
        """
        is_shortened = False
        try:
            while not self.reading.is_over:
                if self.reading.has_ended and not is_shortened:
                    is_shortened = True
                    self.exchange.shorten(_AFTER_THE_END_SECONDS)
                if not await self._read_piece():
                    break
        except Ambiguous:
            if not self.reading.has_ended:
                raise
        self.on_text(self.reading.text)

    async def close(self) -> None:
        """Close the connection; a server that generates for this reader alone then stops."""
        await self.exchange.close()

    async def _read_piece(self) -> bool:
        """Read the next piece; False at the end."""
        if self._has_ended:
            return False
        data = await self.exchange.read()
        if data is None:
            self._has_ended = True
            last = list(self._body.end())
            self.reading.is_whole_body = self._body.shape is Shape.JSON and len(last) == 1
            for piece in last:
                self.reading.feed(piece)
            return False
        before = self.reading.growing
        for piece in self._body.feed(data):
            self.reading.feed(piece)
        if self._body.shape is Shape.OTHER:
            raise of_prose(self.exchange.context)
        if len(self.reading.growing) > len(before):
            self.on_text(self.reading.growing)
        return True
