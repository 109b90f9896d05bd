"""The backstop that a Temporal Schedule runs every minute."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from durable_research.pipelines.reconcile import pipeline
    from durable_research.pipelines.reconcile.activities import ReconcileActivities
    from durable_research.pipelines.reconcile.messages import Reconcile, Reconciled
    from durable_research.temporal.workflow.activities import run_step


@workflow.defn(name="ReconcileWorkflow")
class ReconcileWorkflow:
    """One run of all passes; it has no progress log of its own."""

    @workflow.run
    async def run(self) -> Reconciled:
        """Run the passes; the next minute's run repeats what failed."""
        return await run_step(ReconcileActivities.reconcile, Reconcile(), pipeline.RECONCILE)
