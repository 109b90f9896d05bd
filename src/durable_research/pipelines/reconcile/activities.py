"""Every pass over the work that a crash, an outage or an operator may have left open between our tables and the engine."""

from collections.abc import Sequence
from dataclasses import dataclass

from temporalio import activity

from durable_research.pipelines.reconcile.messages import Reconcile, Reconciled
from durable_research.pipelines.reconcile.passes.running import Pass, run_all


@dataclass
class ReconcileActivities:
    """Runs `passes`; each is safe to repeat."""

    passes: Sequence[Pass]

    @activity.defn(name="reconcile")
    async def reconcile(self, _: Reconcile = Reconcile()) -> Reconciled:  # noqa: B008  (frozen)
        """Run every pass: start, cancel, close, store and remove what is due.

        Raises:
            ResearchError: a pass failed; the others have finished.
        """
        outcomes = await run_all(self.passes)
        counts = {name: outcome.done for name, outcome in outcomes.items()}
        return Reconciled.model_validate({**counts, "passes": outcomes})
