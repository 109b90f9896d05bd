"""Workers: whether they take tasks in time, have room, and run their code without failures."""

from deploy.monitoring.dashboards.builders.panels import WINDOW, Board, Panel, Query, Unit, quantiles, rate
from durable_research.monitoring.jobs import WORKER
from durable_research.monitoring.rules import events, ratio

_OURS = f'{{job="{WORKER}"}}'
_HITS = rate("temporal_sticky_cache_hit_total", "task_queue", _OURS)
_MISSES = rate("temporal_sticky_cache_miss_total", "task_queue", _OURS)

_QUEUES = (
    Panel(
        "Activities wait for a worker", Unit.SECONDS, "p50 and p99 from a task's schedule to its start, by task queue.",
        quantiles("temporal_activity_schedule_to_start_latency_seconds", "task_queue", (0.5, 0.99), _OURS),
        "ActivityScheduleToStartHigh",
    ),
    Panel(
        "Workflow tasks wait for a worker", Unit.SECONDS, "p50 and p99 from a task's schedule to its start, by task queue.",
        quantiles("temporal_workflow_task_schedule_to_start_latency_seconds", "task_queue", (0.5, 0.99), _OURS),
        "WorkflowTaskScheduleToStartHigh",
    ),
    Panel(
        "Tasks in queues", Unit.NUMBER, "Tasks that wait for a worker, about, by task queue and type.",
        (Query("max by (queue, task_type) (durable_research_queue_backlog)", "{{queue}} {{task_type}}"),), "TaskQueueBacklog",
    ),
    Panel(
        "Oldest task in a queue", Unit.SECONDS, "How long the oldest of them waits; 0 without one.",
        (
            Query(
                "max by (queue, task_type) (durable_research_queue_backlog_oldest_age_seconds)", "{{queue}} {{task_type}}"
            ),
        ),
        "TaskQueueStuck",
    ),
    Panel(
        "Pollers, as Temporal knows them", Unit.NUMBER, "Workers that polled a task queue within the last minutes.",
        (Query("max by (queue, task_type) (durable_research_queue_pollers)", "{{queue}} {{task_type}}"),),
        "TaskQueueWithoutWorker",
    ),
    Panel(
        "Pollers, as workers count them", Unit.NUMBER, "By task queue and type of poller.",
        (Query(f"sum by (task_queue, poller_type) (temporal_num_pollers{_OURS})", "{{task_queue}} {{poller_type}}"),),
        "TaskQueueWithoutWorker",
    ),
)  # fmt: skip
_ROOM = (
    Panel(
        "Slots used", Unit.NUMBER, "Tasks that run now, by task queue and type of worker.",
        (
            Query(
                f"sum by (task_queue, worker_type) (temporal_worker_task_slots_used{_OURS})", "{{task_queue}} {{worker_type}}"
            ),
        ),
        "WorkerSlotsExhausted",
    ),
    Panel(
        "Slots free", Unit.NUMBER, "Tasks that could begin at once, by task queue and type of worker.",
        (
            Query(
                f"sum by (task_queue, worker_type) (temporal_worker_task_slots_available{_OURS})",
                "{{task_queue}} {{worker_type}}",
            ),
        ),
        "WorkerSlotsExhausted",
    ),
    Panel(
        "Cached workflows", Unit.NUMBER, "Workflows that a worker holds in memory, by task queue.",
        (Query(f"sum by (task_queue) (temporal_sticky_cache_size{_OURS})", "{{task_queue}}"),),
    ),
    Panel(
        "Workflow tasks that find their workflow cached", Unit.SHARE, "Others replay its Event History first.",
        (Query(f"{_HITS}\n/ ({_HITS} + ({_MISSES} or 0 * {_HITS}))", "{{task_queue}}"),),
    ),
    Panel(
        "Processor", Unit.NUMBER, "Processors in use by each worker.",
        (Query(rate("process_cpu_seconds_total", "instance", _OURS), "{{instance}}"),),
    ),
    Panel(
        "Memory", Unit.BYTES, "Resident memory of each worker.",
        (Query(f"max by (instance) (process_resident_memory_bytes{_OURS})", "{{instance}}"),),
    ),
)  # fmt: skip
_CODE = (
    Panel(
        "Workflow tasks that fail", Unit.NUMBER, "By workflow and reason; such workflows stand still.",
        (
            Query(
                events(
                    f"temporal_workflow_task_execution_failed_total{_OURS}", WINDOW, "workflow_type, failure_reason"
                ),
                "{{workflow_type}} {{failure_reason}}",
            ),
        ),
        "WorkflowTasksFailing",
    ),
    Panel(
        "Activities that fail, as the SDK counts", Unit.NUMBER, "Every attempt, looks at a busy provider among them.",
        (
            Query(
                events(f"temporal_activity_execution_failed_total{_OURS}", WINDOW, "activity_type, failure_reason"),
                "{{activity_type}} {{failure_reason}}",
            ),
        ),
        "StepRetryRatioHigh",
    ),
    Panel(
        "Execution of workflow tasks", Unit.SECONDS, "p99 by workflow.",
        quantiles("temporal_workflow_task_execution_latency_seconds", "workflow_type", (0.99,), _OURS), "WorkflowTasksFailing",
    ),
    Panel(
        "Replay of Event Histories", Unit.SECONDS, "p99 by workflow.",
        quantiles("temporal_workflow_task_replay_latency_seconds", "workflow_type", (0.99,), _OURS),
        "WorkflowNonDeterministic",
    ),
    Panel(
        "Requests to Temporal", Unit.SECONDS, "p99 by operation; long polls are not among them.",
        quantiles("temporal_request_latency_seconds", "operation", (0.99,), _OURS), "TemporalRequestsSlow",
    ),
    Panel(
        "Requests to Temporal that fail", Unit.SHARE, "By operation; NOT_FOUND of a respond is a result that came too late.",
        (
            Query(
                ratio(
                    rate("temporal_request_failure_total", "operation", _OURS),
                    rate("temporal_request_latency_seconds_count", "operation", _OURS),
                ),
                "{{operation}}",
            ),
        ),
        "TemporalRespondNotFound",
    ),
)  # fmt: skip

WORKERS = Board(
    "workers", "Workers", "Task queues, room and failures of the workers, as Temporal's SDK counts them.",
    (*_QUEUES, *_ROOM, *_CODE),
)  # fmt: skip
