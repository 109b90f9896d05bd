"""Running the passes concurrently, each until its own deadline: one that fails or hangs does not affect the others.

They need no order. No two change the same rows, and where two meet (an object that is about to be named, a workflow both to be
cancelled and to be closed) the tables decide which of them acts. Rejected: one after the other, where a slow engine would take
the time of passes that do not need it.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Protocol

from temporalio import activity

from durable_research.domain.errors import InfrastructureDown, ResearchError, StepTimedOut
from durable_research.pipelines.reconcile.messages import PassOutcome


class Pass(Protocol):
    """One job of reconciliation. `name` is also the field of the result that counts its repairs."""

    @property
    def name(self) -> str:
        """Unique among the passes."""
        ...

    @property
    def deadline(self) -> timedelta:
        """How long it may take."""
        ...

    async def run(self) -> PassOutcome:
        """Repair what is due; every repair may be repeated."""
        ...


async def run_all(passes: Sequence[Pass]) -> Mapping[str, PassOutcome]:
    """Run every pass to its end, and return how each ended.

    Raises:
        ResearchError: one or more failed. `InfrastructureDown`, which is not counted, if that was the only cause.
    """
    ends = await asyncio.gather(*(_run(one) for one in passes))
    outcomes = {one.name: end for one, end in zip(passes, ends, strict=True) if isinstance(end, PassOutcome)}
    failures = {one.name: end for one, end in zip(passes, ends, strict=True) if isinstance(end, ResearchError)}
    if failures:
        done = {name: outcome.done for name, outcome in outcomes.items() if outcome.done}
        activity.logger.warning("%s of %s passes failed; the others did %s", len(failures), len(passes), done)
        raise _failure(failures)
    return outcomes


async def _run(one: Pass) -> PassOutcome | ResearchError:
    seconds = one.deadline.total_seconds()
    try:
        async with asyncio.timeout(seconds):
            return await one.run()
    except ResearchError as error:
        return error
    except TimeoutError:
        return StepTimedOut(f"did not finish within {seconds:g} s")
    except Exception as error:
        # A bug: the error names the class but not its text, which may hold anything.
        activity.logger.error("pass %s failed", one.name, exc_info=error)
        return ResearchError(type(error).__name__)


def _kind(error: ResearchError) -> type[ResearchError]:
    return next((kind for kind in (InfrastructureDown, StepTimedOut) if isinstance(error, kind)), ResearchError)


def _failure(failures: Mapping[str, ResearchError]) -> ResearchError:
    """One error for all. A failure of our code or of a provider is counted, so an outage must not hide it."""
    details = "; ".join(f"{name}: {error.detail}" for name, error in failures.items())
    kinds = {_kind(error) for error in failures.values()}
    error_class: type[ResearchError] = kinds.pop() if len(kinds) == 1 else ResearchError
    return error_class(f"passes failed: {details}")
