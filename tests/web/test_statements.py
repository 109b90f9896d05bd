"""The number of SQL statements per answer: a page's data are read once and passed on."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from quart.testing import QuartClient
from sqlalchemy import Engine, event

from durable_research.adapters.database.connection import Database
from durable_research.adapters.database.ledger.ledger import PostgresLedger
from durable_research.adapters.database.log.drafts import PostgresDrafts
from durable_research.adapters.database.log.progress import PostgresProgressLog
from durable_research.adapters.database.rows.overview import PostgresOverview
from durable_research.adapters.database.rows.reports import PostgresReports
from durable_research.adapters.database.rows.series import PostgresSeries
from durable_research.adapters.database.rows.similarity import PostgresSimilarity
from durable_research.adapters.database.rows.workers import PostgresWorkerRegistry
from durable_research.adapters.database.rows.workflows import PostgresWorkflows
from durable_research.domain.documents.text import TextReference, WrittenText
from durable_research.domain.ledger.effects import Effect, EffectKind, ProviderClass, model_call_key
from durable_research.domain.ledger.usage import TokenUsage
from durable_research.domain.requests.report import DocumentReference, Report
from durable_research.domain.workflow_ref import WorkflowRef
from durable_research.domain.workflows.events import AttemptCompleted, Closed, EventKind
from durable_research.domain.workflows.progress import Attempt, EngineAttempt
from durable_research.domain.workflows.workflow import Kind, Status
from tests.adapters.database.rows import accepted
from tests.fakes import START, FakeChanges, FakeEngine, FakeObjects, FakeSchedules
from tests.web.harness import Harness
from tests.web.system_fakes import FakeEngineOverview, FakeQueues, HangingPart

TEXT = "# Tides\n\nThe sea rises.\n"
FAILURE = {"code": "document_error", "detail": "line 3 cannot be typeset"}


@dataclass
class DatabaseWorld:
    """The real tables, and fakes of everything else."""

    database: Database
    changes: FakeChanges = field(default_factory=FakeChanges)
    engine: FakeEngine = field(default_factory=FakeEngine)
    objects: FakeObjects = field(default_factory=FakeObjects)

    def __post_init__(self) -> None:
        self.workflows = PostgresWorkflows(self.database)
        self.progress = PostgresProgressLog(self.database)
        self.drafts = PostgresDrafts(self.database)
        self.ledger = PostgresLedger(self.database)
        self.similarity = PostgresSimilarity(self.database)
        self.workers = PostgresWorkerRegistry(self.database)
        self.reports = PostgresReports(self.database)
        self.overview = PostgresOverview(self.database)
        self.engine_overview = FakeEngineOverview(self.engine)
        self.queues = FakeQueues(self.engine)
        self.prometheus = self.dashboards = None
        self.series = PostgresSeries(self.database)
        self.provider = HangingPart("provider")
        self.schedules = FakeSchedules(self.engine)

    async def step(self, workflow_id: str, name: str) -> Attempt:
        return await self.progress.begin_attempt(workflow_id, name, "worker-1@7", EngineAttempt("run", 1))

    async def written(self, workflow_id: str, name: str = "text") -> WrittenText:
        key = f"{workflow_id}/{name}"
        await self.objects.put(key, TEXT.encode())
        reference = TextReference(key=key, sha256="0" * 64, size_bytes=len(TEXT))
        return WrittenText(text=reference, model="sim-1", provider="simulator", is_demo=True, usage=TokenUsage())

    async def live_report(self) -> str:
        report_id = await accepted(self.database, Kind.REPORT)
        await self.step(report_id, "llm_call")
        return report_id

    async def finished_report(self) -> str:
        report_id = await accepted(self.database, Kind.REPORT)
        text = await self.written(report_id)
        report = Report(
            report_id=report_id,
            title="Tides",
            prompt="tides?",
            text=text.text,
            pdf=DocumentReference(key=f"{report_id}.pdf", sha256="0" * 64, size_bytes=5, pages=1),
            model=text.model,
            provider=text.provider,
            is_demo=True,
            usage=text.usage,
            asked_at=START,
        )
        await self.objects.put(report.pdf.key, b"%PDF-")
        attempt = await self.step(report_id, "store_report_metadata")
        await self.reports.store(report, "default", attempt)
        await self.progress.end_attempt(attempt, EventKind.ATTEMPT_COMPLETED, AttemptCompleted())
        await self.progress.close(report_id, Status.DONE, Closed(pages=1))
        return report_id

    async def checked_text(self) -> str:
        """One with two texts: the text and its summary."""
        workflow_id = await accepted(self.database, Kind.PROCESSING)
        texts = {name: await self.written(workflow_id, name) for name in ("text", "summary")}
        await self.progress.close(workflow_id, Status.DONE, Closed(texts=texts))
        return workflow_id

    async def failed_report(self) -> str:
        """One whose text is paid for and that could not be typeset."""
        report_id = await accepted(self.database, Kind.REPORT)
        attempt = await self.step(report_id, "llm_call")
        effect = Effect(
            WorkflowRef(report_id, "default"), "llm_call", EffectKind.MODEL_CALL, "simulator", ProviderClass.LOCKED, {}
        )
        assert effect.key == model_call_key(WorkflowRef(report_id, "default"), "llm_call", 0, 0)
        await self.ledger.claim(effect, attempt.number)
        await self.ledger.open_send(effect, attempt.number, None, earlier=None)
        await self.ledger.remember_reference(effect.key, attempt.number, "resp_1")
        result = (await self.written(report_id)).model_dump(mode="json")
        await self.ledger.settle(effect.key, attempt.number, "resp_1", result)
        await self.progress.end_attempt(attempt, EventKind.ATTEMPT_COMPLETED, AttemptCompleted())
        await self.progress.close(report_id, Status.FAILED, Closed(error=FAILURE))
        return report_id


@pytest.fixture
def world(database: Database) -> DatabaseWorld:
    return DatabaseWorld(database)


@contextmanager
def statements() -> Iterator[list[str]]:
    """The statements that are sent to the database meanwhile."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", note)


