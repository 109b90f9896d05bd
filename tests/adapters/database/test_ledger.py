from dataclasses import replace
from datetime import timedelta

import pytest

from durable_research.adapters.database.ledger.ledger import PostgresLedger
from durable_research.adapters.database.log.progress import PostgresProgressLog
from durable_research.domain.errors import EffectMismatch, InvalidState, StaleAttempt
from durable_research.domain.ledger.effects import (
    WITHDRAWN,
    Charges,
    Effect,
    EffectKind,
    Move,
    ProviderClass,
    ResendPolicy,
    SendFailure,
    SendState,
    next_move,
)
from durable_research.domain.workflow_ref import WorkflowRef
from durable_research.domain.workflows.events import Closed
from durable_research.domain.workflows.progress import NUMBERED_BY_LEDGER
from durable_research.domain.workflows.workflow import Status

OPENAI = [("openai", ProviderClass.RETRIEVABLE), ("openai", ProviderClass.LOCKED)]


@pytest.fixture
def effect(report: str) -> Effect:
    return Effect(
        WorkflowRef(report, "default"),
        "llm_call",
        EffectKind.MODEL_CALL,
        "openai",
        ProviderClass.LOCKED,
        {"prompt": "tides?"},
    )


async def begun(ledger: PostgresLedger, effect: Effect, fence: int, handle: str | None = None) -> None:
    """An attempt that has committed its intent to send."""
    await ledger.claim(effect, fence)
    await ledger.open_send(effect, fence, handle, earlier=None)


async def test_a_new_effect_is_sent(ledger: PostgresLedger, effect: Effect) -> None:
    record = await ledger.claim(effect, 1)

    assert next_move(record, effect).move is Move.SEND


async def test_two_attempts_of_one_number_send_once(ledger: PostgresLedger, effect: Effect) -> None:
    for _ in range(2):
        await ledger.claim(effect, 1)
    await ledger.open_send(effect, 1, None, earlier=None)

    with pytest.raises(StaleAttempt, match="nothing is sent"):
        await ledger.open_send(effect, 1, None, earlier=None)


async def test_attempts_without_a_number_get_one_each_that_is_higher_than_all_before(
    ledger: PostgresLedger, effect: Effect
) -> None:
    fences = [(await ledger.claim(effect, NUMBERED_BY_LEDGER)).fence for _ in range(3)]

    assert fences == [1, 2, 3]
    with pytest.raises(StaleAttempt):
        await ledger.open_send(effect, 2, None, earlier=None)


async def test_an_attempt_without_a_number_does_nothing_where_all_was_taken_back(
    ledger: PostgresLedger, effect: Effect
) -> None:
    await ledger.claim(effect, WITHDRAWN)

    with pytest.raises(InvalidState):
        await ledger.claim(effect, NUMBERED_BY_LEDGER)


async def test_an_accepted_call_is_collected_by_the_next_attempt(ledger: PostgresLedger, effect: Effect) -> None:
    await begun(ledger, effect, 1)
    await ledger.remember_reference(effect.key, 1, "resp_1")

    move = next_move(await ledger.claim(effect, 2), effect)

    assert move.move is Move.COLLECT
    assert move.send
    assert move.send.reference == "resp_1"


async def test_an_intent_without_an_id_is_sent_again_once_and_counted(ledger: PostgresLedger, effect: Effect) -> None:
    effect = replace(effect, provider_class=ProviderClass.NOTHING)
    await begun(ledger, effect, 1)
    second = next_move(await ledger.claim(effect, 2), effect)
    await ledger.open_send(effect, 2, None, earlier=SendState.UNKNOWN)
    third = next_move(await ledger.claim(effect, 3), effect)

    assert (second.move, third.move) == (Move.SEND_AGAIN, Move.GIVE_UP)
    assert await ledger.charges(effect.workflow.workflow_id) == Charges(settled=0, possible_extra=2)


async def test_an_id_that_becomes_known_while_another_attempt_decides_is_taken_up(
    ledger: PostgresLedger, effect: Effect
) -> None:
    await begun(ledger, effect, 1)
    decided = next_move(await ledger.claim(effect, 2), effect)
    await ledger.remember_reference(effect.key, 1, "resp_1")

    with pytest.raises(StaleAttempt):
        await ledger.open_send(effect, 2, None, earlier=SendState.UNKNOWN)
    move = next_move(await ledger.claim(effect, 3), effect)

    assert decided.move is Move.SEND_AGAIN
    assert move.move is Move.COLLECT
    assert move.send
    assert move.send.reference == "resp_1"
    assert (await ledger.charges(effect.workflow.workflow_id)).possible_extra == 0


