"""One example of every request and answer; a test sends every request, and checks every answer against its type."""

import json
from typing import Any

from durable_research.catalogue import PIPELINES, page_of
from durable_research.descriptor import Pipeline
from durable_research.domain.workflows.workflow import Kind
from durable_research.web.api.openapi.system_example import METRICS, SYSTEM

_ID = "01kb3v8m2q7x0c5d9e4f6g8h1j"
_REPORT = f"{Kind.REPORT}-{_ID}"
_POST = f"{Kind.POST}-{_ID}"
_SCHEDULE = "recurring-5f0c2a9b7d3e4168a1b2c3d4e5f60718"
_SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_ASKED_AT, _DONE_AT = "2026-11-22T09:00:00+00:00", "2026-11-22T09:00:04.218000+00:00"
_QUESTION = "Why do tides differ?"
_MARKDOWN = "# Why tides differ\n\nThe sea rises twice a day in most places, and once in some.\n"

PATH: dict[str, str] = {"workflow_id": _REPORT, "report_id": _REPORT, "schedule_id": _SCHEDULE, "name": "text"}


def _name(pipeline: Pipeline) -> str:
    return f"start_{pipeline.path.replace('-', '_')}"


_MORE_STARTS: dict[str, dict[str, Any]] = {
    "generate-report": {
        "later, and to be approved": {
            "prompt": _QUESTION,
            "title": "Tides",
            "user": "Ada",
            "language": "en",
            "notify": ["log"],
            "start_after": "2026-11-22T09:00:00+01:00",
            "approval": "before_pdf",
        }
    },
    "blog-post": {"without Slack": {"prompt": _QUESTION, "slack": False}},
    "ai-processing": {"with rules": {"prompt": _QUESTION, "rules": {"min_characters": 500, "check_language": False}}},
}
_REQUESTS: dict[str, dict[str, Any]] = {
    **{
        _name(pipeline): {"a question": {"prompt": _QUESTION}, **_MORE_STARTS.get(path, {})}
        for path, pipeline in PIPELINES.items()
    },
    "add_schedule": {
        "every week": {"prompt": _QUESTION, "every": "1w"},
        "on workdays in Berlin": {"prompt": _QUESTION, "every": "0 9 * * 1-5", "timezone": "Europe/Berlin"},
    },
    "decide": {"give up": {"decision": "give_up"}},
    "approve": {
        "approve": {"decision": "approve", "draft_sha256": _SHA256, "decision_id": "ada-1"},
        "edit": {"decision": "edit", "draft_sha256": _SHA256, "text": _MARKDOWN},
        "refuse": {"decision": "refuse", "draft_sha256": _SHA256},
    },
    "resume": {
        "go on": {},
        "with a corrected text": {"text": _MARKDOWN},
        "though it may be charged again": {"accept_charge": True},
    },
}


def requests_of(operation: str) -> dict[str, Any]:
    """The examples of an operation's request."""
    return {name: {"value": value} for name, value in _REQUESTS[operation].items()}


def _addresses(workflow_id: str) -> dict[str, Any]:
    base = f"/api/workflows/{workflow_id}"
    return {"status_url": f"{base}/status", "events_url": f"{base}/events", "result_url": f"{base}/result"}


def _started(pipeline: Pipeline) -> dict[str, Any]:
    workflow_id = f"{pipeline.kind}-{_ID}"
    own = {"report_id": workflow_id} if pipeline.kind is Kind.REPORT else {}
    page = {"page_url": page_of(workflow_id, pipeline.kind)}
    return {"workflow_id": workflow_id, "status": "queued", **own, **page, **_addresses(workflow_id)}


def _workflow(status: str, *, cancel_requested: bool = False) -> dict[str, Any]:
    return {
        "workflow_id": _REPORT,
        "kind": "report",
        "status": status,
        "title": _QUESTION,
        "created_at": _ASKED_AT,
        "updated_at": _DONE_AT,
        "cancel_requested": cancel_requested,
        "page_url": f"/reports/{_REPORT}",
        "status_url": f"/api/workflows/{_REPORT}/status",
    }


