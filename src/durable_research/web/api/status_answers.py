"""The JSON of a workflow's status and result."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from durable_research.catalogue import page_of
from durable_research.domain.ledger.effects import Charges
from durable_research.domain.workflows.progress import StepView
from durable_research.operations.reading.pending_decisions import OpenApproval, PendingDecision
from durable_research.operations.reading.recoverable import TEXT, ResumeOffer, can_be_resumed
from durable_research.operations.reading.status import WorkflowResult, WorkflowStatus
from durable_research.operations.reading.waiting import WaitsFor
from durable_research.web.api.workflow_bodies import (
    AsksBody,
    ChargesBody,
    ErrorBody,
    OfferBody,
    StepBody,
    WaitsForBody,
    WholeStatusBody,
)
from durable_research.web.http import addresses
from durable_research.web.http.problems import remedy_body


def status(one: WorkflowStatus) -> WholeStatusBody:
    """The status of a workflow."""
    row = one.row
    return {
        "workflow_id": row.workflow_id,
        "kind": row.kind,
        "page_url": page_of(row.workflow_id, row.kind),
        "status": row.status,
        "title": row.title,
        "created_at": row.created_at.isoformat(),
        "updated_at": row.updated_at.isoformat(),
        "steps": [_step(step) for step in one.steps],
        "charges": _charges(one.charges),
        "embedding_charges": _charges(one.embedding_charges),
        "workers": {"live": len(one.live_workers), "identities": list(one.live_workers)},
        "engine": "reachable" if one.is_engine_reachable else "unreachable",
        "cancel_requested": row.cancel_requested,
        "asks": _asks(row.workflow_id, one.pending) if one.pending else None,
        "waits_for": _waits_for(one.waits_for) if one.waits_for else None,
        "error": _error(one),
        "resumption": row.resumption,
        "last_seq": one.last_seq,
        "temporal_ui_url": one.engine_url,
        "resume": _offer(one.offer) if one.offer else None,
        "text_url": addresses.text(row.workflow_id, TEXT) if one.offer and one.offer.has_text else None,
    }


def result(one: WorkflowResult) -> Mapping[str, Any]:
    """The result of a finished workflow, without the fields that its closing event lacks."""
    facts = {
        "title": one.title,
        "texts": {name: addresses.text(one.row.workflow_id, name) for name in one.texts} or None,
        "pages": one.pages,
        "notified": _list(one.notified),
        "not_notified": _list(one.not_notified),
        "notification_error": one.notification_error,
    }
    return {
        "workflow_id": one.row.workflow_id,
        f"{one.row.kind}_id": one.row.workflow_id,
        "status": one.row.status,
        **{name: value for name, value in facts.items() if value is not None},
    }


def _list(words: Sequence[str] | None) -> list[str] | None:
    return None if words is None else list(words)


def _time(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _step(step: StepView) -> StepBody:
    return {
        "name": step.name,
        "state": step.state,
        "attempt": step.attempt,
        "worker": step.worker,
        "started_at": _time(step.started_at),
        "ended_at": _time(step.ended_at),
        "next_try_at": _time(step.next_try_at),
        "last_error": step.last_error,
        "left_out": step.left_out,
    }


def _charges(charges: Charges) -> ChargesBody:
    return {"settled": charges.settled, "possible_extra": charges.possible_extra}


def _asks(workflow_id: str, pending: PendingDecision) -> AsksBody:
    body: AsksBody = {
        "step": pending.step,
        "attempt": pending.attempt,
        "decisions": list(pending.decisions),
        "remaining_undos": list(pending.remaining),
        "remedy": remedy_body(pending.remedy) if pending.remedy else None,
    }
    if isinstance(pending, OpenApproval):
        body["draft_sha256"] = pending.question.draft_sha256
        body["draft_url"] = addresses.workflow(workflow_id, "draft")
        body["draft_pdf_url"] = addresses.workflow(workflow_id, "draft.pdf") if pending.question.pdf else None
        body["expires_at"] = pending.question.expires_at.isoformat()
    return body


def _waits_for(one: WaitsFor) -> WaitsForBody:
    wait = one.provider
    return {
        "what": one.words,
        "since": wait.since.isoformat() if wait else None,
        "until": wait.until.isoformat() if wait else None,
        "looks": wait.polls if wait else 0,
        "last_error": wait.last_error if wait else None,
    }


def _error(one: WorkflowStatus) -> ErrorBody | None:
    if one.error is None:
        return None
    remedy = remedy_body(one.remedy, resumable=can_be_resumed(one.row)) if one.remedy else None
    return {**one.error, "remedy": remedy}


def _offer(offer: ResumeOffer) -> OfferBody:
    return {
        "may_charge_again": offer.may_charge_again,
        "price": offer.price,
        "words": offer.words,
        "has_text": offer.has_text,
    }
