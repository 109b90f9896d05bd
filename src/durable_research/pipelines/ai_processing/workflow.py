"""The workflow of a processed text: write it, check it, summarise it; and the compensation when that fails."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from durable_research.domain.workflows.events import Closed
    from durable_research.pipelines.ai_processing import pipeline
    from durable_research.pipelines.ai_processing.activities import AIProcessingActivities
    from durable_research.pipelines.ai_processing.messages import AIProcessing, AIProcessingResult, WrittenFor
    from durable_research.temporal.workflow.base import DurableWorkflow, Outcome


@workflow.defn(name="AIProcessingWorkflow")
class AIProcessingWorkflow(DurableWorkflow):
    """Durable from the accepted question to the summary, or compensated."""

    @workflow.run
    async def run(self, start: AIProcessing) -> AIProcessingResult:
        """Run the three steps and write the outcome."""
        return await self.run_to_end(self._steps(start))

    async def _steps(self, start: AIProcessing) -> Outcome[AIProcessingResult]:
        self.saga.register(AIProcessingActivities.compensate_generate, start, pipeline.COMPENSATE_GENERATE)
        text = await self.paid_step(AIProcessingActivities.generate_text, start, pipeline.GENERATE_TEXT)
        written = WrittenFor(workflow_id=start.workflow_id, tenant=start.tenant, text=text)
        await self.step(AIProcessingActivities.validate_output, written, pipeline.VALIDATE_OUTPUT)
        summary = await self.paid_step(AIProcessingActivities.summarize_text, written, pipeline.SUMMARIZE_TEXT)
        result = AIProcessingResult(workflow_id=start.workflow_id, text_key=text.text.key, summary_key=summary.text.key)
        return Outcome(result, closed=Closed(texts={"text": text, "summary": summary}))
