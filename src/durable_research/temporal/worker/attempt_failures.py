"""What a failure of an attempt means for its step: counted or not, the last or not, and when the next try is due.

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
_SHORTEST_WISH_SECONDS = 1.0


@dataclass(frozen=True)
class Judgement:
    """`error` is the failure as people and Temporal see it; `wait_left` says how much is left of a wait for the provider."""

    error: ResearchError
    counted: bool
    final: bool
    asks_a_person: bool
    pause: timedelta
    wait_left: timedelta | None = None


def judge(
    error: ResearchError, policy: StepPolicy, failures_before: int, waited: Waited, provider_wait: timedelta
) -> Judgement:
    """Judge one failure. `waited` is the step's wait so far, this look not counted in it."""
    if error.waits and policy.waits:
        return _waiting(error, policy, waited, provider_wait)
    failures = failures_before + error.counted
    final = _is_final(error, policy, failures)
    is_refused = policy.optional and error.permanent and isinstance(error, ModelError)
    asks = isinstance(error, DecisionNeeded) or (final and policy.undoes) or is_refused
    return Judgement(error, error.counted, final, asks, _pause(error, policy, failures))


def _is_final(error: ResearchError, policy: StepPolicy, failures: int) -> bool:
    is_of_earlier_run = isinstance(error, StaleAttempt) and error.permanent
    if isinstance(error, InvalidState | DecisionNeeded) or is_of_earlier_run:
        return True
    capped = policy.failures_allowed is not None and failures >= policy.failures_allowed
    return error.counted and (error.permanent or capped)


def _pause(error: ResearchError, policy: StepPolicy, failures: int) -> timedelta:
    wish = error.retry_after_seconds if isinstance(error, StepFailed) else None
    if not error.counted:
        return policies.INFRASTRUCTURE_WAIT if wish is None else timedelta(seconds=wish)
    longest = policy.wait_after(failures)
    # A receiver whose Retry-After exceeds the step's longest pause must not delay the workflow.
    return longest if wish is None else timedelta(seconds=min(wish, policy.longest_wait))


def _waiting(error: ResearchError, policy: StepPolicy, waited: Waited, provider_wait: timedelta) -> Judgement:
    wish = (error.retry_after_seconds if isinstance(error, StepFailed) else None) or 0.0
    left = provider_wait - timedelta(seconds=waited.seconds)
    if left <= timedelta(0) or wish > left.total_seconds():
        ended = _at_the_end(error, policy, waited, wish)
        return Judgement(ended, False, True, policy.asks_at_end_of_wait, timedelta(0), timedelta(0))
    pause = timedelta(seconds=wish) if wish >= _SHORTEST_WISH_SECONDS else _next_look(waited.looks)
    # The last look comes when the wait ends, not a pause after it.
    return Judgement(error, False, False, False, min(pause, left), left)


def _next_look(looks: int) -> timedelta:
    """The pause after this many looks before: doubling, spread, and never longer than the table says."""
    grown: timedelta = policies.FIRST_LOOK_AFTER * 2 ** min(looks, 16)
    spread = 1 + policies.LOOKS_SPREAD * (2 * random.random() - 1)  # noqa: S311 # no secret, only a spread
    return min(grown, policies.LOOKS_AT_MOST_EVERY) * spread


def _at_the_end(error: ResearchError, policy: StepPolicy, waited: Waited, wish: float) -> ResearchError:
    """The failure that ends the wait; its detail says how long was waited and what the provider requested."""
    spent = timedelta(seconds=round(waited.seconds))
    words = f"{error.detail}; waited for {spent} and looked {_times(waited.looks + 1)}"
    if wish:
        words += f"; the provider asks to be left alone for {timedelta(seconds=round(wish))}"
    is_named = isinstance(error, ModelBusy) or not policy.asks_model
    made: ResearchError = type(error)(words) if is_named else ModelUnavailable(words)
    made.__cause__ = error
    return made


def _times(looks: int) -> str:
    return "once" if looks == 1 else f"{looks} times"
