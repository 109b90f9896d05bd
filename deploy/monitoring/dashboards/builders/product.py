"""What users feel: workflows, their steps, their waits and their effects."""

from deploy.monitoring.dashboards.builders.panels import WINDOW, Board, Panel, Query, Unit, increase, quantiles
from durable_research.monitoring.rules import events

_ATTEMPTS = "durable_research_attempts_ended_total"
_ENDED = "durable_research_workflows_ended_total"

_WORKFLOWS = (
    Panel(
        "Workflows accepted", Unit.NUMBER, "Accepted within the window, by kind.",
        (Query(increase("durable_research_workflows_accepted_total", "kind"), "{{kind}}"),), "WorkflowsNotStarted",
    ),
    Panel(
        "Workflows ended", Unit.NUMBER, "Ended within the window, by kind and outcome. A resumed workflow ends once more.",
        (Query(increase(_ENDED, "kind, outcome"), "{{kind}} {{outcome}}"),), "WorkflowFailureRatioHigh",
    ),
    Panel(
        "Share of workflows that fail", Unit.SHARE, "Of those that ended within 30 minutes, people's acts not counted.",
        (
            Query(
                "kind:durable_research_workflows_failed:increase30m / kind:durable_research_workflows_ended:increase30m",
                "{{kind}}",
            ),
        ),
        "WorkflowFailureRatioHigh",
    ),
    Panel(
        "Accepted and not started", Unit.NUMBER, "Workflows that are accepted and that Temporal does not have yet.",
        (Query("sum by (kind) (durable_research_workflows_not_started)", "{{kind}}"),), "WorkflowsNotStarted",
    ),
    Panel(
        "Oldest that is not started", Unit.SECONDS, "How long the oldest of them waits; 0 without one.",
        (Query("max by (kind) (durable_research_workflows_not_started_oldest_age_seconds)", "{{kind}}"),),
        "WorkflowsNotStarted",
    ),
    Panel(
        "From acceptance to the end", Unit.SECONDS, "p50, p95 and p99 by kind, without the times in which a person was asked.",
        quantiles("durable_research_workflow_processing_seconds", "kind", (0.5, 0.95, 0.99)), "WorkflowsSlow",
    ),
)  # fmt: skip
_STEPS = (
    Panel(
        "Duration of steps", Unit.SECONDS, "p50, p95 and p99 by step, waits between attempts included.",
        quantiles("durable_research_step_duration_seconds", "step", (0.5, 0.95, 0.99)), "WorkflowsSlow",
    ),
    Panel(
        "Duration of attempts", Unit.SECONDS, "p95 by step and outcome, from beginning to end.",
        quantiles("durable_research_attempt_duration_seconds", "step, outcome", (0.95,)), "WorkflowsSlow",
    ),
    Panel(
        "Attempts without success", Unit.NUMBER, "Attempts that failed, are tried again or were lost, by step and error.",
        (
            Query(
                events(f'{_ATTEMPTS}{{outcome=~"failed|retried|lost"}}', WINDOW, "step, outcome, code"),
                "{{step}} {{outcome}} {{code}}",
            ),
        ),
        "StepRetryRatioHigh",
    ),
    Panel(
        "Share of attempts that fail", Unit.SHARE, "Of the attempts that ended within 15 minutes, by step.",
        (
            Query(
                "step:durable_research_attempts_failed:increase15m / step:durable_research_attempts_ended:increase15m",
                "{{step}}",
            ),
        ),
        "StepRetryRatioHigh",
    ),
    Panel(
        "Take-over after a death", Unit.SECONDS, "p50 and p95, from a dead worker's last sign of life to the next attempt.",
        quantiles("durable_research_take_over_seconds", "", (0.5, 0.95)), "AttemptsLost",
    ),
    Panel(
        "Undos", Unit.NUMBER, "Attempts at undoing a step, by step and outcome.",
        (Query(events("durable_research_compensations_total", WINDOW, "step, outcome"), "{{step}} {{outcome}}"),),
        "CompensationFailed",
    ),
)  # fmt: skip
_PROVIDERS = (
    Panel(
        "Refusals of the provider", Unit.NUMBER, "Attempts that the provider refuses, or for which there is no money left.",
        (Query(events(f'{_ATTEMPTS}{{code=~"model_refused|quota_exhausted"}}', WINDOW, "code"), "{{code}}"),),
        "ProviderRefusing",
    ),
    Panel(
        "Waits that began", Unit.NUMBER, "Steps that began to wait for a provider that is busy or away, by the error's code.",
        (Query(events("durable_research_provider_waits_begun_total", WINDOW, "step, code"), "{{step}} {{code}}"),),
        "ProviderBusyOrAway",
    ),
    Panel(
        "Length of waits", Unit.SECONDS, "p50 and p95 of the waits that ended, answered or given up.",
        quantiles("durable_research_provider_wait_seconds", "outcome", (0.5, 0.95)), "ProviderBusyOrAway",
    ),
    Panel(
        "Workflows that wait for a provider", Unit.NUMBER, "By the code of the last error.",
        (Query("sum by (code) (durable_research_provider_waiting)", "{{code}}"),), "ProviderBusyOrAway",
    ),
    Panel(
        "Oldest wait for a provider", Unit.SECONDS, "How long the oldest of them waits.",
        (Query("max by (code) (durable_research_provider_waiting_oldest_age_seconds)", "{{code}}"),), "ProviderBusyOrAway",
    ),
)  # fmt: skip
_PEOPLE = (
    Panel(
        "Workflows that wait for a person", Unit.NUMBER, "For an approval or a decision.",
        (Query("sum by (question) (durable_research_questions_open)", "{{question}}"),), "ApprovalExpiring",
    ),
    Panel(
        "Oldest question", Unit.SECONDS, "How long the oldest of them waits; 0 without one.",
        (Query("max by (question) (durable_research_questions_oldest_age_seconds)", "{{question}}"),), "ApprovalExpiring",
    ),
    Panel(
        "Until a draft expires", Unit.SECONDS, "Until the next draft that waits for approval expires; nothing without one.",
        (Query("min(durable_research_approvals_next_expiry_seconds)", "next expiry"),), "ApprovalExpiring",
    ),
)  # fmt: skip
_EFFECTS = (
    Panel(
        "Effects", Unit.NUMBER, "What became of model calls, embeddings and notifications.",
        (
            Query(
                events("durable_research_effects_total", WINDOW, "kind, provider_class, outcome"),
                "{{kind}} {{provider_class}} {{outcome}}",
            ),
        ),
        "LateDuplicates",
    ),
    Panel(
        "Sends without a known outcome", Unit.NUMBER, "Those under way among them.",
        (Query("sum by (kind) (durable_research_sends_unresolved)", "{{kind}}"),), "SendsUnresolved",
    ),
    Panel(
        "Oldest of these sends", Unit.SECONDS, "How long ago the oldest of them began; 0 without one.",
        (Query("max by (kind) (durable_research_sends_unresolved_oldest_age_seconds)", "{{kind}}"),), "SendsUnresolved",
    ),
    Panel(
        "Tokens", Unit.NUMBER, "Tokens of stored answers within the window. What they cost is your contract's to say.",
        (Query(increase("durable_research_tokens_total", "model, direction"), "{{model}} {{direction}}"),),
    ),
    Panel(
        "Tokens for each workflow that ended", Unit.NUMBER, "Those of stored answers, divided by the workflows that ended.",
        (
            Query(
                f"{increase('durable_research_tokens_total', 'direction')}\n"
                f"/ on () group_left () sum(increase({_ENDED}[{WINDOW}]))",
                "{{direction}}",
            ),
        ),
    ),
)  # fmt: skip

PRODUCT = Board(
    "product",
    "Product",
    "Workflows, steps, waits and effects: what users feel.",
    (*_WORKFLOWS, *_STEPS, *_PROVIDERS, *_PEOPLE, *_EFFECTS),
)
