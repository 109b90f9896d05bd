"""For each alert, series in which it fires and series in which it stays silent; one sample a minute, in promtool's notation.

`0+1x40` is 41 samples that rise by one, `_x9` nine minutes without one. A case is judged at its last minute.
"""

from collections.abc import Mapping
from dataclasses import dataclass

_WORKER = 'job="durable-research-worker",instance="w1"'
_REQUESTS = "durable_research_http_requests_total"
_SECONDS = "durable_research_workflow_processing_seconds"
_TASK_FAILED = "temporal_workflow_task_execution_failed_total"
_REQUEST_FAILED = "temporal_request_failure_total"
_OLDEST = "durable_research_queue_backlog_oldest_age_seconds"


@dataclass(frozen=True)
class Case:
    """`fires` are the labels of each alert that fires; none when the alert must stay silent."""

    alert: str
    why: str
    minute: int
    series: Mapping[str, str]
    fires: tuple[Mapping[str, str], ...] = ()


def _ended(outcome: str, kind: str = "report") -> str:
    return f'durable_research_workflows_ended_total{{kind="{kind}",outcome="{outcome}"}}'


def _attempts(outcome: str, code: str = "", step: str = "llm_call") -> str:
    return f'durable_research_attempts_ended_total{{step="{step}",outcome="{outcome}",code="{code}"}}'


def _processing(suffix: str, outcome: str = "done", le: str = "") -> str:
    edge = f',le="{le}"' if le else ""
    return f'{_SECONDS}_{suffix}{{kind="report",outcome="{outcome}"{edge}}}'


def _histogram(metric: str, by: str, at_most: str, values: str) -> dict[str, str]:
    """All of its observations lie below one edge, and above the one before it."""
    return {
        f'{metric}_bucket{{{_WORKER},{by},le="0.5"}}': "0x99",
        f'{metric}_bucket{{{_WORKER},{by},le="{at_most}"}}': values,
        f'{metric}_bucket{{{_WORKER},{by},le="+Inf"}}': values,
        f"{metric}_count{{{_WORKER},{by}}}": values,
    }


def _pollers(queue: str, values: str) -> dict[str, str]:
    return {
        f'durable_research_queue_pollers{{queue="{queue}",task_type="activity"}}': values,
        f'temporal_num_pollers{{{_WORKER},task_queue="{queue}",poller_type="activity_task"}}': values,
    }


_OTHER_QUEUES = {
    name: value
    for queue in ("ai-tasks", "documents", "notifications")
    for name, value in _pollers(queue, "2x99").items()
}
_RESEARCH = _pollers("research", "2x99")
_UP = {'up{job="durable-research-api",instance="a1"}': "1x99", f"up{{{_WORKER}}}": "1x99"}
_READ = {"durable_research_backlog_read_up": "1x99"}
_ACTIVITY_WAIT = "temporal_activity_schedule_to_start_latency_seconds"
_TASK_WAIT = "temporal_workflow_task_schedule_to_start_latency_seconds"
_REQUEST_SECONDS = "temporal_request_latency_seconds"
_QUEUE = 'task_queue="research"'
_SLOTS = f'temporal_worker_task_slots_available{{{_WORKER},{_QUEUE},worker_type="ActivityWorker"}}'
_REPORT = {"kind": "report"}

