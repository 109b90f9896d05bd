from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable_research.domain.effects import (
    AMBIGUOUS_SENDS_ALLOWED,
    Effect,
    EffectRecord,
    Move,
    ProviderClass,
    Send,
    SendState,
    next_move,
)

EFFECT = Effect("default", "report-1", "llm_call", "model_call", "openai", ProviderClass.NOTHING, {"prompt": "p"})
SENDS = st.lists(
    st.builds(Send, st.integers(1, 9), st.sampled_from(SendState), st.none() | st.just("resp_1")), max_size=6
).map(tuple)


@pytest.mark.parametrize("change", [{"workflow_id": "report-2"}, {"ordinal": "1"}, {"generation": 1}, {"tenant": "x"}])
def test_another_act_has_another_key(change: dict[str, object]) -> None:
    assert replace(EFFECT, **change).key != EFFECT.key


def test_another_request_has_the_same_key_and_another_fingerprint() -> None:
    other = replace(EFFECT, request={"prompt": "q"})

    assert other.key == EFFECT.key
    assert other.fingerprint != EFFECT.fingerprint


@given(SENDS, st.sampled_from(ProviderClass))
def test_a_result_is_returned_whatever_was_sent(sends: tuple[Send, ...], provider_class: ProviderClass) -> None:
    assert next_move(EffectRecord(sends, {}, {"a": 1}), provider_class).move is Move.RETURN_RESULT


@given(SENDS, st.sampled_from(ProviderClass), st.integers(0, 3))
def test_nothing_is_sent_uncounted_while_a_send_is_unresolved(
    sends: tuple[Send, ...], provider_class: ProviderClass, extra: int
) -> None:
    unresolved = any(send.state is SendState.OPEN for send in sends)  # a known id of any send is collected instead

    move = next_move(EffectRecord(sends, {}, None, extra), provider_class).move

    if unresolved and provider_class is not ProviderClass.KEYED:
        assert move is not Move.SEND


@given(SENDS, st.integers(AMBIGUOUS_SENDS_ALLOWED, 9))
def test_the_cap_on_possible_extras_holds(sends: tuple[Send, ...], extra: int) -> None:
    assert next_move(EffectRecord(sends, {}, None, extra), ProviderClass.NOTHING).move is not Move.SEND_AGAIN


def test_a_known_id_is_collected_rather_than_paid_again() -> None:
    record = EffectRecord((Send(1, SendState.OPEN, "resp_1"), Send(2, SendState.OPEN)))

    assert next_move(record, ProviderClass.NOTHING).reference == "resp_1"
