"""A workflow that reads the clock, which none may do."""

from datetime import datetime

from temporalio import workflow


@workflow.defn(name="ClockWorkflow")
class ClockWorkflow:
    @workflow.run
    async def run(self) -> str:
        return datetime.now().isoformat()  # noqa: DTZ005  (the clock is refused before its zone matters)
