from dataclasses import replace

import pytest

from durable_research.adapters.database.effects import PostgresEffects
from durable_research.domain.effects import Charges, Effect, Move, ProviderClass, SendState, next_move
from durable_research.domain.errors import EffectMismatch, StaleAttempt


@pytest.fixture
def effect(report: str) -> Effect:
    return Effect("default", report, "llm_call", "model_call", "openai", ProviderClass.NOTHING, {"prompt": "tides?"})


async def test_a_new_effect_is_sent(ledger: PostgresEffects, effect: Effect) -> None:
    record = await ledger.claim(effect, 1)

    assert next_move(record, effect.provider_class).move is Move.SEND


async def test_an_accepted_call_is_collected_by_the_next_attempt(ledger: PostgresEffects, effect: Effect) -> None:
    await ledger.claim(effect, 1)
    await ledger.open_send(effect, 1, possible_extra=False)
    await ledger.remember_reference(effect.key, 1, "resp_1")

    move = next_move(await ledger.claim(effect, 2), effect.provider_class)

    assert (move.move, move.reference) == (Move.COLLECT, "resp_1")


async def test_an_intent_without_an_id_is_sent_again_once_and_counted(ledger: PostgresEffects, effect: Effect) -> None:
    await ledger.claim(effect, 1)
    await ledger.open_send(effect, 1, possible_extra=False)
    second = next_move(await ledger.claim(effect, 2), effect.provider_class)
    await ledger.open_send(effect, 2, possible_extra=True)
    third = next_move(await ledger.claim(effect, 3), effect.provider_class)

    assert (second.move, third.move) == (Move.SEND_AGAIN, Move.GIVE_UP)
    assert await ledger.charges(effect.workflow_id) == Charges(settled=0, possible_extra=1)


async def test_an_id_that_becomes_known_while_another_attempt_decides_is_taken_up(
    ledger: PostgresEffects, effect: Effect
) -> None:
    await ledger.claim(effect, 1)
    await ledger.open_send(effect, 1, possible_extra=False)
    decided = next_move(await ledger.claim(effect, 2), effect.provider_class)
    await ledger.remember_reference(effect.key, 1, "resp_1")

    with pytest.raises(StaleAttempt):
        await ledger.open_send(effect, 2, possible_extra=True)
    move = next_move(await ledger.claim(effect, 3), effect.provider_class)

    assert decided.move is Move.SEND_AGAIN
    assert (move.move, move.reference) == (Move.COLLECT, "resp_1")
    assert (await ledger.charges(effect.workflow_id)).possible_extra == 0


async def test_an_accepted_call_is_charged_though_nobody_fetched_its_answer(
    ledger: PostgresEffects, effect: Effect
) -> None:
    await ledger.claim(effect, 1)
    await ledger.open_send(effect, 1, possible_extra=False)
    await ledger.remember_reference(effect.key, 1, "resp_1")

    assert await ledger.charges(effect.workflow_id) == Charges(settled=1, possible_extra=0)
    assert await ledger.running_calls(effect.workflow_id) == [(effect.key, "resp_1")]


async def test_a_deployment_in_between_changes_no_request_under_way(ledger: PostgresEffects, effect: Effect) -> None:
    await ledger.claim(replace(effect, frozen={"model": "old"}), 1)

    assert (await ledger.claim(replace(effect, frozen={"model": "new"}), 2)).frozen == {"model": "old"}


async def test_a_refused_send_leaves_nothing_open(ledger: PostgresEffects, effect: Effect) -> None:
    await ledger.claim(effect, 1)
    await ledger.open_send(effect, 1, possible_extra=False)
    await ledger.close_send(effect.key, None, 1, SendState.REFUSED)

    assert next_move(await ledger.claim(effect, 2), effect.provider_class).move is Move.SEND


async def test_a_settled_effect_returns_its_result_and_counts_one_charge(
    ledger: PostgresEffects, effect: Effect
) -> None:
    await ledger.claim(effect, 1)
    await ledger.open_send(effect, 1, possible_extra=False)
    await ledger.remember_reference(effect.key, 1, "resp_1")
    await ledger.settle(effect.key, 1, "resp_1", {"text": "kept"})

    record = await ledger.claim(effect, 2)

    assert record.result == {"text": "kept"}
    assert await ledger.charges(effect.workflow_id) == Charges(settled=1, possible_extra=0)


async def test_a_paused_attempt_finds_its_fence_stale_before_it_sends(ledger: PostgresEffects, effect: Effect) -> None:
    await ledger.claim(effect, 1)
    await ledger.open_send(effect, 1, possible_extra=False)
    await ledger.claim(effect, 2)

    with pytest.raises(StaleAttempt):
        await ledger.check_fence(effect.key, 1)


async def test_a_paused_attempt_may_not_settle(ledger: PostgresEffects, effect: Effect) -> None:
    await ledger.claim(effect, 1)
    await ledger.claim(effect, 2)

    with pytest.raises(StaleAttempt):
        await ledger.settle(effect.key, 1, "resp_1", {})


async def test_an_older_attempt_may_not_claim_back(ledger: PostgresEffects, effect: Effect) -> None:
    await ledger.claim(effect, 2)

    with pytest.raises(StaleAttempt):
        await ledger.claim(effect, 1)


async def test_the_same_key_with_another_request_is_a_bug(ledger: PostgresEffects, effect: Effect) -> None:
    await ledger.claim(effect, 1)

    with pytest.raises(EffectMismatch):
        await ledger.claim(replace(effect, request={"prompt": "moon?"}), 2)
