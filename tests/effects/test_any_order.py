"""Whatever order attempts begin, stop, die, wake up and take over in: every charge at the provider is known to the ledger.

Attempts are real, on the real ledger in PostgreSQL; hypothesis moves them from place to place. An attempt that dies is one that
is never moved again; one that sleeps is moved later, when others may have taken over. The provider's own list is the reference.
"""

import asyncio
import secrets
import time
from collections.abc import Coroutine
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from pydantic import BaseModel

from durable_research import policies
from durable_research.adapters.database.connection import Database
from durable_research.adapters.database.ledger.ledger import PostgresLedger
from durable_research.adapters.database.rows.workflows import PostgresWorkflows
from durable_research.domain.errors import ResearchError, Unconfirmed
from durable_research.domain.ledger.effects import AMBIGUOUS_SENDS_ALLOWED, Charges, Effect, EffectKind, ProviderClass
from durable_research.domain.workflow_ref import WorkflowRef
from durable_research.domain.workflows.progress import Attempt
from durable_research.domain.workflows.workflow import Kind, new_workflow_id
from durable_research.effects import attempt as sending
from durable_research.effects.runner import EffectRunner
from durable_research.failpoints.reach import Place
from durable_research.ports.database.workflows import NewWorkflow
from durable_research.ports.vendors.remote import EarlierSend
from tests.fakes import FakeNotes
from tests.pretend_provider import PretendProvider

# A provider that is searched can be believed after: the longest age of an intent that is still sent, the way there, its lag.
LAG_SECONDS = 0.02
SEND_WITHIN_SECONDS = 0.03
WAY_SECONDS = 0.05
SETTLE_SECONDS = SEND_WITHIN_SECONDS + WAY_SECONDS + LAG_SECONDS
PLACES = [str(place) for place in Place if place is not Place.SENDING] + ["leaving", "answering"]
_moved: ContextVar["MovedAttempt"] = ContextVar("moved")


class StoredAnswer(BaseModel):
    text: str


