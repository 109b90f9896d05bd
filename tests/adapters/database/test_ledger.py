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


async def test_a_second_attempt_with_the_same_number_may_not_send(ledger: PostgresLedger, effect: Effect) -> None:
    for _ in range(2):
        await ledger.claim(effect, 1)
    await ledger.open_send(effect, 1, None, earlier=None)

    with pytest.raises(StaleAttempt, match="nothing is sent"):
        await ledger.open_send(effect, 1, None, earlier=None)


async def test_each_unnumbered_attempt_gets_a_higher_fence_than_all_before(
    ledger: PostgresLedger, effect: Effect
) -> None:
    fences = [(await ledger.claim(effect, NUMBERED_BY_LEDGER)).fence for _ in range(3)]

    assert fences == [1, 2, 3]
    with pytest.raises(StaleAttempt):
        await ledger.open_send(effect, 2, None, earlier=None)


async def test_an_unnumbered_attempt_is_refused_after_the_effect_was_withdrawn(
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


async def test_an_id_stored_after_another_attempts_claim_stops_its_resend_and_is_collected(
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


async def test_an_accepted_call_counts_as_charged_before_its_answer_is_fetched(
    ledger: PostgresLedger, effect: Effect
) -> None:
    await begun(ledger, effect, 1)
    await ledger.remember_reference(effect.key, 1, "resp_1")

    assert await ledger.charges(effect.workflow.workflow_id) == Charges(settled=1, possible_extra=0)
    assert await ledger.running_calls(effect.workflow.workflow_id) == [(effect.key, "resp_1")]


async def test_a_new_deployment_does_not_change_a_request_that_is_in_flight(
    ledger: PostgresLedger, effect: Effect
) -> None:
    await begun(ledger, replace(effect, frozen={"model": "old"}), 1)

    assert (await ledger.claim(replace(effect, frozen={"model": "new"}), 2)).frozen == {"model": "old"}


async def test_when_every_send_was_refused_the_next_claim_uses_the_current_settings(
    ledger: PostgresLedger, effect: Effect
) -> None:
    await begun(ledger, replace(effect, provider="old", frozen={"model": "old"}), 1)
    await ledger.close_send(effect.key, None, 1, SendState.REFUSED)

    again = await ledger.claim(replace(effect, provider="new", frozen={"model": "new"}), 2)

    assert (again.provider, again.frozen) == ("new", {"model": "new"})


async def test_after_a_refused_send_the_next_attempt_sends_normally(ledger: PostgresLedger, effect: Effect) -> None:
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


async def test_a_paused_attempt_has_a_stale_fence_before_it_sends(ledger: PostgresLedger, effect: Effect) -> None:
    await begun(ledger, effect, 1)
    await ledger.claim(effect, 2)

    with pytest.raises(StaleAttempt):
        await ledger.check_fence(effect.key, 1, timedelta(hours=1))


async def test_an_intent_older_than_its_limit_is_not_sent_and_does_not_block_the_next_send(
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


async def test_settling_one_send_closes_every_other_accepted_send_as_spent(
    ledger: PostgresLedger, effect: Effect
) -> None:
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


async def test_a_silent_send_counts_as_a_possible_charge_once_a_newer_attempt_claims(
    ledger: PostgresLedger, effect: Effect
) -> None:
    await begun(ledger, effect, 1)
    on_its_way = await ledger.charges(effect.workflow.workflow_id)
    await ledger.claim(effect, 2)

    assert on_its_way == Charges()
    assert await ledger.charges(effect.workflow.workflow_id) == Charges(settled=0, possible_extra=1)


async def test_settling_a_keyed_effect_closes_its_open_sends_as_absent(ledger: PostgresLedger, effect: Effect) -> None:
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


async def test_a_sender_that_reports_its_id_after_the_end_must_cancel_its_call(
    ledger: PostgresLedger, effect: Effect, progress: PostgresProgressLog
) -> None:
    await begun(ledger, effect, 1)
    await progress.close(effect.workflow.workflow_id, Status.CANCELLED, Closed())

    assert await ledger.remember_reference(effect.key, 1, "resp_1")
    assert await ledger.charges(effect.workflow.workflow_id) == Charges(settled=1, possible_extra=0)


async def test_a_late_sender_whose_send_was_settled_by_another_attempt_cancels_nothing(
    ledger: PostgresLedger, effect: Effect, progress: PostgresProgressLog
) -> None:
    searched = replace(effect, step="send_notification", provider_class=ProviderClass.RETRIEVABLE)
    await begun(ledger, searched, 1)
    await ledger.claim(searched, 2)
    await ledger.remember_reference(searched.key, 1, "ts_1")
    await ledger.settle(searched.key, 2, "ts_1", {})
    await progress.close(effect.workflow.workflow_id, Status.DONE, Closed())

    assert not await ledger.remember_reference(searched.key, 1, "ts_1")


async def test_a_late_sender_must_cancel_its_call_when_a_newer_send_is_accepted(
    ledger: PostgresLedger, effect: Effect
) -> None:
    await begun(ledger, effect, 1, "conv_1")
    await ledger.claim(effect, 2)
    await ledger.open_send(effect, 2, "conv_1", earlier=SendState.ABSENT)

    assert not await ledger.remember_reference(effect.key, 2, "resp_2")
    assert await ledger.remember_reference(effect.key, 1, "resp_1")
    assert await ledger.charges(effect.workflow.workflow_id) == Charges(settled=2, possible_extra=0)


async def test_a_send_found_after_the_effect_was_settled_counts_as_spent(
    ledger: PostgresLedger, effect: Effect
) -> None:
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


async def test_a_person_may_grant_one_more_send(ledger: PostgresLedger, effect: Effect) -> None:
    ask_first = replace(effect, provider_class=ProviderClass.NOTHING, resend=ResendPolicy.ASK)
    nothing_to_decide = await ledger.grant_resend(effect.workflow.workflow_id, "llm_call")
    await ledger.claim(ask_first, 1)
    await ledger.open_send(ask_first, 1, None, earlier=None)
    before = next_move(await ledger.claim(ask_first, 2), ask_first).move

    granted = [await ledger.grant_resend(effect.workflow.workflow_id, "llm_call") for _ in range(2)]

    after = await ledger.claim(ask_first, 3)
    assert (nothing_to_decide, before, granted) == (False, Move.ASK_A_PERSON, [True, True])
    assert (after.resend_granted, next_move(after, ask_first).move) == (1, Move.SEND_AGAIN)


async def test_another_generation_is_another_purchase(ledger: PostgresLedger, effect: Effect) -> None:
    for bought in (effect, replace(effect, generation=1)):
        await ledger.claim(bought, 1)
        await ledger.open_send(bought, 1, None, earlier=None)
        await ledger.remember_reference(bought.key, 1, f"resp_{bought.generation}")
        await ledger.settle(bought.key, 1, f"resp_{bought.generation}", {})

    assert await ledger.charges(effect.workflow.workflow_id) == Charges(settled=2, possible_extra=0)


async def test_an_unresolved_send_found_before_the_effect_is_settled_is_collected(
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


async def test_unresolved_sends_of_other_providers_are_not_listed(ledger: PostgresLedger, effect: Effect) -> None:
    elsewhere = replace(effect, provider="slack", provider_class=ProviderClass.RETRIEVABLE)
    await ledger.claim(elsewhere, 1)
    await ledger.open_send(elsewhere, 1, None, earlier=None)
    await ledger.close_send(elsewhere.key, None, 1, SendState.ABSENT)

    assert [
        one for one in await ledger.unresolved_sends(OPENAI, timedelta(0), timedelta(0)) if one.key == elsewhere.key
    ] == []


async def test_unresolved_sends_of_another_provider_class_are_not_listed(
    ledger: PostgresLedger, effect: Effect
) -> None:
    locked = replace(effect, provider_class=ProviderClass.LOCKED)
    await ledger.claim(locked, 1)
    await ledger.open_send(locked, 1, "conv_1", earlier=None)
    await ledger.close_send(locked.key, None, 1, SendState.ABSENT)

    found = await ledger.unresolved_sends([("openai", ProviderClass.RETRIEVABLE)], timedelta(0), timedelta(0))

    assert [one for one in found if one.key == locked.key] == []


async def test_an_unresolved_send_is_not_searched_for_before_the_call_can_have_ended(
    ledger: PostgresLedger, effect: Effect
) -> None:
    searched = replace(effect, provider_class=ProviderClass.RETRIEVABLE)
    await begun(ledger, searched, 1)
    await ledger.close_send(searched.key, None, 1, SendState.ABSENT)

    found = await ledger.unresolved_sends(OPENAI, timedelta(0), timedelta(hours=1))

    assert [one for one in found if one.key == searched.key] == []


async def test_the_reason_and_time_of_a_lost_send_are_written_once(ledger: PostgresLedger, effect: Effect) -> None:
    await begun(ledger, effect, 1)
    first = await ledger.note_lost(effect.key, 1, SendFailure("provider_failed", "HTTP 500"))

    again = await ledger.note_lost(effect.key, 1, None)

    (send,) = (await ledger.claim(effect, 2)).sends
    assert again == first == send.open_seconds
    assert send.failure == SendFailure("provider_failed", "HTTP 500")


@pytest.mark.parametrize(
    ("provider_class", "kind", "age", "state", "possible_extra"),
    [
        (ProviderClass.NOTHING, EffectKind.MODEL_CALL, timedelta(0), SendState.UNKNOWN, 1),
        (ProviderClass.LOCKED, EffectKind.MODEL_CALL, timedelta(0), SendState.OPEN, 1),
        (ProviderClass.KEYED, EffectKind.NOTIFICATION, timedelta(0), SendState.UNKNOWN, 1),
        (ProviderClass.KEYED, EffectKind.NOTIFICATION, timedelta(minutes=5), SendState.OPEN, 0),
        # A failure notice to Slack may still be tried: without a look-up it would be sent twice.
        (ProviderClass.RETRIEVABLE, EffectKind.NOTIFICATION, timedelta(0), SendState.OPEN, 1),
    ],
)
async def test_after_the_end_open_sends_become_unknown_where_none_looks_them_up(
    provider_class: ProviderClass,
    kind: EffectKind,
    age: timedelta,
    state: SendState,
    possible_extra: int,
    ledger: PostgresLedger,
    effect: Effect,
    progress: PostgresProgressLog,
) -> None:
    """Seen once: a frozen worker with the second task was ended before it was notified, and its send stayed open."""
    left = replace(effect, provider_class=provider_class, kind=kind)
    await begun(ledger, left, 1)
    await progress.close(effect.workflow.workflow_id, Status.FAILED, Closed())

    await ledger.close_abandoned(age)

    (send,) = (await ledger.claim(left, 2)).sends
    assert send.state is state
    assert await ledger.charges(effect.workflow.workflow_id, kind) == Charges(settled=0, possible_extra=possible_extra)


async def test_open_sends_of_a_running_workflow_stay_open(ledger: PostgresLedger, effect: Effect) -> None:
    sending = replace(effect, provider_class=ProviderClass.NOTHING)
    await begun(ledger, sending, 1)

    await ledger.close_abandoned(timedelta(0))

    assert [send.state for send in (await ledger.claim(sending, 2)).sends] == [SendState.OPEN]


@pytest.mark.parametrize(("provider_class", "possible"), [(ProviderClass.NOTHING, 1), (ProviderClass.LOCKED, 0)])
async def test_a_failed_send_counts_as_a_possible_charge_at_once_only_without_a_lookup(
    provider_class: ProviderClass, possible: int, ledger: PostgresLedger, effect: Effect
) -> None:
    sent = replace(effect, provider_class=provider_class)
    await begun(ledger, sent, 1)
    assert await ledger.charges(effect.workflow.workflow_id) == Charges()

    await ledger.note_lost(sent.key, 1, SendFailure("provider_failed", "HTTP 500"))

    assert await ledger.charges(effect.workflow.workflow_id) == Charges(settled=0, possible_extra=possible)


async def test_effects_are_read_with_their_sends_without_being_claimed(ledger: PostgresLedger, effect: Effect) -> None:
    unsent, unclaimed = replace(effect, ordinal="1"), replace(effect, ordinal="2")
    for fence in (1, 2):
        await begun(ledger, effect, fence)
    await ledger.remember_reference(effect.key, 2, "resp_2")
    claimed = await ledger.claim(unsent, 3)

    found = await ledger.read([effect.key, unsent.key, unclaimed.key])

    assert [(send.fence, send.reference) for send in found[effect.key].sends] == [(1, None), (2, "resp_2")]
    assert found[effect.key].fence == 2
    assert found == {effect.key: found[effect.key], unsent.key: claimed}


async def test_charges_are_counted_by_kind_of_effect(ledger: PostgresLedger, effect: Effect) -> None:
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
