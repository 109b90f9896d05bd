"""The shapes of `/api/system` and `/api/metrics`."""

from collections.abc import Mapping

from durable_research.catalogue import page_of
from durable_research.operations.reading.charts import Charts
from durable_research.operations.reading.dependencies import Checked
from durable_research.operations.reading.system import Part, SystemState
from durable_research.ports.database.overview import WorkList, WorkState
from durable_research.ports.database.workers import KnownWorker
from durable_research.ports.engine.overview import ReconciliationRun
from durable_research.ports.engine.queues import QueueState
from durable_research.web.api.system_bodies import (
    DependencyBody,
    MetricsBody,
    QueueBody,
    ReconciliationBody,
    SystemBody,
    VersionsBody,
    WorkBody,
    WorkerBody,
    WorkListBody,
)


def system(state: SystemState) -> SystemBody:
    """All parts."""
    return {
        "workers": {
            "problem": state.workers.problem,
            "workers": [_worker(one) for one in state.workers.found],
        },
        "queues": {"problem": state.queues.problem, "queues": [_queue(one) for one in state.queues.found]},
        "work": _work(state.work),
        "dependencies": [_dependency(one) for one in state.dependencies],
        "versions": _versions(state),
        "reconciliation": _reconciliation(state.reconciliation),
    }


def _worker(one: KnownWorker) -> WorkerBody:
    row = one.worker
    return {
        "name": row.name,
        "identity": row.identity,
        "host": row.host,
        "pid": row.pid,
        "queues": list(row.queues),
        "slots": dict(row.slots),
        "build": row.build,
        "seen_at": row.seen_at.isoformat(),
        "silent_seconds": round(max(one.silent_seconds, 0.0), 1),
        "live": one.live,
    }


def _queue(one: QueueState) -> QueueBody:
    return {
        "queue": one.queue,
        "task_type": one.task_type,
        "backlog": one.backlog,
        "oldest_seconds": round(one.oldest_seconds, 1),
        "pollers": one.pollers,
    }


def _work(part: Part[Mapping[WorkState, WorkList]]) -> WorkBody:
    def of(state: WorkState) -> WorkListBody:
        found = part.found.get(state, WorkList())
        return {
            "number": found.number,
            "oldest": [
                {
                    "workflow_id": item.workflow_id,
                    "kind": item.kind,
                    "title": item.title,
                    "since": item.since.isoformat(),
                    "detail": item.detail,
                    "page_url": page_of(item.workflow_id, item.kind),
                }
                for item in found.oldest
            ],
        }

    return {
        "problem": part.problem,
        "waiting": of(WorkState.WAITING),
        "retrying": of(WorkState.RETRYING),
        "not_started": of(WorkState.NOT_STARTED),
        "unresolved": of(WorkState.UNRESOLVED),
    }


def _dependency(one: Checked) -> DependencyBody:
    return {
        "name": one.name,
        "checked_at": one.checked_at.isoformat(),
        "milliseconds": round(one.milliseconds, 1),
        "problem": one.problem,
        "last_error": one.last_error,
        "last_error_at": one.last_error_at.isoformat() if one.last_error_at else None,
    }


def _versions(state: SystemState) -> VersionsBody:
    database = state.database.found
    return {
        "build": state.build,
        "python": state.python,
        "postgresql": database.server if database else None,
        "pgvector": database.pgvector if database else None,
        "temporal": state.engine.found,
        "schema": database.schema if database else None,
        "newest_schema": database.newest_schema if database else None,
    }


def _reconciliation(part: Part[ReconciliationRun | None]) -> ReconciliationBody:
    run = part.found
    if run is None:
        return {"problem": part.problem, "run": None}
    return {
        "problem": part.problem,
        "run": {
            "due_at": run.due_at.isoformat(),
            "ended_at": run.ended_at.isoformat() if run.ended_at else None,
            "status": run.status,
            "passes": {
                name: {"done": outcome["done"], "left": outcome["left"]}
                for name, outcome in run.result.get("passes", {}).items()
            },
        },
    }


def metrics(charts: Charts) -> MetricsBody:
    """All charts of a range."""
    return {
        "range": charts.range,
        "step_seconds": charts.span.step_seconds,
        "source": charts.source,
        "problem": charts.problem,
        "times": [end.isoformat() for end in charts.span.ends],
        "charts": [
            {
                "name": one.chart.name,
                "title": one.chart.title,
                "unit": one.chart.unit,
                "words": charts.words(one),
                "known": one.is_known,
                "promql": [query.over(charts.span.step_seconds) for query in one.chart.queries],
                "lines": [{"name": line.name, "values": list(line.values)} for line in one.lines],
            }
            for one in charts.views
        ],
    }
