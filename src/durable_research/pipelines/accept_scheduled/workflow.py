"""One firing of a schedule."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from durable_research.pipelines.accept_scheduled import pipeline
    from durable_research.pipelines.accept_scheduled.activities import AcceptScheduledActivities
    from durable_research.pipelines.accept_scheduled.messages import AcceptedReport, AcceptScheduledReport, Firing
    from durable_research.temporal.workflow.activities import run_step


@workflow.defn(name="AcceptScheduledReportWorkflow")
class AcceptScheduledReportWorkflow:
    """Accepts one report and ends; the report has a workflow of its own."""

    @workflow.run
    async def run(self, message: AcceptScheduledReport) -> AcceptedReport:
        """Accept the report. The server makes this workflow's id from the schedule's id and the firing's due time."""
        firing = Firing(
            firing_id=workflow.info().workflow_id,
            tenant=message.tenant,
            request=message.request,
            every=message.every,
            timezone=message.timezone,
        )
        return await run_step(AcceptScheduledActivities.accept_scheduled, firing, pipeline.ACCEPT_SCHEDULED)
