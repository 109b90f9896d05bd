"""Measures how attempts at steps end; those of dead workers are counted by the log, when another attempt closes them."""

import asyncio
from dataclasses import dataclass, field

from durable_research.domain.errors import InfrastructureDown
from durable_research.domain.workflows.progress import Attempt
from durable_research.policies import StepPolicy
from durable_research.telemetry.meter import Meter
from durable_research.telemetry.metrics import (
    ATTEMPT_DURATION,
    ATTEMPTS_ENDED,
    COMPENSATIONS,
    PROVIDER_WAIT,
    PROVIDER_WAITS_BEGUN,
    STEP_DURATION,
)
from durable_research.telemetry.outcomes import AttemptOutcome, CompensationOutcome, WaitOutcome
from durable_research.temporal.worker.attempt_failures import RetryDecision

_OF_UNDO = {
    AttemptOutcome.COMPLETED: CompensationOutcome.COMPLETED,
    AttemptOutcome.FAILED: CompensationOutcome.FAILED,
    AttemptOutcome.RETRIED: CompensationOutcome.RETRIED,
}


@dataclass
class AttemptMeasure:
    """One attempt's, from its beginning on. `attempt` is None for a step whose attempts the log does not hold."""

    meter: Meter
    policy: StepPolicy
    attempt: Attempt | None = None
    _began: float = field(default_factory=lambda: asyncio.get_running_loop().time(), init=False)

    def completed(self) -> None:
        """The attempt's end is in the log."""
        seconds = self._ended(AttemptOutcome.COMPLETED)
        if self.attempt:
            self.meter.observe(STEP_DURATION, self.attempt.step_seconds + seconds, step=self.policy.step)
            self._end_wait(WaitOutcome.ANSWERED)

    def failed(self, decision: RetryDecision) -> None:
        """The same for a failure."""
        code = decision.error.code
        if decision.final:
            self._ended(AttemptOutcome.FAILED, code)
        elif decision.wait_left is not None:
            self._ended(AttemptOutcome.WAITING, code)
        else:
            self._ended(AttemptOutcome.RETRIED, code)
        if decision.wait_left is None:
            if code != InfrastructureDown.code:  # our own outage neither begins nor ends a wait
                self._end_wait(WaitOutcome.ANSWERED)
        elif decision.final:
            self._end_wait(WaitOutcome.GIVEN_UP)
        elif self.attempt and not self.attempt.is_waiting:
            self.meter.count(PROVIDER_WAITS_BEGUN, step=self.policy.step, code=code)

    def handed_back(self) -> None:
        """The worker drains."""
        self._ended(AttemptOutcome.HANDED_BACK)

    def cancelled(self) -> None:
        """A person cancelled the workflow."""
        self._ended(AttemptOutcome.CANCELLED)

    def _ended(self, outcome: AttemptOutcome, code: str = "") -> float:
        step, seconds = self.policy.step, asyncio.get_running_loop().time() - self._began
        self.meter.count(ATTEMPTS_ENDED, step=step, outcome=outcome, code=code)
        self.meter.observe(ATTEMPT_DURATION, seconds, step=step, outcome=outcome)
        if self.policy.undoes and outcome in _OF_UNDO:
            self.meter.count(COMPENSATIONS, step=step, outcome=_OF_UNDO[outcome])
        return seconds

    def _end_wait(self, outcome: WaitOutcome) -> None:
        if self.attempt and self.attempt.is_waiting:
            self.meter.observe(PROVIDER_WAIT, self.attempt.waited_seconds, step=self.policy.step, outcome=outcome)
