"""The reader alone: an answer is read whatever fields are beside its text. The inputs have shapes from users' reports."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable_research.adapters.models.answers import end_reasons
from durable_research.adapters.models.answers.end_reasons import Ending, as_reason, ending_of
from durable_research.adapters.models.answers.reader import Reading
from durable_research.adapters.models.json.events import Body, Mark, Piece
from durable_research.domain.errors import Ambiguous, StepFailed
from durable_research.domain.ledger.usage import TokenUsage
from durable_research.domain.model_errors import (
    AnswerBroken,
    EmptyOutput,
    GenerationFailed,
    ModelDeclined,
    ModelForgotten,
    ModelStopped,
    OnlyReasoning,
)
from durable_research.ports.vendors.models import ModelAnswer
from tests.adapters.models.peer import chunk, events

USAGE = {"prompt_tokens": 11, "completion_tokens": 22, "total_tokens": 33}
REPORTED = TokenUsage(input_tokens=11, output_tokens=22)
REQUEST = "what was asked, in full"
TEXT = "# Tides\n\nThey turn.\n"


def reading(*values: Any, whole: bool = False) -> Reading:
    answered = Reading("asked-model", REQUEST, "the-key")
    answered.is_whole_body = whole
    for value in values:
        answered.feed(Piece(value))
    return answered


def answer(*values: Any, whole: bool = False) -> ModelAnswer:
    return reading(*values, whole=whole).answer("ref")


def done(*values: Any) -> ModelAnswer:
    return answer(*values, Mark.DONE)


def completion(content: Any, reason: Any = "stop", **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": reason}
    return {"id": "chatcmpl-1", "model": "m1", "choices": [choice], "usage": USAGE, **more}


def response(status: str, *parts: Any, **more: Any) -> dict[str, Any]:
    item = {"type": "message", "role": "assistant", "status": status, "content": list(parts)}
    output = [item] if parts else []
    return {"id": "resp_1", "object": "response", "status": status, "model": "m1", "output": output, **more}


def part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text}


def event(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}", **more}


@pytest.mark.parametrize("reason", sorted(end_reasons.WHOLE))
def test_each_complete_finish_reason_gives_a_whole_answer(reason: str) -> None:
    assert done(chunk(TEXT), chunk(reason=reason.upper())).is_whole


@pytest.mark.parametrize("reason", sorted(end_reasons.CUT))
def test_each_length_finish_reason_gives_a_truncated_answer(reason: str) -> None:
    assert not done(chunk(TEXT), chunk(reason=reason)).is_whole


@pytest.mark.parametrize("reason", sorted(end_reasons.DECLINED))
def test_each_refusal_finish_reason_raises_model_declined(reason: str) -> None:
    with pytest.raises(ModelDeclined):
        done(chunk(TEXT), chunk(reason=reason))


@pytest.mark.parametrize("reason", [*sorted(end_reasons.BROKEN), "upstream_error", "INTERNAL_ERROR"])
def test_each_error_finish_reason_raises_a_retryable_error(reason: str) -> None:
    with pytest.raises(AnswerBroken):
        done(chunk("half an an"), chunk(reason=reason))


@pytest.mark.parametrize("reason", ["tool_calls", "other", "paused", "malformed_function_call", 7])
def test_an_unknown_finish_reason_raises_model_stopped_with_the_text(reason: Any) -> None:
    with pytest.raises(ModelStopped, match=str(reason)) as stopped:
        done(chunk(TEXT), chunk(reason=reason))
    assert stopped.value.text == TEXT


def test_the_lists_of_finish_reasons_are_disjoint_and_lower_case() -> None:
    lists = (end_reasons.WHOLE, end_reasons.CUT, end_reasons.DECLINED, end_reasons.BROKEN)

    assert len(frozenset().union(*lists)) == sum(map(len, lists))
    assert all(name == name.lower() for names in lists for name in names)
    assert {ending_of(name) for name in end_reasons.WHOLE} == {Ending.WHOLE}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, None),
        ("", None),
        ("null", None),
        (False, None),
        ([], None),
        ({}, None),
        ({"type": "stop"}, "stop"),
        (["length"], "length"),
        (" STOP ", "STOP"),
        (2, "2"),
        ([None], None),
        ({"type": {"type": 1}}, None),
    ],
)
def test_each_form_of_finish_reason_is_parsed(value: Any, reason: str | None) -> None:
    assert as_reason(value) == reason


@pytest.mark.parametrize(
    "content",
    [
        TEXT,
        [{"type": "text", "text": TEXT}],
        {"type": "text", "text": TEXT},
        [TEXT],
        [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}, {"type": "text", "text": TEXT}],
        [{"type": "text", "text": {"value": TEXT}}],
        [None, 7.5 and {"text": TEXT}, {"type": "image"}],
    ],
)
def test_text_content_is_read_in_every_known_shape(content: Any) -> None:
    assert done(chunk(content), chunk(reason="stop")).text == TEXT
    assert answer(completion(content), whole=True).text == TEXT


@pytest.mark.parametrize(
    "beside",
    [
        {"choices": None, "usage": USAGE},
        {"choices": {}, "usage": USAGE},
        {"id": "", "model": "", "choices": [{"index": 0, "delta": None, "finish_reason": None}]},
        {"id": "x", "choices": [{"index": 0}]},
        {"choices": [None, 7, "x"]},
        {"choices": "none"},
        {"error": None},
        {},
        [],
        "ping",
        7,
        None,
    ],
)
def test_a_chunk_without_content_is_ignored(beside: Any) -> None:
    assert done(beside, chunk(TEXT), beside, chunk(reason="stop"), beside).text == TEXT


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (USAGE, REPORTED),
        ({"input_tokens": 11, "output_tokens": 22}, REPORTED),
        ({"prompt_tokens": 11.0, "completion_tokens": 22.0}, REPORTED),
        ([USAGE], None),
        (None, None),
        ({}, None),
        ("many", None),
        ({"total_tokens": 33}, None),
        ({"prompt_tokens": "11", "completion_tokens": -22}, None),
        ({"prompt_tokens": 0, "completion_tokens": 0}, None),
        ({"prompt_tokens": True, "completion_tokens": 0.5}, None),
        ({"prompt_tokens": 10**400, "completion_tokens": float("nan")}, None),
    ],
)
def test_token_usage_is_read_or_estimated_and_marked_as_an_estimate(usage: Any, expected: TokenUsage | None) -> None:
    answered = done(chunk(TEXT, usage=usage), chunk(reason="stop"))

    assert answered.usage == (expected or TokenUsage.estimate(REQUEST, TEXT))
    assert answered.usage.output_tokens > 0


def test_a_partly_reported_usage_is_completed_and_marked_as_an_estimate() -> None:
    usage = done(chunk(TEXT, "stop", usage={"completion_tokens": 22})).usage

    assert (usage.output_tokens, usage.is_estimate) == (22, True)


def test_a_later_odd_usage_does_not_replace_a_good_one() -> None:
    assert done(chunk(TEXT, "stop", usage=USAGE), {"choices": [], "usage": {"total_tokens": 1}}).usage == REPORTED


def test_a_stream_with_done_marker_and_no_finish_reason_is_whole() -> None:
    assert done(chunk(TEXT)).is_whole


def test_a_stream_without_done_marker_and_finish_reason_is_cut() -> None:
    with pytest.raises(Ambiguous, match="cut before"):
        answer(chunk(TEXT))


def test_a_complete_body_needs_no_finish_reason() -> None:
    assert answer(completion(TEXT, None), whole=True).is_whole


def test_an_error_event_after_text_raises_answer_broken_with_its_message() -> None:
    with pytest.raises(AnswerBroken, match="the upstream went away"):
        done(chunk("half"), {"error": {"code": 502, "message": "the upstream went away"}})


def test_an_error_in_a_choice_raises_answer_broken() -> None:
    broken = chunk("half")
    broken["choices"][0]["error"] = {"message": "gone"}

    with pytest.raises(AnswerBroken, match="gone"):
        done(broken)


@pytest.mark.parametrize("late", [{"error": "late"}, chunk(reason="error"), chunk(reason="odd"), Mark.DAMAGED])
def test_events_after_the_finish_reason_do_not_change_the_answer(late: Any) -> None:
    assert done(chunk(TEXT, "stop"), late).text == TEXT
    assert answer(completion(TEXT, error={"code": 1}), whole=True).text == TEXT


def test_a_damaged_event_in_the_stream_raises_answer_broken() -> None:
    with pytest.raises(AnswerBroken):
        done(chunk("one "), Mark.DAMAGED, chunk("three", "stop"))


def test_an_error_without_an_answer_is_a_refusal() -> None:
    assert reading({"error": "no such endpoint"}).is_refused
    assert reading({"detail": "Not Found"}, whole=True).is_refused
    assert reading({"id": "x", "choices": [], "error": {"code": 429}}).is_refused
    assert not reading(chunk("half"), {"error": "late"}).is_refused


def test_only_the_first_of_several_choices_is_read() -> None:
    first, other = chunk("ours", "stop"), chunk("theirs", "error")
    other["choices"][0]["index"] = 1
    both = {"id": "x", "choices": [other["choices"][0], first["choices"][0]]}

    assert done(both).text == "ours"
    assert done(other, first).text == "ours"


def test_a_final_message_that_repeats_the_stream_is_read_once() -> None:
    last = chunk(reason="stop")
    last["choices"][0]["message"] = {"content": TEXT}

    assert done(chunk(TEXT), last).text == TEXT


def test_a_number_is_accepted_as_an_id() -> None:
    assert reading({**chunk("x"), "id": 7}).reference == "7"


@pytest.mark.parametrize("odd", ["nul\x00", "half \ud83c", "x" * 501, "two\nlines", {"id": 1}, True, None, ""])
def test_an_id_that_the_database_cannot_store_is_ignored(odd: Any) -> None:
    answered = reading({**chunk(TEXT, "stop"), "id": odd, "model": odd})

    assert answered.reference == ""
    assert answered.answer("ref").model == "asked-model"


@pytest.mark.parametrize("nothing", ["", " \n\t", "\ufeff", "\u200b\u2060\u200d", "\u3164", None])
def test_an_answer_without_a_visible_character_raises_empty_output(nothing: Any) -> None:
    with pytest.raises(EmptyOutput):
        done(chunk(nothing), chunk(reason="stop"))
    with pytest.raises(EmptyOutput):
        answer(response("completed", {"type": "output_text", "text": nothing}), whole=True)


def test_reasoning_that_used_up_the_length_raises_only_reasoning() -> None:
    thought = {"id": "x", "choices": [{"index": 0, "delta": {"reasoning_content": "Let me think."}}]}

    with pytest.raises(OnlyReasoning, match="all of it went into reasoning"):
        done(thought, chunk(reason="length"))
    with pytest.raises(OnlyReasoning):
        answer(response("incomplete", incomplete_details={"reason": "max_output_tokens"}), whole=True)


def test_a_refusal_part_raises_model_declined() -> None:
    refused = {"id": "x", "choices": [{"index": 0, "delta": {"refusal": "I will not."}, "finish_reason": "stop"}]}

    with pytest.raises(ModelDeclined):
        done(refused)
    with pytest.raises(ModelDeclined):
        answer(response("completed", {"type": "refusal", "refusal": "No."}), whole=True)


@pytest.mark.parametrize(
    "output",
    [[], None, {}, "text", [None], [{"type": "message", "content": None}], [{"type": "message"}], [{"content": 7}], 7],
)
def test_the_streamed_text_is_the_answer_when_the_closing_event_has_no_output(output: Any) -> None:
    closing = {**response("completed"), "output": output, "usage": {"input_tokens": 11, "output_tokens": 22}}
    answered = answer(
        event("created", response={"id": "resp_1", "status": "in_progress", "output": []}),
        event("output_text.delta", delta="# Tides\n\n"),
        event("output_text.delta", delta="They turn.\n"),
        event("completed", response=closing),
    )

    assert (answered.text, answered.is_whole, answered.usage) == (TEXT, True, REPORTED)


def test_a_response_can_consist_of_finished_parts_without_deltas() -> None:
    item = {"type": "message", "content": [part("# Tides\n\n"), part("They turn.\n")]}

    assert answer(event("output_item.done", item=item), event("completed", response={})).text == TEXT
    assert answer(
        event("output_text.done", text="# Tides\n\n"),
        event("output_text.done", text="They turn.\n"),
        event("output_item.done", item=item),
        event("completed"),
        Mark.DONE,
    ).text == (TEXT)


def test_a_response_with_done_marker_and_no_closing_event_is_whole() -> None:
    assert done(event("created", response={"id": "resp_1"}), event("output_text.delta", delta=TEXT)).is_whole


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (response("failed", error={"code": "server_error", "message": "it broke"}), GenerationFailed),
        (response("cancelled"), ModelForgotten),
        (response("incomplete", part("half"), incomplete_details={"reason": "content_filter"}), ModelDeclined),
        (response("incomplete", part("half"), incomplete_details={"reason": "something new"}), ModelStopped),
    ],
)
def test_each_unsuccessful_response_status_raises_its_error(body: dict[str, Any], error: type[StepFailed]) -> None:
    with pytest.raises(error):
        answer(body, whole=True)
    with pytest.raises(error):
        answer(event(body["status"], response=body))


@pytest.mark.parametrize(
    ("code", "is_final"),
    [("server_error", False), ("vector_store_timeout", False), ("invalid_prompt", True), ("bio_policy", True)],
)
def test_a_response_stopped_by_a_content_policy_is_not_retried(code: str, is_final: bool) -> None:
    with pytest.raises(GenerationFailed) as failed:
        answer(response("failed", error={"code": code, "message": "no"}), whole=True)

    assert failed.value.permanent is is_final


@pytest.mark.parametrize("details", [None, {}, {"reason": "max_output_tokens"}, "length"])
def test_an_incomplete_response_is_truncated(details: Any) -> None:
    assert not answer(response("incomplete", part(TEXT), incomplete_details=details), whole=True).is_whole


def test_a_running_response_raises_still_running() -> None:
    running = reading(response("in_progress"), whole=True)

    assert running.is_running
    with pytest.raises(Ambiguous):
        running.answer("ref")


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5) | st.sampled_from(["text", "type"]), inner, max_size=3)
    ),
    max_leaves=6,
)
STREAM = [
    {"id": "chatcmpl-1", "model": "m1", "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]},
    chunk("# Tides\n\n"),
    chunk("They turn.\n"),
    chunk(reason="stop"),
    {"id": "chatcmpl-1", "model": "m1", "choices": [], "usage": USAGE},
]
CLOSING = response("completed", part(TEXT), usage={"input_tokens": 1, "output_tokens": 2}, incomplete_details=None)
RESPONSE = [
    event("created", response=response("in_progress"), sequence_number=0),
    event("output_text.delta", delta="# Tides\n\n", item_id="msg_1", output_index=0, content_index=0),
    event("output_text.delta", delta="They turn.\n", item_id="msg_1", output_index=0, content_index=0),
    event("completed", response=CLOSING, sequence_number=3),
]
# The text, and the fields for its type and finish reason, which are read as they are.
OF_THE_TEXT = {
    "content",
    "delta",
    "choices",
    "message",
    "finish_reason",
    "output",
    "text",
    "type",
    "status",
    "response",
    "refusal",
    "error",
    "object",
    "index",
    "incomplete_details",
}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in inner:
        yield (*path, name)
        yield from places(one, (*path, name))


def put(values: list[Any], path: tuple[Any, ...], odd: Any) -> list[Any]:
    changed: Any = copy.deepcopy(values)
    holder = changed
    for name in path[:-1]:
        holder = holder[name]
    holder[path[-1]] = odd
    return list(changed)


def answered(values: list[Any]) -> str:
    """Whatever text came of it, however it ended."""
    try:
        return answer(*values, Mark.DONE).text
    except ModelStopped as stopped:
        return stopped.text
    except StepFailed:
        return ""


BESIDE = [
    (stream, path)
    for stream in (STREAM, RESPONSE)
    for path in places(stream)
    if path[-1] not in OF_THE_TEXT and not isinstance(path[-1], int)
]


@given(st.sampled_from(BESIDE), ANYTHING)
def test_odd_values_beside_the_text_do_not_lose_a_whole_answer(
    where: tuple[list[Any], tuple[Any, ...]], odd: Any
) -> None:
    stream, path = where

    assert answered(put(stream, path, odd)) == TEXT


@given(
    st.sampled_from([(one, path) for one in (STREAM, RESPONSE, [completion(TEXT)], [CLOSING]) for path in places(one)]),
    ANYTHING,
)
def test_odd_values_in_any_field_raise_only_typed_errors(where: tuple[list[Any], tuple[Any, ...]], odd: Any) -> None:
    stream, path = where

    answered(put(stream, path, odd))


@given(st.lists(ANYTHING, max_size=3), st.integers(0, 5))
def test_odd_values_between_the_chunks_do_not_lose_text(odd: list[Any], place: int) -> None:
    harmless = [one for one in odd if not isinstance(one, (dict, list))]

    assert answered([*STREAM[:place], *harmless, *STREAM[place:]]) == TEXT


@given(st.lists(st.integers(0, 900), max_size=12), st.sampled_from([STREAM, RESPONSE]))
def test_the_split_into_chunks_does_not_change_the_answer(cuts: list[int], stream: list[Any]) -> None:
    data = events(*stream)
    body, reading_of_pieces = Body(), Reading("asked-model", REQUEST)
    at = 0
    for cut in [*sorted(cut for cut in cuts if cut < len(data)), len(data)]:
        for piece in body.feed(data[at:cut]):
            reading_of_pieces.feed(piece)
        at = cut

    assert reading_of_pieces.answer("ref") == read_at_once(stream).answer("ref")


def read_at_once(stream: list[Any]) -> Reading:
    reading_of_pieces = Reading("asked-model", REQUEST)
    for value in [*stream, Mark.DONE]:
        reading_of_pieces.feed(Piece(value))
    return reading_of_pieces
