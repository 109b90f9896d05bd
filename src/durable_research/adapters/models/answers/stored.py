"""An answer that the server stores, fetched by its id in its current state, whole or still growing."""

from durable_research.adapters.models.answers.reader import Reading
from durable_research.adapters.models.http.wire import Wire
from durable_research.adapters.models.json.events import Piece
from durable_research.domain.model_errors import ModelForgotten, ModelUnavailable


async def fetched(wire: Wire, path: str, reading: Reading) -> Reading:
    """Fetch the answer into the reading.

    Raises:
        ModelForgotten: the server has no record of it any more, or stores nothing.
        ModelUnavailable: the look-up failed, or the server shows something else.
    """
    reply = await wire.request("GET", path)
    if reply.status in {405, 501}:
        wire.limits.note_missing_endpoint()
    if reply.status in {404, 405, 501}:
        raise ModelForgotten("the provider no longer knows the accepted call")
    reading.is_whole_body = True
    reading.feed(Piece(reply.checked()))
    if not reading.is_begun:
        raise ModelUnavailable("the provider shows something that is no answer of a model")
    return reading
