"""The activity that writes a workflow's end into the progress log; every pipeline's workers carry it."""

from temporalio import activity

from durable_research.ports.progress import ProgressLog
from durable_research.temporal import names
from durable_research.temporal.steps import Closing


class ClosingActivities:
    """Needs the progress log and nothing else."""

    def __init__(self, progress: ProgressLog) -> None:
        self._progress = progress

    @activity.defn(name=names.CLOSE_WORKFLOW)
    async def close_workflow(self, closing: Closing) -> None:
        """Write the end once; a repeat changes nothing."""
        await self._progress.close(closing.workflow_id, closing.status, closing.data)
