"""The charts of the metrics page, once: what each shows, its queries of Prometheus, and what the tables know of it.

Standard library only. The queries are fixed: no text of a client is ever a part of one.
"""

from dataclasses import dataclass
from enum import StrEnum

_WINDOW = "$window"
_SECONDS = "$seconds"
# Temporal's server has workers of its own, and the same names for them: ours are those beside a metric of ours.
_SLOTS_IN_USE = 'temporal_worker_task_slots_used{worker_type="ActivityWorker"}'


class Unit(StrEnum):
    """What a value is: a number of something within a step, a number of something at a time, or a length of time."""

    EVENTS = "events"
    NUMBER = "number"
    SECONDS = "seconds"


@dataclass(frozen=True)
class Query:
    """One query. A line is named by its labels' values, followed by `name`."""

    promql: str
    name: str = ""

    def over(self, seconds: int) -> str:
        """The query with its window."""
        return self.promql.replace(_WINDOW, f"{seconds}s").replace(_SECONDS, str(seconds))


@dataclass(frozen=True)
class Chart:
    """One chart; `from_tables` says what it shows without Prometheus, and is empty where the tables do not know it."""

    name: str
    title: str
    unit: Unit
    words: str
    queries: tuple[Query, ...]
    from_tables: str = ""


def _increase(metric: str, by: str, where: str = "", name: str = "") -> Query:
    return Query(f"sum by ({by}) (increase(durable_research_{metric}_total{where}[{_WINDOW}]))", name)


def _from_birth(series: str) -> str:
    """The increase of counters of many series, which begin with their first event: `increase` does not count that one.

    Such a series counts whole while it is younger than the window, unless Prometheus has only just found its process.
    """
    start = "process_start_time_seconds"
    seen = f"{start} offset {_WINDOW} or {start} > time() - {_SECONDS}"
    born = f"{series} unless {series} offset {_WINDOW} and on (job, instance) ({seen})"
    return f"{born} or increase({series}[{_WINDOW}])"


def _increase_from_birth(metric: str, by: str, where: str, name: str = "") -> Query:
    return Query(f"sum by ({by}) ({_from_birth(f'durable_research_{metric}_total{where}')})", name)


def _quantile(share: str, name: str) -> Query:
    buckets = _from_birth("durable_research_workflow_processing_seconds_bucket")
    return Query(f"histogram_quantile({share}, sum by (le) ({buckets}))", name)


CHARTS = (
    Chart(
        "throughput",
        "Workflows that ended",
        Unit.EVENTS,
        "by how they ended",
        (_increase("workflows_ended", "outcome"),),
        "by how they ended, from the progress log",
    ),
    Chart(
        "duration",
        "From the acceptance to the end",
        Unit.SECONDS,
        "median (p50) and p95, without the times in which a person was asked",
        (_quantile("0.5", "p50"), _quantile("0.95", "p95")),
        "median (p50) and p95, with the times in which a person was asked",
    ),
    Chart(
        "failures",
        "Workflows that failed",
        Unit.EVENTS,
        "by kind, those that were terminated too",
        (_increase("workflows_ended", "kind", '{outcome=~"failed|terminated"}'),),
        "by kind, those that were terminated too, from the progress log",
    ),
    Chart(
        "retries",
        "Attempts that are tried again",
        Unit.EVENTS,
        "by step and error; looks at a provider that is busy or away do not count",
        (
            _increase_from_birth("attempts_ended", "step, code", '{outcome="retried"}'),
            _increase_from_birth("attempts_ended", "step", '{outcome="lost"}', "worker lost"),
        ),
        "by step and error, from the progress log; looks at a provider that is busy or away do not count",
    ),
    Chart(
        "waits",
        "Workflows that wait",
        Unit.NUMBER,
        "for a provider that is busy or away, for an approval, for a decision",
        (
            Query("sum(durable_research_provider_waiting)", "provider"),
            Query("sum by (question) (durable_research_questions_open)"),
        ),
        "workflows that were found waiting for a provider within each step, or asked for an approval or a decision in it",
    ),
    Chart(
        "queues",
        "Age of the oldest task in a queue",
        Unit.SECONDS,
        "by task queue; what waits there has no worker yet",
        (Query("max by (queue) (durable_research_queue_backlog_oldest_age_seconds)"),),
    ),
    Chart(
        "workers",
        "Workers",
        Unit.NUMBER,
        "workers that answer, and steps that they run",
        (
            Query("count(durable_research_sdk_metrics_up)", "workers"),
            Query(f"sum({_SLOTS_IN_USE} and on (job, instance) durable_research_sdk_metrics_up)", "slots in use"),
        ),
        "workers that began an attempt within each step",
    ),
    Chart(
        "effects",
        "Effects",
        Unit.EVENTS,
        "model calls, embeddings and notifications, by what became of them",
        (_increase("effects", "outcome", '{outcome!="sent"}'),),
        "sends of model calls, embeddings and notifications, by what has become of them, from the ledger",
    ),
)