OF_WORKFLOWS = (
    Case("WorkflowFailureRatioHigh", "one in ten fails", 60,
         {_ended("done"): "0+0.9x60", _ended("failed"): "0+0.1x60"}, (_REPORT,)),
    Case("WorkflowFailureRatioHigh", "one in fifty fails", 60, {_ended("done"): "0+4.9x60", _ended("failed"): "0+0.1x60"}),
    Case("WorkflowFailureRatioHigh", "all fail, but they are few", 60, {_ended("failed"): "0+0.1x60"}),
    Case("WorkflowFailureRatioHigh", "people cancel what they started", 60,
         {_ended("done"): "0+0.5x60", _ended("cancelled"): "0+2x60", _ended("terminated"): "0+2x60"}),
    Case("StepRetryRatioHigh", "a third fails and is tried again", 60,
         {_attempts("completed"): "0+2x60", _attempts("retried", "pdf_failed"): "0+1x60"}, ({"step": "llm_call"},)),
    Case("StepRetryRatioHigh", "one in twenty is tried again", 60,
         {_attempts("completed"): "0+19x60", _attempts("retried", "pdf_failed"): "0+1x60"}),
    Case("StepRetryRatioHigh", "a provider is waited for", 60,
         {_attempts("completed"): "0+1x60", _attempts("waiting", "rate_limited"): "0+5x60"}),
    Case("WorkflowsSlow", "all take up to fifteen minutes", 60,
         {_processing("bucket", le="600.0"): "0x60", _processing("bucket", le="900.0"): "0+1x60",
          _processing("bucket", le="+Inf"): "0+1x60", _processing("count"): "0+1x60"}, (_REPORT,)),
    Case("WorkflowsSlow", "all take up to ten minutes", 60,
         {_processing("bucket", le="450.0"): "0x60", _processing("bucket", le="600.0"): "0+1x60",
          _processing("bucket", le="+Inf"): "0+1x60", _processing("count"): "0+1x60"}),
    Case("WorkflowsNotStarted", "one waits for an hour", 60,
         {'durable_research_workflows_not_started_oldest_age_seconds{kind="report"}': "0+60x60"}, (_REPORT,)),
    Case("WorkflowsNotStarted", "each waits for seconds", 60,
         {'durable_research_workflows_not_started_oldest_age_seconds{kind="report"}': "9x60"}),
    Case("AttemptsLost", "a new series appears with three", 40,
         {_attempts("lost"): "_x30 3x10"}, ({"outcome": "lost"},)),
    Case("AttemptsLost", "three die one after the other", 40,
         {_attempts("lost"): "0x20 1 2 3x20"}, ({"outcome": "lost"},)),
    Case("AttemptsLost", "one worker died, and three did yesterday", 40, {_attempts("lost"): "3x30 4x10"}),
    Case("CompensationFailed", "the first one ever, which appears as 1", 40,
         {'durable_research_compensations_total{step="undo_post",outcome="failed"}': "_x30 1x10"}, ({"step": "undo_post"},)),
    Case("CompensationFailed", "another one", 40,
         {'durable_research_compensations_total{step="undo_post",outcome="failed"}': "1x30 2x10"}, ({"step": "undo_post"},)),
    Case("CompensationFailed", "one failed long ago, and others are tried again", 40,
         {'durable_research_compensations_total{step="undo_post",outcome="failed"}': "1x40",
          'durable_research_compensations_total{step="undo_post",outcome="retried"}': "0+1x40"}),
    Case("CompensationFailed", "a worker starts, whose series begin at zero", 40,
         {'durable_research_compensations_total{step="undo_post",outcome="failed"}': "_x30 0x10"}),
    Case("ApprovalExpiring", "within half an hour", 5, {"durable_research_approvals_next_expiry_seconds": "1800-60x5"}, ({},)),
    Case("ApprovalExpiring", "within days", 5, {"durable_research_approvals_next_expiry_seconds": "172800-60x5"}),
    Case("ApprovalExpiring", "nobody is asked", 3, {"durable_research_approvals_next_expiry_seconds": "NaN NaN NaN NaN"}),
    Case("ApprovalExpiring", "the API does not run", 5, {}),
)  # fmt: skip

