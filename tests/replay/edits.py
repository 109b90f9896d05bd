"""Edits of the workflow that change what it commands: none of them may pass the replay test."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from durable_research import policies
    from durable_research.domain.documents.text import WrittenText
    from durable_research.pipelines.generate_report import pipeline
    from durable_research.pipelines.generate_report.activities import GenerateReportActivities
    from durable_research.pipelines.generate_report.messages import (
        CreatePdf,
        GenerateReport,
        LlmCall,
        ReportPdf,
        ReportResult,
    )
    from durable_research.temporal.workflow.activities import run_step
from durable_research.pipelines.generate_report.workflow import GenerateReportWorkflow


@workflow.defn(name="GenerateReportWorkflow")
class TwoStepsSwapped(GenerateReportWorkflow):
    """Notifies before it stores."""

    @workflow.run
    async def run(self, start: GenerateReport) -> ReportResult:
        return await super().run(start)

    async def _store(self, start: GenerateReport, text: WrittenText, pdf: ReportPdf) -> bool:
        await self._notify(start, pdf)
        return await super()._store(start, text, pdf)


@workflow.defn(name="GenerateReportWorkflow")
class TimerInserted(GenerateReportWorkflow):
    """Waits before it typesets."""

    @workflow.run
    async def run(self, start: GenerateReport) -> ReportResult:
        return await super().run(start)

    async def _typeset(self, start: GenerateReport, text: WrittenText) -> ReportPdf:
        await workflow.sleep(1)
        return await super()._typeset(start, text)


@workflow.defn(name="GenerateReportWorkflow")
class ActivityRenamed(GenerateReportWorkflow):
    """Calls the PDF activity by another name."""

    @workflow.run
    async def run(self, start: GenerateReport) -> ReportResult:
        return await super().run(start)

    async def _typeset(self, start: GenerateReport, text: WrittenText) -> ReportPdf:
        message = CreatePdf(report_id=start.report_id, tenant=start.tenant, text=text)
        pdf: ReportPdf = await workflow.execute_activity(
            "make_pdf",
            message,
            task_queue=pipeline.CREATE_PDF.queue,
            schedule_to_close_timeout=policies.GIVE_UP_AFTER,
            result_type=ReportPdf,
        )
        return pdf


@workflow.defn(name="GenerateReportWorkflow")
class StepRepeated(GenerateReportWorkflow):
    """Calls the model twice."""

    @workflow.run
    async def run(self, start: GenerateReport) -> ReportResult:
        return await super().run(start)

    async def _write(self, start: GenerateReport) -> WrittenText:
        await super()._write(start)
        message = LlmCall(report_id=start.report_id, tenant=start.tenant)
        return await run_step(GenerateReportActivities.llm_call, message, pipeline.LLM_CALL)


INCOMPATIBLE = (TwoStepsSwapped, TimerInserted, ActivityRenamed, StepRepeated)