async def test_an_accepted_call_is_charged_though_nobody_fetched_its_answer(
    ledger: PostgresLedger, effect: Effect
) -> None:
    await begun(ledger, effect, 1)
    await ledger.remember_reference(effect.key, 1, "resp_1")

    assert await ledger.charges(effect.workflow.workflow_id) == Charges(settled=1, possible_extra=0)
    assert await ledger.running_calls(effect.workflow.workflow_id) == [(effect.key, "resp_1")]


async def test_a_deployment_in_between_changes_no_request_under_way(ledger: PostgresLedger, effect: Effect) -> None:
    await begun(ledger, replace(effect, frozen={"model": "old"}), 1)

    assert (await ledger.claim(replace(effect, frozen={"model": "new"}), 2)).frozen == {"model": "old"}


async def test_where_every_send_was_refused_todays_settings_are_asked_for(
    ledger: PostgresLedger, effect: Effect
) -> None:
    await begun(ledger, replace(effect, provider="old", frozen={"model": "old"}), 1)
    await ledger.close_send(effect.key, None, 1, SendState.REFUSED)

    again = await ledger.claim(replace(effect, provider="new", frozen={"model": "new"}), 2)

    assert (again.provider, again.frozen) == ("new", {"model": "new"})


async def test_a_refused_send_leaves_nothing_open(ledger: PostgresLedger, effect: Effect) -> None:
    await begun(ledger, effect, 1)
    await ledger.close_send(effect.key, None, 1, SendState.REFUSED)

    assert next_move(await ledger.claim(effect, 2), effect).move is Move.SEND


async def test_a_settled_effect_returns_its_result_and_counts_one_charge(
    ledger: PostgresLedger, effect: Effect
) -> None:
    await begun(ledger, effect, 1)
    await ledger.remember_reference(effect.key, 1, "resp_1")
    await ledger.settle(effect.key, 1, "resp_1", {"text": "kept"})

    record = await ledger.claim(effect, 2)

    assert record.result == {"text": "kept"}
    assert await ledger.charges(effect.workflow.workflow_id) == Charges(settled=1, possible_extra=0)


async def test_a_paused_attempt_finds_its_fence_stale_before_it_sends(ledger: PostgresLedger, effect: Effect) -> None:
    await begun(ledger, effect, 1)
    await ledger.claim(effect, 2)

    with pytest.raises(StaleAttempt):
        await ledger.check_fence(effect.key, 1, timedelta(hours=1))


async def test_an_intent_that_was_slept_over_is_not_sent_and_stands_in_nobodys_way(
    ledger: PostgresLedger, effect: Effect
) -> None:
    effect = replace(effect, provider_class=ProviderClass.NOTHING)
    await begun(ledger, effect, 1)

    with pytest.raises(StaleAttempt):
        await ledger.check_fence(effect.key, 1, timedelta(0))

    assert next_move(await ledger.claim(effect, 2), effect).move is Move.SEND
    assert await ledger.charges(effect.workflow.workflow_id) == Charges(settled=0, possible_extra=0)


async def test_a_young_intent_may_be_sent(ledger: PostgresLedger, effect: Effect) -> None:
    await begun(ledger, effect, 1)

    await ledger.check_fence(effect.key, 1, timedelta(hours=1))


async def test_settling_one_send_closes_another_accepted_one_as_spent(ledger: PostgresLedger, effect: Effect) -> None:
    await begun(ledger, effect, 1)
    await ledger.remember_reference(effect.key, 1, "resp_1")
    await begun(ledger, effect, 2)
    await ledger.remember_reference(effect.key, 2, "resp_2")

    await ledger.settle(effect.key, 2, "resp_1", {"text": "kept"})

    sends = (await ledger.claim(effect, 3)).sends
    assert [(send.reference, send.state) for send in sends] == [
        ("resp_1", SendState.SETTLED),
        ("resp_2", SendState.SPENT),
    ]
    assert await ledger.charges(effect.workflow.workflow_id) == Charges(settled=2, possible_extra=0)


async def test_a_paused_attempt_may_not_settle(ledger: PostgresLedger, effect: Effect) -> None:
    await ledger.claim(effect, 1)
    await ledger.claim(effect, 2)

    with pytest.raises(StaleAttempt):
        await ledger.settle(effect.key, 1, "resp_1", {})


