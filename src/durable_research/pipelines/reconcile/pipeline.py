"""What reconciliation is to workers: its workflow, the policy of its one activity, and how much each pass takes."""

from datetime import timedelta

from durable_research import queues
from durable_research.descriptor import Descriptor
from durable_research.policies import StepPolicy

# Every pass over what a crash may have left open; the next minute brings the next ones.
RECONCILE = StepPolicy("reconcile", queues.RESEARCH, try_seconds=50, failures_allowed=2, logged=False)

# Passes run side by side, each with a deadline below the activity's: one that hangs ends while the outcomes of the others can
# still be reported. What people wait for takes rows by the hundred, each a request or two to a database and an engine that may
# be slow.
WAITED_FOR_DEADLINE = timedelta(seconds=45)

# The ledger's rows, and one request to a provider for each send that came to nothing.
SENDS_DEADLINE = timedelta(seconds=30)

# One page of the store, one statement, and a request for each object that goes.
ORPHANS_DEADLINE = timedelta(seconds=30)

# Twice the longest embedding (EMBED_LATE_WITHIN), as its provider is left alone for an hour after one that was so slow.
EMBEDDINGS_DEADLINE = timedelta(seconds=40)

# The API starts what it accepts within a second; younger rows are its business.
ACCEPTED_LONG_AGO = timedelta(seconds=5)

# A workflow that changes nothing for this long is looked up in the engine.
SILENT_LONG = timedelta(seconds=20)

# A pass takes as many rows of its kind, each of which costs a request or two.
ROWS_A_PASS = 500

# One request to S3 or Azure lists this many; more in one pass would load the store for nothing that people wait for.
OBJECTS_A_PASS = 1000

# An object is written before the row that names it, so one without a row is only an orphan when nobody can still be on the way
# to write it. The longest way is a worker frozen between the two; an hour is the design's figure, far above every try's length.
ORPHAN_AGE = timedelta(hours=1)

# Orphans cost room and nothing else, and finding them means listing the whole store.
LOOK_FOR_ORPHANS_EVERY = timedelta(hours=1)

PIPELINE = Descriptor(
    workflow_type="ReconcileWorkflow",
    package=__package__,
    task_queue=queues.RESEARCH,
    unlogged=(RECONCILE,),
)
