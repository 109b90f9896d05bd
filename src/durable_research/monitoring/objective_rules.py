"""Burn rates of two objectives: how many times faster than it may is the budget for errors being used up.

99.5 % of the API's answers are no server errors, and 95 % of workflows are done within ten minutes (a person's time is not
counted), each over 30 days. At 14.4 times as fast, a day uses up half of a month's budget; at 6 times, five days all of it.
Two windows: the long one says that it matters, the short one that it still happens.
"""

from durable_research.monitoring.rules import Alert, Group, Recording, Severity, ratio

API_BUDGET = 0.005
PROCESSING_BUDGET = 0.05
_FAST, _SLOW = 14.4, 6
# Grafana's answers are passed on, not ours: its outage is not the API's.
_OURS = 'route!~"/grafana/.*"'
_REQUESTS = "durable_research_http_requests_total"
_PROCESSING = "durable_research_workflow_processing_seconds"
_COUNTED = 'outcome=~"done|partly_done|failed"'
# Fewer are no base for a ratio.
_FEWEST_REQUESTS, _FEWEST_WORKFLOWS = 50, 10


def _api_errors(window: str) -> str:
    errors = f'sum(rate({_REQUESTS}{{{_OURS},status=~"5.."}}[{window}]))'
    return ratio(errors, f"sum(rate({_REQUESTS}{{{_OURS}}}[{window}]))")


def _out_of_time(window: str) -> str:
    in_time = f'sum(rate({_PROCESSING}_bucket{{outcome=~"done|partly_done",le="$le600"}}[{window}]))'
    every = f"sum(rate({_PROCESSING}_count{{{_COUNTED}}}[{window}]))"
    return f"1 - ({ratio(in_time, every)})"


def _burns(ratio_name: str, long: str, short: str, limit: float, enough: str) -> str:
    return f"{ratio_name}{long} > {limit:.4g} and {ratio_name}{short} > {limit:.4g}\nand {enough}"


_API = "durable_research_http_errors:ratio_rate"
_IN_TIME = "durable_research_workflows_out_of_time:ratio_rate"


def _requests(window: str) -> str:
    return f"sum(increase({_REQUESTS}{{{_OURS}}}[{window}])) >= {_FEWEST_REQUESTS}"


def _workflows(window: str) -> str:
    return f"sum(increase({_PROCESSING}_count{{{_COUNTED}}}[{window}])) >= {_FEWEST_WORKFLOWS}"


OBJECTIVES = Group(
    "objectives",
    (
        *(Recording(f"{_API}{window}", _api_errors(window)) for window in ("5m", "30m", "1h", "6h")),
        *(Recording(f"{_IN_TIME}{window}", _out_of_time(window)) for window in ("5m", "30m", "1h", "6h")),
        Alert(
            "ApiErrorBudgetBurnsFast", Severity.PAGE, "2m",
            "{{ $value | humanizePercentage }} of the API's answers in the last hour are server errors: half of a month's "
            "budget is gone within a day.",
            _burns(_API, "1h", "5m", _FAST * API_BUDGET, _requests("1h")),
        ),
        Alert(
            "ApiErrorBudgetBurnsSlowly", Severity.TICKET, "15m",
            "{{ $value | humanizePercentage }} of the API's answers are server errors: a month's budget is gone within days.",
            _burns(_API, "6h", "30m", _SLOW * API_BUDGET, _requests("6h")),
        ),
        Alert(
            "ProcessingBudgetBurnsFast", Severity.PAGE, "2m",
            "{{ $value | humanizePercentage }} of the workflows of the last hour failed or took longer than ten minutes.",
            _burns(_IN_TIME, "1h", "5m", _FAST * PROCESSING_BUDGET, _workflows("1h")),
        ),
        Alert(
            "ProcessingBudgetBurnsSlowly", Severity.TICKET, "15m",
            "{{ $value | humanizePercentage }} of the workflows failed or took longer than ten minutes: a month's budget is "
            "gone within days.",
            _burns(_IN_TIME, "6h", "30m", _SLOW * PROCESSING_BUDGET, _workflows("6h")),
        ),
    ),
)  # fmt: skip
