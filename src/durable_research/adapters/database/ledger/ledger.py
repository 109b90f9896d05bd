"""The ledger's ports on PostgreSQL: two tables and a fence."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Text,
    bindparam,
    case,
    exists,
    func,
    literal,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import ReturningInsert

from durable_research.adapters.database.ledger.charges import ChargedSends
from durable_research.adapters.database.ledger.sends import AGE, OPEN_FOR, as_record, as_send
from durable_research.adapters.database.ledger.unresolved_sends import UnresolvedSendRows
from durable_research.adapters.database.tables import effect_attempts, effects, workflows
from durable_research.domain.errors import EffectMismatch, InvalidState, StaleAttempt
from durable_research.domain.ledger.effects import (
    UNRESOLVED,
    WITHDRAWN,
    Effect,
    EffectKind,
    EffectRecord,
    ProviderClass,
    SendState,
)
from durable_research.domain.requests.notice import SEND_NOTICE
from durable_research.domain.workflows.progress import NUMBERED_BY_LEDGER
from durable_research.domain.workflows.workflow import FINAL, Status

_HAS_ID = effect_attempts.c.reference.is_not(None)


# Built once, like the statements of `events.py`. Each is one statement on the row that the fence protects.
_CLAIMED = (
    "key", "tenant", "workflow_id", "step", "kind", "provider", "provider_class", "fingerprint", "frozen", "fence",
)  # fmt: skip
_INSERT = insert(effects).values({name: bindparam(f"new_{name}") for name in _CLAIMED})
# A withdrawn effect stays withdrawn: no fence is higher.
_NEXT_FENCE = func.least(effects.c.fence, WITHDRAWN - 1) + 1


# The frozen request binds sends that may have been accepted. Where every send was refused, the current settings replace it:
# a changed setting may repair the refusal.
# By its column name, as SQLAlchemy relates no subquery to the row that an insert conflicts with.
_conflicting = literal_column("effects.key", Text)
_is_bound = exists().where(effect_attempts.c.key == _conflicting, effect_attempts.c.state != SendState.REFUSED)


def _claim(fence: ColumnElement[int]) -> ReturningInsert[Any]:
    """Insert or lock the row: the update locks it, so that two concurrent claims run one after the other."""
    return _INSERT.on_conflict_do_update(
        index_elements=["key"],
        # The class is the current one: the provider of today decides which look-ups exist.
        set_={
            "fence": fence,
            "provider_class": _INSERT.excluded.provider_class,
            "provider": case((_is_bound, effects.c.provider), else_=_INSERT.excluded.provider),
            "frozen": case((_is_bound, effects.c.frozen), else_=_INSERT.excluded.frozen),
        },
    ).returning(effects)


_CLAIM = _claim(func.greatest(effects.c.fence, _INSERT.excluded.fence))
_CLAIM_NEXT = _claim(_NEXT_FENCE)
_LOOK = (
    select(
        *(column for column in effects.c if column is not effects.c.fence),
        effects.c.fence.label("held_by"),
        *(column for column in effect_attempts.c if column is not effect_attempts.c.key),
        AGE,
        OPEN_FOR,
    )
    .select_from(effects.outerjoin(effect_attempts))
    .where(effects.c.key.in_(bindparam("of_keys", expanding=True)))
    .order_by(effects.c.key, effect_attempts.c.fence)
)
_SENDS = (
    select(effect_attempts, AGE, OPEN_FOR)
    .where(effect_attempts.c.key == bindparam("of_key"))
    .order_by(effect_attempts.c.fence)
)
_HELD = (effects.c.key == bindparam("of_key"), effects.c.fence == bindparam("of_fence"))
_OPEN = (
    insert(effect_attempts)
    .from_select(
        ["key", "fence", "state", "handle"],
        select(effects.c.key, effects.c.fence, literal(str(SendState.OPEN)), bindparam("of_handle", type_=Text))
        .where(*_HELD)
        .with_for_update(),
    )
    # An attempt sends once: if the provider has already deleted that call, the next attempt sends.
    .on_conflict_do_nothing(index_elements=["key", "fence"])
    .returning(effect_attempts.c.key)
)
_LOCK = select(effects.c.key).where(effects.c.key == bindparam("of_key")).with_for_update()
_FENCE = (
    select(effects.c.fence, (func.clock_timestamp() - effect_attempts.c.opened_at).label("age"))
    .join(effect_attempts)
    .where(effects.c.key == bindparam("of_key"), effect_attempts.c.fence == bindparam("of_fence"))
)
# The effect's row is locked, as in `open_send`: either `open_send` sees this id, or this statement sees the new send.
_LOCKED = select(effects.c.key).where(effects.c.key == bindparam("of_key")).with_for_update().cte("locked")
_newer = effect_attempts.alias("newer")
_REMEMBER = (
    update(effect_attempts)
    .where(
        effect_attempts.c.key.in_(select(_LOCKED.c.key)),
        effect_attempts.c.fence == bindparam("of_fence"),
        effect_attempts.c.reference.is_(None),
    )
    .values(reference=bindparam("new_reference"))
)
# A server's ids may repeat, so another send is another call, whatever its id; but in class K one key is one call.
_newer_is_accepted = exists().where(
    _newer.c.key == bindparam("of_key"),
    _newer.c.fence > bindparam("of_fence"),
    _newer.c.reference.is_not(None),
    effects.c.key == _newer.c.key,
    (effects.c.provider_class != ProviderClass.KEYED) | (_newer.c.reference != bindparam("new_reference")),
)
# Completed workflows are embedded after their end: every report, and posts when the model has changed.
_is_embedded_late = (effects.c.kind == EffectKind.EMBEDDING) & workflows.c.status.in_([Status.DONE, Status.PARTLY_DONE])
_workflow_has_ended = exists().where(
    effects.c.key == bindparam("of_key"),
    workflows.c.workflow_id == effects.c.workflow_id,
    workflows.c.status.in_(FINAL),
    ~_is_embedded_late,
    effects.c.step != SEND_NOTICE,
)
# A later attempt may have found this same send and settled it: then it is the answer, and must not be cancelled.
_is_the_answer = exists().where(
    effect_attempts.c.key == bindparam("of_key"),
    effect_attempts.c.fence == bindparam("of_fence"),
    effect_attempts.c.state == SendState.SETTLED,
)
_is_withdrawn = exists().where(effects.c.key == bindparam("of_key"), effects.c.fence == WITHDRAWN)
_IS_DUPLICATE = select((_newer_is_accepted | _workflow_has_ended | _is_withdrawn) & ~_is_the_answer)
_SETTLED = (
    update(effects)
    .where(*_HELD)
    .values(result=bindparam("new_result"), settled_at=func.clock_timestamp())
    .returning(effects.c.key)
    .cte("settled")
)
_is_the_one = effect_attempts.c.reference == bindparam("of_reference")
_is_open = effect_attempts.c.state == SendState.OPEN
# Among the sends that are still open, one with an id of its own is a duplicate charge; one without an id is unresolved.
_BECOMES = case(
    (_is_the_one, literal(str(SendState.SETTLED))),
    (_HAS_ID, literal(str(SendState.SPENT))),
    else_=literal(str(SendState.ABSENT)),
)
_CLOSED = (
    update(effect_attempts)
    .where(effect_attempts.c.key.in_(select(_SETTLED.c.key)), _is_the_one | _is_open)
    .values(state=_BECOMES, closed_at=func.clock_timestamp())
    .cte("closed")
)
_SETTLE = select(_SETTLED.c.key).add_cte(_CLOSED)


class PostgresLedger(ChargedSends, UnresolvedSendRows):
    """Every method is one transaction; `fence` decides which attempt may write."""

    async def claim(self, effect: Effect, fence: int) -> EffectRecord:
        """Insert or lock the effect and raise its fence to ours, or by one for an attempt without a number."""
        is_numbered = fence != NUMBERED_BY_LEDGER
        async with self._database.begin() as connection:
            claiming = _CLAIM if is_numbered else _CLAIM_NEXT
            row = (await connection.execute(claiming, _claimed(effect, fence if is_numbered else 1))).one()
            if row.fingerprint != effect.fingerprint:
                raise EffectMismatch(f"{effect.step} of {effect.workflow.workflow_id} was begun for another request")
            if row.fence == WITHDRAWN > fence:
                raise InvalidState(f"what {effect.step} did has been taken back; it is not done again")
            if is_numbered and row.fence > fence:
                raise StaleAttempt(f"attempt {row.fence} of {effect.step} has taken over from attempt {fence}")
            sends = await connection.execute(_SENDS, {"of_key": row.key})
            return as_record(row, [as_send(one) for one in sends], row.fence)

    async def read(self, keys: Sequence[str]) -> Mapping[str, EffectRecord]:
        """Read the effects without a lock."""
        async with self._database.one() as connection:
            found = (await connection.execute(_LOOK, {"of_keys": list(keys)})).all()
        by_key = ((key, list(rows)) for key, rows in groupby(found, lambda row: row.key))
        # An effect that has not sent has one row, without a send.
        return {
            key: as_record(rows[0], [as_send(row) for row in rows if row.state], rows[0].held_by)
            for key, rows in by_key
        }

    async def open_send(self, effect: Effect, fence: int, handle: str | None, *, earlier: SendState | None) -> None:
        opening = {"of_key": effect.key, "of_fence": fence, "of_handle": handle}
        # Without earlier sends to close, as is usual, it is one statement, which commits by itself.
        async with self._database.begin() if earlier else self._database.one() as connection:
            if earlier:
                await self._close_earlier(connection, effect.key, earlier)
            opened = await connection.execute(_OPEN, opening)
            if opened.first() is None:
                raise StaleAttempt(f"attempt {fence} has sent already, or a newer one has taken over; nothing is sent")

    @staticmethod
    async def _close_earlier(connection: AsyncConnection, key: str, state: SendState) -> None:
        """Close the unresolved sends.

        A send whose id became known since the last read is not given up: the next attempt re-attaches to it.
        """
        await connection.execute(_LOCK, {"of_key": key})
        still_open = (effect_attempts.c.key == key, effect_attempts.c.state == SendState.OPEN)
        known = select(effect_attempts.c.reference).where(*still_open, effect_attempts.c.reference.is_not(None))
        if (await connection.execute(known)).first() is not None:
            raise StaleAttempt("an earlier send has just become known as accepted; it is taken up instead")
        closing = update(effect_attempts).where(*still_open)
        await connection.execute(closing.values(state=state, closed_at=func.clock_timestamp()))
        if state is SendState.UNKNOWN:
            extra = update(effects).where(effects.c.key == key).values(possible_extra=effects.c.possible_extra + 1)
            await connection.execute(extra)

    async def check_fence(self, key: str, fence: int, within: timedelta) -> None:
        """Raise StaleAttempt unless the fence is still ours and our intent is young enough."""
        async with self._database.one() as connection:
            now = (await connection.execute(_FENCE, {"of_key": key, "of_fence": fence})).one()
        if now.age > within:
            await self.close_send(key, None, fence, SendState.REFUSED)
            raise StaleAttempt(
                f"attempt {fence} slept {now.age.total_seconds():.1f} s after its intent; nothing is sent"
            )
        if now.fence != fence:
            raise StaleAttempt(f"attempt {now.fence} has taken over from attempt {fence}; nothing is sent")

    async def remember_reference(self, key: str, fence: int, reference: str) -> bool:
        """Commit the provider's id, even under a newer fence; True for a duplicate send."""
        remembered = {"of_key": key, "of_fence": fence, "new_reference": reference}
        async with self._database.begin() as connection:
            await connection.execute(_REMEMBER, remembered)
            return bool((await connection.execute(_IS_DUPLICATE, remembered)).scalar_one())

    async def settle(self, key: str, fence: int, reference: str, result: Mapping[str, Any]) -> None:
        """Store the result, while the fence is ours."""
        values = {"of_key": key, "of_fence": fence, "of_reference": reference, "new_result": dict(result)}
        async with self._database.one() as connection:
            found = await connection.execute(_SETTLE, values)
            if found.first() is None:
                raise StaleAttempt(f"a newer attempt has taken over from attempt {fence}")

    async def close_send(self, key: str, reference: str | None, fence: int, state: SendState) -> None:
        """Close a send without a result; if no provider's id is given, it is this attempt's own send."""
        own_send = effect_attempts.c.fence == fence if reference is None else effect_attempts.c.reference == reference
        async with self._database.one() as connection:
            await connection.execute(
                update(effect_attempts)
                .where(effect_attempts.c.key == key, own_send, effect_attempts.c.state == SendState.OPEN)
                .values(state=state, closed_at=func.clock_timestamp())
            )

    async def store_unpublished(self, key: str, fence: int, part: Mapping[str, Any]) -> None:
        """Store the outcome of an answer that is not published."""
        storing = update(effects).where(effects.c.key == key, effects.c.fence == fence).values(kept=dict(part))
        async with self._database.one() as connection:
            await connection.execute(storing)

    async def grant_resend(self, workflow_id: str, step: str) -> bool:
        """Allow one more send of the step's unresolved effects; a repeated decision allows no second one."""
        unresolved = exists().where(effect_attempts.c.key == effects.c.key, effect_attempts.c.state.in_(UNRESOLVED))
        granting = (
            update(effects)
            .where(effects.c.workflow_id == workflow_id, effects.c.step == step, effects.c.result.is_(None), unresolved)
            .values(resend_granted=effects.c.possible_extra + 1)
            .returning(effects.c.key)
        )
        async with self._database.one() as connection:
            return (await connection.execute(granting)).first() is not None


def _claimed(effect: Effect, fence: int) -> Mapping[str, Any]:
    """The values of the row that claims the effect."""
    values = (
        vars(effect.workflow) | vars(effect) | {"key": effect.key, "fingerprint": effect.fingerprint, "fence": fence}
    )
    return {f"new_{name}": values[name] for name in _CLAIMED}
