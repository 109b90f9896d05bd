"""What both parts of the ledger read of a send."""

from typing import Any

from sqlalchemy import Row, func

from durable_research.adapters.database.tables import effect_attempts
from durable_research.domain.effects import Send, SendState

CHARGED = (SendState.SETTLED, SendState.SPENT)
AGE = func.extract("epoch", func.clock_timestamp() - effect_attempts.c.opened_at).label("age")


def as_send(row: "Row[*tuple[Any, ...]]") -> Send:
    """A send as the rules know it."""
    return Send(row.fence, SendState(row.state), row.opened_at, float(row.age), row.reference, row.anchor)
