from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable_research.domain.ledger.effects import (
    AMBIGUOUS_SENDS_ALLOWED,
    Effect,
    EffectKind,
    EffectRecord,
    Move,
    NextMove,
    ProviderClass,
    ResendPolicy,
    Send,
    SendState,
    handle_to_reuse,
    next_move,
    seconds_until_settled,
)
from durable_research.domain.workflow_ref import WorkflowRef

EFFECT = Effect(
    WorkflowRef("report-1", "default"),
    "llm_call",
    EffectKind.MODEL_CALL,
    "openai",
    ProviderClass.NOTHING,
    {"prompt": "p"},
)
NOW = datetime(2026, 11, 21, tzinfo=UTC)
SENDS = st.lists(
    st.builds(
        Send,
        st.integers(1, 9),
        st.sampled_from(SendState),
        st.just(NOW),
        st.just(5.0),
        st.none() | st.just("resp_1"),
        st.none() | st.just("conv_1"),
    ),
    max_size=6,
).map(tuple)


def of(provider_class: ProviderClass, resend: ResendPolicy = ResendPolicy.BOUNDED) -> Effect:
    return replace(EFFECT, provider_class=provider_class, resend=resend)


def silent(fence: int = 1, handle: str | None = None) -> Send:
    return Send(fence, SendState.OPEN, NOW, handle=handle)


@pytest.mark.parametrize(
    "change",
    [
        {"workflow": WorkflowRef("report-2", "default")},
        {"workflow": WorkflowRef("report-1", "x")},
        {"ordinal": "1"},
        {"generation": 1},
    ],
)
def test_each_effect_of_a_workflow_has_its_own_key(change: dict[str, Any]) -> None:
    assert replace(EFFECT, **change).key != EFFECT.key


def test_a_changed_request_has_the_same_key_and_another_fingerprint() -> None:
    other = replace(EFFECT, request={"prompt": "q"})

    assert other.key == EFFECT.key
    assert other.fingerprint != EFFECT.fingerprint


@given(SENDS, st.sampled_from(ProviderClass))
def test_a_stored_result_is_returned_whatever_was_sent(sends: tuple[Send, ...], provider_class: ProviderClass) -> None:
    assert next_move(EffectRecord(sends, {}, {"a": 1}), of(provider_class)).move is Move.RETURN_RESULT


@given(SENDS, st.sampled_from(ProviderClass), st.integers(0, 3))
def test_no_uncounted_send_while_another_is_unresolved(
    sends: tuple[Send, ...], provider_class: ProviderClass, extra: int
) -> None:
    unresolved = any(send.state is SendState.OPEN for send in sends)  # a known id of any send is collected instead

    move = next_move(EffectRecord(sends, {}, None, extra), of(provider_class)).move

    if unresolved and provider_class is not ProviderClass.KEYED:
        assert move is not Move.SEND


@given(SENDS, st.integers(AMBIGUOUS_SENDS_ALLOWED, 9))
def test_nothing_is_resent_beyond_the_cap_on_possible_extras(sends: tuple[Send, ...], extra: int) -> None:
    assert next_move(EffectRecord(sends, {}, None, extra), EFFECT).move is not Move.SEND_AGAIN


def test_a_send_with_a_known_id_is_collected_and_not_paid_again() -> None:
    known = Send(1, SendState.OPEN, NOW, reference="resp_1")

    assert next_move(EffectRecord((known, silent(2))), of(ProviderClass.LOCKED)) == NextMove(Move.COLLECT, known)


def test_a_send_with_a_known_id_is_collected_even_without_a_lookup() -> None:
    accepted = Send(1, SendState.OPEN, NOW, reference="<message@here>")

    assert next_move(EffectRecord((accepted,)), EFFECT) == NextMove(Move.COLLECT, accepted)


def test_a_silent_send_is_searched_for_at_a_provider_with_a_lookup() -> None:
    on_a_handle = silent(handle="conv_1")

    assert next_move(EffectRecord((silent(),)), of(ProviderClass.RETRIEVABLE)) == NextMove(Move.FIND, silent())
    assert next_move(EffectRecord((on_a_handle,)), of(ProviderClass.LOCKED)) == NextMove(Move.FIND, on_a_handle)


def test_without_a_handle_the_locked_class_sends_again_like_class_nothing() -> None:
    assert next_move(EffectRecord((silent(),)), of(ProviderClass.LOCKED)).move is Move.SEND_AGAIN


@pytest.mark.parametrize(
    ("resend", "granted", "move"),
    [
        (ResendPolicy.NEVER, 0, Move.GIVE_UP),
        (ResendPolicy.ASK, 0, Move.ASK_A_PERSON),
        (ResendPolicy.ASK, 1, Move.SEND_AGAIN),
        (ResendPolicy.BOUNDED, 0, Move.SEND_AGAIN),
    ],
)
def test_the_resend_policy_decides_at_a_provider_without_a_lookup(
    resend: ResendPolicy, granted: int, move: Move
) -> None:
    record = EffectRecord((silent(),), resend_granted=granted)

    assert next_move(record, of(ProviderClass.NOTHING, resend)).move is move


def test_the_handle_of_an_absent_send_is_reused() -> None:
    absent = Send(1, SendState.ABSENT, NOW, handle="conv_1")

    assert handle_to_reuse(EffectRecord((absent,))) == "conv_1"


def test_the_handle_of_a_charged_send_is_not_reused() -> None:
    spent = Send(1, SendState.SPENT, NOW, reference="resp_1", handle="conv_1")

    assert handle_to_reuse(EffectRecord((spent,))) is None
    assert handle_to_reuse(EffectRecord()) is None


@given(st.floats(0, 100), st.floats(0, 100))
def test_an_absent_send_counts_as_absent_after_the_visibility_lag(settle: float, age: float) -> None:
    send = replace(silent(), age_seconds=age)

    assert seconds_until_settled(send, replace(EFFECT, settle_seconds=settle), 1800) == max(0.0, settle - age)


@given(st.floats(75.1, 2000), st.floats(0, 3000))
def test_a_call_lost_after_a_long_time_may_run_up_to_the_longest_time(open_for: float, age: float) -> None:
    effect = replace(EFFECT, provider_class=ProviderClass.RETRIEVABLE, settle_seconds=75.0)
    send = replace(silent(), age_seconds=age, open_seconds=open_for)

    assert seconds_until_settled(send, effect, 1800) == max(0.0, 1800 - age)
