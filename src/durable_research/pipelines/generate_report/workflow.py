"""The workflow of a report: call the model, wait for approval where that was requested, typeset, store, notify."""

from contextlib import suppress
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from durable_research.domain.documents.text import WrittenText
    from durable_research.domain.requests.notice import Notice, NoticeKind
    from durable_research.domain.requests.report import DocumentReference
    from durable_research.domain.workflows.approval import (
        BEFORE_NOTIFY,
        BEFORE_PDF,
        ApprovalNotice,
        ApprovalQuestion,
        Verdict,
    )
    from durable_research.domain.workflows.events import Closed
    from durable_research.domain.workflows.workflow import Status
    from durable_research.pipelines.generate_report import pipeline
    from durable_research.pipelines.generate_report.activities import GenerateReportActivities
    from durable_research.pipelines.generate_report.messages import (
        CreatePdf,
        DiscardReport,
        GenerateReport,
        LlmCall,
        ReportPdf,
        ReportResult,
        SendApprovalNotice,
        SendNotice,
        SendNotification,
        StoreReportMetadata,
    )
    from durable_research.temporal import names
    from durable_research.temporal.resumption import own_resumption
    from durable_research.temporal.workflow.activities import run_step
    from durable_research.temporal.workflow.base import DurableWorkflow, Outcome, StepFailure, TooLate
    from durable_research.temporal.workflow.cancellation import raise_if_cancelled, shielded


_NOT_REQUESTED = "nobody wanted to be told that it is done"
_TOO_LATE = "the report was cancelled when it was finished already; whoever was not told by then is not told"


