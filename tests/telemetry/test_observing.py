"""The gauges of what waits: as the tables have it, and nothing while the database is away."""

from durable_research.domain.errors import InfrastructureDown
from durable_research.domain.workflows.workflow import Kind
from durable_research.operations.observe import Observing
from durable_research.ports.database.backlog import Backlog, Waiting
from durable_research.telemetry.metrics import (
    BACKLOG_READ_UP,
    NOT_STARTED,
    NOT_STARTED_AGE,
    PROVIDER_WAITING,
    QUESTIONS_AGE,
    QUESTIONS_OPEN,
    Role,
    Vocabulary,
)
from durable_research.telemetry.registry import Registry
from tests.measured import series, value


class FakeBacklog:
    """Answers what the test sets; None is away."""

    found: Backlog | None = Backlog()

    async def read(self) -> Backlog:
        if self.found is None:
            raise InfrastructureDown("the database does not answer")
        return self.found


def registry() -> Registry:
    words = {Vocabulary.WORKFLOW_KIND: tuple(Kind), Vocabulary.ERROR_CODE: ("rate_limited",)}
    return Registry(Role.API, {**dict.fromkeys(Vocabulary, ()), **words})


async def test_what_waits_is_exported_and_what_is_over_is_not() -> None:
    backlog, meter = FakeBacklog(), registry()
    observing = Observing(backlog, meter)
    backlog.found = Backlog(
        not_started={Kind.REPORT: Waiting(3, 40.0)},
        approvals=Waiting(2, 7000.0),
        for_provider={"rate_limited": Waiting(1, 9.0)},
    )

    await observing.observe()

    assert (value(meter, NOT_STARTED, kind="report"), value(meter, NOT_STARTED_AGE, kind="report")) == (3, 40)
    assert value(meter, NOT_STARTED, kind="post") == 0
    assert (value(meter, QUESTIONS_OPEN, question="approval"), value(meter, QUESTIONS_AGE, question="approval")) == (
        2,
        7000,
    )
    assert series(meter.text(), PROVIDER_WAITING) == {(("code", "rate_limited"),): 1}
    assert value(meter, BACKLOG_READ_UP) == 1

    backlog.found = Backlog()
    await observing.observe()

    assert series(meter.text(), PROVIDER_WAITING) == {}
    assert set(series(meter.text(), NOT_STARTED).values()) == {0}


async def test_while_the_database_is_away_nothing_is_claimed_of_what_waits() -> None:
    backlog, meter = FakeBacklog(), registry()
    observing = Observing(backlog, meter)
    await observing.observe()
    assert series(meter.text(), NOT_STARTED)

    backlog.found = None
    await observing.observe()

    assert value(meter, BACKLOG_READ_UP) == 0
    assert series(meter.text(), NOT_STARTED) == series(meter.text(), QUESTIONS_OPEN) == {}