async def test_an_older_attempt_may_not_claim_back(ledger: PostgresLedger, effect: Effect) -> None:
    await ledger.claim(effect, 2)

    with pytest.raises(StaleAttempt):
        await ledger.claim(effect, 1)


async def test_the_same_key_with_another_request_is_a_bug(ledger: PostgresLedger, effect: Effect) -> None:
    await ledger.claim(effect, 1)

    with pytest.raises(EffectMismatch):
        await ledger.claim(replace(effect, request={"prompt": "moon?"}), 2)


async def test_two_sends_with_one_id_are_one_charge(ledger: PostgresLedger, effect: Effect) -> None:
    keyed = replace(effect, provider_class=ProviderClass.KEYED)
    for fence in (1, 2):
        await begun(ledger, keyed, fence)
        await ledger.remember_reference(keyed.key, fence, "resp_1")

    assert await ledger.charges(effect.workflow.workflow_id) == Charges(settled=1, possible_extra=0)


async def test_a_silent_send_may_be_charged_once_somebody_else_has_taken_over(
    ledger: PostgresLedger, effect: Effect
) -> None:
    await begun(ledger, effect, 1)
    on_its_way = await ledger.charges(effect.workflow.workflow_id)
    await ledger.claim(effect, 2)

    assert on_its_way == Charges()
    assert await ledger.charges(effect.workflow.workflow_id) == Charges(settled=0, possible_extra=1)


async def test_what_is_left_open_when_the_effect_is_settled_was_nothing_of_its_own(
    ledger: PostgresLedger, effect: Effect
) -> None:
    keyed = replace(effect, provider_class=ProviderClass.KEYED)
    await begun(ledger, keyed, 1)
    await begun(ledger, keyed, 2)
    await ledger.remember_reference(keyed.key, 2, "resp_1")
    await ledger.settle(keyed.key, 2, "resp_1", {})

    states = {send.fence: send.state for send in (await ledger.claim(keyed, 3)).sends}
    assert states == {1: SendState.ABSENT, 2: SendState.SETTLED}


async def test_an_id_never_replaces_another(ledger: PostgresLedger, effect: Effect) -> None:
    await begun(ledger, effect, 1, "conv_1")
    await ledger.remember_reference(effect.key, 1, "conv_1/msg_1")
    await ledger.remember_reference(effect.key, 1, "resp_1")

    (send,) = (await ledger.claim(effect, 2)).sends
    assert (send.reference, send.handle) == ("conv_1/msg_1", "conv_1")


async def test_a_late_sender_learns_that_its_workflow_has_ended(
    ledger: PostgresLedger, effect: Effect, progress: PostgresProgressLog
) -> None:
    await begun(ledger, effect, 1)
    await progress.close(effect.workflow.workflow_id, Status.CANCELLED, Closed())

    assert await ledger.remember_reference(effect.key, 1, "resp_1")
    assert await ledger.charges(effect.workflow.workflow_id) == Charges(settled=1, possible_extra=0)


async def test_a_late_sender_whose_send_was_found_and_settled_takes_nothing_back(
    ledger: PostgresLedger, effect: Effect, progress: PostgresProgressLog
) -> None:
    searched = replace(effect, step="send_notification", provider_class=ProviderClass.RETRIEVABLE)
    await begun(ledger, searched, 1)
    await ledger.claim(searched, 2)
    await ledger.remember_reference(searched.key, 1, "ts_1")
    await ledger.settle(searched.key, 2, "ts_1", {})
    await progress.close(effect.workflow.workflow_id, Status.DONE, Closed())

    assert not await ledger.remember_reference(searched.key, 1, "ts_1")


async def test_a_late_sender_learns_that_a_newer_send_is_accepted(ledger: PostgresLedger, effect: Effect) -> None:
    await begun(ledger, effect, 1, "conv_1")
    await ledger.claim(effect, 2)
    await ledger.open_send(effect, 2, "conv_1", earlier=SendState.ABSENT)

    assert not await ledger.remember_reference(effect.key, 2, "resp_2")
    assert await ledger.remember_reference(effect.key, 1, "resp_1")
    assert await ledger.charges(effect.workflow.workflow_id) == Charges(settled=2, possible_extra=0)


