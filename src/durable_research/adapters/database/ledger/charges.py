"""The certain and the possible charges in the ledger."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Text, case, cast, func, literal, select

from durable_research.adapters.database.connection import Database
from durable_research.adapters.database.ledger.sends import CHARGED
from durable_research.adapters.database.tables import effect_attempts, effects, workflows
from durable_research.domain.ledger.effects import Charges, EffectKind, ProviderClass, SendState
from durable_research.domain.workflows.workflow import FINAL

_HAS_ID = effect_attempts.c.reference.is_not(None)
# Certainly accepted, though not closed: the provider charges it whether or not the answer is fetched.
_ACCEPTED = effect_attempts.c.state.in_([SendState.OPEN, SendState.ABSENT]) & _HAS_ID
_KNOWN_CHARGED = effect_attempts.c.state.in_(CHARGED) | (_HAS_ID & (effect_attempts.c.state != SendState.REFUSED))
_fence = effect_attempts.c.fence
# The sender got an error, and the provider has no look-up: the send may be charged, even if its attempt continues.
_IS_LOST = effect_attempts.c.failure.is_not(None) & (effects.c.provider_class == ProviderClass.NOTHING)


class ChargedSends:
    """The part of the ledger that counts charges."""

    _database: Database

    async def charges(self, workflow_id: str, kind: EffectKind = EffectKind.MODEL_CALL) -> Charges:
        return (await self.charges_by_kind(workflow_id)).get(kind, Charges())

    async def charges_by_kind(self, workflow_id: str) -> Mapping[EffectKind, Charges]:
        """Count the calls known to be charged, and the other sends that may have been charged.

        An open send of a running workflow's newest attempt counts as neither yet.
        """
        # Each answered send is a charge, whatever its id; but if the provider honours keys, all sends of a key are one charge.
        is_keyed = effects.c.provider_class == ProviderClass.KEYED
        call = func.concat(effect_attempts.c.key, case((is_keyed, literal("")), else_=cast(_fence, Text)))
        is_abandoned = (_fence < effects.c.fence) | workflows.c.status.in_(FINAL) | _IS_LOST
        may_be_another_charge = is_abandoned & (effects.c.provider_class != ProviderClass.KEYED)
        unresolved = (effect_attempts.c.state == SendState.UNKNOWN) | (
            (effect_attempts.c.state == SendState.OPEN) & may_be_another_charge
        )
        query = (
            select(
                effects.c.kind,
                func.count(call.distinct()).filter(_KNOWN_CHARGED).label("settled"),
                func.count().filter(effect_attempts.c.reference.is_(None), unresolved).label("possible_extra"),
            )
            .select_from(
                effect_attempts.join(effects).join(workflows, workflows.c.workflow_id == effects.c.workflow_id)
            )
            .where(effects.c.workflow_id == workflow_id)
            .group_by(effects.c.kind)
        )
        async with self._database.one() as connection:
            rows = (await connection.execute(query)).all()
        return {EffectKind(row.kind): Charges(row.settled, row.possible_extra) for row in rows}

    async def running_calls(self, workflow_id: str) -> Sequence[tuple[str, str]]:
        """List key and provider's id of this workflow's model calls that are accepted and not closed."""
        query = (
            select(effect_attempts.c.key, effect_attempts.c.reference)
            .select_from(effect_attempts.join(effects))
            .where(effects.c.workflow_id == workflow_id, effects.c.kind == EffectKind.MODEL_CALL, _ACCEPTED)
        )
        async with self._database.one() as connection:
            return [(row.key, row.reference) for row in await connection.execute(query)]
