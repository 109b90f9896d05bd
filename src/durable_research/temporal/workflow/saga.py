"""Compensation: undoes what a workflow did, when it fails permanently or is cancelled.

An undo is registered before the step that it undoes: a step that failed, or whose worker died, may have had its effect. Undos
run last in, first out, each with its own policy, and every undo may run again. One that fails permanently waits for a person,
and the others wait for it: removing an earlier step's object while a later step's object still references it would leave a
half-done workflow, which a saga must prevent.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from temporalio.exceptions import ActivityError

from durable_research import policies
from durable_research.domain.errors import InvalidState
from durable_research.policies import StepPolicy
from durable_research.temporal.workflow.failures import Question, cause_of, question_of

Argument = TypeVar("Argument")
Undo = Callable[[Any, Argument], Awaitable[None]]


@dataclass(frozen=True)
class _Registered:
    undo: Callable[[Any, Any], Awaitable[None]]
    argument: Any
    policy: StepPolicy


class Saga:
    """The undos of one workflow. `run` runs a step; `wait_for_decision` waits for a person to retry a failed undo."""

    def __init__(
        self,
        run: Callable[[Callable[[Any, Any], Awaitable[None]], Any, StepPolicy], Awaitable[None]],
        wait_for_decision: Callable[[Question], Awaitable[object]],
    ) -> None:
        self._run = run
        self._wait_for_decision = wait_for_decision
        self._undos: list[_Registered] = []

    @property
    def has_undos(self) -> bool:
        """Whether any undo is registered."""
        return bool(self._undos)

    def register(self, undo: Undo[Argument], argument: Argument, policy: StepPolicy) -> None:
        """Register the undo of the next step."""
        self._undos.append(_Registered(undo, argument, policy))

    async def undo_all(self) -> None:
        """Run every undo; the caller shields this from cancellation."""
        while self._undos:
            last = self._undos[-1]
            try:
                await self._run(last.undo, last.argument, last.policy)
            except ActivityError as error:
                question = question_of(error)
                if question.attempt:
                    await self._wait_for_decision(question)
                elif cause_of(error)["code"] == InvalidState.code:
                    return  # the log has been closed meanwhile, without undos, and accepts no more events
                else:  # Temporal gave up, for example without a worker for too long: there is no attempt for a decision
                    await asyncio.sleep(policies.UNDO_AGAIN_AFTER.total_seconds())
            else:
                self._undos.pop()
