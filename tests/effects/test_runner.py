"""The function that performs every effect, on the real ledger, with a scripted provider."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel
from sqlalchemy import text

from durable_research import policies
from durable_research.adapters.database.connection import Database
from durable_research.adapters.database.ledger.ledger import PostgresLedger
from durable_research.bootstrap.measuring import vocabularies
from durable_research.domain.errors import (
    Ambiguous,
    DecisionNeeded,
    InfrastructureDown,
    InvalidState,
    StaleAttempt,
    StepFailed,
    StillRunning,
    Unconfirmed,
)
from durable_research.domain.ledger.effects import Charges, Effect, EffectKind, ProviderClass, ResendPolicy, SendState
from durable_research.domain.model_errors import (
    AnswerBroken,
    CannotAsk,
    EmptyOutput,
    GenerationFailed,
    ModelBusy,
    ModelDeclined,
    ModelForgotten,
    ModelStopped,
    ModelUnavailable,
    OnlyReasoning,
    ProviderFailed,
    ProviderSilent,
)
from durable_research.domain.workflow_ref import WorkflowRef
from durable_research.domain.workflows.progress import NUMBERED_BY_LEDGER, Attempt
from durable_research.effects import attempt as sending
from durable_research.effects.runner import EffectRunner
from durable_research.failpoints.reach import Place
from durable_research.ports.vendors.remote import EarlierSend
from durable_research.settings.settings import Settings
from durable_research.telemetry.metric import Role
from durable_research.telemetry.metrics import EFFECTS
from durable_research.telemetry.registry import Registry
from tests.fakes import FakeNotes
from tests.measured import series
from tests.pretend_provider import PretendAct, PretendProvider


class StoredAnswer(BaseModel):
    text: str


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policies, "INFRASTRUCTURE_WAIT", timedelta(0))
    monkeypatch.setattr(policies, "FIND_EVERY", timedelta(milliseconds=5))
    monkeypatch.setattr(policies, "FIND_FOR", timedelta(milliseconds=50))


Run = Callable[..., Awaitable[StoredAnswer]]


@pytest.fixture
def effect(report: str) -> Effect:
    return Effect(
        WorkflowRef(report, "default"), "llm_call", EffectKind.MODEL_CALL, "openai", ProviderClass.NOTHING, {}
    )


@pytest.fixture
def notes() -> FakeNotes:
    return FakeNotes()


@pytest.fixture
def meter() -> Registry:
    return Registry(Role.WORKER, vocabularies(Settings()))


@pytest.fixture
def attempt(ledger: PostgresLedger, notes: FakeNotes, meter: Registry) -> Run:
    async def run(number: int, effect: Effect, provider: PretendProvider) -> StoredAnswer:
        runner = EffectRunner(
            ledger,
            notes,
            lambda: Attempt(effect.workflow.workflow_id, "llm_call", number, "w"),
            lambda: False,
            meter=meter,
        )

        async def store(answer: str) -> StoredAnswer:
            return StoredAnswer(text=answer)

        return await runner.perform(effect, lambda _: provider.act(), store, StoredAnswer)

    return run


def of(effect: Effect, provider_class: ProviderClass, settle_seconds: float = 0.0) -> tuple[Effect, PretendProvider]:
    made = replace(effect, provider_class=provider_class, settle_seconds=settle_seconds)
    return made, PretendProvider(provider_class)


class Killed(BaseException):
    """A SIGKILL as seen by the process: no code after it runs."""


def killed_at(monkeypatch: pytest.MonkeyPatch, place: Place, effect: Effect) -> None:
    """The first time that this effect comes by: another test's workers may still be at work in this process."""
    hits: list[Place] = []

    async def reach(step: str, where: Place, workflow_id: str) -> None:
        if where is place and workflow_id == effect.workflow.workflow_id and not hits:
            hits.append(where)
            raise Killed

    monkeypatch.setattr(sending, "reach_effect", reach)


