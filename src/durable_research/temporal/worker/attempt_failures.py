"""Decides about the retry after a failed attempt: counted or not, final or not, and the pause before the next one.

This is the only place that decides between retryable and not.
"""

import random
from dataclasses import dataclass
from datetime import timedelta

from durable_research import policies
from durable_research.domain.errors import DecisionNeeded, InvalidState, ResearchError, StaleAttempt, StepFailed
from durable_research.domain.model_errors import ModelBusy, ModelError, ModelUnavailable
from durable_research.policies import StepPolicy
from durable_research.ports.database.progress import Waited

# A Retry-After below this is ignored: a server that names no time would be polled without a pause.
_LEAST_REQUESTED_SECONDS = 1.0


@dataclass(frozen=True)
class RetryDecision:
    """`error` is the failure for people and Temporal; `wait_left` is the rest of a wait for the provider."""

    error: ResearchError
    counted: bool
    final: bool
    asks_a_person: bool
    pause: timedelta
    wait_left: timedelta | None = None


def decide_retry(
    error: ResearchError, policy: StepPolicy, failures_before: int, waited: Waited, provider_wait: timedelta
) -> RetryDecision:
    """Decide about one failure. `waited` is the step's wait so far, without the current poll."""
    if error.waits and policy.waits:
        return _waiting(error, policy, waited, provider_wait)
    failures = failures_before + error.counted
    final = _is_final(error, policy, failures)
    is_refused = policy.optional and error.permanent and isinstance(error, ModelError)
    needs_decision = isinstance(error, DecisionNeeded) or (final and policy.undoes) or is_refused
    return RetryDecision(error, error.counted, final, needs_decision, _pause(error, policy, failures))


def _is_final(error: ResearchError, policy: StepPolicy, failures: int) -> bool:
    is_of_earlier_run = isinstance(error, StaleAttempt) and error.permanent
    if isinstance(error, InvalidState | DecisionNeeded) or is_of_earlier_run:
        return True
    capped = policy.failures_allowed is not None and failures >= policy.failures_allowed
    return error.counted and (error.permanent or capped)


def _pause(error: ResearchError, policy: StepPolicy, failures: int) -> timedelta:
    requested_wait = error.retry_after_seconds if isinstance(error, StepFailed) else None
    if not error.counted:
        return policies.INFRASTRUCTURE_WAIT if requested_wait is None else timedelta(seconds=requested_wait)
    longest = policy.wait_after(failures)
    # A receiver whose Retry-After exceeds the step's longest pause must not delay the workflow.
    return longest if requested_wait is None else timedelta(seconds=min(requested_wait, policy.longest_wait))


def _waiting(error: ResearchError, policy: StepPolicy, waited: Waited, provider_wait: timedelta) -> RetryDecision:
    requested_wait = (error.retry_after_seconds if isinstance(error, StepFailed) else None) or 0.0
    remaining = provider_wait - timedelta(seconds=waited.seconds)
    if remaining <= timedelta(0) or requested_wait > remaining.total_seconds():
        ended = _end_of_wait(error, policy, waited, requested_wait)
        return RetryDecision(ended, False, True, policy.asks_at_end_of_wait, timedelta(0), timedelta(0))
    pause = (
        timedelta(seconds=requested_wait) if requested_wait >= _LEAST_REQUESTED_SECONDS else _next_poll(waited.polls)
    )
    # The last poll is at the end of the wait, not a pause after it.
    return RetryDecision(error, False, False, False, min(pause, remaining), remaining)


def _next_poll(polls: int) -> timedelta:
    """The pause after this many polls: doubling, with jitter, up to the limit in the table."""
    doubled: timedelta = policies.FIRST_POLL_AFTER * 2 ** min(polls, 16)
    spread = 1 + policies.POLL_JITTER * (2 * random.random() - 1)  # noqa: S311 # no secret, only jitter
    return min(doubled, policies.POLL_AT_MOST_EVERY) * spread


def _end_of_wait(error: ResearchError, policy: StepPolicy, waited: Waited, requested_wait: float) -> ResearchError:
    """The failure that ends the wait; its detail has the duration of the wait and the provider's request."""
    duration = timedelta(seconds=round(waited.seconds))
    words = f"{error.detail}; waited for {duration} and looked {_times(waited.polls + 1)}"
    if requested_wait:
        words += f"; the provider asks to be left alone for {timedelta(seconds=round(requested_wait))}"
    is_named = isinstance(error, ModelBusy) or not policy.calls_model
    final_error: ResearchError = type(error)(words) if is_named else ModelUnavailable(words)
    final_error.__cause__ = error
    return final_error


def _times(polls: int) -> str:
    return "once" if polls == 1 else f"{polls} times"
