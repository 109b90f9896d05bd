"""Rules about workflows, their steps and their effects: what users feel."""

from durable_research.monitoring.rules import Alert, Group, Recording, Severity, events

_ENDED = 'durable_research_workflows_ended_total{outcome=~"done|partly_done|failed"}'
_ATTEMPTS = 'durable_research_attempts_ended_total{outcome=~"completed|failed|retried"}'
_IN_TIME = 'durable_research_workflow_processing_seconds_%s{outcome=~"done|partly_done"}'

WORKFLOWS = Group(
    "workflows",
    (
        Recording("kind:durable_research_workflows_ended:increase30m", f"sum by (kind) (increase({_ENDED}[30m]))"),
        Recording(
            "kind:durable_research_workflows_failed:increase30m",
            'sum by (kind) (increase(durable_research_workflows_ended_total{outcome="failed"}[30m]))',
        ),
        Recording("step:durable_research_attempts_ended:increase15m", f"sum by (step) (increase({_ATTEMPTS}[15m]))"),
        Recording(
            "step:durable_research_attempts_failed:increase15m",
            'sum by (step) (increase(durable_research_attempts_ended_total{outcome=~"failed|retried"}[15m]))',
        ),
        Recording(
            "kind:durable_research_workflow_processing_seconds:p95_30m",
            f"histogram_quantile(0.95, sum by (kind, le) (rate({_IN_TIME % 'bucket'}[30m])))",
        ),
        Alert(
            "WorkflowFailureRatioHigh", Severity.PAGE, "10m",
            "{{ $value | humanizePercentage }} of the workflows of kind {{ $labels.kind }} fail.",
            "kind:durable_research_workflows_failed:increase30m / kind:durable_research_workflows_ended:increase30m > 0.05\n"
            "and kind:durable_research_workflows_ended:increase30m >= 10",
        ),
        Alert(
            "StepRetryRatioHigh", Severity.TICKET, "15m",
            "{{ $value | humanizePercentage }} of the attempts at step {{ $labels.step }} fail.",
            "step:durable_research_attempts_failed:increase15m / step:durable_research_attempts_ended:increase15m > 0.2\n"
            "and step:durable_research_attempts_ended:increase15m >= 10",
        ),
        Alert(
            "WorkflowsSlow", Severity.TICKET, "10m",
            "One in twenty workflows of kind {{ $labels.kind }} takes longer than {{ $value | humanizeDuration }}, "
            "people's time not counted.",
            "kind:durable_research_workflow_processing_seconds:p95_30m > $600s\n"
            f"and sum by (kind) (increase({_IN_TIME % 'count'}[30m])) >= 10",
        ),
        Alert(
            "WorkflowsNotStarted", Severity.PAGE, "2m",
            "An accepted workflow of kind {{ $labels.kind }} is not started since {{ $value | humanizeDuration }}.",
            "max by (kind) (durable_research_workflows_not_started_oldest_age_seconds) > $300s",
        ),
        Alert(
            "AttemptsLost", Severity.TICKET, "0m",
            "{{ $value | humanize }} attempts ended with their worker.",
            events('durable_research_attempts_ended_total{outcome="lost"}', "30m", "outcome") + " >= 3",
        ),
        Alert(
            "CompensationFailed", Severity.PAGE, "0m",
            "The undo {{ $labels.step }} failed for good and waits for a person.",
            events('durable_research_compensations_total{outcome="failed"}', "15m", "step"),
        ),
        Alert(
            "ApprovalExpiring", Severity.TICKET, "0m",
            "A draft that nobody has approved expires in {{ $value | humanizeDuration }}.",
            "min(durable_research_approvals_next_expiry_seconds) < $3600s",
        ),
    ),
)  # fmt: skip
