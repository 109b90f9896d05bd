"""The function that every effect goes through, with a ledger in memory and a provider that does as it is told."""

from datetime import timedelta

import pytest
from pydantic import BaseModel

from durable_research.domain.effects import Charges, Effect, EffectRecord, ProviderClass, Send, SendState
from durable_research.domain.errors import (
    Ambiguous,
    EmptyOutput,
    GenerationFailed,
    InfrastructureDown,
    ModelBusy,
    ModelUnavailable,
    StaleAttempt,
    Unconfirmed,
)
from durable_research.domain.progress import Attempt
from durable_research.effects import EffectRunner, Points
from durable_research.ports.remote import RemoteEffect
from durable_research.temporal import policies

POINTS = Points("llm_call.intent", "llm_call.sent")


class Kept(BaseModel):
    text: str


class Ledger:
    """One effect."""

    def __init__(self) -> None:
        self.sends: dict[int, Send] = {}
        self.result: dict[str, object] | None = None
        self.extra = 0
        self.fence = 0

    async def claim(self, effect: Effect, fence: int) -> EffectRecord:
        self.fence = fence
        return EffectRecord(tuple(self.sends.values()), {}, self.result, self.extra)

    async def open_send(self, effect: Effect, fence: int, *, possible_extra: bool) -> None:
        if possible_extra:
            self.extra += 1
            self.sends = {n: Send(n, SendState.UNKNOWN, send.reference) for n, send in self.sends.items()}
        self.sends[fence] = Send(fence, SendState.OPEN)

    async def check_fence(self, key: str, fence: int) -> None:
        if fence != self.fence:
            raise StaleAttempt("taken over")

    async def remember_reference(self, key: str, fence: int, reference: str) -> None:
        self.sends[fence] = Send(fence, SendState.OPEN, reference)

    async def settle(self, key: str, fence: int, reference: str, result: dict[str, object]) -> None:
        self.result = dict(result)

    async def close_send(self, key: str, reference: str | None, fence: int, state: SendState) -> None:
        for n, send in self.sends.items():
            if (send.reference == reference) if reference else (n == fence):
                self.sends[n] = Send(n, state, send.reference)

    async def charges(self, workflow_id: str) -> Charges:
        return Charges()

    async def running_calls(self, workflow_id: str) -> list[tuple[str, str]]:
        return []


class Provider(RemoteEffect[str]):
    """Answers each send and collect with the next outcome, and counts."""

    def __init__(self, sends: list[object], collects: list[object]) -> None:
        self.sends, self.collects = sends, collects
        self.sent = 0

    async def send(self, key: str, anchor: str | None) -> str:
        self.sent += 1
        outcome = self.sends.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return str(outcome)

    async def collect(self, reference: str) -> str:
        outcome = self.collects.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return f"{outcome} of {reference}"

    async def cancel(self, reference: str) -> None: ...


class NoLog:
    async def note(self, *_: object) -> None: ...


EFFECT = Effect("default", "report-1", "llm_call", "model_call", "openai", ProviderClass.NOTHING, {})


async def attempt(number: int, ledger: Ledger, provider: Provider) -> Kept:
    runner = EffectRunner(
        ledger,  # type: ignore[arg-type]
        NoLog(),  # type: ignore[arg-type]
        lambda: Attempt("report-1", "llm_call", number, "w"),
        lambda: False,
    )

    async def keep(answer: str) -> Kept:
        return Kept(text=answer)

    return await runner.perform(EFFECT, lambda _: provider, keep, Kept, POINTS)


async def test_an_answer_is_settled_and_returned_again_without_asking() -> None:
    ledger, provider = Ledger(), Provider(["resp_1"], ["answer"])
    first = await attempt(1, ledger, provider)

    again = await attempt(2, ledger, provider)

    assert first == again == Kept(text="answer of resp_1")
    assert provider.sent == 1


@pytest.mark.parametrize("error", [ModelBusy("busy"), ModelUnavailable("away"), Ambiguous("cut")])
async def test_a_failure_to_ask_for_an_accepted_call_never_pays_again(error: Exception) -> None:
    ledger, provider = Ledger(), Provider(["resp_1"], [error, "answer"])
    with pytest.raises(type(error)):
        await attempt(1, ledger, provider)

    assert (await attempt(2, ledger, provider)).text == "answer of resp_1"
    assert (provider.sent, ledger.extra) == (1, 0)


@pytest.mark.parametrize("error", [ModelBusy("busy"), ModelUnavailable("away")])
async def test_a_refused_send_is_sent_again_uncounted(error: Exception) -> None:
    ledger, provider = Ledger(), Provider([error, "resp_2"], ["answer"])
    with pytest.raises(type(error)):
        await attempt(1, ledger, provider)

    await attempt(2, ledger, provider)

    assert (provider.sent, ledger.extra) == (2, 0)


async def test_an_ambiguous_send_is_sent_again_once_counted_and_then_no_more() -> None:
    ledger, provider = Ledger(), Provider([Ambiguous("cut"), Ambiguous("cut")], [])
    for number in (1, 2):
        with pytest.raises(Ambiguous):
            await attempt(number, ledger, provider)

    with pytest.raises(Unconfirmed):
        await attempt(3, ledger, provider)
    assert (provider.sent, ledger.extra) == (2, 1)


@pytest.mark.parametrize(
    ("error", "state"), [(EmptyOutput("none"), SendState.SPENT), (GenerationFailed("ended"), SendState.REFUSED)]
)
async def test_a_call_that_ended_without_use_is_closed_and_a_new_one_is_sent(
    error: Exception, state: SendState
) -> None:
    ledger, provider = Ledger(), Provider(["resp_1", "resp_2"], [error, "answer"])
    with pytest.raises(type(error)):
        await attempt(1, ledger, provider)

    assert (await attempt(2, ledger, provider)).text == "answer of resp_2"
    assert ledger.sends[1].state is state


async def test_an_id_is_not_lost_when_the_database_is_away_as_the_call_is_accepted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(policies, "INFRASTRUCTURE_WAIT", timedelta(0))
    ledger, provider = Ledger(), Provider(["resp_1"], ["answer"])
    original, outages = ledger.remember_reference, [InfrastructureDown("away")] * 3

    async def away_for_a_while(key: str, fence: int, reference: str) -> None:
        if outages:
            raise outages.pop()
        await original(key, fence, reference)

    ledger.remember_reference = away_for_a_while  # type: ignore[method-assign]

    await attempt(1, ledger, provider)

    assert (provider.sent, ledger.sends[1].reference) == (1, "resp_1")


async def test_an_attempt_whose_fence_is_stale_sends_nothing() -> None:
    ledger, provider = Ledger(), Provider(["resp_1"], ["answer"])
    original = ledger.open_send

    async def taken_over(effect: Effect, fence: int, *, possible_extra: bool) -> None:
        await original(effect, fence, possible_extra=possible_extra)
        ledger.fence = 2

    ledger.open_send = taken_over  # type: ignore[method-assign]

    with pytest.raises(StaleAttempt):
        await attempt(1, ledger, provider)
    assert provider.sent == 0
