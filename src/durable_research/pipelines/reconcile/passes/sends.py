"""The ledger's open sends: unresolved ones are looked up once more, and those that were left open are closed."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from durable_research import policies
from durable_research.domain.ledger.effects import EffectKind
from durable_research.domain.ledger.unresolved_sends import Provider, UnresolvedSend
from durable_research.pipelines.reconcile import pipeline
from durable_research.pipelines.reconcile.messages import PassOutcome
from durable_research.pipelines.reconcile.passes.rows import repair_each
from durable_research.ports.database.ledger import UnresolvedSends
from durable_research.ports.vendors.remote import EarlierSend
from durable_research.telemetry.meter import NO_METER, Meter
from durable_research.telemetry.metrics import EFFECTS
from durable_research.telemetry.outcomes import EffectOutcome

FindAll = Callable[[EarlierSend], Awaitable[list[str]]]


@dataclass
class LookUpSends:
    """Looks unresolved sends up once more: a sender that slept may have sent late.

    `find_all` requests from a provider, found by its name and class, all our sends under a key.
    """

    name: ClassVar = "strays"
    deadline: ClassVar = pipeline.SENDS_DEADLINE

    ledger: UnresolvedSends
    find_all: Mapping[Provider, FindAll]
    longest_call: timedelta
    meter: Meter = NO_METER

    async def run(self) -> PassOutcome:
        providers = list(self.find_all)
        unresolved_sends = await self.ledger.unresolved_sends(
            providers, policies.LOOK_UP_UNRESOLVED_AFTER, self.longest_call
        )
        return await repair_each(unresolved_sends, self._look_up_one)

    async def _look_up_one(self, unresolved: UnresolvedSend) -> bool:
        found = await self.find_all[unresolved.provider](
            EarlierSend(unresolved.key, unresolved.send.handle, unresolved.send.opened_at)
        )
        late_send = unresolved.late_send_among(found)
        await self.ledger.resolve_send(unresolved, late_send)
        if late_send is not None:
            _, provider_class = unresolved.provider
            labels = {"kind": EffectKind.MODEL_CALL, "provider_class": provider_class}
            self.meter.count(EFFECTS, **labels, outcome=EffectOutcome.LATE_DUPLICATE)
        return late_send is not None


@dataclass
class CloseAbandoned:
    """Closes open sends that no attempt works on any more."""

    name: ClassVar = "left_behind"
    deadline: ClassVar = pipeline.SENDS_DEADLINE

    ledger: UnresolvedSends

    async def run(self) -> PassOutcome:
        return PassOutcome(done=await self.ledger.close_abandoned(policies.LOOK_UP_UNRESOLVED_AFTER))