OF_PROVIDERS = (
    Case("ProviderRefusing", "the key is refused", 40,
         {_attempts("failed", "model_refused"): "_x20 1 2 3x20"}, ({"code": "model_refused"},)),
    Case("ProviderRefusing", "one request is refused", 40, {_attempts("failed", "model_refused"): "_x30 1x10"}),
    Case("ProviderRefusing", "texts are too long", 40, {_attempts("failed", "model_too_large"): "0+1x40"}),
    Case("ProviderBusyOrAway", "for an hour", 60,
         {'durable_research_provider_waiting_oldest_age_seconds{code="rate_limited"}': "0+60x60"},
         ({"code": "rate_limited"},)),
    Case("ProviderBusyOrAway", "for a minute", 60,
         {'durable_research_provider_waiting_oldest_age_seconds{code="rate_limited"}': "60x60"}),
    Case("SendsUnresolved", "for an hour", 60,
         {'durable_research_sends_unresolved{kind="model_call"}': "1x60",
          'durable_research_sends_unresolved_oldest_age_seconds{kind="model_call"}': "0+60x60"}, ({"kind": "model_call"},)),
    Case("SendsUnresolved", "a long call of half an hour", 30,
         {'durable_research_sends_unresolved{kind="model_call"}': "1x30",
          'durable_research_sends_unresolved_oldest_age_seconds{kind="model_call"}': "0+60x30"}),
    Case("SendsUnresolved", "each for a minute", 20,
         {'durable_research_sends_unresolved{kind="model_call"}': "3x20",
          'durable_research_sends_unresolved_oldest_age_seconds{kind="model_call"}': "60x20"}),
    Case("LateDuplicates", "the first one ever", 40,
         {'durable_research_effects_total{kind="model_call",provider_class="N",outcome="late_duplicate"}': "_x20 1x20"},
         ({"kind": "model_call"},)),
    Case("LateDuplicates", "a worker starts, whose series begin at zero", 40,
         {'durable_research_effects_total{kind="model_call",provider_class="N",outcome="late_duplicate"}': "_x30 0x10"}),
    Case("LateDuplicates", "sends settle", 40,
         {'durable_research_effects_total{kind="model_call",provider_class="N",outcome="settled"}': "0+1x40",
          'durable_research_effects_total{kind="model_call",provider_class="N",outcome="late_duplicate"}': "2x40"}),
)  # fmt: skip