@workflow.defn(name="GenerateReportWorkflow")
class GenerateReportWorkflow(DurableWorkflow):
    """Durable from the accepted question to the sent notification."""

    @workflow.run
    async def run(self, start: GenerateReport) -> ReportResult:
        """Run the four steps and write the outcome."""
        self._start = start
        return await self.run_to_end(self._steps(start))

    async def announce(self, notice: Notice) -> None:
        """Send it to the channels; a notice that cannot be sent changes nothing."""
        start, occasion = self._start, "failed" if notice.kind is NoticeKind.FAILED else "waits"
        if occasion not in (start.notify_on or ()):
            return
        message = SendNotice(report_id=start.report_id, tenant=start.tenant, channels=start.channels, notice=notice)
        with suppress(ActivityError):
            await run_step(GenerateReportActivities.send_notice, message, pipeline.SEND_NOTICE)

    async def _steps(self, start: GenerateReport) -> Outcome[ReportResult]:
        await self.sleep_until(start.start_after)
        discard = DiscardReport(report_id=start.report_id, tenant=start.tenant)
        self.discards.register(GenerateReportActivities.discard_report, discard, pipeline.DISCARD_REPORT)
        text = start.corrected or await self._write(start)
        if start.approval == BEFORE_PDF:
            text = await self._approved(start, text, Verdict.APPROVE, Verdict.EDIT, Verdict.REFUSE)
        pdf = await self._typeset(start, text)
        stored = await self._committed(start, text, pdf)
        closed = await self._notify(start, pdf)
        status = Status.DONE if stored else Status.PARTLY_DONE
        result = ReportResult(
            report_id=start.report_id,
            status=status,
            pdf_key=pdf.pdf.key,
            text_key=text.text.key,
            notified=closed.notified or (),
        )
        return Outcome(result, status, self._closed(start, text, pdf, closed, stored=stored))

    async def _committed(self, start: GenerateReport, text: WrittenText, pdf: ReportPdf) -> bool:
        """Store the row, which finishes the report; with `before_notify` a person's approval finishes it.

        A cancellation before this commit point leaves nothing; a later one has no effect.
        """
        if not workflow.patched(names.COMMIT_POINT):
            stored = await self._store(start, text, pdf)
            if start.approval == BEFORE_NOTIFY:
                await self._approved(start, text, Verdict.APPROVE, Verdict.REFUSE)
            return stored
        if start.approval == BEFORE_NOTIFY:
            # The PDF exists: another text would be another report.
            await self._approved(start, text, Verdict.APPROVE, Verdict.REFUSE, pdf=pdf.pdf)
            return await shielded(self._store(start, text, pdf))
        raise_if_cancelled()
        stored = await shielded(self._store(start, text, pdf))
        if not stored:
            # Nothing has finished the report yet.
            raise_if_cancelled()
        return stored

    async def _write(self, start: GenerateReport) -> WrittenText:
        message = LlmCall(report_id=start.report_id, tenant=start.tenant, generation=start.generation)
        return await self.paid_step(GenerateReportActivities.llm_call, message, pipeline.LLM_CALL)

    async def _approved(
        self, start: GenerateReport, draft: WrittenText, *verdicts: Verdict, pdf: DocumentReference | None = None
    ) -> WrittenText:
        """The text that a person has approved: the draft, or their edit of it."""
        question = ApprovalQuestion(
            before=start.approval, draft=draft, verdicts=verdicts, waits=start.approval_waits, pdf=pdf
        )

        async def notify(notice: ApprovalNotice) -> None:
            if start.notify_on is not None and "waits" not in start.notify_on:
                return
            message = SendApprovalNotice(
                report_id=start.report_id,
                tenant=start.tenant,
                channels=start.channels,
                notice=notice,
                resumption=own_resumption(),
            )
            await run_step(GenerateReportActivities.send_approval_notice, message, pipeline.SEND_APPROVAL_NOTICE)

        decision = await self.approved(question, notify)
        return draft.model_copy(update={"text": decision.edited}) if decision.edited else draft

    async def _typeset(self, start: GenerateReport, text: WrittenText) -> ReportPdf:
        message = CreatePdf(report_id=start.report_id, tenant=start.tenant, text=text)
        return await self.step(GenerateReportActivities.create_pdf, message, pipeline.CREATE_PDF)

    async def _store(self, start: GenerateReport, text: WrittenText, pdf: ReportPdf) -> bool:
        """Store the row; after a permanent failure the report is partly done, and reconciliation stores the row."""
        message = StoreReportMetadata(report_id=start.report_id, tenant=start.tenant, text=text, pdf=pdf)
        stored = await self.optional_step(
            GenerateReportActivities.store_report_metadata, message, pipeline.STORE_REPORT_METADATA
        )
        return not isinstance(stored, StepFailure)

    async def _notify(self, start: GenerateReport, pdf: ReportPdf) -> Closed:
        """Notify the channels; a notification that cannot be sent never fails the report."""
        if start.notify_on is not None and "done" not in start.notify_on:
            return Closed(skipped={pipeline.SEND_NOTIFICATION.step: _NOT_REQUESTED})
        message = SendNotification(
            report_id=start.report_id,
            tenant=start.tenant,
            channels=start.channels,
            title=pdf.title,
            names_title=start.notify_on is None,
        )
        sent = await self.step_after_commit(
            GenerateReportActivities.send_notification, message, pipeline.SEND_NOTIFICATION
        )
        match sent:
            case StepFailure(cause):
                return Closed(notification_error=cause)
            case TooLate():
                return Closed(skipped={pipeline.SEND_NOTIFICATION.step: _TOO_LATE})
            case _:
                return Closed(notified=sent.told, not_notified=sent.refused)

    def _closed(
        self, start: GenerateReport, text: WrittenText, pdf: ReportPdf, notified: Closed, *, stored: bool
    ) -> Closed:
        closed: dict[str, Any] = {"pages": pdf.pdf.pages}
        if not stored:
            message = StoreReportMetadata(report_id=start.report_id, tenant=start.tenant, text=text, pdf=pdf)
            closed["to_store"] = message.model_dump(mode="json")
        return notified.model_copy(update=closed)
