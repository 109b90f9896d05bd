"""The application on fakes, and the verbs with which tests arrange a report's life."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape

from quart import Quart

from durable_research.descriptor import Receivers
from durable_research.domain.documents.markdown import parse_markdown
from durable_research.domain.documents.text import TextReference, WrittenText
from durable_research.domain.documents.tree import plain_text
from durable_research.domain.ledger.effects import Charges, EffectRecord, ProviderClass, Send, SendState, model_call_key
from durable_research.domain.ledger.usage import TokenUsage
from durable_research.domain.requests.report import DocumentReference, Report
from durable_research.domain.workflow_ref import WorkflowRef
from durable_research.domain.workflows.approval import ApprovalAsked
from durable_research.domain.workflows.events import ApprovalOpened, AttemptCompleted, AttemptFailed, Closed, EventKind
from durable_research.domain.workflows.progress import Attempt, EngineAttempt
from durable_research.domain.workflows.workflow import Kind, Status, kind_of, new_workflow_id
from durable_research.operations.approve import Approving
from durable_research.operations.cancel import Cancelling
from durable_research.operations.decide import Deciding
from durable_research.operations.facade import Dependencies, Operations
from durable_research.operations.reading.charts import ReadingCharts
from durable_research.operations.reading.dependencies import Dependency, DependencyChecks
from durable_research.operations.reading.paid_text import PaidTexts
from durable_research.operations.reading.read import Reading
from durable_research.operations.reading.reports import ReadingReports
from durable_research.operations.reading.system import ReadingSystem
from durable_research.operations.reading.texts import ReadingTexts
from durable_research.operations.resume import Resuming
from durable_research.operations.retry import Retrying
from durable_research.operations.schedule import Scheduling
from durable_research.operations.start import Starting
from durable_research.payload_keys import Keyring
from durable_research.ports.database.workers import WorkerRow
from durable_research.ports.database.workflows import NewWorkflow
from durable_research.settings.settings import Settings
from durable_research.temporal.payloads.codec import PayloadOpener
from durable_research.web.app import create_app
from durable_research.web.http.event_stream import Streams
from tests.contract import Recorded
from tests.fakes import START
from tests.web.world import FakeWorld

PDF = b"%PDF-1.7\n" + bytes(range(256)) * 40
TEXT = "# Tides\n\nThe sea rises & falls.\n\n<script>alert(1)</script>\n"
DRAFT_SHA256 = "d" * 64
EMBEDDING_MODEL = "sim-embedding"
BUILD = "0.1.0+9f86d081"
# How long a part that hangs is waited for here.
AWAY_SECONDS = 0.2
UNKNOWN = new_workflow_id(Kind.REPORT, 0, bytes(10))


@dataclass
class Harness:
    """The application on fakes, with helpers that create workflows in each state."""

    world: FakeWorld = field(default_factory=FakeWorld)
    settings: Settings = field(default_factory=Settings)
    is_demo: bool = True
    payloads: PayloadOpener = field(default_factory=lambda: PayloadOpener(Keyring((), "default")))
    made: int = 0
    streams: Streams = field(default_factory=Streams)

    def __post_init__(self) -> None:
        self.rebuild()

    def rebuild(self) -> None:
        """Build the application on the world as it is now."""
        world = self.world
        reading = Reading(
            world.workflows,
            world.progress,
            world.drafts,
            world.ledger,
            world.workers,
            world.changes,
            world.engine,
        )
        starting = Starting(
            world.workflows, world.progress, world.engine, lambda: datetime.now(UTC), Receivers(("log",))
        )
        paid = PaidTexts(reading, world.objects)
        self.operations = Operations(
            starting,
            reading,
            Cancelling(reading, world.workflows, world.progress, world.engine),
            Deciding(reading, world.ledger, world.engine),
            Scheduling(starting, world.schedules, lambda: START),
            Approving(reading, world.objects, world.engine),
            Retrying(reading, world.engine),
            Resuming(paid, world.workflows, world.ledger, starting),
            ReadingReports(
                world.workflows,
                world.reports,
                world.objects,
                lambda document: f"<article><p>{escape(plain_text(document))}</p></article>",
                plain_text,
            ),
            ReadingTexts(
                reading,
                paid,
                world.objects,
                world.similarity,
                lambda document: f"<article><p>{escape(plain_text(document))}</p></article>",
                EMBEDDING_MODEL,
            ),
            ReadingSystem(
                world.workers,
                world.overview,
                world.queues,
                world.engine_overview,
                DependencyChecks(
                    [Dependency(one) for one in (world.database, world.engine, world.objects, world.provider)],
                    lambda: START,
                    AWAY_SECONDS,
                ),
                BUILD,
                AWAY_SECONDS,
            ),
            ReadingCharts(world.prometheus, world.series, lambda: START, AWAY_SECONDS),
            Dependencies(world.database, world.engine, world.objects),
            self.payloads,
            is_demo=self.is_demo,
            dashboards=world.dashboards,
        )
        self.app: Quart = create_app(self.operations, self.settings, self.streams)
        self.app.asgi_app = Recorded(self.app.asgi_app)  # type: ignore[method-assign]  # Quart's own way to wrap

    async def queued(
        self,
        prompt: str = "How do tides work?",
        *,
        title: str = "",
        tenant: str = "default",
        kind: Kind = Kind.REPORT,
    ) -> str:
        """A queued report, or a queued workflow of another kind."""
        self.made += 1
        new = NewWorkflow(
            new_workflow_id(kind, self.made, bytes([self.made % 256] * 10)),
            kind,
            tenant,
            title or prompt[:80],
            {"prompt": prompt},
        )
        await self.world.workflows.accept(new)
        self.world.workflows.change(new.workflow_id, engine_started=True)
        self.world.engine.started[new.workflow_id] = None  # type: ignore[assignment]  # known is enough
        return new.workflow_id

    async def step(self, workflow_id: str, name: str, worker: str = "worker-1@7") -> Attempt:
        """An attempt that has begun."""
        return await self.world.progress.begin_attempt(workflow_id, name, worker, EngineAttempt("run", 1))

    async def waiting(self) -> str:
        """A report whose answer was lost and that waits for a person."""
        report_id = await self.queued()
        attempt = await self.step(report_id, "llm_call")
        failed = AttemptFailed(final=True, asks_a_person=True, error={"code": "decision_needed", "detail": "decide"})
        await self.world.progress.end_attempt(attempt, EventKind.ATTEMPT_FAILED, failed)
        return report_id

    async def waiting_for_an_undo(self) -> str:
        """A post whose embedding failed and whose row could not be removed after that."""
        post_id = await self.queued("Why do bees dance?", kind=Kind.POST)
        for name in ("generate_content", "store_post"):
            await self.world.progress.end_attempt(
                await self.step(post_id, name), EventKind.ATTEMPT_COMPLETED, AttemptCompleted()
            )
        refused = {"code": "model_refused", "detail": "the key is refused"}
        attempt = await self.step(post_id, "create_embedding")
        await self.world.progress.end_attempt(
            attempt, EventKind.ATTEMPT_FAILED, AttemptFailed(final=True, error=refused, counted=True)
        )
        attempt = await self.step(post_id, "delete_embedding")
        stuck = {"code": "step_timed_out", "detail": "delete_embedding did not finish within 20 s"}
        await self.world.progress.end_attempt(
            attempt, EventKind.ATTEMPT_FAILED, AttemptFailed(final=True, asks_a_person=True, error=stuck, counted=True)
        )
        return post_id

    async def written(self, workflow_id: str, **texts: str) -> None:
        """The post or the checked text, finished, with its texts by name."""
        stored = {}
        for name, text in texts.items():
            reference = TextReference(key=f"{workflow_id}/{name}", sha256="0" * 64, size_bytes=len(text))
            await self.world.objects.put(reference.key, text.encode())
            usage = TokenUsage(input_tokens=40, output_tokens=900)
            made = WrittenText(text=reference, model="sim-1", provider="simulator", is_demo=True, usage=usage)
            stored[name] = made.model_dump(mode="json")
        self.world.ledger.charged[workflow_id] = Charges(settled=len(texts), possible_extra=0)
        if kind_of(workflow_id) is Kind.POST:
            # As storing a post does.
            self.world.workflows.change(workflow_id, title=parse_markdown(texts["text"]).title)
        await self.world.progress.close(workflow_id, Status.DONE, Closed(texts=stored))

    async def failed(self, *, text: str = TEXT, code: str = "document_error", status: Status = Status.FAILED) -> str:
        """A report whose paid text could not be typeset; or, without a text, whose model call failed."""
        report_id = await self.queued()
        step = "create_pdf" if text else "llm_call"
        if text:
            key = model_call_key(WorkflowRef(report_id, "default"), "llm_call", 0, 0)
            written = TextReference(key=f"texts/{report_id}", sha256="0" * 64, size_bytes=len(text))
            await self.world.objects.put(written.key, text.encode())
            made = WrittenText(text=written, model="sim-1", provider="simulator", is_demo=True, usage=TokenUsage())
            self.world.ledger.records[key] = EffectRecord(
                result=made.model_dump(mode="json"), frozen={"model": "sim-1"}
            )
            call = await self.step(report_id, "llm_call")
            await self.world.progress.end_attempt(call, EventKind.ATTEMPT_COMPLETED, AttemptCompleted())
            self.world.ledger.charged[report_id] = Charges(settled=1, possible_extra=0)
        error = {"code": code, "detail": "line 3 cannot be typeset"}
        attempt = await self.step(report_id, step)
        await self.world.progress.end_attempt(attempt, EventKind.ATTEMPT_FAILED, AttemptFailed(final=True, error=error))
        await self.world.progress.close(report_id, status, Closed(error=error))
        return report_id

    async def failed_in_silence(self) -> str:
        """A report whose model call was sent twice without an answer, at a provider without lookups."""
        report_id = await self.failed(text="", code="unconfirmed_effect")
        silent = tuple(Send(fence, SendState.UNKNOWN, START) for fence in (1, 2))
        key = model_call_key(WorkflowRef(report_id, "default"), "llm_call", 0, 0)
        self.world.ledger.records[key] = EffectRecord(
            silent, {"model": "sim-1"}, possible_extra=1, provider_class=ProviderClass.NOTHING
        )
        self.world.ledger.charged[report_id] = Charges(settled=0, possible_extra=2)
        return report_id

    async def parked(self, *, text: str = TEXT, before: str = "before_pdf") -> str:
        """A report whose draft waits for approval."""
        report_id = await self.queued()
        await self.step(report_id, "llm_call")
        written = TextReference(key=f"drafts/{report_id}", sha256=DRAFT_SHA256, size_bytes=len(text))
        await self.world.objects.put(written.key, text.encode())
        draft = WrittenText(text=written, model="sim-1", provider="simulator", is_demo=True, usage=TokenUsage())
        verdicts = ("approve", "edit", "refuse") if before == "before_pdf" else ("approve", "refuse")
        request = ApprovalAsked.model_validate(
            {
                "before": before,
                "draft_sha256": DRAFT_SHA256,
                "verdicts": verdicts,
                "remind_at": START,
                "expires_at": START,
                "texts": {"draft": draft},
                "pdf": await self._draft_pdf(report_id) if before == "before_notify" else None,
            }
        )
        data = request.model_dump(mode="json")
        await self.world.progress.note_approval(
            report_id, EventKind.APPROVAL_ASKED, ApprovalOpened.model_validate(data)
        )
        return report_id

    async def _draft_pdf(self, report_id: str) -> DocumentReference:
        pdf = DocumentReference(key=f"drafts/{report_id}.pdf", sha256="0" * 64, size_bytes=5, pages=1)
        await self.world.objects.put(pdf.key, b"%PDF-")
        return pdf

    async def done(self, workflow_id: str, *, text: str = TEXT, title: str = "Tides") -> Report:
        """The report, finished with one lost attempt on its way."""
        await self.step(workflow_id, "llm_call")
        for name in ("llm_call", "create_pdf", "store_report_metadata", "send_notification"):
            attempt = await self.step(workflow_id, name, "worker-2@8")
            await self.world.progress.end_attempt(attempt, EventKind.ATTEMPT_COMPLETED, AttemptCompleted())
        row = self.world.workflows.rows[workflow_id]
        report = Report(
            report_id=workflow_id,
            title=title,
            prompt=row.input["prompt"],
            text=TextReference(key=f"texts/{workflow_id}", sha256="0" * 64, size_bytes=len(text)),
            pdf=DocumentReference(
                key=f"pdf/{workflow_id}", sha256=hashlib.sha256(PDF).hexdigest(), size_bytes=len(PDF), pages=3
            ),
            model="sim-1",
            provider="simulator",
            is_demo=True,
            usage=TokenUsage(input_tokens=120, output_tokens=3400),
            asked_at=row.created_at,
        )
        await self.world.reports.store(report, row.tenant)
        await self.world.objects.put(report.text.key, text.encode())
        await self.world.objects.put(report.pdf.key, PDF)
        self.world.ledger.charged[workflow_id] = Charges(settled=1, possible_extra=1)
        await self.world.progress.close(workflow_id, Status.DONE, Closed(pages=3, notified=["log"], not_notified=[]))
        return report

    async def worker(self, name: str = "worker-1", build: str = BUILD) -> None:
        """A live worker."""
        row = WorkerRow(f"{name}@7", name, 7, "here", ("research",), START, build=build, slots={"research": 50})
        await self.world.workers.heartbeat(row)
