"""A client as in a user's program: it submits a report with an Idempotency-Key, retries while the API is unavailable, and
follows the live stream from the last event that it saw until the report has ended.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from durable_research.event_parser import EventParser
from durable_research.experiments.evidence.quirks import Expected

UNREACHABLE = (httpx.HTTPError, OSError)
_RETRY_SECONDS = 0.25
# The stream sends something every 15 s; one that is silent for longer hangs on a dead or stopped process.
_STREAM_TIMEOUT_SECONDS = 25.0
# The statuses that the API documents for these requests while parts of the installation are unavailable.
_DOCUMENTED = {202, 200, 409, 503}


@dataclass
class ReportRequest:
    """One report as its client sees it. `word` is in the prompt; `report_id` is None until the report is accepted."""

    number: int
    word: str
    prompt: str
    key: str
    channels: tuple[str, ...] | None = None
    pipeline: str = "generate-report"
    more: Mapping[str, Any] = field(default_factory=dict)
    report_id: str | None = None
    submitted_at: float = 0.0
    ended_at: float | None = None
    numbers: list[int] = field(default_factory=list)
    quirk: Expected | None = None

    @property
    def body(self) -> dict[str, Any]:
        return {"prompt": self.prompt, **({"notify": self.channels} if self.channels else {}), **self.more}

    @property
    def in_flight(self) -> bool:
        """Whether it is accepted and not ended."""
        return self.report_id is not None and self.ended_at is None

    @property
    def seconds(self) -> float | None:
        """Seconds from the first try to the end, as this client saw it."""
        return None if self.ended_at is None else self.ended_at - self.submitted_at


def word_prefix(seed: int) -> str:
    """The common prefix of the words of all reports of one campaign."""
    return f"chaos{seed}x"


def report_request(
    number: int, seed: int, canary: str, channels: tuple[str, ...] | None = None, pipeline: str = "generate-report"
) -> ReportRequest:
    """Build the request of one report. The canary is not in its first line, which becomes the title."""
    word = f"{word_prefix(seed)}{number:05d}"
    prompt = f"What does {word} tell about tides 🌊 and harbours?\nCompare three of them. Internal mark: {canary}"
    return ReportRequest(number, word, prompt, f"{word}-key", channels, pipeline)


class Client:
    """Calls one API; close it when done."""

    def __init__(self, api: str) -> None:
        self.answers: Counter[str] = Counter()
        self.undocumented: list[str] = []
        self._http = httpx.AsyncClient(
            base_url=api,
            timeout=httpx.Timeout(10, read=_STREAM_TIMEOUT_SECONDS),
            limits=httpx.Limits(max_connections=None),
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def submit_and_follow(self, request: ReportRequest) -> None:
        """Submit a report and follow it to its end, whatever happens to the API meanwhile."""
        request.submitted_at = time.monotonic()
        answer = await self.post_until_answered(f"/api/workflows/{request.pipeline}", request.body, request.key)
        request.report_id = answer.json()["workflow_id"]
        await self.follow(request)

    async def resume(self, request: ReportRequest) -> None:
        """Resume a failed report, and follow it from its last end to the next one."""
        await self.post_until_answered(f"/api/workflows/{request.report_id}/resume", {}, f"{request.key}-resumed")
        request.ended_at = None
        await self.follow(request)

    async def follow(self, request: ReportRequest) -> None:
        """Follow the report from the last event seen to its end."""
        while request.ended_at is None:
            try:
                await self._watch(request)
            except UNREACHABLE as error:
                self.answers[type(error).__name__] += 1
            await asyncio.sleep(0 if request.ended_at else _RETRY_SECONDS)

    async def post_until_answered(
        self, path: str, body: Any, key: str, final_statuses: Collection[int] = (202,)
    ) -> httpx.Response:
        """Post the body with one key until an answer settles it; return that answer."""
        while True:
            answer = await self._request_once("POST", path, json=body, headers={"Idempotency-Key": key})
            if answer is not None and answer.status_code in final_statuses:
                return answer
            await asyncio.sleep(_RETRY_SECONDS)

    async def status(self, request: ReportRequest) -> dict[str, Any]:
        """The report's status body, as soon as the API is available."""
        while True:
            answer = await self._request_once("GET", f"/api/workflows/{request.report_id}/status")
            if answer is not None and answer.status_code == httpx.codes.OK:
                body: dict[str, Any] = answer.json()
                return body
            await asyncio.sleep(_RETRY_SECONDS)

    async def _request_once(self, method: str, path: str, **more: Any) -> httpx.Response | None:
        """Send the request and record its answer; None while the API is unavailable."""
        try:
            answer = await self._http.request(method, path, **more)
        except UNREACHABLE as error:
            self.answers[type(error).__name__] += 1
            return None
        self._record(answer)
        return answer

    async def _watch(self, request: ReportRequest) -> None:
        """Follow the stream from the last event seen until either side ends it."""
        headers = {"Last-Event-ID": str(request.numbers[-1])} if request.numbers else {}
        async with self._http.stream("GET", f"/api/workflows/{request.report_id}/events", headers=headers) as stream:
            if stream.status_code != httpx.codes.OK:
                await stream.aread()
                self._record(stream)
                return
            self.answers["200"] += 1
            parser = EventParser()
            async for chunk in stream.aiter_bytes():
                for message in parser.feed(chunk):
                    if message.id is not None:
                        request.numbers.append(int(message.id))
                    if message.event == "closed":
                        request.ended_at = time.monotonic()

    def _record(self, answer: httpx.Response) -> None:
        status = answer.status_code
        self.answers[str(status)] += 1
        kind = answer.headers.get("content-type", "")
        if status not in _DOCUMENTED:
            self.undocumented.append(f"HTTP {status}: {answer.text[:200]}")
        elif status >= httpx.codes.BAD_REQUEST and not _is_problem(kind, answer.text, status):
            self.undocumented.append(f"HTTP {status} that is no problem+json: {answer.text[:200]}")


def _is_problem(kind: str, text: str, status: int) -> bool:
    try:
        body = json.loads(text)
    except ValueError:
        return False
    return kind == "application/problem+json" and body.get("status") == status and "code" in body
