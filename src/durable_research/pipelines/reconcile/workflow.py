"""The backstop that a Temporal Schedule runs every minute."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from datetime import timedelta

    from durable_research import policies
    from durable_research.pipelines.reconcile import pipeline
    from durable_research.pipelines.reconcile.activities import ReconcileActivities
    from durable_research.pipelines.reconcile.messages import Reconciled
    from durable_research.temporal.workflow.activities import AFTER_DEATH


@workflow.defn(name="ReconcileWorkflow")
class ReconcileWorkflow:
    """One run of all passes; it has no progress log of its own."""

    @workflow.run
    async def run(self) -> Reconciled:
        """Run the passes; the next minute's run repeats what failed."""
        policy = pipeline.RECONCILE
        return await workflow.execute_activity_method(
            ReconcileActivities.reconcile,
            task_queue=policy.queue,
            start_to_close_timeout=timedelta(seconds=policy.try_seconds) + policies.START_TO_CLOSE_MARGIN,
            heartbeat_timeout=policies.HEARTBEAT_TIMEOUT,
            retry_policy=AFTER_DEATH,
        )
