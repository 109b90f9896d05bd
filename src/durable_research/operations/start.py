"""Starting work: validate the request, accept it in one transaction, then submit it to the engine until it has it."""

import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from durable_research.catalogue import BY_KIND, pipeline_at
from durable_research.descriptor import Pipeline, Receivers
from durable_research.domain.caller import Caller
from durable_research.domain.errors import FieldError, InfrastructureDown, InvalidInput
from durable_research.domain.requests.addresses import AddressRefused, check_address, is_address
from durable_research.domain.requests.writing import WritingRequest
from durable_research.domain.workflows.events import EventKind
from durable_research.domain.workflows.progress import ProgressEvent, resumed_with, since_resumed
from durable_research.domain.workflows.workflow import RANDOM_BYTES, new_workflow_id
from durable_research.failpoints.reach import Point, reach
from durable_research.operations.outbox import Outbox
from durable_research.operations.validation import validated
from durable_research.ports.clock import Clock
from durable_research.ports.database.progress import ProgressLog
from durable_research.ports.database.workflows import NewWorkflow, WorkflowRow, Workflows
from durable_research.ports.engine.engine import WorkflowEngine
from durable_research.telemetry import tracing

_LONGEST_SLEEP = timedelta(days=366)


@dataclass(frozen=True)
class Started:
    """An accepted workflow; `replayed` when the same Idempotency-Key had been accepted before."""

    row: WorkflowRow
    replayed: bool


@dataclass
class Starting:
    """Accepts work and submits it to the engine, retrying each second, while this process runs.

    `unsafe_addresses` is for tests only.
    """

    workflows: Workflows
    progress: ProgressLog
    engine: WorkflowEngine
    now: Clock
    receivers: Receivers
    unsafe_addresses: bool = False
    _starts: Outbox = field(default_factory=Outbox)

    async def start(
        self, path: str, body: Mapping[str, Any], *, caller: Caller, idempotency_key: str | None = None
    ) -> Started:
        """Accept a request for the pipeline at `path`.

        Raises:
            UnknownPipeline: no such pipeline.
            InvalidInput: fields break their rules; nothing was changed.
            IdempotencyKeyReused: the key came with another request.
            InfrastructureDown: the database is away; nothing was changed.
        """
        pipeline = pipeline_at(path)
        request = self._validate(pipeline, body)
        accepted_input = request.model_dump(mode="json", exclude_none=True)
        new = NewWorkflow(
            workflow_id=new_workflow_id(
                pipeline.kind, int(self.now().timestamp() * 1000), secrets.token_bytes(RANDOM_BYTES)
            ),
            kind=pipeline.kind,
            tenant=caller.tenant,
            title=request.shown_title,
            input=accepted_input,
            idempotency_key=idempotency_key,
            fingerprint=hashlib.sha256(json.dumps(accepted_input, sort_keys=True).encode()).hexdigest(),
            begins_at=self.sleeps_until(request),
            traceparent=tracing.current_traceparent(),
        )
        await reach(Point.START_BEGUN, new.workflow_id)
        row, replayed = await self.workflows.accept(new)
        await reach(Point.START_ACCEPTED, row.workflow_id)
        self.deliver(row)
        return Started(row, replayed)

    def sleeps_until(self, request: WritingRequest) -> datetime | None:
        """The time at which it is to begin; None when that is now or has passed."""
        return request.begins_at if request.begins_at and request.begins_at > self.now() else None

    def deliver(self, row: WorkflowRow) -> None:
        """Submit an accepted or resumed workflow to the engine, retrying each second until the engine has it."""
        if not row.engine_started and not row.status.is_final:
            self._starts.deliver(row.workflow_id, lambda: self.submit(row))

    async def submit(self, row: WorkflowRow) -> None:
        """Submit one accepted workflow to the engine, once; a cancellation that came meanwhile is delivered too.

        Raises:
            InfrastructureDown: the engine or the database is away.
        """
        pipeline = BY_KIND[row.kind]
        message = pipeline.start_message(row, self.receivers)
        events = await self.progress.read(row.workflow_id) if row.engine_started or row.resumption else ()
        if row.resumption and pipeline.resumed_message:
            message = pipeline.resumed_message(message, resumed_with(events))
        await reach(Point.START_SUBMITTING, row.workflow_id)
        with _span_of_start(row) as traceparent:
            await self.engine.start(
                row.workflow_id,
                pipeline.workflow_type,
                pipeline.task_queue,
                message,
                tenant=row.tenant,
                completed_steps=_completed_steps(events) if row.engine_started else (),
                resumption=row.resumption,
                traceparent=traceparent,
            )
        await reach(Point.START_SUBMITTED, row.workflow_id)
        row = await self.workflows.mark_started(row.workflow_id, row.resumption)
        if row.cancel_requested:
            await self.engine.cancel(row.workflow_id, row.resumption)

    async def close(self) -> None:
        """Stop retrying; accepted work is in the database, and reconciliation starts it."""
        await self._starts.close()

    def _validate(self, pipeline: Pipeline, body: Mapping[str, Any]) -> WritingRequest:
        request = validated(pipeline.request, body)
        self.check_channels(request)
        return request

    def check_channels(self, request: WritingRequest) -> None:
        """Refuse receivers that are not configured, forbidden addresses, and a begin too far ahead.

        Raises:
            InvalidInput: with an entry for each of them.
        """
        found = [self._channel_error(channel, pointer) for pointer, channel in request.named_channels.items()]
        if request.begins_at and request.begins_at - self.now() > _LONGEST_SLEEP:
            detail = f"must be at most {_LONGEST_SLEEP.days} days ahead"
            found.append(FieldError("/start_after", "out_of_range", detail))
        if errors := [error for error in found if error]:
            raise InvalidInput(errors)

    def _channel_error(self, channel: str, pointer: str) -> FieldError | None:
        if is_address(channel):
            try:
                check_address(channel, loopback_too=self.unsafe_addresses)
            except AddressRefused as refused:
                return FieldError(pointer, refused.code, refused.detail)
        elif channel not in (*self.receivers.default, *self.receivers.on_request):
            return FieldError(pointer, "not_configured", f"no receiver is configured for {channel!r}")
        return None


def _completed_steps(events: Sequence[ProgressEvent]) -> Sequence[str]:
    return sorted({event.step for event in since_resumed(events) if event.kind is EventKind.ATTEMPT_COMPLETED})


@contextmanager
def _span_of_start(row: WorkflowRow) -> Iterator[str | None]:
    """The span below which the run's are, in the trace of the request that was accepted, whichever process starts it now."""
    with tracing.span(
        tracing.WORKFLOW_START, parent=row.traceparent, workflow_id=row.workflow_id, workflow_kind=row.kind
    ) as opened:
        try:
            yield opened.traceparent
        except InfrastructureDown:
            opened.discard()  # it is tried again each second
            raise