OF_WORKERS = (
    Case("TaskQueueWithoutWorker", "Temporal lists none, and the workers' series are gone", 40,
         _OTHER_QUEUES | _pollers("research", "2x20 0x5 _x15"), ({"queue": "research"},)),
    Case("TaskQueueWithoutWorker", "there never was a series of the queue", 40, _OTHER_QUEUES, ({"queue": "research"},)),
    Case("TaskQueueWithoutWorker", "every queue is polled", 40, _OTHER_QUEUES | _RESEARCH),
    Case("TaskQueueWithoutWorker", "the API is down, the workers poll", 40,
         {name: value for name, value in (_OTHER_QUEUES | _RESEARCH).items() if name.startswith("temporal_")}),
    Case("TaskQueueBacklog", "a hundred tasks wait", 20,
         {'durable_research_queue_backlog{queue="ai-tasks",task_type="activity"}': "100x20",
          f'{_OLDEST}{{queue="ai-tasks",task_type="activity"}}': "120x20"},
         ({"queue": "ai-tasks", "task_type": "activity"},)),
    Case("TaskQueueBacklog", "a hundred come at once and go", 20,
         {'durable_research_queue_backlog{queue="ai-tasks",task_type="activity"}': "100x20",
          f'{_OLDEST}{{queue="ai-tasks",task_type="activity"}}': "2x20"}),
    Case("TaskQueueStuck", "one task waits for twenty minutes", 20,
         {f'{_OLDEST}{{queue="documents",task_type="activity"}}': "0+60x20"},
         ({"queue": "documents", "task_type": "activity"},)),
    Case("TaskQueueStuck", "tasks wait for a minute", 20, {f'{_OLDEST}{{queue="documents",task_type="activity"}}': "60x20"}),
    Case("ActivityScheduleToStartHigh", "half a minute", 30,
         _histogram(_ACTIVITY_WAIT, _QUEUE, "30.0", "0+5x30"), ({"task_queue": "research"},)),
    Case("ActivityScheduleToStartHigh", "a second", 30, _histogram(_ACTIVITY_WAIT, _QUEUE, "1.0", "0+5x30")),
    Case("ActivityScheduleToStartHigh", "half a minute, but once", 30, _histogram(_ACTIVITY_WAIT, _QUEUE, "30.0", "0x28 1x2")),
    Case("WorkflowTaskScheduleToStartHigh", "half a minute", 30,
         _histogram(_TASK_WAIT, _QUEUE, "30.0", "0+5x30"), ({"task_queue": "research"},)),
    Case("WorkflowTaskScheduleToStartHigh", "a second", 30, _histogram(_TASK_WAIT, _QUEUE, "1.0", "0+5x30")),
    Case("WorkerSlotsExhausted", "none is free", 20,
         {_SLOTS: "0x20"}, ({"task_queue": "research", "worker_type": "ActivityWorker"},)),
    Case("WorkerSlotsExhausted", "another worker has one", 20, {_SLOTS: "0x20", _SLOTS.replace("w1", "w2"): "1x20"}),
    Case("WorkflowNonDeterministic", "once", 20,
         {f'{_TASK_FAILED}{{{_WORKER},workflow_type="W",failure_reason="NonDeterminismError"}}': "_x15 1x5"},
         ({"workflow_type": "W"},)),
    Case("WorkflowNonDeterministic", "another reason", 20,
         {f'{_TASK_FAILED}{{{_WORKER},workflow_type="W",failure_reason="WorkflowError"}}': "0+1x20"}),
    Case("GrpcMessageTooLarge", "once", 20,
         {f'{_TASK_FAILED}{{{_WORKER},workflow_type="W",failure_reason="GrpcMessageTooLarge"}}': "_x15 1x5"},
         ({"workflow_type": "W"},)),
    Case("GrpcMessageTooLarge", "another reason", 20,
         {f'{_TASK_FAILED}{{{_WORKER},workflow_type="W",failure_reason="WorkflowError"}}': "0+1x20"}),
    Case("WorkflowTasksFailing", "a bug, again and again", 20,
         {f'{_TASK_FAILED}{{{_WORKER},workflow_type="W",failure_reason="WorkflowError"}}': "0+1x20"},
         ({"workflow_type": "W", "failure_reason": "WorkflowError"},)),
    Case("WorkflowTasksFailing", "reasons with an alert of their own", 20,
         {f'{_TASK_FAILED}{{{_WORKER},workflow_type="W",failure_reason="NonDeterminismError"}}': "0+1x20"}),
    Case("TemporalResourceExhausted", "once", 20,
         {f'{_REQUEST_FAILED}{{{_WORKER},operation="StartWorkflowExecution",status_code="RESOURCE_EXHAUSTED"}}': "_x15 1x5"},
         ({"operation": "StartWorkflowExecution"},)),
    Case("TemporalResourceExhausted", "Temporal is away", 20,
         {f'{_REQUEST_FAILED}{{{_WORKER},operation="StartWorkflowExecution",status_code="UNAVAILABLE"}}': "0+1x20"}),
    Case("TemporalRespondNotFound", "five results too late", 20,
         {f'{_REQUEST_FAILED}{{{_WORKER},operation="RespondActivityTaskCompleted",status_code="NOT_FOUND"}}': "_x15 5x5"},
         ({"operation": "RespondActivityTaskCompleted"},)),
    Case("TemporalRespondNotFound", "one, and look-ups of what is gone", 20,
         {f'{_REQUEST_FAILED}{{{_WORKER},operation="RespondActivityTaskCompleted",status_code="NOT_FOUND"}}': "_x15 1x5",
          f'{_REQUEST_FAILED}{{{_WORKER},operation="DescribeWorkflowExecution",status_code="NOT_FOUND"}}': "0+5x20"}),
    Case("TemporalRequestsSlow", "five seconds", 30,
         _histogram(_REQUEST_SECONDS, 'operation="RespondActivityTaskCompleted"', "5.0", "0+5x30"),
         ({"operation": "RespondActivityTaskCompleted"},)),
    Case("TemporalRequestsSlow", "a second", 30,
         _histogram(_REQUEST_SECONDS, 'operation="RespondActivityTaskCompleted"', "1.0", "0+5x30")),
)  # fmt: skip