_STEP = {
    "name": "llm_call",
    "state": "running",
    "attempt": 2,
    "worker": "worker-2@1",
    "started_at": _ASKED_AT,
    "ended_at": None,
    "next_try_at": None,
    "last_error": {"code": "worker_lost", "detail": "worker-1@1 went away"},
    "left_out": None,
}
_STATUS = {
    **{name: value for name, value in _workflow("running").items() if name != "status_url"},
    "steps": [_STEP],
    "charges": {"settled": 1, "possible_extra": 0},
    "embedding_charges": {"settled": 0, "possible_extra": 0},
    "workers": {"live": 1, "identities": ["worker-2@1"]},
    "engine": "reachable",
    "asks": None,
    "waits_for": None,
    "error": None,
    "resumption": 0,
    "resume": None,
    "text_url": None,
    "last_seq": 4,
    "temporal_ui_url": None,
}
_FACTS = {
    "report_id": _REPORT,
    "title": "Why tides differ",
    "prompt": _QUESTION,
    "user": None,
    "language": None,
    "asked_at": _ASKED_AT,
    "provider": {"name": "simulator", "kind": "demo"},
    "model": "sim-1",
    "usage": {"input_tokens": 120, "output_tokens": 3400, "is_estimate": False},
    "pages": 5,
    "size_bytes": 48211,
    "sha256": _SHA256,
    **{
        f"{name}_url": f"/api/reports/{_REPORT}.{end}"
        for name, end in (("pdf", "pdf"), ("markdown", "md"), ("html", "html"))
    },
}
_RECURRING = {
    "schedule_id": _SCHEDULE,
    "title": _QUESTION,
    "every": "1w",
    "timezone": "UTC",
    "created_at": _ASKED_AT,
    "paused": False,
    "failed": False,
    "next_at": "2026-11-29T09:00:00+00:00",
    "last_at": None,
}
_ACCEPTED = {"seq": 1, "at": _ASKED_AT, "kind": "accepted", "title": _QUESTION}
_DRAFT = {"step": "llm_call", "attempt": 1, "text": "# Why tides differ\n"}
_NEAR = {"workflow_id": _POST, "kind": "post", "title": "The moon", "similarity": 0.7312, "page_url": f"/posts/{_POST}"}

ANSWERS: dict[str, Any] = {
    **{_name(pipeline): _started(pipeline) for pipeline in PIPELINES.values()},
    "list_workflows": {"workflows": [_workflow("done")], "next_cursor": None},
    "status": _STATUS,
    "result": {
        "workflow_id": _REPORT,
        "report_id": _REPORT,
        "title": "Why tides differ",
        "status": "done",
        "pages": 5,
        "notified": ["log"],
        "not_notified": [],
    },
    "events": f"retry: 500\n\nid: 1\nevent: accepted\ndata: {json.dumps(_ACCEPTED)}\n\n"
    f"event: draft\ndata: {json.dumps(_DRAFT)}\n\n",
    "history": {
        "workflow_id": _REPORT,
        "events": [{"eventId": "1", "eventType": "EVENT_TYPE_WORKFLOW_EXECUTION_STARTED"}],
    },
    "cancel": _workflow("running", cancel_requested=True),
    "retry": {"workflow_id": _REPORT, "steps": ["llm_call"]},
    "decide": _workflow("waiting_for_you"),
    "draft": _MARKDOWN,
    "approve": {**_workflow("running"), "decision_id": "ada-1", "outcome": "approve"},
    "resume": {**_workflow("queued"), "resumption": 1},
    "texts": _MARKDOWN,
    "related": {"related": [_NEAR], "embeddings": "on"},
    "list_reports": {"reports": [_FACTS], "next_cursor": None},
    "report": _FACTS,
    "report_md": _MARKDOWN,
    "report_html": '<!doctype html>\n<html lang="en">…</html>\n',
    "add_schedule": _RECURRING,
    "list_schedules": {"schedules": [_RECURRING]},
    "pause_schedule": {**_RECURRING, "paused": True, "next_at": None},
    "resume_schedule": _RECURRING,
    "system": SYSTEM,
    "metrics": METRICS,
    "health": {"status": "ok", "dependencies": {"database": "ok", "temporal": "ok", "objects": "ok"}},
    "livez": {"status": "ok"},
    "readyz": {"status": "ok"},
}
