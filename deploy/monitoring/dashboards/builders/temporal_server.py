"""Temporal's own server: its requests, queues and databases."""

from deploy.monitoring.dashboards.builders.panels import WINDOW, Board, Panel, Query, Unit, increase, quantiles, rate
from durable_research.monitoring.jobs import TEMPORAL

# The SDK of workers exports some of the same names; the server's own queues are no business of ours.
_SERVER = f'{{job="{TEMPORAL}"}}'
_QUEUES = f'{{job="{TEMPORAL}",taskqueue!~"temporal-sys.*"}}'


def _busiest(query: str) -> str:
    """There are dozens of operations."""
    return f"topk(10, {query})"


def _closed(metric: str, outcome: str) -> Query:
    return Query(increase(metric, "workflowType", _SERVER), f"{{{{workflowType}}}} {outcome}")


_REQUESTS = (
    Panel(
        "Requests", Unit.REQUESTS, "The ten most frequent operations.",
        (Query(_busiest(rate("service_requests", "operation", _SERVER)), "{{operation}}"),), "TemporalRequestsSlow",
    ),
    Panel(
        "Errors", Unit.REQUESTS, "Answers that are errors, by role and kind; some, such as NotFound, are ordinary.",
        (Query(rate("service_error_with_type", "service_name, error_type", _SERVER), "{{service_name}} {{error_type}}"),),
        "TemporalResourceExhausted",
    ),
    Panel(
        "Duration of requests", Unit.SECONDS, "p95 by role, long polls among them.",
        quantiles("service_latency", "service_name", (0.95,), _SERVER), "TemporalRequestsSlow",
    ),
    Panel(
        "Workflows that Temporal closed", Unit.NUMBER, "By type; one that failed for a user may be a success here.",
        (_closed("workflow_success", "success"), _closed("workflow_failed", "failed")), "WorkflowFailureRatioHigh",
    ),
)  # fmt: skip
_MATCHING = (
    Panel(
        "Tasks given to a waiting poller", Unit.SHARE, "Of all tasks that pollers get; below 95 % tasks wait for workers.",
        (
            Query(
                f"{rate('poll_success_sync', 'taskqueue', _QUEUES)} / {rate('poll_success', 'taskqueue', _QUEUES)}",
                "{{taskqueue}}",
            ),
        ),
        "TaskQueueBacklog",
    ),
    Panel(
        "Tasks in queues", Unit.NUMBER, "All partitions of a task queue together.",
        (Query(f"sum by (taskqueue, task_type) (approximate_backlog_count{_QUEUES})", "{{taskqueue}} {{task_type}}"),),
        "TaskQueueBacklog",
    ),
    Panel(
        "Oldest task in a queue", Unit.SECONDS, "The oldest of any partition.",
        (
            Query(
                f"max by (taskqueue, task_type) (approximate_backlog_age_seconds{_QUEUES})", "{{taskqueue}} {{task_type}}"
            ),
        ),
        "TaskQueueStuck",
    ),
    Panel(
        "Wait of the history's tasks", Unit.SECONDS, "p50 and p99: from when a task is due to when the history takes it up.",
        quantiles("task_latency_queue", "", (0.5, 0.99), _SERVER), "TaskQueueBacklog",
    ),
)  # fmt: skip
_STORES = (
    Panel(
        "Requests to the database", Unit.REQUESTS, "The ten most frequent operations.",
        (Query(_busiest(rate("persistence_requests", "operation", _SERVER)), "{{operation}}"),), "TemporalRequestsSlow",
    ),
    Panel(
        "Duration of the database's requests", Unit.SECONDS, "p95 by role.",
        quantiles("persistence_latency", "service_name", (0.95,), _SERVER), "TemporalRequestsSlow",
    ),
    Panel(
        "Errors of the database", Unit.REQUESTS, "By kind; a condition that does not hold is an ordinary answer.",
        (Query(rate("persistence_error_with_type", "error_type", _SERVER), "{{error_type}}"),), "TemporalRequestsSlow",
    ),
    Panel(
        "Duration of searches", Unit.SECONDS, "p95 of the visibility store, by operation.",
        quantiles("visibility_persistence_latency", "operation", (0.95,), _SERVER), "TemporalRequestsSlow",
    ),
    Panel(
        "Shards acquired", Unit.NUMBER, "Outside a rollout or a restart, each is a shard that moves.",
        (Query(f"sum(increase(acquire_shards_count{_SERVER}[{WINDOW}]))", "shards"),), "TargetDown",
    ),
)  # fmt: skip

TEMPORAL_SERVER = Board(
    "temporal",
    "Temporal",
    "Temporal's server: requests, task queues and databases.",
    (*_REQUESTS, *_MATCHING, *_STORES),
)
