"""The consequence of a failure for its step: the table's rules, tested without a server."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable_research import catalogue
from durable_research.domain.errors import (
    Ambiguous,
    InfrastructureDown,
    NotificationBusy,
    ResearchError,
    StaleAttempt,
    StillRunning,
)
from durable_research.domain.model_errors import (
    AnswerBroken,
    EmptyOutput,
    FieldRefused,
    ModelBusy,
    ModelRefused,
    ModelUnavailable,
    ProviderFailed,
    ProviderSilent,
)
from durable_research.ports.database.progress import Waited
from durable_research.temporal.worker.attempt_failures import RetryDecision, decide_retry

HOUR = timedelta(hours=1)
NO_WAIT = Waited()


def classified(
    error: ResearchError, waited: Waited = NO_WAIT, wait: timedelta = HOUR, failures: int = 0, step: str = "llm_call"
) -> RetryDecision:
    return decide_retry(error, catalogue.policies()[step], failures, waited, wait)


@pytest.mark.parametrize("error", [ModelBusy("busy"), ModelUnavailable("away")])
@given(st.integers(0, 1000))
def test_busy_and_unavailable_answers_are_never_counted(error: ResearchError, looks: int) -> None:
    one = classified(error, Waited(3599.0, looks), failures=2)

    assert (one.counted, one.final, one.wait_left) == (False, False, timedelta(seconds=1))


@given(st.integers(0, 1000))
def test_polls_back_off_to_thirty_seconds_with_a_jitter_of_a_fifth(looks: int) -> None:
    pause = classified(ModelBusy("busy"), Waited(0.0, looks)).pause.total_seconds()

    middle = min(2**looks, 30)
    assert 0.8 * middle <= pause <= 1.2 * middle


def test_the_last_poll_is_at_the_end_of_the_wait() -> None:
    assert classified(ModelBusy("busy"), Waited(3590.0, 99)).pause == timedelta(seconds=10)


@pytest.mark.parametrize(("retry_after", "pause"), [(1.0, 1.0), (7.5, 7.5), (600.0, 600.0)])
def test_a_retry_after_is_the_next_pause(retry_after: float, pause: float) -> None:
    assert classified(ModelBusy("busy", retry_after), Waited(0.0, 9)).pause == timedelta(seconds=pause)


def test_a_retry_after_of_zero_is_replaced_by_the_normal_pause() -> None:
    assert classified(ModelBusy("busy", 0.0), Waited(0.0, 9)).pause >= timedelta(seconds=24)


def test_a_retry_after_beyond_the_wait_ends_it_at_once_and_is_named() -> None:
    one = classified(ModelBusy("busy", 7200.0), Waited(60.0, 3))

    assert (one.final, one.error.code, one.asks_a_person) == (True, "rate_limited", False)
    assert "looked 4 times; the provider asks to be left alone for 2:00:00" in one.error.detail


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ModelBusy("busy"), "rate_limited"),
        (ModelUnavailable("away"), "model_unavailable"),
        (ProviderFailed("HTTP 500"), "model_unavailable"),
    ],
)
def test_the_end_of_the_wait_is_final_and_keeps_the_error_code(error: ResearchError, code: str) -> None:
    error.waits = True
    one = classified(error, Waited(3600.0, 120))

    assert (one.final, one.counted, one.error.code) == (True, False, code)
    assert "waited for 1:00:00" in one.error.detail


def test_without_a_wait_the_first_poll_is_the_last() -> None:
    assert classified(ModelUnavailable("away"), wait=timedelta(0)).final


@pytest.mark.parametrize(
    "step", ["generate_content", "generate_text", "summarize_text", "create_embedding", "post_to_slack"]
)
def test_the_end_of_the_wait_needs_a_decision_when_giving_up_undoes_paid_work(step: str) -> None:
    busy = NotificationBusy("busy") if step == "post_to_slack" else ModelBusy("busy")

    assert classified(busy, Waited(3600.0, 120), step=step).asks_a_person


@pytest.mark.parametrize(
    "error",
    [EmptyOutput("none"), AnswerBroken("broken"), Ambiguous("cut"), ProviderSilent("silent"), ResearchError("a bug")],
)
def test_the_third_counted_failure_is_final(error: ResearchError) -> None:
    assert [classified(error, failures=before).final for before in range(3)] == [False, False, True]


@pytest.mark.parametrize("error", [InfrastructureDown("db"), StillRunning("at work"), StaleAttempt("late")])
def test_infrastructure_failures_and_running_calls_are_never_counted(error: ResearchError) -> None:
    one = classified(error, failures=2)

    assert (one.counted, one.final) == (False, False)


def test_a_request_without_the_refused_field_is_sent_at_once() -> None:
    one = classified(FieldRefused("stream_options", 0.0))

    assert (one.counted, one.final, one.pause) == (False, False, timedelta(0))


def test_a_refusal_is_final_at_once() -> None:
    assert classified(ModelRefused("no")).final


def test_a_notification_retry_after_is_limited_by_the_policys_longest_wait() -> None:
    one = classified(NotificationBusy("busy", 86_400.0), step="send_notification")

    assert (one.counted, one.pause) == (True, timedelta(seconds=60))
