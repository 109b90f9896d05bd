"""The two objectives: how fast their budgets for errors are used up, and what is left of them."""

from deploy.monitoring.dashboards.builders.panels import Board, Panel, Query, Unit
from durable_research.monitoring.objective_rules import API_BUDGET, PROCESSING_BUDGET
from durable_research.monitoring.rules import ratio

_API = "durable_research_http_errors:ratio_rate"
_PROCESSING = "durable_research_workflows_out_of_time:ratio_rate"
_REQUESTS = "durable_research_http_requests_total"
_WORKFLOWS = "durable_research_workflow_processing_seconds"
_COUNTED = 'outcome=~"done|partly_done|failed"'
_WINDOWS = ("5m", "30m", "1h", "6h")


def _burn_rates(ratios: str, budget: float) -> tuple[Query, ...]:
    return tuple(Query(f"{ratios}{window} / {budget}", window) for window in _WINDOWS)


_API_ERRORS = ratio(f'sum(increase({_REQUESTS}{{status=~"5.."}}[30d]))', f"sum(increase({_REQUESTS}[30d]))")
_IN_TIME = f'sum(increase({_WORKFLOWS}_bucket{{outcome=~"done|partly_done",le="600.0"}}[30d]))'
_DONE_IN_TIME = ratio(_IN_TIME, f"sum(increase({_WORKFLOWS}_count{{{_COUNTED}}}[30d]))")

SLO = Board(
    "slo", "SLO", "99.5 % of the API's answers are no server errors; 95 % of workflows are done within ten minutes.",
    (
        Panel(
            "Burn rate of the API's budget", Unit.NUMBER,
            "At 1 the budget of 30 days lasts 30 days. 14.4 over an hour pages, 6 over six hours makes a ticket.",
            _burn_rates(_API, API_BUDGET), "ApiErrorBudgetBurnsFast",
        ),
        Panel(
            "Burn rate of the workflows' budget", Unit.NUMBER,
            "At 1 the budget of 30 days lasts 30 days. 14.4 over an hour pages, 6 over six hours makes a ticket.",
            _burn_rates(_PROCESSING, PROCESSING_BUDGET), "ProcessingBudgetBurnsFast",
        ),
        Panel(
            "What is left of the API's budget", Unit.SHARE,
            "Of 30 days, as far back as Prometheus remembers; below 0 it is used up.",
            (Query(f"1 - ({_API_ERRORS}) / {API_BUDGET}", "left"),), "ApiErrorBudgetBurnsSlowly",
        ),
        Panel(
            "What is left of the workflows' budget", Unit.SHARE,
            "Of 30 days, as far back as Prometheus remembers; below 0 it is used up.",
            (Query(f"1 - (1 - ({_DONE_IN_TIME})) / {PROCESSING_BUDGET}", "left"),), "ProcessingBudgetBurnsSlowly",
        ),
        Panel(
            "Answers that are no server errors", Unit.SHARE, "The objective is 99.5 % over 30 days.",
            (*(Query(f"1 - {_API}{window}", window) for window in _WINDOWS), Query(f"1 - ({_API_ERRORS})", "30d")),
            "ApiErrorBudgetBurnsSlowly",
        ),
        Panel(
            "Workflows done within ten minutes", Unit.SHARE,
            "The objective is 95 % over 30 days; a person's time is not counted.",
            (*(Query(f"1 - {_PROCESSING}{window}", window) for window in _WINDOWS), Query(_DONE_IN_TIME, "30d")),
            "ProcessingBudgetBurnsSlowly",
        ),
    ),
)  # fmt: skip