class MovedAttempt:
    """One attempt that stands at a gate until it is moved."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.place = ""
        self.opening_at = 0.0
        self.was_long_on_its_way = False
        self.error: BaseException | None = None
        self.task: asyncio.Task[Any] | None = None
        self._standing = asyncio.Event()
        self._go = asyncio.Event()

    async def gate(self, place: str) -> None:
        self.place = place
        self._standing.set()
        await self._go.wait()
        self._go.clear()
        if place == "begun":
            self.opening_at = time.monotonic()

    async def gate_at_provider(self, place: str) -> None:
        """The same around the acceptance; `answering` follows it."""
        if place == "answering":
            self.was_long_on_its_way = time.monotonic() - self.opening_at > SEND_WITHIN_SECONDS + WAY_SECONDS
        await self.gate(place)

    async def move(self) -> None:
        """Continue to the next gate, or to the end."""
        assert self.task is not None
        self._standing.clear()
        self._go.set()
        standing = asyncio.create_task(self._standing.wait())
        await asyncio.wait({standing, self.task}, return_when=asyncio.FIRST_COMPLETED)
        standing.cancel()
        if self.task.done():
            self.error = self.task.exception()
            if self.error and not isinstance(self.error, ResearchError):
                raise self.error

    async def move_to(self, place: str) -> None:
        """Continue until it reaches the gate, or ends without passing it."""
        await self.move()
        while not self.is_over and self.place != place:
            await self.move()

    async def move_to_the_end(self) -> None:
        await self.move_to("the end")

    @property
    def is_over(self) -> bool:
        return self.task is not None and self.task.done()


async def _reach_effect(step: str, place: Place, workflow_id: str) -> None:
    if place is not Place.SENDING:
        await _moved.get().gate(place)


class LedgerMachine(RuleBasedStateMachine):
    """One effect of one class."""

    database_url = ""
    provider_class = ProviderClass.NOTHING
    longest_call: float = policies.CALL_DEADLINES.longest
    patience: pytest.MonkeyPatch

    @initialize(calls_run_on=st.booleans())
    def begin(self, calls_run_on: bool) -> None:
        self.patience.setattr(policies, "SEND_WITHIN", timedelta(seconds=SEND_WITHIN_SECONDS))
        self.loop = asyncio.new_event_loop()
        self.provider = PretendProvider(self.provider_class, LAG_SECONDS, calls_run_on)
        self.database = Database(self.database_url)
        self.ledger = PostgresLedger(self.database)
        self.workflow_id = new_workflow_id(
            Kind.REPORT, int(datetime.now(UTC).timestamp() * 1000), secrets.token_bytes(10)
        )
        new = NewWorkflow(self.workflow_id, Kind.REPORT, "default", "Tides", {"prompt": "tides?"}, None, "one")
        self.do(PostgresWorkflows(self.database).accept(new))
        settle = {ProviderClass.RETRIEVABLE: SETTLE_SECONDS}.get(self.provider_class, 0.0)
        self.effect = Effect(
            WorkflowRef(self.workflow_id, "default"),
            "llm_call",
            EffectKind.MODEL_CALL,
            "p",
            self.provider_class,
            {},
            settle_seconds=settle,
        )
        self.asleep: list[MovedAttempt] = []
        self.all: list[MovedAttempt] = []
        self.slept_in_the_gap = False

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    async def start(self) -> MovedAttempt:
        """A newer attempt, standing at its beginning."""
        moved = MovedAttempt(len(self.all) + 1)
        attempt = Attempt(self.workflow_id, "llm_call", moved.number, "w")
        runner = EffectRunner(self.ledger, FakeNotes(), lambda: attempt, lambda: False, longest_call=self.longest_call)

        async def store(answer: str) -> StoredAnswer:
            return StoredAnswer(text=answer)

        async def run() -> StoredAnswer:
            _moved.set(moved)
            await moved.gate("start")
            return await runner.perform(
                self.effect, lambda _: self.provider.act(moved.gate_at_provider), store, StoredAnswer
            )

        moved.task = asyncio.create_task(run())
        self.all.append(moved)
        return moved

    @rule(place=st.sampled_from(PLACES), dies=st.booleans())
    def an_attempt_gets_as_far_as(self, place: str, dies: bool) -> None:
        """Then it dies, or falls asleep there."""
        # An attempt that sleeps between its last check and the provider may send though it is no longer the newest.
        self.slept_in_the_gap |= any(one.place in {"checked", "leaving"} for one in self.asleep)
        moved = self.do(self.start())
        self.do(moved.move_to(place))
        if not moved.is_over and not dies:
            self.asleep.append(moved)

    # No precondition: whether an attempt still sleeps depends on the time that it took, and what is drawn must not.
    @rule(which=st.integers(0, 9), place=st.sampled_from(PLACES), dies=st.booleans())
    def a_sleeping_attempt_continues_to(self, which: int, place: str, dies: bool) -> None:
        if not self.asleep:
            return
        moved = self.asleep.pop(which % len(self.asleep))
        self.do(moved.move_to(place))
        if not moved.is_over and not dies:
            self.asleep.append(moved)

    @rule()
    def running_calls_end(self) -> None:
        self.provider.finish()

    @invariant()
    def a_provider_with_a_lookup_is_paid_once(self) -> None:
        if not hasattr(self, "provider") or self.slept_in_the_gap:
            return
        # A search that began too early shows nothing: the settle time is a promise about the provider, and this one broke it.
        is_searched = self.provider.provider_class is ProviderClass.RETRIEVABLE
        if is_searched and any(one.was_long_on_its_way for one in self.all):
            return
        if self.provider.provider_class is not ProviderClass.NOTHING:
            assert self.provider.charges(self.effect.key) <= 1

    def teardown(self) -> None:
        if not hasattr(self, "provider"):
            return
        try:
            self.do(self._quiesce())
        finally:
            self.loop.run_until_complete(self._cancel_all())
            self.loop.run_until_complete(self.database.close())
            self.loop.close()

    async def _quiesce(self) -> None:
        for sleeper in self.asleep:
            await sleeper.move_to_the_end()
        self.patience.setattr(policies, "SEND_WITHIN", timedelta(seconds=10))  # no attempt sleeps from here on
        # ... and no call runs any more: a send that a busy machine left open for long is not waited for as a running one.
        self.longest_call = SETTLE_SECONDS
        last: MovedAttempt | None = None
        for _ in range(6):
            self.provider.finish()
            last = await self.start()
            await last.move_to_the_end()
            if last.error is None or isinstance(last.error, Unconfirmed):
                break
        assert last is not None
        if self.provider.provider_class is not ProviderClass.NOTHING:
            assert last.error is None, "an effect with a lookup always comes to its end"
        self.provider.finish()
        await asyncio.sleep(LAG_SECONDS)
        for unresolved in await self.ledger.unresolved_sends([("p", self.provider_class)], timedelta(0), timedelta(0)):
            send = EarlierSend(unresolved.key, unresolved.send.handle, unresolved.send.opened_at)
            shown = self.provider.shown(send) if unresolved.key == self.effect.key else []
            await self.ledger.resolve_send(unresolved, unresolved.late_send_among(shown))
        charged = self.provider.charges(self.effect.key)
        counted: Charges = await self.ledger.charges(self.workflow_id)
        assert charged <= counted.settled + counted.possible_extra
        if self.provider.provider_class is ProviderClass.NOTHING:
            assert charged <= 1 + AMBIGUOUS_SENDS_ALLOWED

    async def _cancel_all(self) -> None:
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


@pytest.mark.parametrize("provider_class", ProviderClass)
def test_the_ledger_knows_every_charge_after_any_sequence_of_faults(
    provider_class: ProviderClass, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "reach_effect", _reach_effect)
    monkeypatch.setattr(policies, "FIND_EVERY", timedelta(milliseconds=5))
    monkeypatch.setattr(policies, "FIND_FOR", timedelta(milliseconds=300))
    monkeypatch.setattr(LedgerMachine, "database_url", database_url)
    monkeypatch.setattr(LedgerMachine, "provider_class", provider_class)
    monkeypatch.setattr(LedgerMachine, "patience", monkeypatch, raising=False)
    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(
            max_examples=40,
            stateful_step_count=8,
            deadline=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )
