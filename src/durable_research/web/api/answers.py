"""The shapes of JSON answers."""

import json
from collections.abc import Mapping
from typing import Any

from quart import Response

from durable_research.catalogue import page_of
from durable_research.domain.requests.report import Report
from durable_research.domain.workflows.workflow import Kind
from durable_research.ports.database.similarity import Related
from durable_research.ports.database.workflows import WorkflowRow
from durable_research.ports.engine.schedules import ScheduleView
from durable_research.web.api.bodies import (
    AddressesBody,
    RelatedOneBody,
    ReportBody,
    ScheduleBody,
    StartedBody,
    WorkflowBody,
)
from durable_research.web.http import addresses as paths


def json_response(body: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer; strings are sent as they are."""
    data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
    return Response(data, status, dict(headers or {}), content_type="application/json")


def addresses(workflow_id: str) -> AddressesBody:
    """The addresses of a workflow."""
    return {
        "status_url": paths.workflow(workflow_id, "status"),
        "events_url": paths.workflow(workflow_id, "events"),
        "result_url": paths.workflow(workflow_id, "result"),
    }


def started(row: WorkflowRow) -> StartedBody:
    """The answer to an accepted start."""
    where = addresses(row.workflow_id)
    body: StartedBody = {
        "workflow_id": row.workflow_id,
        "status": row.status,
        "page_url": page_of(row.workflow_id, row.kind),
        "status_url": where["status_url"],
        "events_url": where["events_url"],
        "result_url": where["result_url"],
    }
    if row.kind is Kind.REPORT:
        body["report_id"] = row.workflow_id
    return body


def workflow(row: WorkflowRow) -> WorkflowBody:
    """One line of a list of workflows."""
    return {
        "workflow_id": row.workflow_id,
        "kind": row.kind,
        "status": row.status,
        "title": row.title,
        "created_at": row.created_at.isoformat(),
        "updated_at": row.updated_at.isoformat(),
        "cancel_requested": row.cancel_requested,
        "page_url": page_of(row.workflow_id, row.kind),
        "status_url": addresses(row.workflow_id)["status_url"],
    }


def related(one: Related) -> RelatedOneBody:
    """One related report or post."""
    return {
        "workflow_id": one.subject_id,
        "kind": one.kind,
        "title": one.title,
        "similarity": round(one.similarity, 4),
        "page_url": page_of(one.subject_id, one.kind),
    }


def report(one: Report) -> ReportBody:
    """A finished report's facts, without the keys of its objects."""
    return {
        "report_id": one.report_id,
        "title": one.title,
        "prompt": one.prompt,
        "user": one.user,
        "language": one.language,
        "asked_at": one.asked_at.isoformat(),
        "provider": {"name": one.provider, "kind": "demo" if one.is_demo else "live"},
        "model": one.model,
        "usage": {
            "input_tokens": one.usage.input_tokens,
            "output_tokens": one.usage.output_tokens,
            "is_estimate": one.usage.is_estimate,
        },
        "pages": one.pdf.pages,
        "size_bytes": one.pdf.size_bytes,
        "sha256": one.pdf.sha256,
        "pdf_url": paths.report(one.report_id, "pdf"),
        "markdown_url": paths.report(one.report_id, "md"),
        "html_url": paths.report(one.report_id, "html"),
    }


def schedule(one: ScheduleView) -> ScheduleBody:
    """One schedule."""
    return {
        "schedule_id": one.schedule_id,
        "title": one.title,
        "every": one.every,
        "timezone": one.timezone,
        "created_at": one.created_at.isoformat(),
        "paused": one.paused,
        "failed": one.failed,
        "next_at": one.next_at.isoformat() if one.next_at else None,
        "last_at": one.last_at.isoformat() if one.last_at else None,
    }