@pytest.mark.parametrize(
    ("arrange", "address", "expected"),
    [
        # The row with its log, live workers, charges; the report; its neighbours.
        ("finished_report", "/reports/{id}", 5),
        ("checked_text", "/texts/{id}", 4),
        ("live_report", "/reports/{id}", 3),
        # The ledger's record of the paid text, in addition.
        ("failed_report", "/reports/{id}", 4),
        ("failed_report", "/api/workflows/{id}/status", 4),
        ("finished_report", "/api/workflows/{id}/status", 3),
        ("live_report", "/api/workflows/{id}/status", 3),
        ("finished_report", "/api/workflows/{id}/result", 1),
        ("finished_report", "/api/reports/{id}.pdf", 1),
        ("finished_report", "/reports", 2),
        # The latest ones, today's numbers, live workers.
        ("finished_report", "/", 3),
        ("finished_report", "/api/workflows", 1),
        ("finished_report", "/api/reports", 1),
        # Known workers, work, versions, and the check of the database.
        ("live_report", "/system", 4),
        ("live_report", "/api/system", 4),
        # Log, durations, ledger; and the live workers of the header.
        ("finished_report", "/metrics-ui", 4),
        ("finished_report", "/api/metrics", 3),
    ],
)
async def test_each_answer_takes_its_fixed_number_of_sql_statements(
    world: DatabaseWorld, arrange: str, address: str, expected: int
) -> None:
    client = QuartClient(Harness(world).app)  # type: ignore[arg-type]  # the real tables
    workflow_id = await getattr(world, arrange)()
    path = address.format(id=workflow_id)
    await client.get(path)  # files created at the first view exist

    with statements() as sent:
        answer = await client.get(path)

    assert answer.status_code == 200
    assert len(sent) == expected, "\n\n".join(sent)
