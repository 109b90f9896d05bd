"""Every timeout, retry and cap that pipelines share, each with its reason; a pipeline's own are in its `pipeline.py`.

A cap counts failures that a provider, renderer or store *answered*, never a dead worker: Temporal's own maximum of attempts
counts killed workers too, so it is unlimited here. Only the interceptor makes the failure that reaches the cap the last one.
"""

from dataclasses import dataclass
from datetime import timedelta

from durable_research import queues
from durable_research.ports.vendors.models import CallDeadlines

# A dead worker is noticed after this long. Two seconds gave the quickest recovery (2.2-2.5 s), three still stays under five
# and leaves a busy two-core machine twice the beat's own second (facts: measured on the dev server, three rounds each).
HEARTBEAT_TIMEOUT = timedelta(seconds=3)
HEARTBEAT_EVERY = timedelta(seconds=1)

# With the default of 10 s, users would wait that long when the dead worker had the workflow cached.
STICKY_TIMEOUT = timedelta(seconds=1)

# A workflow task of a killed server or worker is blocked for this long; the default is 10 s.
WORKFLOW_TASK_TIMEOUT = timedelta(seconds=5)

# How long one step is retried: an outage of our infrastructure may last for days and must not fail a report.
GIVE_UP_AFTER = timedelta(days=30)

# Our own database, engine or object store is away: retry soon, without a limit.
INFRASTRUCTURE_WAIT = timedelta(seconds=1)

# A step waits this long for a provider that is busy or cannot be reached: deployments and incidents take minutes, and a
# user would rather have the report late than request it again. A design's figure; the setting PROVIDER_WAIT_SECONDS.
PROVIDER_WAIT = timedelta(hours=1)

# Polls of such a provider: quick at first, since most outages are short, then twice a minute. The jitter separates the polls
# of reports that began to wait together.
FIRST_POLL_AFTER = timedelta(seconds=1)
POLL_AT_MOST_EVERY = timedelta(seconds=30)
POLL_JITTER = 0.2

# Silence, not length, ends one call to a model (a send and its answer). A minute without a byte is longer than any pause
# observed between tokens; five minutes before the first byte let a local server load a large model; half an hour is three
# times the longest report at ten tokens a second. Guesses where no provider documents a figure; all are settings.
CALL_DEADLINES = CallDeadlines(silence=60, first_byte=300, longest=1800)

# A provider that cannot look up earlier calls and answers 5xx is sent the call again up to the ledger's cap, each a
# possible extra charge. The pauses double from here: six of them last ten minutes, longer than most incidents.
SERVER_ERROR_WAIT = timedelta(seconds=10)

# The pause before a changed request is sent again at once; not zero, which Temporal may treat as "not set".
AT_ONCE = timedelta(milliseconds=10)

# The server's own timeout for a step that calls a model: a constant, so that a changed setting changes no history. The step's
# own deadline and the heartbeat timeout end it long before.
MODEL_START_TO_CLOSE = timedelta(days=1)

# An attempt that began under an older version's shorter timeout ends its call this long before it, so that the server does
# not treat it as dead.
BEFORE_START_TO_CLOSE = timedelta(seconds=5)

# The server's own timeout for a try is longer by this: only a fallback for the deadline that the interceptor enforces.
START_TO_CLOSE_MARGIN = timedelta(seconds=30)

# A worker that drains lets short steps finish for this long; a model call is handed back, as it continues at the provider.
DRAIN = timedelta(seconds=10)

# The closing write is tried briefly in the workflow's own task, then retried as an ordinary activity without a limit, so
# that a database outage does not fill the history with markers.
LOCAL_WRITE_TRY = timedelta(seconds=2)
LOCAL_WRITE_GIVE_UP = timedelta(seconds=4)
WRITE_TRY_SECONDS = 10.0

# An intent is sent within this time or not at all. A sender that slept longer could begin its call at the very moment when
# the next attempt looks for it and, since the intent is old enough to be settled, concludes that there is none. Below the
# heartbeat timeout, so that no other attempt can have taken over regularly before.
SEND_WITHIN = timedelta(seconds=2)

# A cancelled send may be accepted at this very moment: wait this long for its id, so that it can be stopped.
WAIT_FOR_CANCELLED_ID = timedelta(seconds=5)

# The request to a provider to stop a call is one short request.
STOP_CALL = timedelta(seconds=5)

# The last write of an attempt that is being cancelled: the worker stops, and the next attempt can write it too.
LAST_WRITE = timedelta(seconds=3)

# An answer cut at the model's limit is continued this often: four parts are some 30 pages, more than a report should be.
CONTINUATIONS_ALLOWED = 3

# An attempt polls for an earlier send this often and for this long; then the step is retried, uncounted. Each poll is one
# cheap request, and a provider shows a finished call within a second or so.
FIND_EVERY = timedelta(milliseconds=500)
FIND_FOR = timedelta(seconds=30)

# An unresolved send is looked up once more after this long: a sender that slept has woken up or is gone, and any provider
# shows the calls that it has.
LOOK_UP_UNRESOLVED_AFTER = timedelta(minutes=5)