def _answers(ok: str, failed: str) -> dict[str, str]:
    return {
        f'{_REQUESTS}{{route="/",method="GET",status="200"}}': ok,
        f'{_REQUESTS}{{route="/",method="GET",status="503"}}': failed,
    }


def _in_time(in_time: str, every: str) -> dict[str, str]:
    return {_processing("bucket", le="600.0"): in_time, _processing("count"): every}


OF_THE_PLATFORM = (
    Case("ApiNotReady", "it does not run", 10, _READ | {'up{job="durable-research-api",instance="a1"}': "1x4 0x6"}, ({},)),
    Case("ApiNotReady", "it was never there", 10, _READ, ({},)),
    Case("ApiNotReady", "its database does not answer", 10, _UP | {"durable_research_backlog_read_up": "1x4 0x6"}, ({},)),
    Case("ApiNotReady", "one of two is down", 10, _READ | _UP | {'up{job="durable-research-api",instance="a2"}': "0x10"}),
    Case("ApiErrorRatioHigh", "one in ten", 20, _answers("0+9x20", "0+1x20"), ({},)),
    Case("ApiErrorRatioHigh", "one in a hundred", 20, _answers("0+99x20", "0+1x20")),
    Case("ApiErrorRatioHigh", "all, but they are few", 20, _answers("0x20", "0+1x20")),
    Case("TargetDown", "a worker", 20, {f"up{{{_WORKER}}}": "0x20"}, ({"job": "durable-research-worker", "instance": "w1"},)),
    Case("TargetDown", "all are up", 20, _UP),
    Case("MetricsMissing", "no worker is scraped", 20,
         {'up{job="durable-research-api",instance="a1"}': "1x20"}, ({"job": "durable-research-worker"},)),
    Case("MetricsMissing", "the SDK's part is missing", 20,
         _UP | {f"durable_research_sdk_metrics_up{{{_WORKER}}}": "0x20"},
         ({"job": "durable-research-worker", "instance": "w1"},)),
    Case("MetricsMissing", "the queues cannot be read", 20, _UP | {"durable_research_queue_read_up": "0x20"}, ({},)),
    Case("MetricsMissing", "all are there", 20,
         _UP | {f"durable_research_sdk_metrics_up{{{_WORKER}}}": "1x20", "durable_research_queue_read_up": "1x20"}),
    Case("ApiErrorBudgetBurnsFast", "one in ten for an hour", 90, _answers("0+9x90", "0+1x90"), ({},)),
    Case("ApiErrorBudgetBurnsFast", "one in fifty", 90, _answers("0+49x90", "0+1x90")),
    Case("ApiErrorBudgetBurnsFast", "it was so, and is over", 90, _answers("0+9x90", "0+1x70 70x20")),
    Case("ApiErrorBudgetBurnsSlowly", "one in twenty for hours", 420, _answers("0+19x420", "0+1x420"), ({},)),
    Case("ApiErrorBudgetBurnsSlowly", "one in a hundred", 420, _answers("0+99x420", "0+1x420")),
    Case("ProcessingBudgetBurnsFast", "nine in ten are late", 90, _in_time("0+0.1x90", "0+1x90"), ({},)),
    Case("ProcessingBudgetBurnsFast", "every one fails", 90, {_processing("count", "failed"): "0+1x90"}, ({},)),
    Case("ProcessingBudgetBurnsFast", "half are late", 90, _in_time("0+0.5x90", "0+1x90")),
    Case("ProcessingBudgetBurnsSlowly", "half are late for hours", 420, _in_time("0+0.5x420", "0+1x420"), ({},)),
    Case("ProcessingBudgetBurnsSlowly", "one in ten is late", 420, _in_time("0+0.9x420", "0+1x420")),
)  # fmt: skip

CASES = (*OF_WORKFLOWS, *OF_PROVIDERS, *OF_WORKERS, *OF_THE_PLATFORM)
