"""Schedules over HTTP: add, list, pause, resume, delete."""

from dataclasses import dataclass

from quart import Response, request

from durable_research.operations.facade import Operations
from durable_research.web.api import answers
from durable_research.web.api.bodies import SchedulesBody
from durable_research.web.http import requests


@dataclass(frozen=True)
class SchedulesApi:
    """The handlers for schedules."""

    operations: Operations

    async def add(self) -> Response:
        """Create a schedule; it exists before the answer."""
        key = requests.idempotency_key_of(request)
        body = await requests.json_object_of(request)
        created = await self.operations.scheduling.add(body, caller=requests.caller_of(request), idempotency_key=key)
        headers = {"Idempotency-Replayed": "true"} if created.replayed else {}
        return answers.json_response(answers.schedule(created.view), 201, headers)

    async def list_schedules(self) -> Response:
        """All of them: their number is limited."""
        rows = await self.operations.scheduling.list(requests.caller_of(request))
        body: SchedulesBody = {"schedules": [answers.schedule(row) for row in rows]}
        return answers.json_response(body)

    async def pause(self, schedule_id: str) -> Response:
        """Pause it; a repeat is no error."""
        await requests.check_no_fields(request)
        row = await self.operations.scheduling.pause(schedule_id, requests.caller_of(request))
        return answers.json_response(answers.schedule(row))

    async def resume(self, schedule_id: str) -> Response:
        """Resume it; a repeat is no error."""
        await requests.check_no_fields(request)
        row = await self.operations.scheduling.resume(schedule_id, requests.caller_of(request))
        return answers.json_response(answers.schedule(row))

    async def delete(self, schedule_id: str) -> Response:
        """Remove it."""
        await requests.check_no_fields(request)
        await self.operations.scheduling.delete(schedule_id, requests.caller_of(request))
        return Response(b"", 204)
