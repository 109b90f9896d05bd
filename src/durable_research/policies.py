"""Every timeout, retry and cap that pipelines share, each with its reason; a pipeline's own are in its `pipeline.py`.

A cap counts what a provider, renderer or store *answered*, never a death: Temporal's own maximum of attempts counts killed
workers too, so it is unlimited here, and the interceptor alone turns the failure that reaches the cap into the last one.
"""

from dataclasses import dataclass
from datetime import timedelta

from durable_research import queues
from durable_research.ports.vendors.models import CallDeadlines

# A dead worker is noticed after this long. Two seconds gave the quickest recovery (2.2-2.5 s), three still stays under five
# and leaves a busy two-core machine twice the beat's own second (facts: measured on the dev server, three rounds each).
HEARTBEAT_TIMEOUT = timedelta(seconds=3)
HEARTBEAT_EVERY = timedelta(seconds=1)

# The default of 10 s is what users would wait for when the dead worker had the workflow cached.
STICKY_TIMEOUT = timedelta(seconds=1)

# A killed server or worker holds a workflow task this long; the default is 10 s.
WORKFLOW_TASK_TIMEOUT = timedelta(seconds=5)

# How long one step may keep being tried: an outage of ours may last for days and must not fail a report.
GIVE_UP_AFTER = timedelta(days=30)

# Our own database, engine or object store is away: look again soon, for as long as it takes.
INFRASTRUCTURE_WAIT = timedelta(seconds=1)

# A provider that is busy or cannot be reached is waited for this long: deployments and incidents take minutes, and whoever
# waits for a report would rather have it late than ask again. A design's figure; the setting PROVIDER_WAIT_SECONDS.
PROVIDER_WAIT = timedelta(hours=1)

# Looks at such a provider: quick ones at first, since most trouble is short, then twice a minute. The spread keeps reports
# that began to wait together from looking together.
FIRST_LOOK_AFTER = timedelta(seconds=1)
LOOKS_AT_MOST_EVERY = timedelta(seconds=30)
LOOKS_SPREAD = 0.2

# What ends one call to a model (a send and its answer): silence, not length. A minute without a byte is longer than any pause
# that was seen between tokens; five minutes before the first byte let a local server load a large model; half an hour is
# three times the longest report at ten tokens a second. Guesses where no provider documents a figure; all are settings.
CALL_DEADLINES = CallDeadlines(silence=60, first_byte=300, longest=1800)

# Where nobody can be asked, a provider that answers 5xx is sent the call again as often as the ledger's cap allows, each a
# possible extra charge, with pauses that double from here: with six together ten minutes, longer than most incidents.
SERVER_ERROR_WAIT = timedelta(seconds=10)

# A step's request is changed and sent again at once; not zero, which Temporal may take for "not said".
AT_ONCE = timedelta(milliseconds=10)

# The server's own timeout for a step that asks a model: a constant, so that a changed setting changes no history. The step's
# own deadline and the heartbeat timeout come long before.
MODEL_START_TO_CLOSE = timedelta(days=1)

# An attempt that began under an older version's shorter timeout ends its call so long before it, and so is not taken for dead.
BEFORE_START_TO_CLOSE = timedelta(seconds=5)

# The server's own timeout for a try: only a net below the deadline that the interceptor keeps in process.
START_TO_CLOSE_MARGIN = timedelta(seconds=30)

# A worker that is told to stop lets short steps finish; a model call is handed back, as it goes on at the provider.
DRAIN = timedelta(seconds=10)

# Writing a workflow's end is tried briefly in the workflow's own task, then as an ordinary activity without end, so that a
# database outage does not fill the history with markers.
LOCAL_WRITE_TRY = timedelta(seconds=2)
LOCAL_WRITE_GIVE_UP = timedelta(seconds=4)
WRITE_TRY_SECONDS = 10.0

# An intent is sent at once or not at all. One that slept longer could begin its call at the very moment when the next attempt
# looks for it and, since the intent is old enough to be settled, believes that there is none. Below the heartbeat timeout, so
# that nobody can have taken over in good order before.
SEND_WITHIN = timedelta(seconds=2)

# A cancelled send may be accepted at this very moment: wait this long for its id, so that it can be stopped.
LAST_WORD = timedelta(seconds=5)

# Asking a provider to stop is one short request.
STOP_CALL = timedelta(seconds=5)

# The last write of an attempt that is being cancelled: the worker is leaving, and the next attempt can write it too.
LAST_WRITE = timedelta(seconds=3)

# A model that was cut at its longest is asked to go on this often: four parts are some 30 pages, more than a report should be.
GOING_ON_ALLOWED = 3

# An earlier send is asked about this often, and for this long in one attempt; then the step is offered again, uncounted. Each
# look is one cheap request, and a provider shows a finished call within a second or so.
FIND_EVERY = timedelta(milliseconds=500)
FIND_FOR = timedelta(seconds=30)

