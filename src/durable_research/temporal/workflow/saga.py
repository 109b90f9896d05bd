"""Compensation: undoes what a workflow did, when it fails permanently or is cancelled.

An undo is registered before the step that it undoes: a step that failed, or whose worker died, may have done its work all the
same. Undos run last in, first out, each with its own policy, and every undo may run again. One that fails permanently waits for
a person, and the others wait behind it: removing what an earlier step made, while what a later step made still names it, would
leave exactly the half that a saga is there to prevent.
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

Given = TypeVar("Given")
Undo = Callable[[Any, Given], Awaitable[None]]


@dataclass(frozen=True)
class _Registered:
    undo: Callable[[Any, Any], Awaitable[None]]
    given: Any
    policy: StepPolicy


class Saga:
    """The undos of one workflow. `run` runs a step; `ask` waits for a person's decision to try the failed undo again."""

    def __init__(
        self,
        run: Callable[[Callable[[Any, Any], Awaitable[None]], Any, StepPolicy], Awaitable[None]],
        ask: Callable[[Question], Awaitable[object]],
    ) -> None:
        self._run = run
        self._ask = ask
        self._undos: list[_Registered] = []

    @property
    def has_undos(self) -> bool:
        """Whether something would have to be undone."""
        return bool(self._undos)

    def register(self, undo: Undo[Given], given: Given, policy: StepPolicy) -> None:
        """Note how to undo the step that comes next."""
        self._undos.append(_Registered(undo, given, policy))

    async def undo_all(self) -> None:
        """Run every undo; the caller shields this from cancellation."""
        while self._undos:
            last = self._undos[-1]
            try:
                await self._run(last.undo, last.given, last.policy)
            except ActivityError as error:
                question = question_of(error)
                if question.attempt:
                    await self._ask(question)
                elif cause_of(error)["code"] == InvalidState.code:
                    return  # the log has been closed without us: it says that nothing was undone, and takes no more
                else:  # Temporal gave up, as when no worker came for too long: no attempt that a decision could name
                    await asyncio.sleep(policies.UNDO_AGAIN_AFTER.total_seconds())
            else:
                self._undos.pop()