# A page must not wait longer for details that only the engine has.
ENGINE_ANSWER = timedelta(seconds=2)
ENGINE_START = timedelta(seconds=5)

# A live worker accepts a person's decision within milliseconds; without one the decision is left as a signal.
ENGINE_UPDATE = timedelta(seconds=2)

# Texts without an embedding that one pass embeds: each is one short call, and the pass must end in time.
EMBEDDINGS_A_PASS = 10

# The step under which the ledger records an embedding, whichever workflow requests it.
EMBEDDING_STEP = "create_embedding"

# An embedding reads a text and writes none, so it costs far less than the text did. With a lower cap, two workers that died
# in it undid a whole post (one in a campaign of 200 posts and 40 kills); each further send is counted.
EMBEDDINGS_UNRESOLVED_ALLOWED = 20

# An embedding that an operator removed from the database is paid for again, this often: repeated removal has another cause.
EMBEDDINGS_BOUGHT_AT_MOST = 3

# A provider that refuses an embedding will refuse the next one too; related texts are a convenience.
EMBED_AGAIN_AFTER = timedelta(hours=1)

# A late embedding must not delay the others of its reconciliation pass, which has twice this long.
EMBED_LATE_WITHIN = timedelta(seconds=20)


@dataclass(frozen=True)
class StepPolicy:
    """How one activity is tried. `failures_allowed` counts answered failures (None: no cap); waits are in seconds.

    `logged` steps write their attempts into the progress log; people do not follow the others. An `effect` is paid or seen
    outside, and goes through the ledger. A step that `undoes` another (its compensation) runs though the workflow is being
    cancelled; at its cap a person decides when it is retried. A step that `waits` polls, uncounted, while its provider
    is busy or away; at the end of that wait it fails permanently, or a person decides. An `optional` step waits for a person
    also when its provider refuses: the workflow can continue without it. A step that `commits` finishes the workflow: it
    begins despite a cancellation, and its own transaction decides which came first.
    """

    step: str
    queue: str
    try_seconds: float
    failures_allowed: int | None
    first_wait: float = 1.0
    wait_growth: float = 2.0
    longest_wait: float = 60.0
    logged: bool = True
    effect: bool = False
    undoes: bool = False
    calls_model: bool = False
    waits: bool = False
    asks_at_end_of_wait: bool = False
    optional: bool = False
    commits: bool = False

    def wait_after(self, failures: int) -> timedelta:
        """How long to wait after this many answered failures (1 = the first)."""
        return timedelta(seconds=min(self.first_wait * self.wait_growth ** (failures - 1), self.longest_wait))


@dataclass(frozen=True)
class Patience:
    """The settings for steps that call a provider: how long a step waits for it, and how long one call may take."""

    provider_wait: timedelta = PROVIDER_WAIT
    longest_call: float = CALL_DEADLINES.longest

    @property
    def step_seconds(self) -> float:
        """The in-process deadline of a step that calls a model: the answer, three continuations, and a minute."""
        return (1 + CONTINUATIONS_ALLOWED) * self.longest_call + 60


def model_step(step: str, *, asks_at_end_of_wait: bool) -> StepPolicy:
    """The policy of a step that calls a model: CALL_DEADLINES end its calls, `Patience.step_seconds` the step.

    The third answered failure is the last: more would be paid for in vain.
    """
    return StepPolicy(
        step,
        queues.AI_TASKS,
        try_seconds=Patience().step_seconds,
        failures_allowed=3,
        effect=True,
        calls_model=True,
        waits=True,
        asks_at_end_of_wait=asks_at_end_of_wait,
    )


# Stopping a call takes one short request; a call that cannot be stopped ends by itself and is counted.
STOP_MODEL_CALLS = StepPolicy("stop_model_calls", queues.AI_TASKS, try_seconds=15, failures_allowed=3, logged=False)

# Undos delete, which may be repeated freely, so they are retried for minutes before a person has to decide: a saga must
# leave nothing behind.
UNDO_TRIES = 8

# An undo that Temporal gave up (no worker came within GIVE_UP_AFTER) is scheduled again after this long, without a limit.
UNDO_AGAIN_AFTER = timedelta(minutes=1)

# The ordinary form of the closing write: it uses only our own database, so every failure is infrastructure: no cap.
CLOSE_WORKFLOW = StepPolicy(
    "close_workflow", queues.RESEARCH, WRITE_TRY_SECONDS, failures_allowed=None, longest_wait=30, logged=False
)

# The events of an approval, written like the closing write.
NOTE_APPROVAL = StepPolicy(
    "note_approval", queues.RESEARCH, WRITE_TRY_SECONDS, failures_allowed=None, longest_wait=30, logged=False
)

# The activities that every pipeline's workflow may run; those of single pipelines are in the pipelines' folders.
BUILT_IN = (STOP_MODEL_CALLS, CLOSE_WORKFLOW, NOTE_APPROVAL)
