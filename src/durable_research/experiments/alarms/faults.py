"""For each alert a real fault that causes it, or why this machine cannot cause it.

A fault is a block: it begins with the cause, lasts while the alerts are waited for, and ends with the remedy.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import psycopg
from temporalio.client import Client

from durable_research import queues
from durable_research.experiments.alarms.stage import Stage

APPROVAL_EXPIRY_SECONDS = 90.0
# The settings under which some of the faults happen. First of all a worker freezes between its check and its send, for long
# enough that another one has looked for the send, found none, and sent.
ENVIRONMENT = {
    "DURABLE_RESEARCH_FAILPOINTS": "llm_call.checked=freeze@1:15",
    "DURABLE_RESEARCH_APPROVAL_EXPIRY": f"{APPROVAL_EXPIRY_SECONDS:g}",
}
_WORKERS = ("worker-1", "worker-2")
_SHORTER_THAN_A_HEARTBEATS_TIMEOUT = 2.4

NOT_CAUSED: Mapping[str, str] = {
    "WorkflowNonDeterministic": "it needs workers with other workflow code than the one that began the workflow",
    "GrpcMessageTooLarge": "requests of such a size are refused, and texts go to the object store: it needs other code",
    "TemporalResourceExhausted": "the dev server's limits are above what two workers on one machine ask for",
}


@dataclass(frozen=True)
class Scenario:
    """One fault in a sentence, and the alerts that it must cause."""

    sentence: str
    alerts: tuple[str, ...]
    fault: Callable[[Stage], AbstractContextManager[None]]


@contextmanager
def _late_send(stage: Stage) -> Iterator[None]:
    stage.submit(1)
    yield


@contextmanager
def _refused(stage: Stage) -> Iterator[None]:
    stage.model_fault(fault="401")
    with stage.repeated(lambda: stage.submit(1), 0.3):
        yield
    stage.installation.clear_faults()


@contextmanager
def _slow_model(stage: Stage) -> Iterator[None]:
    stage.installation.latency(12)
    with stage.repeated(lambda: stage.submit(1), 0.5):
        yield
    stage.installation.latency(0)


@contextmanager
def _busy(stage: Stage) -> Iterator[None]:
    stage.model_fault(fault="429")
    waiting = stage.submit(2)
    yield
    stage.installation.clear_faults()
    for workflow_id in waiting:
        stage.act(workflow_id, "retry")


@contextmanager
def _lost_provider(stage: Stage) -> Iterator[None]:
    stage.installation.simulator("settings", {"acceptance_seconds": 20.0})
    workflow_id = stage.submit(1)[0]
    stage.installation.until("the send", lambda: stage.installation.step(workflow_id, "llm_call")["worker"])
    time.sleep(2)  # between the intent and an answer that does not come
    with stage.kept_down("simulator"):
        yield


@contextmanager
def _frozen_worker(stage: Stage) -> Iterator[None]:
    stage.installation.latency(6)
    stage.submit(30)
    with stage.frozen(_WORKERS[0]):
        time.sleep(9)
    yield
    stage.installation.latency(0)


@contextmanager
def _frozen_workers(stage: Stage) -> Iterator[None]:
    with stage.frozen(*_WORKERS):
        stage.submit(70)
        yield


@contextmanager
def _flood(stage: Stage) -> Iterator[None]:
    with stage.frozen(*_WORKERS):
        stage.submit(120)
        time.sleep(10)
    yield


@contextmanager
def _unknown_workflow(stage: Stage) -> Iterator[None]:
    async def start() -> None:
        client = await Client.connect(stage.installation.running.temporal)
        await client.start_workflow("WorkflowOfAnotherVersion", id=_UNKNOWN, task_queue=queues.RESEARCH)

    async def terminate() -> None:
        client = await Client.connect(stage.installation.running.temporal)
        await client.get_workflow_handle(_UNKNOWN).terminate("the trial is over")

    asyncio.run(start())
    yield
    asyncio.run(terminate())


_UNKNOWN = "workflow-of-another-version"


@contextmanager
def _slow_temporal(stage: Stage) -> Iterator[None]:
    def pause() -> None:
        with stage.frozen("temporal"):
            time.sleep(_SHORTER_THAN_A_HEARTBEATS_TIMEOUT)

    # Each running step sends a heartbeat a second: without requests none is slow.
    stage.installation.latency(30)
    stage.submit(20)
    with stage.repeated(lambda: stage.submit(1), 1.0), stage.repeated(pause, 1.6):
        yield
    stage.installation.latency(0)


@contextmanager
def _no_temporal(stage: Stage) -> Iterator[None]:
    with stage.kept_down("temporal"):
        stage.submit(3)
        yield


@contextmanager
def _no_api(stage: Stage) -> Iterator[None]:
    with stage.kept_down("api"):
        yield


@contextmanager
def _no_database(stage: Stage) -> Iterator[None]:
    with stage.repeated(stage.read_list, 0.05), stage.repeated(stage.read_list, 0.05):
        with stage.kept_down("postgres"):
            yield
        stage.installation.until("the database", lambda: bool(stage.submit(1)))


@contextmanager
def _no_undo(stage: Stage) -> Iterator[None]:
    """A post whose row cannot be deleted, cancelled while Slack refuses its message."""
    installation = stage.installation
    _execute(
        installation.running.database,
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$",
        "CREATE TRIGGER refused BEFORE DELETE ON posts FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    installation.simulator("faults", {"match": "*", "kind": "slack", "times": 1_000_000, "fault": "429"})
    post_id = installation.submit_with(pipeline="blog-post", prompt="What cannot be undone?")
    installation.until("its row", lambda: installation.step(post_id, "post_to_slack")["worker"])
    stage.act(post_id, "cancel")
    yield
    _execute(installation.running.database, "DROP TRIGGER refused ON posts", "DROP FUNCTION refuse")
    installation.clear_faults()


def _execute(database: str, *statements: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


@contextmanager
def _unanswered(stage: Stage) -> Iterator[None]:
    asked = stage.submit(1, approval="before_pdf")
    yield
    for workflow_id in asked:
        stage.act(workflow_id, "cancel")


SCENARIOS = (
    Scenario("a worker freezes between its check and its send, and another one sends", ("LateDuplicates",), _late_send),
    Scenario("the provider refuses the key, and reports go on coming",
             ("ProviderRefusing", "StepRetryRatioHigh", "WorkflowFailureRatioHigh", "ProcessingBudgetBurnsFast",
              "ProcessingBudgetBurnsSlowly"), _refused),
    Scenario("the model writes for twelve seconds", ("WorkflowsSlow",), _slow_model),
    Scenario("the provider is busy", ("ProviderBusyOrAway",), _busy),
    Scenario("the provider dies while a send is open, and stays away", ("SendsUnresolved",), _lost_provider),
    Scenario("a worker freezes for nine seconds amid thirty calls", ("AttemptsLost", "TemporalRespondNotFound"),
             _frozen_worker),
    Scenario("both workers freeze, and seventy reports come",
             ("TaskQueueWithoutWorker", "TargetDown", "TaskQueueBacklog", "TaskQueueStuck"), _frozen_workers),
    Scenario("a hundred and twenty reports come at once, after a freeze",
             ("WorkflowTaskScheduleToStartHigh", "ActivityScheduleToStartHigh", "WorkerSlotsExhausted"), _flood),
    Scenario("a workflow of another version's code is started", ("WorkflowTasksFailing",), _unknown_workflow),
    Scenario("Temporal stands still for two and a half seconds of four", ("TemporalRequestsSlow",), _slow_temporal),
    Scenario("Temporal is killed whenever it runs", ("WorkflowsNotStarted", "MetricsMissing"), _no_temporal),
    Scenario("the API is killed whenever it runs", ("ApiNotReady",), _no_api),
    Scenario("PostgreSQL is killed whenever it runs, and the API is asked all the time",
             ("ApiErrorRatioHigh", "ApiErrorBudgetBurnsFast", "ApiErrorBudgetBurnsSlowly"), _no_database),
    Scenario("a post is undone, and its row cannot be deleted", ("CompensationFailed",), _no_undo),
    Scenario("nobody approves a draft", ("ApprovalExpiring",), _unanswered),
)  # fmt: skip