# A send that came to nothing is looked up once more after this long: a sender that slept has woken up or is gone, and any
# provider shows what it has.
LOOK_UP_UNRESOLVED_AFTER = timedelta(minutes=5)

# Asking the engine for what only it knows must not hold up a page.
ENGINE_ANSWER = timedelta(seconds=2)
ENGINE_START = timedelta(seconds=5)

# A worker that lives takes a person's decision within milliseconds; without one it is left as a signal.
ENGINE_UPDATE = timedelta(seconds=2)

# Texts without an embedding that a pass takes: each is one short call, and the pass has other things to do.
EMBEDDINGS_A_PASS = 10

# The step under which the ledger keeps an embedding, whichever workflow has it made.
EMBEDDING_STEP = "create_embedding"

# An embedding reads a text and writes none, so it costs far less than the text did. Two workers that died in it took a whole
# post back (a campaign of 200 posts and 40 kills showed one); each further one is counted.
EMBEDDINGS_UNRESOLVED_ALLOWED = 20

# An embedding that somebody removed from the database is bought anew. Where that goes on, something else is wrong.
EMBEDDINGS_BOUGHT_AT_MOST = 3

# A provider that refuses an embedding will refuse the next one too; related texts are a convenience.
EMBED_AGAIN_AFTER = timedelta(hours=1)

# An embedding that nobody waits for must not hold up the others of its pass of reconciliation, which has twice this long.
EMBED_LATE_WITHIN = timedelta(seconds=20)


@dataclass(frozen=True)
class StepPolicy:
    """How one activity is tried. `failures_allowed` counts answered failures (None: no cap); waits are in seconds.

    `logged` steps write their attempts into the progress log; the others are machinery that people do not follow. An `effect`
    is paid or seen outside, and goes through the ledger. A step that `undoes` what another did runs though the workflow is
    being cancelled; at its cap a person is asked, who can have it tried again. One that `waits` looks again, uncounted, while
    its provider is busy or away; at the end of that wait it fails for good, or a person is asked. An `optional` step
    asks a person also when its provider says no: the story can go on without it. One that `commits` makes
    the workflow finished: it is begun whatever is cancelled, and its own transaction decides which came first.
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
    asks_model: bool = False
    waits: bool = False
    asks_at_end_of_wait: bool = False
    optional: bool = False
    commits: bool = False

    def wait_after(self, failures: int) -> timedelta:
        """How long to wait after this many answered failures (1 = the first)."""
        return timedelta(seconds=min(self.first_wait * self.wait_growth ** (failures - 1), self.longest_wait))


@dataclass(frozen=True)
class Patience:
    """What the settings say of steps that ask a provider: how long one is waited for, and how long one call may take."""

    provider_wait: timedelta = PROVIDER_WAIT
    longest_call: float = CALL_DEADLINES.longest

    @property
    def step_seconds(self) -> float:
        """The in-process deadline of a step that asks a model: the answer and three times going on with it, and a minute."""
        return (1 + GOING_ON_ALLOWED) * self.longest_call + 60


def model_step(step: str, *, asks_at_end_of_wait: bool) -> StepPolicy:
    """Calls have deadlines of their own (CALL_DEADLINES); the step's is `Patience.step_seconds`, by the settings.

    Three answered failures are the last: more would be paid for in vain.
    """
    return StepPolicy(
        step,
        queues.AI_TASKS,
        try_seconds=Patience().step_seconds,
        failures_allowed=3,
        effect=True,
        asks_model=True,
        waits=True,
        asks_at_end_of_wait=asks_at_end_of_wait,
    )


# Asking a provider to stop takes one short request; a call that cannot be stopped ends by itself and is counted.
STOP_MODEL_CALLS = StepPolicy("stop_model_calls", queues.AI_TASKS, try_seconds=15, failures_allowed=3, logged=False)

# Undos delete, which may be repeated freely, so they are tried for minutes before a person is asked: what they would leave
# behind is what a saga promises not to.
UNDO_TRIES = 8

# An undo that Temporal gave up (no worker came within GIVE_UP_AFTER) is offered again after this long, without end.
UNDO_AGAIN_AFTER = timedelta(minutes=1)

# The ordinary form of the closing write: our own database, so every failure is infrastructure and it is tried without end.
CLOSE_WORKFLOW = StepPolicy(
    "close_workflow", queues.RESEARCH, WRITE_TRY_SECONDS, failures_allowed=None, longest_wait=30, logged=False
)

# What happens to an approval, written like the end.
NOTE_APPROVAL = StepPolicy(
    "note_approval", queues.RESEARCH, WRITE_TRY_SECONDS, failures_allowed=None, longest_wait=30, logged=False
)

# The activities that every pipeline's workflow may run; the rows of the others stand in the pipelines' folders.
BUILT_IN = (STOP_MODEL_CALLS, CLOSE_WORKFLOW, NOTE_APPROVAL)
