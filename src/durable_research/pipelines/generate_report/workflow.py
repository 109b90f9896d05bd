"""The story of a report: ask the model, typeset, store, tell."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, FailureError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from durable_research.domain.errors import DecisionNeeded
    from durable_research.domain.workflow import Decision, Status
    from durable_research.pipelines.generate_report.activities import GenerateReportActivities
    from durable_research.pipelines.generate_report.messages import (
        CreatePdf,
        Decided,
        GenerateReport,
        LlmCall,
        ReportPdf,
        ReportResult,
        ReportText,
        SendNotification,
        StoreReportMetadata,
    )
    from durable_research.temporal import names, policies
    from durable_research.temporal.steps import attempt_of, cause_of, close_workflow, is_cancel, run_step


@workflow.defn(name="GenerateReportWorkflow")
class GenerateReportWorkflow:
    """Durable from the accepted question to the told reader."""

    def __init__(self) -> None:
        self._stage = "queued"
        self._decisions: dict[int, Decision] = {}

    @workflow.query
    def progress(self) -> str:
        """The name of the step that the workflow has reached."""
        return self._stage

    @workflow.signal(name=names.DECIDE)
    def decide(self, decided: Decided) -> None:
        """Take a person's decision; the first one about a question stands."""
        self._decisions.setdefault(decided.attempt, decided.decision)

    @workflow.run
    async def run(self, start: GenerateReport) -> ReportResult:
        """Run the four steps and write the end."""
        try:
            text = await self._ask(start)
            pdf = await self._typeset(start, text)
            stored = await self._store(start, text, pdf)
            notified = await self._tell(start, pdf)
        except BaseException as error:
            if not isinstance(error, FailureError) and not is_cancelled_exception(error):
                # The worker lets go of a cached workflow, or our code is wrong: no end, the task is tried again.
                raise
            await self._close_unfinished(start, error)
            raise
        status = Status.DONE if stored else Status.PARTLY_DONE
        result = ReportResult(
            report_id=start.report_id,
            status=status,
            pdf_key=pdf.pdf.key,
            text_key=text.text.key,
            notified=tuple(notified.get("notified", ())),
        )
        await self._close(status, self._closing_data(start, text, pdf, notified, stored=stored))
        return result

    async def _ask(self, start: GenerateReport) -> ReportText:
        self._stage = "llm_call"
        asked = LlmCall(report_id=start.report_id, tenant=start.tenant)
        while True:
            try:
                return await run_step(GenerateReportActivities.llm_call, asked, policies.LLM_CALL)
            except ActivityError as error:
                if cause_of(error)["code"] != DecisionNeeded.code:
                    raise
                if await self._decision_about(attempt_of(error)) is Decision.GIVE_UP:
                    raise

    async def _decision_about(self, attempt: int) -> Decision:
        """Wait for a person, as long as it takes."""
        await workflow.wait_condition(lambda: attempt in self._decisions)
        return self._decisions[attempt]

    async def _typeset(self, start: GenerateReport, text: ReportText) -> ReportPdf:
        self._stage = "create_pdf"
        asked = CreatePdf(report_id=start.report_id, tenant=start.tenant, text=text)
        return await run_step(GenerateReportActivities.create_pdf, asked, policies.CREATE_PDF)

    async def _store(self, start: GenerateReport, text: ReportText, pdf: ReportPdf) -> bool:
        """Store the row; a failure for good leaves the report partly done, to be stored by reconciliation."""
        self._stage = "store_report_metadata"
        asked = StoreReportMetadata(report_id=start.report_id, tenant=start.tenant, text=text, pdf=pdf)
        try:
            await run_step(GenerateReportActivities.store_report_metadata, asked, policies.STORE_REPORT_METADATA)
        except ActivityError as error:
            if is_cancel(error):
                raise
            return False
        return True

    async def _tell(self, start: GenerateReport, pdf: ReportPdf) -> dict[str, Any]:
        """Tell the channels; what cannot be told never fails the report."""
        self._stage = "send_notification"
        asked = SendNotification(
            report_id=start.report_id, tenant=start.tenant, channels=start.channels, title=pdf.title
        )
        try:
            outcome = await run_step(GenerateReportActivities.send_notification, asked, policies.SEND_NOTIFICATION)
        except ActivityError as error:
            if is_cancel(error):
                raise
            return {"notification_error": cause_of(error)}
        return {"notified": list(outcome.told), "not_notified": list(outcome.refused)}

    def _closing_data(
        self, start: GenerateReport, text: ReportText, pdf: ReportPdf, notified: dict[str, Any], *, stored: bool
    ) -> dict[str, Any]:
        data: dict[str, Any] = {"pages": pdf.pdf.pages, **notified}
        if not stored:
            asked = StoreReportMetadata(report_id=start.report_id, tenant=start.tenant, text=text, pdf=pdf)
            data["to_store"] = asked.model_dump(mode="json")
        return data

    async def _close_unfinished(self, start: GenerateReport, error: BaseException) -> None:
        await self._whatever_is_cancelled(self._stop_spending(start))
        if is_cancel(error):
            await self._close(Status.CANCELLED, {})
        else:
            await self._close(Status.FAILED, {"error": cause_of(error)})

    async def _stop_spending(self, start: GenerateReport) -> None:
        """A call may run on at the provider while no attempt is alive to stop it."""
        asked = LlmCall(report_id=start.report_id, tenant=start.tenant)
        try:
            await run_step(GenerateReportActivities.stop_model_calls, asked, policies.STOP_MODEL_CALLS)
        except ActivityError:
            return  # it ends there by itself, and the ledger counts it as charged

    async def _close(self, status: Status, data: dict[str, Any]) -> None:
        self._stage = status.value
        await self._whatever_is_cancelled(close_workflow(status, data))

    @staticmethod
    async def _whatever_is_cancelled(ending: Coroutine[Any, Any, None]) -> None:
        """It is too late to cancel: the end that is being written stands."""
        task = asyncio.create_task(ending)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            await task
