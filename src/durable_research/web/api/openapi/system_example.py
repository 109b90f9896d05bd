"""The examples of the answers of `/api/system` and `/api/metrics`."""

from typing import Any

_ID = "report-01kb3v8m2q7x0c5d9e4f6g8h1j"
_AT, _LATER = "2026-11-22T09:00:00+00:00", "2026-11-22T09:04:10+00:00"
_NONE: dict[str, Any] = {"number": 0, "oldest": []}

SYSTEM: dict[str, Any] = {
    "workers": {
        "problem": None,
        "workers": [
            {
                "name": "worker-1",
                "identity": "worker-1@1",
                "host": "here",
                "pid": 4711,
                "queues": ["research", "documents"],
                "slots": {"research": 50, "documents": 1},
                "build": "0.1.0+9f86d081",
                "seen_at": _LATER,
                "silent_seconds": 0.8,
                "live": True,
            }
        ],
    },
    "queues": {
        "problem": None,
        "queues": [
            {"queue": "research", "task_type": "workflow", "backlog": 0, "oldest_seconds": 0.0, "pollers": 2},
            {"queue": "research", "task_type": "activity", "backlog": 3, "oldest_seconds": 1.5, "pollers": 2},
        ],
    },
    "work": {
        "problem": None,
        "waiting": _NONE,
        "retrying": {
            "number": 1,
            "oldest": [
                {
                    "workflow_id": _ID,
                    "kind": "report",
                    "title": "Why do tides differ?",
                    "since": _AT,
                    "detail": "model_busy",
                    "page_url": f"/reports/{_ID}",
                }
            ],
        },
        "not_started": _NONE,
        "unresolved": _NONE,
    },
    "dependencies": [
        {
            "name": "database",
            "checked_at": _LATER,
            "milliseconds": 1.2,
            "problem": None,
            "last_error": None,
            "last_error_at": None,
        },
        {
            "name": "provider",
            "checked_at": _LATER,
            "milliseconds": 83.0,
            "problem": "the model provider answers HTTP 503",
            "last_error": "the model provider answers HTTP 503",
            "last_error_at": _LATER,
        },
    ],
    "versions": {
        "build": "0.1.0+9f86d081",
        "python": "3.11.7",
        "postgresql": "18.4",
        "pgvector": "0.8.5",
        "temporal": "1.29.1",
        "schema": "0008",
        "newest_schema": "0008",
    },
    "reconciliation": {
        "problem": None,
        "run": {
            "due_at": "2026-11-22T09:04:00+00:00",
            "ended_at": "2026-11-22T09:04:00.412000+00:00",
            "status": "completed",
            "passes": {"started": {"done": 0, "left": 0}, "closed": {"done": 1, "left": 0}},
        },
    },
}

METRICS: dict[str, Any] = {
    "range": "1h",
    "step_seconds": 1800,
    "source": "prometheus",
    "problem": None,
    "times": ["2026-11-22T08:30:00+00:00", "2026-11-22T09:00:00+00:00"],
    "charts": [
        {
            "name": "throughput",
            "title": "Workflows that ended",
            "unit": "events",
            "words": "by how they ended",
            "known": True,
            "promql": ["sum by (outcome) (increase(durable_research_workflows_ended_total[1800s]))"],
            "lines": [{"name": "done", "values": [None, 12.0]}, {"name": "failed", "values": [0.0, 1.0]}],
        }
    ],
}
