"""The descriptor of reconciliation: its workflow, the policy of its one activity, and the limits of each pass."""

from datetime import timedelta

from durable_research import queues
from durable_research.descriptor import Descriptor
from durable_research.policies import StepPolicy

# All passes together; the schedule runs them again in the next minute.
RECONCILE = StepPolicy("reconcile", queues.RESEARCH, try_seconds=50, failures_allowed=2, logged=False)

# Passes run concurrently, each with a deadline below the activity's: one that hangs ends while the outcomes of the others can
# still be reported. Passes that people wait for handle hundreds of rows, each a request or two to a database and an engine
# that may be slow.
WAITED_FOR_DEADLINE = timedelta(seconds=45)

# The ledger's rows, and one request to a provider for each unresolved send.
SENDS_DEADLINE = timedelta(seconds=30)

# One page of the store, one statement, and a request for each removed object.
ORPHANS_DEADLINE = timedelta(seconds=30)

# Twice the longest embedding (EMBED_LATE_WITHIN), as its provider gets no request for an hour after so slow a one.
EMBEDDINGS_DEADLINE = timedelta(seconds=40)

# The API delivers an accepted workflow or cancellation within a second; younger rows are left to it.
DELIVERY_OVERDUE_AFTER = timedelta(seconds=5)

# A workflow that changes nothing for this long is looked up in the engine.
LOOK_UP_SILENT_AFTER = timedelta(seconds=20)

# A pass handles at most this many rows, each of which costs a request or two.
ROWS_A_PASS = 500

# One request to S3 or Azure lists this many; more in one pass would load the store, though no person waits for this.
OBJECTS_A_PASS = 1000

# An object is written before the row that names it, so one without a row is only an orphan when no worker can still write the
# row. The longest gap is a worker frozen between the two; an hour is the design's figure, far above every try's length.
ORPHAN_AGE = timedelta(hours=1)

# Orphans only cost storage, and finding them means listing the whole store.
FIND_ORPHANS_EVERY = timedelta(hours=1)

PIPELINE = Descriptor(
    workflow_type="ReconcileWorkflow",
    package=__package__,
    task_queue=queues.RESEARCH,
    unlogged=(RECONCILE,),
)
