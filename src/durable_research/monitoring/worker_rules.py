"""Rules about task queues, workers and Temporal, from the gauges of the API and the metrics of the workers' SDK."""

from durable_research import queues
from durable_research.monitoring.jobs import WORKER
from durable_research.monitoring.rules import Alert, Group, Recording, Severity, events

# The server's own SDK exports some of the same names.
_OURS = f'job="{WORKER}"'
_TASK_FAILURES = "temporal_workflow_task_execution_failed_total"
_NAMED_REASONS = "NonDeterminismError|GrpcMessageTooLarge"
# Counted apart: long polls end by a timeout when there is no work.
_REQUEST_SECONDS = "temporal_request_latency_seconds"


def _p99(metric: str, by: str) -> str:
    return f"histogram_quantile(0.99, sum by ({by}, le) (rate({metric}_bucket{{{_OURS}}}[5m])))"


def _count(metric: str, by: str) -> str:
    return f"sum by ({by}) (increase({metric}_count{{{_OURS}}}[5m]))"


def _without_worker(queue: str) -> str:
    """Neither Temporal nor any worker knows of a poller; without a series there is none either, and `absent` has no label."""
    listed = f'absent(durable_research_queue_pollers{{queue="{queue}"}} > 0)'
    own = f'absent(temporal_num_pollers{{{_OURS},task_queue="{queue}"}} > 0)'
    return f'label_replace({listed} and on () {own}, "queue", "{queue}", "", "")'


WORKERS = Group(
    "workers",
    (
        Recording(
            "task_queue:temporal_activity_schedule_to_start_latency_seconds:p99_5m",
            _p99("temporal_activity_schedule_to_start_latency_seconds", "task_queue"),
        ),
        Recording(
            "task_queue:temporal_workflow_task_schedule_to_start_latency_seconds:p99_5m",
            _p99("temporal_workflow_task_schedule_to_start_latency_seconds", "task_queue"),
        ),
        Recording("operation:temporal_request_latency_seconds:p99_5m", _p99(_REQUEST_SECONDS, "operation")),
        Alert(
            # Temporal forgets a poller five minutes after its last poll: this comes after seven, and outlasts a deployment.
            "TaskQueueWithoutWorker", Severity.PAGE, "2m",
            "No worker polls the task queue {{ $labels.queue }}.",
            "\nor ".join(map(_without_worker, queues.QUEUES)),
        ),
        Alert(
            "TaskQueueBacklog", Severity.TICKET, "5m",
            "Tasks of type {{ $labels.task_type }} pile up on {{ $labels.queue }}: {{ $value | humanize }}.",
            "sum by (queue, task_type) (durable_research_queue_backlog) > 50\n"
            "and max by (queue, task_type) (durable_research_queue_backlog_oldest_age_seconds) > $60s",
        ),
        Alert(
            "TaskQueueStuck", Severity.PAGE, "5m",
            "A task of type {{ $labels.task_type }} waits on {{ $labels.queue }} since {{ $value | humanizeDuration }}.",
            "max by (queue, task_type) (durable_research_queue_backlog_oldest_age_seconds) > $600s",
        ),
        Alert(
            "ActivityScheduleToStartHigh", Severity.TICKET, "5m",
            "Activities on {{ $labels.task_queue }} wait {{ $value | humanizeDuration }} for a worker.",
            "task_queue:temporal_activity_schedule_to_start_latency_seconds:p99_5m > 5\n"
            f"and {_count('temporal_activity_schedule_to_start_latency_seconds', 'task_queue')} >= 5",
        ),
        Alert(
            "WorkflowTaskScheduleToStartHigh", Severity.TICKET, "5m",
            "Workflow tasks on {{ $labels.task_queue }} wait {{ $value | humanizeDuration }} for a worker.",
            "task_queue:temporal_workflow_task_schedule_to_start_latency_seconds:p99_5m > 5\n"
            f"and {_count('temporal_workflow_task_schedule_to_start_latency_seconds', 'task_queue')} >= 5",
        ),
        Alert(
            "WorkerSlotsExhausted", Severity.TICKET, "2m",
            "No worker has a free slot ({{ $labels.worker_type }}) for {{ $labels.task_queue }}.",
            f"max by (task_queue, worker_type) (temporal_worker_task_slots_available{{{_OURS}}}) == 0",
        ),
        Alert(
            "WorkflowNonDeterministic", Severity.PAGE, "1m",
            "Code of {{ $labels.workflow_type }} does not fit its Event History: such workflows stand still.",
            events(f'{_TASK_FAILURES}{{{_OURS},failure_reason="NonDeterminismError"}}', "10m", "workflow_type"),
        ),
        Alert(
            "GrpcMessageTooLarge", Severity.PAGE, "1m",
            "A workflow task of {{ $labels.workflow_type }} answers with more than Temporal takes.",
            events(f'{_TASK_FAILURES}{{{_OURS},failure_reason="GrpcMessageTooLarge"}}', "10m", "workflow_type"),
        ),
        Alert(
            "WorkflowTasksFailing", Severity.PAGE, "5m",
            "Workflow tasks of {{ $labels.workflow_type }} fail ({{ $labels.failure_reason }}): such workflows stand still.",
            events(
                f'{_TASK_FAILURES}{{{_OURS},failure_reason!~"{_NAMED_REASONS}"}}', "10m", "workflow_type, failure_reason"
            ),
        ),
        Alert(
            "TemporalResourceExhausted", Severity.TICKET, "1m",
            "Temporal refuses {{ $labels.operation }}: a limit is reached.",
            events(
                f'temporal_request_failure_total{{{_OURS},status_code="RESOURCE_EXHAUSTED"}}', "10m", "operation"
            ),
        ),
        Alert(
            "TemporalRespondNotFound", Severity.TICKET, "0m",
            "{{ $value | humanize }} results came too late for Temporal ({{ $labels.operation }}).",
            events(
                f'temporal_request_failure_total{{{_OURS},status_code="NOT_FOUND",operation=~"Respond.*"}}', "10m", "operation"
            ) + " >= 3",
        ),
        Alert(
            "TemporalRequestsSlow", Severity.TICKET, "5m",
            "One in a hundred requests {{ $labels.operation }} to Temporal takes {{ $value | humanizeDuration }}.",
            "operation:temporal_request_latency_seconds:p99_5m > 2\n"
            f"and {_count(_REQUEST_SECONDS, 'operation')} >= 5",
        ),
    ),
)  # fmt: skip
