"""Rules about the processes and their metrics: without them no other rule says anything."""

from durable_research.monitoring.jobs import API, JOBS, WORKER
from durable_research.monitoring.rules import Alert, Group, Recording, Severity

_JOBS = "|".join(JOBS)
# Grafana's answers are passed on, not ours: its outage is not the API's.
_OURS = 'route!~"/grafana/.*"'
_REQUESTS = "durable_research_http_requests_total"

PLATFORM = Group(
    "platform",
    (
        Recording("durable_research_http_requests:increase5m", f"sum(increase({_REQUESTS}{{{_OURS}}}[5m]))"),
        Alert(
            "ApiNotReady", Severity.PAGE, "2m",
            "No API process answers, or none reaches the database: nothing can be asked or read.",
            f'absent(up{{job="{API}"}} == 1) or max(durable_research_backlog_read_up) == 0',
        ),
        Alert(
            "ApiErrorRatioHigh", Severity.PAGE, "5m",
            "{{ $value | humanizePercentage }} of the API's answers are server errors.",
            f'sum(increase({_REQUESTS}{{{_OURS},status=~"5.."}}[5m])) / durable_research_http_requests:increase5m > 0.05\n'
            "and durable_research_http_requests:increase5m >= 20",
        ),
        Alert(
            "TargetDown", Severity.TICKET, "5m",
            "Prometheus cannot scrape {{ $labels.instance }} of {{ $labels.job }}.",
            f'up{{job=~"{_JOBS}"}} == 0',
        ),
        Alert(
            "MetricsMissing", Severity.TICKET, "5m",
            "Metrics are missing: other alerts may stay silent.",
            f'absent(up{{job="{API}"}}) or absent(up{{job="{WORKER}"}})\n'
            "or durable_research_sdk_metrics_up == 0 or durable_research_queue_read_up == 0",
        ),
    ),
)  # fmt: skip
