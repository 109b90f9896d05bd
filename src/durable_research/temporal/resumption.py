"""Which resumption of its workflow a run is: memo of the run, header of each activity that it schedules.

A resumed workflow keeps its id and gets a new run. An activity of an earlier run may still be frozen somewhere: this number
shows that its attempt is stale.
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


class ResumptionInbound(WorkflowInboundInterceptor):
    """Puts the header on every activity of a resumed workflow's run."""

    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        """Wrap the SDK's chain."""
        super().init(_Outbound(outbound))


class _Outbound(WorkflowOutboundInterceptor):
    def start_activity(self, input: StartActivityInput) -> workflow.ActivityHandle[Any]:
        return super().start_activity(_numbered(input))

    def start_local_activity(self, input: StartLocalActivityInput) -> workflow.ActivityHandle[Any]:
        return super().start_local_activity(_numbered(input))


def _numbered(argument: Input) -> Input:
    if number := own_resumption():
        argument.headers = {**argument.headers, names.RESUMPTION: _CONVERTER.to_payload(number)}
    return argument
