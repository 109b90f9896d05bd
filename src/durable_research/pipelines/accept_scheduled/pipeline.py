"""The descriptor of a schedule's firing: its workflow and the policy of its one activity. No person starts it."""

from durable_research import queues
from durable_research.descriptor import Descriptor
from durable_research.policies import WRITE_TRY_SECONDS, StepPolicy

# One transaction on our own database, so it waits while the database is away; a request that breaks a rule fails at once.
ACCEPT_SCHEDULED = StepPolicy(
    "accept_scheduled", queues.RESEARCH, WRITE_TRY_SECONDS, failures_allowed=None, longest_wait=30, logged=False
)

PIPELINE = Descriptor(
    workflow_type="AcceptScheduledReportWorkflow",
    package=__package__,
    task_queue=queues.RESEARCH,
    unlogged=(ACCEPT_SCHEDULED,),
)
