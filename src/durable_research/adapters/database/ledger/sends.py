"""What both parts of the ledger read of a send."""

from typing import Any

from sqlalchemy import Row, func

from durable_research.adapters.database.tables import effect_attempts
from durable_research.domain.ledger.effects import Send, SendFailure, SendState

CHARGED = (SendState.SETTLED, SendState.SPENT)
AGE = func.extract("epoch", func.clock_timestamp() - effect_attempts.c.opened_at).label("age")
OPEN_FOR = func.extract(
    "epoch", func.coalesce(effect_attempts.c.lost_at, func.clock_timestamp()) - effect_attempts.c.opened_at
).label("open_for")


def as_send(row: "Row[*tuple[Any, ...]]") -> Send:
    """A send as the rules know it."""
    failure = SendFailure(**row.failure) if row.failure else None
    return Send(
        row.fence,
        SendState(row.state),
        row.opened_at,
        float(row.age),
        row.reference,
        row.handle,
        float(row.open_for),
        failure,
    )
