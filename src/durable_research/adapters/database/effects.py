"""The Effects port on PostgreSQL: the ledger's two tables and its fence."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from durable_research.adapters.database.connection import Database
from durable_research.adapters.database.tables import effect_attempts, effects
from durable_research.domain.effects import Charges, Effect, EffectRecord, Send, SendState
from durable_research.domain.errors import EffectMismatch, StaleAttempt

_CHARGED = (SendState.SETTLED, SendState.SPENT)
_ACCEPTED = (effect_attempts.c.state == SendState.OPEN) & effect_attempts.c.reference.is_not(None)


# Made once, like the statements of `events.py`. Each is one statement on the row that the fence protects.
_CLAIMED = (
    "key", "tenant", "workflow_id", "step", "kind", "provider", "provider_class", "fingerprint", "frozen", "fence",
)  # fmt: skip
_INSERT = insert(effects).values({name: bindparam(f"new_{name}") for name in _CLAIMED})
# The row is locked by its update, so two attempts that claim at once come one after the other.
_CLAIM = _INSERT.on_conflict_do_update(
    index_elements=["key"], set_={"fence": func.greatest(effects.c.fence, _INSERT.excluded.fence)}
).returning(effects)
_SENDS = select(effect_attempts).where(effect_attempts.c.key == bindparam("of_key")).order_by(effect_attempts.c.fence)
_HELD = (effects.c.key == bindparam("of_key"), effects.c.fence == bindparam("of_fence"))
_OPEN = (
    insert(effect_attempts)
    .from_select(
        ["key", "fence", "state"],
        select(effects.c.key, effects.c.fence, literal(str(SendState.OPEN))).where(*_HELD).with_for_update(),
    )
    .returning(effect_attempts.c.key)
)
_FENCE = select(effects.c.fence).where(effects.c.key == bindparam("of_key"))
_REMEMBER = (
    update(effect_attempts)
    .where(effect_attempts.c.key == bindparam("of_key"), effect_attempts.c.fence == bindparam("of_fence"))
    .values(reference=bindparam("new_reference"))
)
_SETTLED = (
    update(effects)
    .where(*_HELD)
    .values(result=bindparam("new_result"), settled_at=func.clock_timestamp())
    .returning(effects.c.key)
    .cte("settled")
)
_CLOSED = (
    update(effect_attempts)
    .where(effect_attempts.c.key.in_(select(_SETTLED.c.key)), effect_attempts.c.reference == bindparam("of_reference"))
    .values(state=SendState.SETTLED, closed_at=func.clock_timestamp())
    .cte("closed")
)
_SETTLE = select(_SETTLED.c.key).add_cte(_CLOSED)


class PostgresEffects:
    """Every method is one transaction; `fence` decides who may write."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, effect: Effect, fence: int) -> EffectRecord:
        """Insert or lock the effect and raise its fence to ours."""
        async with self._database.begin() as connection:
            claimed = {f"new_{name}": getattr(effect, name) for name in _CLAIMED if name != "fence"}
            row = (await connection.execute(_CLAIM, claimed | {"new_fence": fence})).one()
            if row.fingerprint != effect.fingerprint:
                raise EffectMismatch(f"{effect.step} of {effect.workflow_id} was begun for another request")
            if row.fence > fence:
                raise StaleAttempt(f"attempt {row.fence} of {effect.step} has taken over from attempt {fence}")
            sends = await connection.execute(_SENDS, {"of_key": effect.key})
            known = tuple(Send(one.fence, SendState(one.state), one.reference) for one in sends)
            return EffectRecord(known, row.frozen, row.result, row.possible_extra)

    async def open_send(self, effect: Effect, fence: int, *, possible_extra: bool) -> None:
        """Commit the intent to send."""
        # The rule is one statement, which commits by itself; only a re-send has more to say in its transaction.
        async with self._database.begin() if possible_extra else self._database.one() as connection:
            if possible_extra:
                await self._give_up_on_open_sends(connection, effect.key)
            opened = await connection.execute(_OPEN, {"of_key": effect.key, "of_fence": fence})
            if opened.first() is None:
                raise StaleAttempt(f"a newer attempt has taken over from attempt {fence}; nothing is sent")

    @staticmethod
    async def _give_up_on_open_sends(connection: AsyncConnection, key: str) -> None:
        """They may have been accepted and will never be known: the next send is a possible extra.

        A send whose id became known since we looked is not given up: it is taken up by the next attempt.
        """
        still_open = (effect_attempts.c.key == key, effect_attempts.c.state == SendState.OPEN)
        await connection.execute(
            update(effect_attempts)
            .where(*still_open, effect_attempts.c.reference.is_(None))
            .values(state=SendState.UNKNOWN, closed_at=func.clock_timestamp())
        )
        if (await connection.execute(select(effect_attempts.c.reference).where(*still_open))).first() is not None:
            raise StaleAttempt("an earlier send has just become known as accepted; it is taken up instead")
        await connection.execute(
            update(effects).where(effects.c.key == key).values(possible_extra=effects.c.possible_extra + 1)
        )

    async def check_fence(self, key: str, fence: int) -> None:
        """Raise StaleAttempt unless the fence is still ours."""
        async with self._database.one() as connection:
            now = (await connection.execute(_FENCE, {"of_key": key})).scalar_one()
        if now != fence:
            raise StaleAttempt(f"attempt {now} has taken over from attempt {fence}; nothing is sent")

    async def remember_reference(self, key: str, fence: int, reference: str) -> None:
        """Commit the provider's id, whoever holds the fence by now."""
        async with self._database.one() as connection:
            remembered = {"of_key": key, "of_fence": fence, "new_reference": reference}
            await connection.execute(_REMEMBER, remembered)

    async def settle(self, key: str, fence: int, reference: str, result: Mapping[str, Any]) -> None:
        """Store the result, while the fence is ours."""
        values = {"of_key": key, "of_fence": fence, "of_reference": reference, "new_result": dict(result)}
        async with self._database.one() as connection:
            found = await connection.execute(_SETTLE, values)
            if found.first() is None:
                raise StaleAttempt(f"a newer attempt has taken over from attempt {fence}")

    async def close_send(self, key: str, reference: str | None, fence: int, state: SendState) -> None:
        """Close a send that gave no result; without a provider's id it is this attempt's own."""
        mine = effect_attempts.c.fence == fence if reference is None else effect_attempts.c.reference == reference
        async with self._database.one() as connection:
            await connection.execute(
                update(effect_attempts)
                .where(effect_attempts.c.key == key, mine, effect_attempts.c.state == SendState.OPEN)
                .values(state=state, closed_at=func.clock_timestamp())
            )

    async def charges(self, workflow_id: str) -> Charges:
        """Count the model calls known to be charged, and the possible extras."""
        mine = (effects.c.workflow_id == workflow_id) & (effects.c.kind == "model_call")
        sends = (
            select(func.count())
            .select_from(effect_attempts.join(effects))
            # An accepted call is charged whether or not anybody fetched its answer.
            .where(mine, effect_attempts.c.state.in_(_CHARGED) | _ACCEPTED)
        )
        extra = select(func.coalesce(func.sum(effects.c.possible_extra), 0)).where(mine)
        query = select(sends.scalar_subquery(), extra.scalar_subquery())
        async with self._database.one() as connection:
            settled, possible = (await connection.execute(query)).one()
        return Charges(settled, possible)

    async def running_calls(self, workflow_id: str) -> Sequence[tuple[str, str]]:
        """Key and provider's id of this workflow's model calls that are accepted and not closed."""
        query = (
            select(effect_attempts.c.key, effect_attempts.c.reference)
            .select_from(effect_attempts.join(effects))
            .where(effects.c.workflow_id == workflow_id, effects.c.kind == "model_call", _ACCEPTED)
        )
        async with self._database.one() as connection:
            return [(row.key, row.reference) for row in await connection.execute(query)]
