"""The gauges of what waits: as the tables have it, and nothing while the database is away."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from durable_research.domain.errors import InfrastructureDown
from durable_research.domain.ledger.effects import EffectKind
from durable_research.domain.workflows.workflow import Kind
from durable_research.operations.observe import Observing
from durable_research.ports.database.backlog import Backlog, Waiting
from durable_research.ports.engine.queues import QueueState, TaskType
from durable_research.queues import QUEUES
from durable_research.telemetry.metric import Role, Vocabulary
from durable_research.telemetry.metrics import (
    BACKLOG_READ_UP,
    NEXT_EXPIRY,
    NOT_STARTED,
    NOT_STARTED_AGE,
    PROVIDER_WAITING,
    QUESTIONS_AGE,
    QUESTIONS_OPEN,
    QUEUE_BACKLOG,
    QUEUE_BACKLOG_AGE,
    QUEUE_POLLERS,
    QUEUES_READ_UP,
    SENDS_OPEN,
    SENDS_OPEN_AGE,
)
from durable_research.telemetry.registry import Registry
from tests.measured import series, value

BUSY_QUEUE = QueueState("ai-tasks", TaskType.ACTIVITY, backlog=7, oldest_seconds=12.5, pollers=2)


class FakeBacklog:
    """Answers what the test sets; None is away."""

    found: Backlog | None = Backlog()
    error: Exception | None = None

    async def read(self) -> Backlog:
        if self.error:
            raise self.error
        if self.found is None:
            raise InfrastructureDown("the database does not answer")
        return self.found


@dataclass
class FakeQueues:
    """Answers what the test sets; None is away."""

    found: tuple[QueueState, ...] | None = (BUSY_QUEUE,)

    async def read(self) -> tuple[QueueState, ...]:
        if self.found is None:
            raise InfrastructureDown("temporal does not answer")
        return self.found


def registry() -> Registry:
    words: Mapping[Vocabulary, Collection[str]] = {
        Vocabulary.WORKFLOW_KIND: tuple(Kind),
        Vocabulary.ERROR_CODE: ("rate_limited",),
        Vocabulary.EFFECT_KIND: tuple(EffectKind),
        Vocabulary.QUEUE: QUEUES,
        Vocabulary.TASK_TYPE: tuple(TaskType),
    }
    return Registry(Role.API, {**dict.fromkeys(Vocabulary, ()), **words})


async def test_what_waits_is_exported_and_what_is_over_is_not() -> None:
    backlog, meter = FakeBacklog(), registry()
    observing = Observing(backlog, FakeQueues(), meter)
    backlog.found = Backlog(
        not_started={Kind.REPORT: Waiting(3, 40.0)},
        approvals=Waiting(2, 7000.0),
        next_expiry_seconds=55.0,
        for_provider={"rate_limited": Waiting(1, 9.0)},
        open_sends={EffectKind.MODEL_CALL: Waiting(1, 61.0)},
    )

    await observing.observe()

    assert (value(meter, NOT_STARTED, kind="report"), value(meter, NOT_STARTED_AGE, kind="report")) == (3, 40)
    assert value(meter, NOT_STARTED, kind="post") == 0
    assert (value(meter, QUESTIONS_OPEN, question="approval"), value(meter, QUESTIONS_AGE, question="approval")) == (
        2,
        7000,
    )
    assert series(meter.text(), PROVIDER_WAITING) == {(("code", "rate_limited"),): 1}
    assert value(meter, NEXT_EXPIRY) == 55
    assert (value(meter, SENDS_OPEN, kind="model_call"), value(meter, SENDS_OPEN_AGE, kind="model_call")) == (1, 61)
    assert value(meter, SENDS_OPEN, kind="notification") == 0
    assert value(meter, BACKLOG_READ_UP) == 1

    backlog.found = Backlog()
    await observing.observe()

    assert series(meter.text(), PROVIDER_WAITING) == {}
    assert math.isnan(value(meter, NEXT_EXPIRY))
    assert set(series(meter.text(), NOT_STARTED).values()) == {0}


async def test_while_the_database_is_away_nothing_is_claimed_of_what_waits() -> None:
    backlog, meter = FakeBacklog(), registry()
    observing = Observing(backlog, FakeQueues(), meter)
    await observing.observe()
    assert series(meter.text(), NOT_STARTED)

    backlog.found = None
    await observing.observe()

    assert value(meter, BACKLOG_READ_UP) == 0
    assert series(meter.text(), NOT_STARTED) == series(meter.text(), QUESTIONS_OPEN) == {}


async def test_what_waits_in_the_queues_is_exported_and_nothing_while_temporal_is_away() -> None:
    queues, meter = FakeQueues(), registry()
    observing = Observing(FakeBacklog(), queues, meter)
    labels = {"queue": BUSY_QUEUE.queue, "task_type": BUSY_QUEUE.task_type}

    await observing.observe()

    assert (
        value(meter, QUEUE_BACKLOG, **labels),
        value(meter, QUEUE_BACKLOG_AGE, **labels),
        value(meter, QUEUE_POLLERS, **labels),
        value(meter, QUEUES_READ_UP),
    ) == (7, 12.5, 2, 1)

    queues.found = None
    await observing.observe()

    assert value(meter, QUEUES_READ_UP) == 0
    assert series(meter.text(), QUEUE_BACKLOG) == series(meter.text(), QUEUE_POLLERS) == {}
    assert value(meter, BACKLOG_READ_UP) == 1


async def test_an_error_of_ours_ends_no_observing_and_leaves_no_stale_gauge() -> None:
    backlog, meter = FakeBacklog(), registry()
    observing = Observing(backlog, FakeQueues(), meter)
    await observing.observe()
    assert series(meter.text(), NOT_STARTED)

    backlog.error = ValueError("a kind of a newer version")
    await observing.observe()

    assert value(meter, BACKLOG_READ_UP) == 0
    assert series(meter.text(), NOT_STARTED) == {}
    assert value(meter, QUEUES_READ_UP) == 1
