"""The JSON bodies of `/api/system` and `/api/metrics`, as types. What could not be read has a `problem`, and is empty."""

from typing_extensions import TypedDict

from durable_research.domain.workflows.workflow import Kind
from durable_research.operations.reading.charts import ChartRange, Source
from durable_research.ports.engine.queues import TaskType
from durable_research.telemetry.charts import Unit
from durable_research.web.api.workflow_bodies import At, WorkflowId


class WorkerBody(TypedDict):
    """A worker seen within a day. `slots` is how many steps it runs at once, by queue; one that is not `live` is dead."""

    name: str
    identity: str
    host: str
    pid: int
    queues: list[str]
    slots: dict[str, int]
    build: str
    seen_at: At
    silent_seconds: float
    live: bool


class WorkersBody(TypedDict):
    """The workers, by name."""

    problem: str | None
    workers: list[WorkerBody]


class QueueBody(TypedDict):
    """One type of tasks on one queue; `backlog` is about how many wait. Temporal knows a poller for five minutes."""

    queue: str
    task_type: TaskType
    backlog: int
    oldest_seconds: float
    pollers: int


class QueuesBody(TypedDict):
    """The task queues."""

    problem: str | None
    queues: list[QueueBody]


class WorkItemBody(TypedDict):
    """A workflow that waits; `detail` is the code of its last error, or the step of its send."""

    workflow_id: WorkflowId
    kind: Kind
    title: str
    since: At
    detail: str
    page_url: str


class WorkListBody(TypedDict):
    """So many, and the oldest five of them."""

    number: int
    oldest: list[WorkItemBody]


class WorkBody(TypedDict):
    """What waits for a person, is retried, is not started, and has a send whose outcome is unknown."""

    problem: str | None
    waiting: WorkListBody
    retrying: WorkListBody
    not_started: WorkListBody
    unresolved: WorkListBody


class DependencyBody(TypedDict):
    """A check: `problem` is null when it answered. The last error is the last that this process saw."""

    name: str
    checked_at: At
    milliseconds: float
    problem: str | None
    last_error: str | None
    last_error_at: At | None


class VersionsBody(TypedDict):
    """Versions; null where a part does not answer. `build` is this process's code, with a hash of its modules."""

    build: str
    python: str
    postgresql: str | None
    pgvector: str | None
    temporal: str | None
    schema: str | None
    newest_schema: str | None


class PassBody(TypedDict):
    """One pass of reconciliation: repairs made, and those that failed and are tried again."""

    done: int
    left: int


class RunBody(TypedDict):
    """One run of reconciliation; `status` is Temporal's own word."""

    due_at: At
    ended_at: At | None
    status: str
    passes: dict[str, PassBody]


class ReconciliationBody(TypedDict):
    """The latest run that has ended; null before the first."""

    problem: str | None
    run: RunBody | None


class SystemBody(TypedDict):
    """The whole system."""

    workers: WorkersBody
    queues: QueuesBody
    work: WorkBody
    dependencies: list[DependencyBody]
    versions: VersionsBody
    reconciliation: ReconciliationBody


class LineBody(TypedDict):
    """One line: a value for each of `times`, null where there is none."""

    name: str
    values: list[float | None]


class ChartBody(TypedDict):
    """One chart; one that is not `known` has no source here but Prometheus, whose queries are `promql`."""

    name: str
    title: str
    unit: Unit
    words: str
    known: bool
    promql: list[str]
    lines: list[LineBody]


class MetricsBody(TypedDict):
    """What happened over time. `times` are the ends of the steps; `problem` is why a better source was not used."""

    range: ChartRange
    step_seconds: int
    source: Source
    problem: str | None
    times: list[At]
    charts: list[ChartBody]
