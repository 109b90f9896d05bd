"""The table of our own metrics: name, kind, labels, unit and meaning of each, once. Standard library only.

`telemetry/registry.py` makes Prometheus' objects of it; `telemetry/meter.py` is what code that measures sees. Names keep to
Prometheus' conventions: base units, `_total` for counters. Two counters are the SDK's, since workflow code may count by
nothing else: the SDK counts no replay. The SDK's own metrics are called `temporal_...`.

Every label has a closed set of values, so that the number of series cannot grow: another value is counted as "other".
"""

from durable_research.telemetry.metric import Metric, MetricKind, Role, Values, Vocabulary
from durable_research.telemetry.outcomes import (
    AttemptOutcome,
    CompensationOutcome,
    Direction,
    EffectOutcome,
    OpenQuestion,
    WaitOutcome,
)

PREFIX = "durable_research_"


_ENDINGS = ("done", "partly_done", "failed", "cancelled", "terminated")
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_STATUSES = tuple(
    str(status)
    for status in (
        200, 201, 202, 204, 206, 303, 304, 400, 403, 404, 405, 406, 408, 409, 411, 413, 414, 415, 416, 422, 429, 431, 500, 503,
    )
)  # fmt: skip
_API = frozenset({Role.API})
_WORKER = frozenset({Role.WORKER})
_BOTH = frozenset(Role)

# Steps take from milliseconds (a row is stored) to an hour and more (a model is busy).
_STEP_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200)
# Around the promise of ten minutes, which needs edges close to it.
_REPORT_BUCKETS = (1, 5, 15, 30, 60, 120, 300, 450, 600, 900, 1800, 3600, 7200, 21600, 86400)
# A dead worker is noticed after three seconds, and its step goes on within five.
_TAKE_OVER_BUCKETS = (1, 2, 3, 4, 5, 6, 8, 10, 15, 30, 60, 300, 1800)
_HTTP_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


def _counter(name: str, help_: str, roles: frozenset[Role], **labels: Values) -> Metric:
    return Metric(f"{PREFIX}{name}_total", MetricKind.COUNTER, help_, roles, labels)


def _gauge(name: str, help_: str, roles: frozenset[Role], **labels: Values) -> Metric:
    return Metric(f"{PREFIX}{name}", MetricKind.GAUGE, help_, roles, labels)


def _histogram(name: str, help_: str, roles: frozenset[Role], buckets: tuple[float, ...], **labels: Values) -> Metric:
    return Metric(f"{PREFIX}{name}_seconds", MetricKind.HISTOGRAM, help_, roles, labels, buckets)


def _of_sdk(name: str, help_: str, **labels: Values) -> Metric:
    return Metric(f"{name}_total", MetricKind.COUNTER, help_, _WORKER, labels, of_sdk=True)


WORKFLOWS_COMPLETED = _of_sdk("ai_workflows_completed", "workflows that reached their end with a result")
ACTIVITIES_EXECUTED = _of_sdk(
    "ai_activities_executed", "attempts of steps that succeeded, by activity", activity=Vocabulary.STEP
)
SDK_METRICS_UP = _gauge(
    "sdk_metrics_up", "whether the metrics of Temporal's SDK could be read for this answer", _WORKER
)