async def test_a_send_that_turned_up_after_all_is_counted_as_spent(ledger: PostgresLedger, effect: Effect) -> None:
    searched = replace(effect, provider_class=ProviderClass.RETRIEVABLE)
    await ledger.claim(searched, 1)
    await ledger.open_send(searched, 1, None, earlier=None)
    await ledger.claim(searched, 2)
    await ledger.open_send(searched, 2, None, earlier=SendState.ABSENT)
    await ledger.remember_reference(searched.key, 2, "chatcmpl_2")
    await ledger.settle(searched.key, 2, "chatcmpl_2", {})

    (unresolved,) = [
        one for one in await ledger.unresolved_sends(OPENAI, timedelta(0), timedelta(0)) if one.key == searched.key
    ]
    await ledger.resolve_send(unresolved, unresolved.late_send_among(["chatcmpl_1", "chatcmpl_2"]))

    assert await ledger.charges(effect.workflow.workflow_id) == Charges(settled=2, possible_extra=0)
    assert [
        one for one in await ledger.unresolved_sends(OPENAI, timedelta(0), timedelta(0)) if one.key == searched.key
    ] == []


async def test_a_person_may_allow_one_more_send(ledger: PostgresLedger, effect: Effect) -> None:
    asked = replace(effect, provider_class=ProviderClass.NOTHING, resend=ResendPolicy.ASK)
    nothing_to_decide = await ledger.grant_resend(effect.workflow.workflow_id, "llm_call")
    await ledger.claim(asked, 1)
    await ledger.open_send(asked, 1, None, earlier=None)
    before = next_move(await ledger.claim(asked, 2), asked).move

    granted = [await ledger.grant_resend(effect.workflow.workflow_id, "llm_call") for _ in range(2)]

    after = await ledger.claim(asked, 3)
    assert (nothing_to_decide, before, granted) == (False, Move.ASK_A_PERSON, [True, True])
    assert (after.resend_granted, next_move(after, asked).move) == (1, Move.SEND_AGAIN)


async def test_another_generation_is_another_purchase(ledger: PostgresLedger, effect: Effect) -> None:
    for bought in (effect, replace(effect, generation=1)):
        await ledger.claim(bought, 1)
        await ledger.open_send(bought, 1, None, earlier=None)
        await ledger.remember_reference(bought.key, 1, f"resp_{bought.generation}")
        await ledger.settle(bought.key, 1, f"resp_{bought.generation}", {})

    assert await ledger.charges(effect.workflow.workflow_id) == Charges(settled=2, possible_extra=0)


async def test_a_stray_that_turns_up_before_there_is_an_answer_is_the_answer(
    ledger: PostgresLedger, effect: Effect
) -> None:
    searched = replace(effect, provider_class=ProviderClass.RETRIEVABLE)
    await ledger.claim(searched, 1)
    await ledger.open_send(searched, 1, None, earlier=None)
    await ledger.close_send(searched.key, None, 1, SendState.ABSENT)
    (unresolved,) = [
        one for one in await ledger.unresolved_sends(OPENAI, timedelta(0), timedelta(0)) if one.key == searched.key
    ]

    await ledger.resolve_send(unresolved, "chatcmpl_1")

    assert next_move(await ledger.claim(searched, 2), searched).move is Move.COLLECT


async def test_doubts_of_a_provider_that_is_not_asked_wait_for_nobody(ledger: PostgresLedger, effect: Effect) -> None:
    elsewhere = replace(effect, provider="slack", provider_class=ProviderClass.RETRIEVABLE)
    await ledger.claim(elsewhere, 1)
    await ledger.open_send(elsewhere, 1, None, earlier=None)
    await ledger.close_send(elsewhere.key, None, 1, SendState.ABSENT)

    assert [
        one for one in await ledger.unresolved_sends(OPENAI, timedelta(0), timedelta(0)) if one.key == elsewhere.key
    ] == []


async def test_doubts_of_another_api_of_the_provider_wait_for_it(ledger: PostgresLedger, effect: Effect) -> None:
    locked = replace(effect, provider_class=ProviderClass.LOCKED)
    await ledger.claim(locked, 1)
    await ledger.open_send(locked, 1, "conv_1", earlier=None)
    await ledger.close_send(locked.key, None, 1, SendState.ABSENT)

    found = await ledger.unresolved_sends([("openai", ProviderClass.RETRIEVABLE)], timedelta(0), timedelta(0))

    assert [one for one in found if one.key == locked.key] == []


