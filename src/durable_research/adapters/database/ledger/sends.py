"""The rows of effects and sends, as all parts of the ledger read them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, func

from durable_research.adapters.database.tables import effect_attempts
from durable_research.domain.ledger.effects import EffectRecord, ProviderClass, Send, SendFailure, SendState

CHARGED = (SendState.SETTLED, SendState.SPENT)
AGE = func.extract("epoch", func.clock_timestamp() - effect_attempts.c.opened_at).label("age")
OPEN_FOR = func.extract(
    "epoch", func.coalesce(effect_attempts.c.lost_at, func.clock_timestamp()) - effect_attempts.c.opened_at
).label("open_for")


def as_send(row: "Row[*tuple[Any, ...]]") -> Send:
    """Convert a row to the domain's send."""
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


def as_record(row: "Row[*tuple[Any, ...]]", sends: Sequence[Send], fence: int) -> EffectRecord:
    """Convert a row to the domain's effect with its sends."""
    return EffectRecord(
        tuple(sends),
        row.frozen,
        row.result,
        row.possible_extra,
        row.resend_granted,
        fence,
        row.kept,
        row.provider,
        ProviderClass(row.provider_class),
    )