WORKFLOWS_ACCEPTED = _counter(
    "workflows_accepted", "workflows that were accepted", _BOTH, kind=Vocabulary.WORKFLOW_KIND
)
WORKFLOWS_ENDED = _counter(
    "workflows_ended",
    "workflows that ended; a resumed one ends once more",
    _BOTH,
    kind=Vocabulary.WORKFLOW_KIND,
    outcome=_ENDINGS,
)
WORKFLOW_PROCESSING = _histogram(
    "workflow_processing",
    "from the acceptance, the start that was set or the resumption, to the end, without the times in which a person was asked",
    _BOTH,
    _REPORT_BUCKETS,
    kind=Vocabulary.WORKFLOW_KIND,
    outcome=_ENDINGS,
)
STEP_DURATION = _histogram(
    "step_duration",
    "from the beginning of a step's first attempt to its completion, waits between attempts included",
    _WORKER,
    _STEP_BUCKETS,
    step=Vocabulary.STEP,
)
ATTEMPT_DURATION = _histogram(
    "attempt_duration",
    "attempts at steps, from beginning to end; a lost one has no end",
    _WORKER,
    _STEP_BUCKETS,
    step=Vocabulary.STEP,
    outcome=tuple(AttemptOutcome),
)
ATTEMPTS_ENDED = _counter(
    "attempts_ended",
    "attempts at steps that ended; code is that of a failure's error",
    _WORKER,
    step=Vocabulary.STEP,
    outcome=tuple(AttemptOutcome),
    code=Vocabulary.ERROR_CODE,
)
TAKE_OVER = _histogram(
    "take_over",
    "from a lost attempt's worker's last sign of life (one each two seconds) to the next attempt",
    _WORKER,
    _TAKE_OVER_BUCKETS,
    step=Vocabulary.STEP,
)
PROVIDER_WAITS_BEGUN = _counter(
    "provider_waits_begun",
    "steps that began to wait for a provider that is busy or away, by the error's code",
    _WORKER,
    step=Vocabulary.STEP,
    code=Vocabulary.ERROR_CODE,
)
PROVIDER_WAIT = _histogram(
    "provider_wait",
    "waits of steps for a provider that ended, answered or given up",
    _WORKER,
    _STEP_BUCKETS,
    step=Vocabulary.STEP,
    outcome=tuple(WaitOutcome),
)
COMPENSATIONS = _counter(
    "compensations", "attempts at undoing a step", _WORKER, step=Vocabulary.UNDO, outcome=tuple(CompensationOutcome)
)
EFFECTS = _counter(
    "effects",
    "what became of paid and visible effects (model calls, embeddings, notifications)",
    _WORKER,
    kind=Vocabulary.EFFECT_KIND,
    provider_class=Vocabulary.PROVIDER_CLASS,
    outcome=tuple(EffectOutcome),
)
TOKENS = _counter(
    "tokens",
    "tokens of stored answers, as the provider reports or we estimate them",
    _WORKER,
    model=Vocabulary.MODEL,
    direction=tuple(Direction),
)
OBJECTS_COLLECTED = _counter("objects_collected", "stored objects that no row named and that were removed", _WORKER)
EVENT_STREAMS = _gauge("event_streams", "open streams of events (SSE)", _API)
HTTP_REQUESTS = _counter(
    "http_requests", "requests that were answered", _API, route=Vocabulary.ROUTE, method=_METHODS, status=_STATUSES
)
HTTP_DURATION = _histogram(
    "http_request_duration",
    "from a request's head to the head of its answer; a stream goes on after that",
    _API,
    _HTTP_BUCKETS,
    route=Vocabulary.ROUTE,
    method=_METHODS,
)
BACKLOG_READ_UP = _gauge(
    "backlog_read_up", "whether the database could be read for the gauges of what waits, each 15 seconds", _API
)
NOT_STARTED = _gauge(
    "workflows_not_started",
    "workflows that were accepted and that Temporal does not have yet",
    _API,
    kind=Vocabulary.WORKFLOW_KIND,
)
NOT_STARTED_AGE = _gauge(
    "workflows_not_started_oldest_age_seconds",
    "how long the oldest of them waits; 0 without one",
    _API,
    kind=Vocabulary.WORKFLOW_KIND,
)
QUESTIONS_OPEN = _gauge(
    "questions_open", "workflows that wait for a person's approval or decision", _API, question=tuple(OpenQuestion)
)
QUESTIONS_AGE = _gauge(
    "questions_oldest_age_seconds",
    "how long the oldest of them waits; 0 without one",
    _API,
    question=tuple(OpenQuestion),
)
PROVIDER_WAITING = _gauge(
    "provider_waiting",
    "workflows that wait for a provider, by the code of its last error",
    _API,
    code=Vocabulary.ERROR_CODE,
)
PROVIDER_WAITING_AGE = _gauge(
    "provider_waiting_oldest_age_seconds", "how long the oldest of them waits", _API, code=Vocabulary.ERROR_CODE
)
NEXT_EXPIRY = _gauge(
    "approvals_next_expiry_seconds",
    "until the next draft that waits for approval expires; NaN without one",
    _API,
)
SENDS_OPEN = _gauge(
    "sends_unresolved",
    "sends whose outcome is not known, those under way among them",
    _API,
    kind=Vocabulary.EFFECT_KIND,
)
SENDS_OPEN_AGE = _gauge(
    "sends_unresolved_oldest_age_seconds",
    "how long ago the oldest of them began; 0 without one",
    _API,
    kind=Vocabulary.EFFECT_KIND,
)
QUEUES_READ_UP = _gauge(
    "queue_read_up", "whether Temporal could be asked for the gauges of its task queues, each 15 seconds", _API
)
QUEUE_BACKLOG = _gauge(
    "queue_backlog",
    "tasks that wait in a task queue for a worker, about",
    _API,
    queue=Vocabulary.QUEUE,
    task_type=Vocabulary.TASK_TYPE,
)
QUEUE_BACKLOG_AGE = _gauge(
    "queue_backlog_oldest_age_seconds",
    "how long the oldest of them waits; 0 without one",
    _API,
    queue=Vocabulary.QUEUE,
    task_type=Vocabulary.TASK_TYPE,
)
QUEUE_POLLERS = _gauge(
    "queue_pollers",
    "workers that polled a task queue within the last minutes",
    _API,
    queue=Vocabulary.QUEUE,
    task_type=Vocabulary.TASK_TYPE,
)

METRICS = (
    WORKFLOWS_COMPLETED,
    ACTIVITIES_EXECUTED,
    WORKFLOWS_ACCEPTED,
    WORKFLOWS_ENDED,
    WORKFLOW_PROCESSING,
    STEP_DURATION,
    ATTEMPT_DURATION,
    ATTEMPTS_ENDED,
    TAKE_OVER,
    PROVIDER_WAITS_BEGUN,
    PROVIDER_WAIT,
    COMPENSATIONS,
    EFFECTS,
    TOKENS,
    OBJECTS_COLLECTED,
    SDK_METRICS_UP,
    NOT_STARTED,
    NOT_STARTED_AGE,
    QUESTIONS_OPEN,
    QUESTIONS_AGE,
    PROVIDER_WAITING,
    PROVIDER_WAITING_AGE,
    NEXT_EXPIRY,
    SENDS_OPEN,
    SENDS_OPEN_AGE,
    BACKLOG_READ_UP,
    QUEUE_BACKLOG,
    QUEUE_BACKLOG_AGE,
    QUEUE_POLLERS,
    QUEUES_READ_UP,
    EVENT_STREAMS,
    HTTP_REQUESTS,
    HTTP_DURATION,
)
