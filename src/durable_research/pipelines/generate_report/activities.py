"""The four steps of a report, and its notices. Each may be tried more than once; its effect is applied once."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from temporalio import activity

from durable_research.domain.documents.composition import compose
from durable_research.domain.documents.object_keys import Suffix, content_hash, object_key, page_key
from durable_research.domain.documents.text import WrittenText
from durable_research.domain.documents.tree import Document
from durable_research.domain.errors import NotFound, NotificationRefused, Unconfirmed
from durable_research.domain.ledger.effects import ResendPolicy
from durable_research.domain.requests.addresses import is_address
from durable_research.domain.requests.notice import NoticeKind
from durable_research.domain.requests.report import DocumentReference, Report, ReportRequest
from durable_research.domain.workflows.events import Closed
from durable_research.domain.workflows.workflow import Status
from durable_research.effects.notification import Message, NotificationSender, Notified
from durable_research.effects.runner import EffectRunner
from durable_research.effects.text import Assignment, TextWriter
from durable_research.failpoints.reach import Point, reach
from durable_research.pipelines.generate_report import pipeline, prompts
from durable_research.pipelines.generate_report.messages import (
    CreatePdf,
    DiscardReport,
    LlmCall,
    NotificationOutcome,
    ReportPdf,
    SendApprovalNotice,
    SendNotice,
    SendNotification,
    StoreReportMetadata,
)
from durable_research.ports.database.reports import Reports
from durable_research.ports.database.similarity import Similarity
from durable_research.ports.database.workflows import WorkflowRow, Workflows
from durable_research.ports.documents import DocumentRenderer
from durable_research.ports.objects import ObjectStore
from durable_research.ports.vendors.notifiers import Notification, Notifier

_ENDED_OUTSIDE = "the report was ended outside this app when it was finished already"

# Permanent failures of one channel: the others are still notified.
_NEVER = (NotificationRefused, Unconfirmed)


@dataclass
class GenerateReportActivities:
    """The activities. `report_url_prefix` begins the address that a notification shows.

    With `to_html`, the page is stored beside the PDF; without it, the first reader's request makes the page.
    """

    workflows: Workflows
    effects: EffectRunner
    writer: TextWriter
    objects: ObjectStore
    renderer: DocumentRenderer
    reports: Reports
    similarity: Similarity
    notifiers: Mapping[str, Notifier]
    report_url_prefix: str
    notification_resend: ResendPolicy = ResendPolicy.NEVER
    to_html: Callable[[Document], str] | None = None

    @activity.defn(name="llm_call")
    async def llm_call(self, message: LlmCall) -> WrittenText:
        """Call the model; a retry re-attaches to the call that an earlier attempt began.

        Raises:
            ModelTruncated: the answer was still cut after all allowed continuations.
        """
        row = await self.workflows.get(message.workflow)
        request = ReportRequest.model_validate(row.input)
        instructions = prompts.instructions(request)
        return await self.writer.write(
            Assignment(
                message.workflow,
                pipeline.LLM_CALL.step,
                instructions,
                request.prompt,
                message.generation,
            )
        )

    @activity.defn(name="create_pdf")
    async def create_pdf(self, message: CreatePdf) -> ReportPdf:
        """Typeset the text; the object's key is the hash of its bytes, so a repeat stores nothing new."""
        row = await self.workflows.get(message.workflow)
        request = ReportRequest.model_validate(row.input)
        text = await self.writer.read(message.text.text)
        # Parsing is pure Python: a hostile text must not block the event loop that sends the heartbeats.
        document = await asyncio.to_thread(
            compose,
            text,
            message.text,
            workflow_id=message.report_id,
            title=request.title,
            question=request.prompt,
            language=request.language,
            asked_at=row.created_at,
        )
        rendered = await self.renderer.render(document)
        await reach(Point.CREATE_PDF_RENDERED, message.report_id)
        digest = content_hash(rendered.content)
        key = object_key(message.workflow, digest, Suffix.PDF)
        await self.objects.put(key, rendered.content)
        if self.to_html:
            page = await asyncio.to_thread(self.to_html, document)
            await self.objects.put(page_key(key), page.encode())
        await reach(Point.CREATE_PDF_STORED, message.report_id)
        pdf = DocumentReference(key=key, sha256=digest, size_bytes=len(rendered.content), pages=rendered.pages)
        return ReportPdf(pdf=pdf, title=document.title)

    @activity.defn(name="store_report_metadata")
    async def store_report_metadata(self, message: StoreReportMetadata) -> None:
        """Write the report's row, which finishes the report; writing it again changes nothing.

        Raises:
            CancelRequested: a person cancelled the report before.
        """
        await self.reports.store(await self._report(message), message.tenant, self.writer.current_attempt())
        await reach(Point.STORE_REPORT_METADATA_STORED, message.report_id)

    async def store_late(self, closing: Closed) -> bool:
        """The same for a report that ended without its row; False when its closing event holds nothing to store."""
        if closing.to_store is None:
            return False
        message = StoreReportMetadata.model_validate(closing.to_store)
        await self.reports.store(await self._report(message), message.tenant, None)
        return True

    async def finished_outside(self, row: WorkflowRow) -> Closed | None:
        """The closing event of a report that was ended outside this app after its row was stored; None without a row."""
        try:
            report = await self.reports.get(row.ref)
        except NotFound:
            return None
        return Closed(pages=report.pdf.pages, skipped={pipeline.SEND_NOTIFICATION.step: _ENDED_OUTSIDE})

    async def _report(self, message: StoreReportMetadata) -> Report:
        row = await self.workflows.get(message.workflow)
        request = ReportRequest.model_validate(row.input)
        return Report(
            report_id=message.report_id,
            title=message.pdf.title,
            prompt=request.prompt,
            user=request.user,
            language=request.language,
            text=message.text.text,
            pdf=message.pdf.pdf,
            model=message.text.model,
            provider=message.text.provider,
            is_demo=message.text.is_demo,
            usage=message.text.usage,
            asked_title=request.title,
            asked_at=row.created_at,
        )

    @activity.defn(name="discard_report")
    async def discard_report(self, message: DiscardReport) -> None:
        """Remove a cancelled report's row, embedding and objects. The calls stay paid, and counted."""
        await self.reports.delete(message.workflow)
        await self.similarity.delete(message.workflow)
        await self.writer.remove_all(message.workflow)

    @activity.defn(name="send_notification")
    async def send_notification(self, message: SendNotification) -> NotificationOutcome:
        """Notify each channel independently of the others; a retry notifies only those that were not notified.

        Raises:
            NotificationFailed: a receiver did not accept, and may accept later.
        """
        notification = Notification(message.report_id, message.title, "done", self._page(message.report_id))
        request = {"report_id": message.report_id} | ({"title": message.title} if message.names_title else {})
        template = Message(message.tenant, pipeline.SEND_NOTIFICATION.step, notification, request)
        return await self._send_to_all(template, message.channels)

    @activity.defn(name="send_approval_notice")
    async def send_approval_notice(self, message: SendApprovalNotice) -> NotificationOutcome:
        """Notify each channel that the draft waits, if it still waits; retries as for `send_notification`.

        Raises:
            NotificationFailed: a receiver did not accept, and may accept later.
        """
        row = await self.workflows.get(message.workflow)
        if row.status is not Status.WAITING_FOR_YOU or row.cancel_requested:
            return NotificationOutcome(told=())
        page = self._page(message.report_id)
        notification = Notification(message.report_id, row.title, row.status, page, approval=message.notice)
        occasion = message.notice.occasion.value
        request = {"report_id": message.report_id, "occasion": occasion}
        again = (str(message.resumption),) if message.resumption else ()
        template = Message(
            message.tenant, pipeline.SEND_APPROVAL_NOTICE.step, notification, request, (occasion, *again)
        )
        return await self._send_to_all(template, message.channels)

    @activity.defn(name="send_notice")
    async def send_notice(self, message: SendNotice) -> NotificationOutcome:
        """Notify each channel that the report failed, or waits for a decision, if that is still so.

        Raises:
            NotificationFailed: a receiver did not accept, and may accept later.
        """
        row = await self.workflows.get(message.workflow)
        notice = message.notice
        if notice.kind is NoticeKind.FAILED:
            is_current = row.status is Status.FAILED and row.resumption == notice.number
        else:
            is_current = row.status is Status.WAITING_FOR_YOU
        if not is_current:
            return NotificationOutcome(told=())
        notification = Notification(
            message.report_id, row.title, row.status, self._page(message.report_id), notice=notice
        )
        request = {"report_id": message.report_id, "kind": notice.kind.value}
        # The ledger's existing keys hold step and number as one word.
        occasion = (notice.kind.value, f"{notice.step}{notice.number}")
        template = Message(message.tenant, pipeline.SEND_NOTICE.step, notification, request, occasion)
        return await self._send_to_all(template, message.channels)

    def _page(self, report_id: str) -> str:
        return f"{self.report_url_prefix}/reports/{report_id}"

    async def _send_to_all(self, template: Message, channels: Sequence[str]) -> NotificationOutcome:
        outcomes = await asyncio.gather(
            *(self._send_to(template, channel) for channel in channels), return_exceptions=True
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException) and not isinstance(outcome, _NEVER):
                raise outcome
        refused = [channel for channel, outcome in zip(channels, outcomes, strict=True) if isinstance(outcome, _NEVER)]
        notified = [channel for channel in channels if channel not in refused]
        refused += [
            f"{outcome.channel}: {one}"
            for outcome in outcomes
            if isinstance(outcome, Notified)
            for one in outcome.left_out
        ]
        return NotificationOutcome(told=tuple(notified), refused=tuple(refused))

    async def _send_to(self, template: Message, channel: str) -> Notified:
        notifier = self.notifiers.get("address" if is_address(channel) else channel)
        if notifier is None:
            raise NotificationRefused(f"no receiver is configured for channel {channel!r}")
        message = replace(
            template,
            notification=replace(template.notification, to=channel),
            request={"channel": channel, **template.request},
        )
        return await NotificationSender(self.effects, self.notification_resend).send(message, notifier)
