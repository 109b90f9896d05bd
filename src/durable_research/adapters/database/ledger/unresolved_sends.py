"""Unresolved sends: since when and why, which ones to look up once more, and which ones have no look-up."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import and_, case, exists, func, literal, or_, select, tuple_, update

from durable_research.adapters.database.connection import Database
from durable_research.adapters.database.ledger.sends import AGE, CHARGED, OPEN_FOR, as_send
from durable_research.adapters.database.tables import effect_attempts, effects, workflows
from durable_research.domain.ledger.effects import EffectKind, ProviderClass, SendFailure, SendState
from durable_research.domain.ledger.unresolved_sends import Provider, UnresolvedSend
from durable_research.domain.workflows.workflow import FINAL

# A pass of reconciliation has other work, and after a day without a successful look-up the provider is not polled any more.
_UNRESOLVED_AT_ONCE = 20
_LOOKED_UP_FOR = timedelta(days=1)
_known = effect_attempts.alias("known")
_same_handle = _known.c.handle.is_not_distinct_from(effect_attempts.c.handle)
_accounted = (
    select(func.count())
    .select_from(_known)
    .where(_known.c.key == effect_attempts.c.key, _same_handle, _known.c.state.in_(CHARGED))
    .scalar_subquery()
)
_references = select(func.array_agg(_known.c.reference)).where(
    _known.c.key == effect_attempts.c.key, _known.c.reference.is_not(None)
)


class UnresolvedSendRows:
    """The part of the ledger for unresolved sends."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def unresolved_sends(
        self, providers: Sequence[Provider], closed_before: timedelta, longest_call: timedelta
    ) -> Sequence[UnresolvedSend]:
        """List these providers' sends closed as absent at least so long ago, within a day, and not looked up since."""
        query = (
            select(
                effect_attempts,
                effects.c.provider,
                effects.c.provider_class,
                _accounted.label("accounted"),
                _references.scalar_subquery().label("known"),
                AGE,
                OPEN_FOR,
            )
            .select_from(effect_attempts.join(effects))
            .where(
                effect_attempts.c.state == SendState.ABSENT,
                effect_attempts.c.reference.is_(None),
                effect_attempts.c.checked_at.is_(None),
                tuple_(effects.c.provider, effects.c.provider_class).in_(providers),
                effect_attempts.c.closed_at < func.clock_timestamp() - closed_before,
                (effects.c.provider_class != ProviderClass.RETRIEVABLE)
                | (effect_attempts.c.opened_at < func.clock_timestamp() - longest_call),
                effect_attempts.c.closed_at > func.clock_timestamp() - _LOOKED_UP_FOR,
            )
            .order_by(effect_attempts.c.closed_at.desc())
            .limit(_UNRESOLVED_AT_ONCE)
        )
        async with self._database.one() as connection:
            rows = await connection.execute(query)
            return [
                UnresolvedSend(
                    row.key,
                    (row.provider, ProviderClass(row.provider_class)),
                    as_send(row),
                    row.accounted,
                    frozenset(row.known or ()),
                )
                for row in rows
            ]

    async def resolve_send(self, unresolved: UnresolvedSend, reference: str | None) -> None:
        """Write the result of the look-up: a late send is spent; if the effect has no result, it is the answer."""
        has_result = exists().where(effects.c.key == unresolved.key, effects.c.result.is_not(None))
        state = case((has_result, literal(str(SendState.SPENT))), else_=literal(str(SendState.ABSENT)))
        found = {"reference": reference, "state": state} if reference else {}
        async with self._database.one() as connection:
            await connection.execute(
                update(effect_attempts)
                .where(effect_attempts.c.key == unresolved.key, effect_attempts.c.fence == unresolved.send.fence)
                .values(checked_at=func.clock_timestamp(), **found)
            )

    async def note_lost(self, key: str, fence: int, failure: SendFailure | None) -> float:
        """Write once when an open send was lost, and why."""
        values: dict[str, Any] = {"lost_at": func.coalesce(effect_attempts.c.lost_at, func.clock_timestamp())}
        if failure:
            values["failure"] = {"code": failure.code, "detail": failure.detail}
        noting = (
            update(effect_attempts)
            .where(effect_attempts.c.key == key, effect_attempts.c.fence == fence)
            .values(values)
            .returning(OPEN_FOR)
        )
        async with self._database.one() as connection:
            return float((await connection.execute(noting)).scalar_one())

    async def close_abandoned(self, closed_before: timedelta) -> int:
        """Close open sends of ended workflows that have no look-up: of class N, and messages with a key of their own."""
        # A message that is still due is sent again with its key. One of class R must be looked up first, so it stays open.
        is_keyed_message = and_(
            effects.c.kind == EffectKind.NOTIFICATION, effects.c.provider_class == ProviderClass.KEYED
        )
        ended = exists().where(
            effects.c.key == effect_attempts.c.key,
            or_(effects.c.provider_class == ProviderClass.NOTHING, is_keyed_message),
            workflows.c.workflow_id == effects.c.workflow_id,
            workflows.c.status.in_(FINAL),
            workflows.c.updated_at < func.clock_timestamp() - closed_before,
        )
        closing = (
            update(effect_attempts)
            .where(
                effect_attempts.c.state == SendState.OPEN,
                effect_attempts.c.reference.is_(None),
                # A failed report notifies its channels after its end.
                effect_attempts.c.opened_at < func.clock_timestamp() - closed_before,
                ended,
            )
            .values(state=SendState.UNKNOWN, closed_at=func.clock_timestamp())
        )
        async with self._database.one() as connection:
            return (await connection.execute(closing)).rowcount
