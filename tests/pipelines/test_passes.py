"""Reconciliation consists of passes: a failed or hanging one does not stop the others, and the activity fails at the end."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from durable_research.domain.errors import InfrastructureDown, ResearchError, StepTimedOut
from durable_research.domain.workflows.workflow import Status
from durable_research.pipelines.reconcile import pipeline
from durable_research.pipelines.reconcile.activities import ReconcileActivities
from durable_research.pipelines.reconcile.messages import PassOutcome, Reconciled
from durable_research.pipelines.reconcile.passes.close_ended import CloseEnded
from durable_research.pipelines.reconcile.passes.running import run_all
from durable_research.pipelines.reconcile.passes.start_accepted import StartAccepted
from tests.pipelines.conftest import Harness
from tests.pipelines.test_reconcile import accepted, at_once

__all__ = ["at_once"]

Work = Callable[[], Awaitable[PassOutcome]]


@dataclass
class Scripted:
    """A pass with a scripted outcome."""

    name: str
    work: Work
    deadline: timedelta = timedelta(minutes=5)

    async def run(self) -> PassOutcome:
        return await self.work()


async def away() -> PassOutcome:
    raise InfrastructureDown("the database does not answer")


async def buggy() -> PassOutcome:
    raise ValueError("what a person wrote")


async def hanging() -> PassOutcome:
    await asyncio.Event().wait()
    raise AssertionError("nothing ends it but its deadline")


AWAY = Scripted("away", away)
BUGGY = Scripted("buggy", buggy)
HANGING = Scripted("hanging", hanging, deadline=timedelta(milliseconds=20))


class Done:
    """Passes that note that they came to their end, well after every other began."""

    def __init__(self) -> None:
        self.ended: list[str] = []

    def named(self, name: str) -> Scripted:
        async def work() -> PassOutcome:
            for _ in range(10):
                await asyncio.sleep(0)
            self.ended.append(name)
            return PassOutcome(done=1)

        return Scripted(name, work)


@pytest.mark.parametrize(
    ("broken", "kind", "words"),
    [
        ([AWAY], InfrastructureDown, "away: the database does not answer"),
        ([BUGGY], ResearchError, "buggy: ValueError"),
        ([HANGING], StepTimedOut, "hanging: did not finish within 0.02 s"),
        # A bug in our code is counted, and an outage, which is not counted, must not hide it.
        ([AWAY, BUGGY], ResearchError, "away: the database does not answer; buggy: ValueError"),
        ([HANGING, AWAY], ResearchError, "hanging: did not finish within 0.02 s; away: the database does not answer"),
    ],
    ids=lambda case: "+".join(one.name for one in case) if isinstance(case, list) else "",
)
async def test_all_passes_run_before_the_failure_of_one_is_raised(
    broken: list[Scripted], kind: type[ResearchError], words: str
) -> None:
    done = Done()

    with pytest.raises(ResearchError) as failure:
        await run_all([done.named("before"), *broken, done.named("after")])

    assert (type(failure.value), failure.value.detail) == (kind, f"passes failed: {words}")
    assert done.ended == ["before", "after"]


async def test_a_stopped_worker_cancels_every_pass() -> None:
    running = asyncio.create_task(run_all([Scripted("one", hanging), Scripted("two", hanging)]))
    await asyncio.sleep(0)

    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running


async def test_the_outcome_of_each_pass_is_in_the_result() -> None:
    async def half_done() -> PassOutcome:
        return PassOutcome(done=2, left=1)

    reconciled = await ReconcileActivities([Scripted("started", half_done), Done().named("closed")]).reconcile()

    passes = {"started": PassOutcome(done=2, left=1), "closed": PassOutcome(done=1)}
    assert reconciled == Reconciled(started=2, closed=1, passes=passes)


def test_a_result_recorded_by_an_older_version_is_parsed() -> None:
    assert Reconciled.model_validate({"started": 1, "embedded": 2}) == Reconciled(started=1, embedded=2, passes={})


def test_every_pass_has_a_count_in_the_result_and_a_deadline_below_the_activitys(harness: Harness) -> None:
    passes = harness.reconcile.passes

    assert [one.name for one in passes] == [name for name in Reconciled.model_fields if name != "passes"]
    assert max(one.deadline.total_seconds() for one in passes) < pipeline.RECONCILE.try_seconds


def all_away_but(kind: type[object], harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    for one in harness.reconcile.passes:
        if not isinstance(one, kind):
            monkeypatch.setattr(one, "run", away)


async def test_a_terminated_workflow_is_closed_even_when_every_other_pass_fails(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    all_away_but(CloseEnded, harness, monkeypatch)
    harness.renderer.fail("closed amid failures", "hang")
    report = await harness.submit("closed amid failures")
    await harness.until_step(report, "create_pdf", "running")
    await harness.environment.client.get_workflow_handle(report).terminate("by hand")

    with pytest.raises(InfrastructureDown):
        await harness.reconcile.reconcile()

    assert (await harness.status(report))["status"] == Status.TERMINATED


async def test_an_accepted_workflow_is_started_even_when_every_other_pass_fails(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    all_away_but(StartAccepted, harness, monkeypatch)
    report = await accepted(harness, "started amid failures")

    with pytest.raises(InfrastructureDown):
        await harness.reconcile.reconcile()

    assert (await harness.finished(report))["status"] == Status.DONE