def outcomes(meter: Registry) -> dict[str, float]:
    """How often each outcome was counted, without those that were not."""
    counted = [(dict(labels), count) for labels, count in series(meter.text(), EFFECTS).items() if count]
    assert {labels["kind"] for labels, _ in counted} <= {"model_call"}
    return {labels["outcome"]: count for labels, count in counted}


@pytest.mark.parametrize(
    ("provider_class", "failure", "first", "second"),
    [
        (ProviderClass.LOCKED, None, {"sent": 1, "settled": 1}, {"sent": 1, "settled": 1}),
        (ProviderClass.LOCKED, ModelBusy("busy"), {"sent": 1, "refused": 1}, {"sent": 2, "refused": 1, "settled": 1}),
        (
            ProviderClass.KEYED,
            Ambiguous("no answer"),
            {"sent": 1, "unknown": 1},
            {"sent": 2, "unknown": 1, "settled": 1},
        ),
        (
            ProviderClass.NOTHING,
            Ambiguous("no answer"),
            {"sent": 1, "unknown": 1},
            {"sent": 2, "unknown": 1, "sent_again": 1, "settled": 1},
        ),
    ],
)
async def test_the_outcome_of_each_send_is_counted(
    attempt: Run,
    effect: Effect,
    meter: Registry,
    provider_class: ProviderClass,
    failure: Exception | None,
    first: dict[str, float],
    second: dict[str, float],
) -> None:
    effect, provider = of(effect, provider_class)
    provider.failures = [failure] if failure else []

    with suppress(StepFailed):
        await attempt(1, effect, provider)
    assert outcomes(meter) == first

    await attempt(2, effect, provider)
    assert outcomes(meter) == second


