"""What a run passes on to its activities: which resumption it is, and its trace. Memo of the run, header of each activity.

A resumed workflow keeps its id and gets a new run. An activity of an earlier run may still be frozen somewhere: this number
shows that its attempt is stale. The trace is a `traceparent` of our own: the SDK's tracing interceptors make spans in workflow
code, and around every signal, query and update. A replay compares no headers.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadConverter
from temporalio.worker import (
    StartActivityInput,
    StartLocalActivityInput,
    WorkflowInboundInterceptor,
    WorkflowOutboundInterceptor,
)

from durable_research.temporal import names

Input = TypeVar("Input", StartActivityInput, StartLocalActivityInput)
_CONVERTER = PayloadConverter.default


def own_resumption() -> int:
    """In workflow code: the resumption of this run; 0 for the workflow's first run."""
    return workflow.memo_value(names.RESUMPTION, 0, type_hint=int)


def resumption_in(headers: Mapping[str, Payload]) -> int:
    """The resumption in the header of an activity; 0 without one."""
    payload = headers.get(names.RESUMPTION)
    return _CONVERTER.from_payload(payload, int) if payload else 0


def traceparent_in(headers: Mapping[str, Payload]) -> str | None:
    """The `traceparent` in the header of an activity; None without one."""
    payload = headers.get(names.TRACEPARENT)
    return _CONVERTER.from_payload(payload, str) if payload else None


class ResumptionInbound(WorkflowInboundInterceptor):
    """Puts the headers on every activity: of a resumed workflow's run, and of one that is traced."""

    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        """Wrap the SDK's chain."""
        super().init(_Outbound(outbound))


class _Outbound(WorkflowOutboundInterceptor):
    def start_activity(self, input: StartActivityInput) -> workflow.ActivityHandle[Any]:
        return super().start_activity(_with_headers(input))

    def start_local_activity(self, input: StartLocalActivityInput) -> workflow.ActivityHandle[Any]:
        return super().start_local_activity(_with_headers(input))


def _with_headers(argument: Input) -> Input:
    if number := own_resumption():
        argument.headers = {**argument.headers, names.RESUMPTION: _CONVERTER.to_payload(number)}
    if traceparent := workflow.memo_value(names.TRACEPARENT, None, type_hint=str):
        argument.headers = {**argument.headers, names.TRACEPARENT: _CONVERTER.to_payload(traceparent)}
    return argument