async def test_a_searched_provider_is_not_looked_up_again_before_a_call_can_have_ended(
    ledger: PostgresLedger, effect: Effect
) -> None:
    searched = replace(effect, provider_class=ProviderClass.RETRIEVABLE)
    await begun(ledger, searched, 1)
    await ledger.close_send(searched.key, None, 1, SendState.ABSENT)

    found = await ledger.unresolved_sends(OPENAI, timedelta(0), timedelta(hours=1))

    assert [one for one in found if one.key == searched.key] == []


async def test_why_and_since_when_a_send_is_lost_is_written_once(ledger: PostgresLedger, effect: Effect) -> None:
    await begun(ledger, effect, 1)
    first = await ledger.note_lost(effect.key, 1, SendFailure("provider_failed", "HTTP 500"))

    again = await ledger.note_lost(effect.key, 1, None)

    (send,) = (await ledger.claim(effect, 2)).sends
    assert again == first == send.open_seconds
    assert send.failure == SendFailure("provider_failed", "HTTP 500")


@pytest.mark.parametrize(
    ("provider_class", "state"),
    [(ProviderClass.NOTHING, SendState.UNKNOWN), (ProviderClass.LOCKED, SendState.OPEN)],
)
async def test_what_a_dead_sender_left_open_is_closed_after_the_end_where_nobody_can_be_asked(
    provider_class: ProviderClass,
    state: SendState,
    ledger: PostgresLedger,
    effect: Effect,
    progress: PostgresProgressLog,
) -> None:
    """Once a frozen worker that took the second task was ended before it heard, and its send stayed open for good."""
    left = replace(effect, provider_class=provider_class)
    await begun(ledger, left, 1)
    await progress.close(effect.workflow.workflow_id, Status.FAILED, Closed())

    await ledger.close_abandoned(timedelta(0))

    (send,) = (await ledger.claim(left, 2)).sends
    assert send.state is state
    assert await ledger.charges(effect.workflow.workflow_id) == Charges(settled=0, possible_extra=1)


async def test_what_a_living_workflow_sends_is_left_open(ledger: PostgresLedger, effect: Effect) -> None:
    sending = replace(effect, provider_class=ProviderClass.NOTHING)
    await begun(ledger, sending, 1)

    await ledger.close_abandoned(timedelta(0))

    assert [send.state for send in (await ledger.claim(sending, 2)).sends] == [SendState.OPEN]


@pytest.mark.parametrize(("provider_class", "possible"), [(ProviderClass.NOTHING, 1), (ProviderClass.LOCKED, 0)])
async def test_a_send_that_ended_in_an_error_is_told_at_once_where_nobody_can_be_asked(
    provider_class: ProviderClass, possible: int, ledger: PostgresLedger, effect: Effect
) -> None:
    sent = replace(effect, provider_class=provider_class)
    await begun(ledger, sent, 1)
    assert await ledger.charges(effect.workflow.workflow_id) == Charges()

    await ledger.note_lost(sent.key, 1, SendFailure("provider_failed", "HTTP 500"))

    assert await ledger.charges(effect.workflow.workflow_id) == Charges(settled=0, possible_extra=possible)


async def test_effects_are_read_with_their_sends_and_claimed_by_nobody(ledger: PostgresLedger, effect: Effect) -> None:
    unsent, unclaimed = replace(effect, ordinal="1"), replace(effect, ordinal="2")
    for fence in (1, 2):
        await begun(ledger, effect, fence)
    await ledger.remember_reference(effect.key, 2, "resp_2")
    claimed = await ledger.claim(unsent, 3)

    found = await ledger.read([effect.key, unsent.key, unclaimed.key])

    assert [(send.fence, send.reference) for send in found[effect.key].sends] == [(1, None), (2, "resp_2")]
    assert found[effect.key].fence == 2
    assert found == {effect.key: found[effect.key], unsent.key: claimed}


async def test_each_kind_of_effect_is_counted_by_itself(ledger: PostgresLedger, effect: Effect) -> None:
    embedding = replace(effect, step="create_embedding", kind=EffectKind.EMBEDDING)
    for one in (effect, embedding):
        await begun(ledger, one, 1)
        await ledger.remember_reference(one.key, 1, "resp_1")
        await ledger.settle(one.key, 1, "resp_1", {"text": "done"})
    await begun(ledger, replace(embedding, ordinal="1"), 1)
    await ledger.claim(replace(embedding, ordinal="1"), 2)

    assert await ledger.charges_by_kind(effect.workflow.workflow_id) == {
        EffectKind.MODEL_CALL: Charges(settled=1, possible_extra=0),
        EffectKind.EMBEDDING: Charges(settled=1, possible_extra=1),
    }