async def test_a_call_that_an_earlier_attempt_made_counts_as_taken_up(
    attempt: Run, effect: Effect, meter: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    effect, provider = of(effect, ProviderClass.LOCKED)
    killed_at(monkeypatch, Place.SENT, effect)
    with pytest.raises(Killed):
        await attempt(1, effect, provider)

    await attempt(2, effect, provider)

    assert outcomes(meter) == {"sent": 1, "reattached": 1, "settled": 1}


async def test_a_send_that_may_not_be_repeated_counts_as_unresolved(
    attempt: Run, effect: Effect, meter: Registry
) -> None:
    effect, provider = of(replace(effect, resend=ResendPolicy.ASK), ProviderClass.NOTHING)
    provider.failures = [Ambiguous("no answer")]
    with pytest.raises(Ambiguous):
        await attempt(1, effect, provider)

    with pytest.raises(DecisionNeeded):
        await attempt(2, effect, provider)

    assert outcomes(meter) == {"sent": 1, "unknown": 1, "unresolved": 1}


async def test_a_settled_answer_is_returned_again_without_a_provider_call(attempt: Run, effect: Effect) -> None:
    effect, provider = of(effect, ProviderClass.LOCKED)
    first = await attempt(1, effect, provider)

    assert first == await attempt(2, effect, provider) == StoredAnswer(text="answer of call_1")
    assert provider.charges(effect.key) == 1


@pytest.mark.parametrize("place", [place for place in Place if place is not Place.SENDING])
@pytest.mark.parametrize("provider_class", [ProviderClass.KEYED, ProviderClass.RETRIEVABLE, ProviderClass.LOCKED])
async def test_a_provider_with_a_lookup_is_paid_once_whatever_the_crash_point(
    provider_class: ProviderClass,
    place: Place,
    attempt: Run,
    effect: Effect,
    ledger: PostgresLedger,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    effect, provider = of(effect, provider_class)
    killed_at(monkeypatch, place, effect)
    with pytest.raises(Killed):
        await attempt(1, effect, provider)

    assert (await attempt(2, effect, provider)).text == "answer of call_1"
    assert provider.charges(effect.key) == 1
    assert await ledger.charges(effect.workflow.workflow_id) == Charges(settled=1, possible_extra=0)


@pytest.mark.parametrize("place", [place for place in Place if place is not Place.SENDING])
@pytest.mark.parametrize("provider_class", [ProviderClass.KEYED, ProviderClass.RETRIEVABLE])
async def test_unnumbered_attempts_pay_once_whatever_the_crash_point(
    provider_class: ProviderClass, place: Place, attempt: Run, effect: Effect, monkeypatch: pytest.MonkeyPatch
) -> None:
    effect, provider = of(effect, provider_class)
    killed_at(monkeypatch, place, effect)
    with pytest.raises(Killed):
        await attempt(NUMBERED_BY_LEDGER, effect, provider)

    assert (await attempt(NUMBERED_BY_LEDGER, effect, provider)).text == "answer of call_1"
    assert provider.charges(effect.key) == 1


async def test_an_unnumbered_attempt_writes_nothing_to_the_progress_log(
    attempt: Run, effect: Effect, notes: FakeNotes, monkeypatch: pytest.MonkeyPatch
) -> None:
    effect, provider = of(effect, ProviderClass.RETRIEVABLE)
    killed_at(monkeypatch, Place.SENT, effect)
    with pytest.raises(Killed):
        await attempt(NUMBERED_BY_LEDGER, effect, provider)

    await attempt(NUMBERED_BY_LEDGER, effect, provider)

    assert notes.noted == []


@pytest.mark.parametrize(
    ("error", "seen"),
    [
        (ModelBusy("busy"), ModelBusy),
        (ModelUnavailable("away"), ModelUnavailable),
        (Ambiguous("cut"), StillRunning),
        (ProviderSilent("silent"), StillRunning),
        (StillRunning("at work"), StillRunning),
    ],
)
async def test_a_failed_poll_of_an_accepted_call_never_pays_again(
    error: Exception, seen: type[Exception], attempt: Run, effect: Effect, ledger: PostgresLedger
) -> None:
    effect, provider = of(effect, ProviderClass.LOCKED)
    provider.answers = [error]
    with pytest.raises(seen):
        await attempt(1, effect, provider)

    assert (await attempt(2, effect, provider)).text == "answer of call_1"
    assert await ledger.charges(effect.workflow.workflow_id) == Charges(settled=1, possible_extra=0)


@pytest.mark.parametrize("error", [ModelBusy("busy"), ModelUnavailable("away")])
async def test_a_refused_send_is_sent_again_uncounted(
    error: Exception, attempt: Run, effect: Effect, ledger: PostgresLedger
) -> None:
    effect, provider = of(effect, ProviderClass.NOTHING)
    provider.failures = [error]
    with pytest.raises(type(error)):
        await attempt(1, effect, provider)

    await attempt(2, effect, provider)

    assert await ledger.charges(effect.workflow.workflow_id) == Charges(settled=1, possible_extra=0)


async def test_an_ambiguous_send_is_resent_once_and_counted_and_then_fails(
    attempt: Run, effect: Effect, ledger: PostgresLedger
) -> None:
    provider = PretendProvider(ProviderClass.NOTHING, failures=[Ambiguous("cut"), Ambiguous("cut")])
    for number in (1, 2):
        with pytest.raises(Ambiguous):
            await attempt(number, effect, provider)

    with pytest.raises(Unconfirmed):
        await attempt(3, effect, provider)
    assert await ledger.charges(effect.workflow.workflow_id) == Charges(settled=0, possible_extra=2)


async def test_the_final_error_of_an_ambiguous_send_names_its_cause(attempt: Run, effect: Effect) -> None:
    provider = PretendProvider(ProviderClass.NOTHING, failures=[Ambiguous("the line was cut"), Ambiguous("cut again")])
    for number in (1, 2):
        with pytest.raises(Ambiguous):
            await attempt(number, effect, provider)

    with pytest.raises(Unconfirmed, match="cut again"):
        await attempt(3, effect, provider)


async def test_without_a_lookup_server_errors_are_resent_six_times_with_backoff(
    attempt: Run, effect: Effect, ledger: PostgresLedger
) -> None:
    provider = PretendProvider(ProviderClass.NOTHING, failures=[ProviderFailed("HTTP 500") for _ in range(7)])
    pauses = []
    for number in range(1, 8):
        with pytest.raises(ProviderFailed) as failed:
            await attempt(number, effect, provider)
        pauses.append(failed.value.retry_after_seconds)

    with pytest.raises(Unconfirmed, match="HTTP 500"):
        await attempt(8, effect, provider)
    assert pauses == [10, 20, 40, 80, 160, 320, 0]
    assert await ledger.charges(effect.workflow.workflow_id) == Charges(settled=0, possible_extra=7)


async def test_server_errors_do_not_use_up_the_one_resend_after_silence(
    attempt: Run, effect: Effect, ledger: PostgresLedger
) -> None:
    failures: list[Exception] = [ProviderFailed("500"), ProviderFailed("500"), Ambiguous("cut"), Ambiguous("cut")]
    provider = PretendProvider(ProviderClass.NOTHING, failures=failures)
    for number in range(1, 5):
        with pytest.raises(Ambiguous):
            await attempt(number, effect, provider)

    with pytest.raises(Unconfirmed):
        await attempt(5, effect, provider)
    assert await ledger.charges(effect.workflow.workflow_id) == Charges(settled=0, possible_extra=4)


@pytest.mark.parametrize("error", [Ambiguous("cut"), ProviderFailed("HTTP 500")])
@pytest.mark.parametrize("provider_class", [ProviderClass.KEYED, ProviderClass.RETRIEVABLE, ProviderClass.LOCKED])
async def test_with_a_lookup_an_unknown_send_is_resent_uncounted_after_a_wait(
    provider_class: ProviderClass, error: Ambiguous, attempt: Run, effect: Effect, ledger: PostgresLedger
) -> None:
    effect, provider = of(effect, provider_class)
    provider.failures = [error]
    with pytest.raises(type(error)) as failed:
        await attempt(1, effect, provider)

    assert failed.value.waits
    assert (await attempt(2, effect, provider)).text == "answer of call_1"
    assert await ledger.charges(effect.workflow.workflow_id) == Charges(settled=1, possible_extra=0)


@pytest.mark.parametrize("provider_class", list(ProviderClass))
async def test_provider_silence_counts_in_every_provider_class(
    provider_class: ProviderClass, attempt: Run, effect: Effect
) -> None:
    effect, provider = of(effect, provider_class)
    provider.failures = [ProviderSilent("no byte")]

    with pytest.raises(ProviderSilent) as failed:
        await attempt(1, effect, provider)

    assert (failed.value.waits, failed.value.counted) == (False, True)


async def test_a_server_whose_lookup_is_missing_is_resent_to_like_class_nothing(
    attempt: Run, effect: Effect, ledger: PostgresLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    effect, provider = of(effect, ProviderClass.RETRIEVABLE)
    killed_at(monkeypatch, Place.SENDING, effect)
    provider.failures = [Ambiguous("cut")]
    with pytest.raises(Ambiguous):
        await attempt(1, effect, provider)

    async def find(*_: object) -> None:
        raise CannotAsk("HTTP 404")

    monkeypatch.setattr(PretendAct, "find", find)
    await attempt(2, effect, provider)

    assert await ledger.charges(effect.workflow.workflow_id) == Charges(settled=1, possible_extra=1)


async def test_two_answered_sends_are_two_charges_even_with_the_same_id(
    attempt: Run, effect: Effect, ledger: PostgresLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = PretendProvider(ProviderClass.NOTHING)
    monkeypatch.setattr(PretendProvider, "name", lambda _: "chatcmpl-1")
    provider.answers = [AnswerBroken("broken off")]
    with pytest.raises(AnswerBroken):
        await attempt(1, effect, provider)

    await attempt(2, effect, provider)

    assert await ledger.charges(effect.workflow.workflow_id) == Charges(settled=2, possible_extra=0)


async def test_two_sends_with_one_idempotency_key_are_one_charge(
    attempt: Run, effect: Effect, ledger: PostgresLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    effect, provider = of(effect, ProviderClass.KEYED)
    killed_at(monkeypatch, Place.ACCEPTED, effect)
    with pytest.raises(Killed):
        await attempt(1, effect, provider)

    await attempt(2, effect, provider)

    assert await ledger.charges(effect.workflow.workflow_id) == Charges(settled=1, possible_extra=0)


@pytest.mark.parametrize("error", [ModelStopped("odd"), OnlyReasoning("length"), AnswerBroken("broken off")])
async def test_an_unusable_answer_is_counted_as_charged(
    error: Exception, attempt: Run, effect: Effect, ledger: PostgresLedger
) -> None:
    provider = PretendProvider(ProviderClass.NOTHING, answers=[error])

    with pytest.raises(type(error)):
        await attempt(1, effect, provider)

    assert await ledger.charges(effect.workflow.workflow_id) == Charges(settled=1, possible_extra=0)


async def test_a_busy_provider_after_a_cut_stream_does_not_use_up_the_resend(
    attempt: Run, effect: Effect, ledger: PostgresLedger
) -> None:
    """The one call that may be sent besides was refused: it goes out when the provider is well again."""
    provider = PretendProvider(ProviderClass.NOTHING, answers=[Ambiguous("the stream was cut")])
    with pytest.raises(Ambiguous):
        await attempt(1, effect, provider)
    for number, error in ((2, ModelBusy("loading")), (3, ModelUnavailable("away"))):
        provider.failures = [error]
        with pytest.raises(type(error)):
            await attempt(number, effect, provider)

    assert (await attempt(4, effect, provider)).text == "answer of call_2"
    assert await ledger.charges(effect.workflow.workflow_id) == Charges(settled=2, possible_extra=0)


@pytest.mark.parametrize("error", [ModelStopped("odd"), OnlyReasoning("length"), ModelDeclined("no")])
async def test_a_final_failure_is_not_bought_again_after_a_crash(
    error: StepFailed, attempt: Run, effect: Effect, ledger: PostgresLedger
) -> None:
    provider = PretendProvider(ProviderClass.NOTHING, answers=[error])
    with pytest.raises(type(error)):
        await attempt(1, effect, provider)

    # The worker died before the failure was recorded.
    with pytest.raises(type(error), match=str(error)) as again:
        await attempt(2, effect, provider)

    assert again.value.permanent
    assert await ledger.charges(effect.workflow.workflow_id) == Charges(settled=1, possible_extra=0)


async def test_without_an_allowed_repeat_an_empty_answer_stays_final_after_a_crash(
    attempt: Run, effect: Effect, ledger: PostgresLedger
) -> None:
    effect = replace(effect, empty_allowed=0)
    provider = PretendProvider(ProviderClass.NOTHING, answers=[EmptyOutput("none")])
    for number in (1, 2):
        with pytest.raises(EmptyOutput) as failed:
            await attempt(number, effect, provider)
        assert failed.value.permanent

    assert await ledger.charges(effect.workflow.workflow_id) == Charges(settled=1, possible_extra=0)


async def test_a_broken_answer_does_not_use_up_the_repeat_after_an_empty_one(attempt: Run, effect: Effect) -> None:
    provider = PretendProvider(ProviderClass.NOTHING, answers=[AnswerBroken("broken"), EmptyOutput("none")])
    with pytest.raises(AnswerBroken):
        await attempt(1, effect, provider)

    with pytest.raises(EmptyOutput) as failed:
        await attempt(2, effect, provider)

    assert not failed.value.permanent


async def test_a_partial_answer_that_is_not_published_is_named_in_the_ledger(
    effect: Effect, ledger: PostgresLedger, database: Database
) -> None:
    provider = PretendProvider(ProviderClass.NOTHING, answers=[ModelStopped("odd", text="half a text")])
    attempt = Attempt(effect.workflow.workflow_id, "llm_call", 1, "w")
    runner = EffectRunner(ledger, FakeNotes(), lambda: attempt, lambda: False)

    async def store(answer: str) -> StoredAnswer:
        return StoredAnswer(text=answer)

    async def salvage(text: str) -> dict[str, str]:
        return {"text": text}

    with pytest.raises(ModelStopped):
        await runner.perform(effect, lambda _: provider.act(), store, StoredAnswer, salvage)

    async with database.one() as connection:
        partial = await connection.execute(text("SELECT kept FROM effects WHERE key = :key"), {"key": effect.key})
        assert partial.scalar_one() == {"text": "half a text"}


async def test_an_empty_answer_is_repeated_once(attempt: Run, effect: Effect, ledger: PostgresLedger) -> None:
    provider = PretendProvider(ProviderClass.NOTHING, answers=[EmptyOutput("none"), EmptyOutput("none")])
    finality = []
    for number in (1, 2):
        with pytest.raises(EmptyOutput) as failed:
            await attempt(number, effect, provider)
        finality.append(failed.value.permanent)

    assert finality == [False, True]
    assert await ledger.charges(effect.workflow.workflow_id) == Charges(settled=2, possible_extra=0)


async def test_an_accepted_call_beyond_the_longest_time_counts_as_silent(
    attempt: Run, effect: Effect, monkeypatch: pytest.MonkeyPatch
) -> None:
    effect, provider = of(effect, ProviderClass.LOCKED)
    provider.answers = [StillRunning("at work")]
    defaults = {**(EffectRunner.__init__.__kwdefaults__ or {}), "longest_call": 0.0}
    monkeypatch.setattr(EffectRunner.__init__, "__kwdefaults__", defaults)

    with pytest.raises(ProviderSilent, match="at work"):
        await attempt(1, effect, provider)


@pytest.mark.parametrize(("resend", "error"), [(ResendPolicy.NEVER, Unconfirmed), (ResendPolicy.ASK, DecisionNeeded)])
async def test_a_silent_send_is_not_resent_when_the_policy_forbids_it(
    resend: ResendPolicy, error: type[Exception], attempt: Run, effect: Effect
) -> None:
    effect = replace(effect, resend=resend)
    provider = PretendProvider(ProviderClass.NOTHING, failures=[Ambiguous("cut")])
    with pytest.raises(Ambiguous):
        await attempt(1, effect, provider)

    with pytest.raises(error):
        await attempt(2, effect, provider)
    assert provider.charges(effect.key) == 0


async def test_a_silent_send_is_resent_after_a_persons_decision(
    attempt: Run, effect: Effect, ledger: PostgresLedger
) -> None:
    effect = replace(effect, resend=ResendPolicy.ASK)
    provider = PretendProvider(ProviderClass.NOTHING, failures=[Ambiguous("cut")])
    with pytest.raises(Ambiguous):
        await attempt(1, effect, provider)
    await ledger.grant_resend(effect.workflow.workflow_id, "llm_call")

    await attempt(2, effect, provider)

    assert await ledger.charges(effect.workflow.workflow_id) == Charges(settled=1, possible_extra=1)


@pytest.mark.parametrize(("error", "charged"), [(EmptyOutput("none"), 2), (GenerationFailed("ended"), 1)])
async def test_an_unusable_call_is_closed_and_the_next_is_sent_on_a_new_handle(
    error: Exception, charged: int, attempt: Run, effect: Effect, ledger: PostgresLedger
) -> None:
    effect, provider = of(effect, ProviderClass.LOCKED)
    provider.answers = [error]
    with pytest.raises(type(error)):
        await attempt(1, effect, provider)

    assert (await attempt(2, effect, provider)).text == "answer of call_2"
    assert [call.handle for call in provider.calls] == ["conv_1", "conv_2"]
    assert await ledger.charges(effect.workflow.workflow_id) == Charges(settled=charged, possible_extra=0)


async def test_a_lookup_waits_for_the_providers_visibility_lag(
    attempt: Run, effect: Effect, monkeypatch: pytest.MonkeyPatch
) -> None:
    effect, provider = of(effect, ProviderClass.RETRIEVABLE, settle_seconds=10)
    provider.lag_seconds = 0.2
    monkeypatch.setattr(policies, "FIND_FOR", timedelta(seconds=20))
    killed_at(monkeypatch, Place.ACCEPTED, effect)
    with pytest.raises(Killed):
        await attempt(1, effect, provider)

    await attempt(2, effect, provider)

    assert provider.charges(effect.key) == 1


async def test_a_running_call_on_the_handle_is_awaited_over_several_attempts(
    attempt: Run, effect: Effect, monkeypatch: pytest.MonkeyPatch
) -> None:
    effect, provider = of(effect, ProviderClass.LOCKED)
    provider.calls_run_on = True
    killed_at(monkeypatch, Place.ACCEPTED, effect)
    with pytest.raises(Killed):
        await attempt(1, effect, provider)
    with pytest.raises(StillRunning):
        await attempt(2, effect, provider)
    provider.finish()

    await attempt(3, effect, provider)

    assert provider.charges(effect.key) == 1


async def test_an_id_received_during_a_database_outage_is_stored_afterwards(
    attempt: Run, effect: Effect, ledger: PostgresLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    effect, provider = of(effect, ProviderClass.LOCKED)
    original, outages = ledger.remember_reference, [InfrastructureDown("away")] * 3

    async def away_for_a_while(key: str, fence: int, reference: str) -> bool:
        if outages:
            raise outages.pop()
        return await original(key, fence, reference)

    monkeypatch.setattr(ledger, "remember_reference", away_for_a_while)

    await attempt(1, effect, provider)

    assert (outages, provider.charges(effect.key)) == ([], 1)


async def test_a_timeout_during_a_database_outage_is_no_failure_of_the_step(
    attempt: Run, effect: Effect, ledger: PostgresLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    effect, provider = of(effect, ProviderClass.LOCKED)
    is_away = asyncio.Event()

    async def away(key: str, fence: int, reference: str) -> bool:
        is_away.set()
        raise InfrastructureDown("away")

    monkeypatch.setattr(policies, "WAIT_FOR_CANCELLED_ID", timedelta(0))
    monkeypatch.setattr(ledger, "remember_reference", away)

    async def until_its_deadline() -> None:
        async with asyncio.timeout(None) as deadline:
            trying = asyncio.ensure_future(attempt(1, effect, provider))
            await is_away.wait()
            deadline.reschedule(0)
            await trying

    with pytest.raises(InfrastructureDown):
        await until_its_deadline()


async def test_a_call_named_by_its_sender_and_by_a_lookup_has_one_id_and_one_charge(
    attempt: Run, effect: Effect, ledger: PostgresLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    effect, provider = of(effect, ProviderClass.LOCKED)
    await ledger.claim(effect, 1)
    await ledger.open_send(effect, 1, "conv_1", earlier=None)
    named_by_its_sender = provider.accept(effect.key, "conv_1")
    original = ledger.remember_reference

    async def find(self: PretendAct, send: EarlierSend) -> str | None:
        return "conv_1/msg_1"

    async def too_late(key: str, fence: int, reference: str) -> bool:
        await original(key, 1, named_by_its_sender)
        return await original(key, fence, reference)

    monkeypatch.setattr(PretendAct, "find", find)
    monkeypatch.setattr(ledger, "remember_reference", too_late)

    await attempt(2, effect, provider)

    sends = (await ledger.claim(effect, 3)).sends
    assert [(send.reference, send.state) for send in sends] == [(named_by_its_sender, SendState.SETTLED)]
    assert await ledger.charges(effect.workflow.workflow_id) == Charges(settled=1, possible_extra=0)


async def test_an_attempt_whose_fence_is_stale_sends_nothing(
    attempt: Run, effect: Effect, ledger: PostgresLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    effect, provider = of(effect, ProviderClass.LOCKED)

    async def taken_over(step: str, place: Place, workflow_id: str) -> None:
        if place is Place.INTENT:
            await ledger.claim(effect, 2)

    monkeypatch.setattr(sending, "reach_effect", taken_over)

    with pytest.raises(StaleAttempt):
        await attempt(1, effect, provider)
    assert provider.charges(effect.key) == 0


async def test_a_higher_cap_allows_more_resends_and_counts_each(
    attempt: Run, effect: Effect, ledger: PostgresLedger
) -> None:
    effect, provider = of(replace(effect, ambiguous_allowed=3), ProviderClass.NOTHING)
    provider.failures = [Ambiguous("no answer") for _ in range(3)]
    for number in (1, 2, 3):
        with pytest.raises(Ambiguous):
            await attempt(number, effect, provider)

    assert await attempt(4, effect, provider) == StoredAnswer(text="answer of call_1")
    assert (await ledger.claim(effect, 5)).possible_extra == 3


@pytest.fixture
def withdraw(ledger: PostgresLedger) -> Callable[[Effect, PretendProvider], Awaitable[None]]:
    async def run(effect: Effect, provider: PretendProvider) -> None:
        runner = EffectRunner(
            ledger,
            FakeNotes(),
            lambda: Attempt(effect.workflow.workflow_id, "undo", 1, "w"),
            lambda: False,
        )
        await runner.withdraw(effect, lambda _: provider.act())

    return run


async def test_a_withdrawn_effect_is_not_performed_again(
    attempt: Run, withdraw: Callable[[Effect, PretendProvider], Awaitable[None]], effect: Effect
) -> None:
    effect, provider = of(effect, ProviderClass.RETRIEVABLE)
    await attempt(1, effect, provider)
    await withdraw(effect, provider)

    with pytest.raises(InvalidState):
        await attempt(2, effect, provider)
    assert provider.charges(effect.key) == 1


async def test_a_send_that_arrives_after_its_withdrawal_must_be_cancelled(
    ledger: PostgresLedger, withdraw: Callable[[Effect, PretendProvider], Awaitable[None]], effect: Effect
) -> None:
    effect, provider = of(effect, ProviderClass.RETRIEVABLE)
    await ledger.claim(effect, 1)
    await ledger.open_send(effect, 1, None, earlier=None)
    await withdraw(effect, provider)

    assert await ledger.remember_reference(effect.key, 1, "late")


async def test_a_handle_unknown_to_the_provider_is_not_reused(
    attempt: Run, effect: Effect, monkeypatch: pytest.MonkeyPatch
) -> None:
    effect, provider = of(effect, ProviderClass.LOCKED)
    killed_at(monkeypatch, Place.CHECKED, effect)
    with pytest.raises(Killed):
        await attempt(1, effect, provider)
    provider.deleted = {"conv_1"}

    assert await attempt(2, effect, provider) == StoredAnswer(text="answer of call_1")
    assert [call.handle for call in provider.calls] == ["conv_2"]


async def test_a_call_unknown_to_the_provider_is_resent_as_the_policy_allows(
    attempt: Run, effect: Effect, ledger: PostgresLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    effect, provider = of(effect, ProviderClass.LOCKED)
    killed_at(monkeypatch, Place.SENT, effect)
    with pytest.raises(Killed):
        await attempt(1, effect, provider)
    provider.answers = [ModelForgotten("gone")]

    with pytest.raises(Unconfirmed):
        await attempt(2, replace(effect, resend=ResendPolicy.NEVER), provider)
    provider.answers = [ModelForgotten("gone")]
    await attempt(3, effect, provider)

    assert await ledger.charges(effect.workflow.workflow_id) == Charges(settled=2, possible_extra=0)


async def test_an_answer_received_during_a_database_outage_is_settled_afterwards(
    attempt: Run, effect: Effect, ledger: PostgresLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    effect, provider = of(effect, ProviderClass.NOTHING)
    original, outages = ledger.settle, [InfrastructureDown("away")] * 3

    async def away_for_a_while(*arguments: Any) -> None:
        if outages:
            raise outages.pop()
        await original(*arguments)

    monkeypatch.setattr(ledger, "settle", away_for_a_while)

    await attempt(1, effect, provider)

    assert (outages, provider.charges(effect.key)) == ([], 1)
