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

AWAY = (httpx.HTTPError, OSError)
_TRY_AGAIN_SECONDS = 0.25
# The stream sends something every 15 s; one that is silent for longer hangs on a dead or stopped process.
_SILENCE_SECONDS = 25.0
# The statuses that the API documents for these requests while parts of the installation are unavailable.
_DOCUMENTED = {202, 200, 409, 503}


@dataclass
class Asked:
    """One report as its client sees it. `word` is in the prompt; `report_id` is None until the report is accepted."""

    number: int
    word: str
    prompt: str
    key: str
    channels: tuple[str, ...] | None = None
    pipeline: str = "generate-report"
    more: Mapping[str, Any] = field(default_factory=dict)
    report_id: str | None = None
    asked_at: float = 0.0
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
        return None if self.ended_at is None else self.ended_at - self.asked_at


def word_of(seed: int) -> str:
    """The common prefix of the words of all reports of one campaign."""
    return f"chaos{seed}x"


def words_of(
    number: int, seed: int, canary: str, channels: tuple[str, ...] | None = None, pipeline: str = "generate-report"
) -> Asked:
    """Build the request of one report. The canary is not in its first line, which becomes the title."""
    word = f"{word_of(seed)}{number:05d}"
    prompt = f"What does {word} tell about tides 🌊 and harbours?\nCompare three of them. Internal mark: {canary}"
    return Asked(number, word, prompt, f"{word}-key", channels, pipeline)


class Client:
    """Calls one API; close it when done."""

    def __init__(self, api: str) -> None:
        self.answers: Counter[str] = Counter()
        self.undocumented: list[str] = []
        self._http = httpx.AsyncClient(
            base_url=api,
            timeout=httpx.Timeout(10, read=_SILENCE_SECONDS),
            limits=httpx.Limits(max_connections=None),
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def live_through(self, one: Asked) -> None:
        """Submit a report and follow it to its end, whatever happens to the API meanwhile."""
        one.asked_at = time.monotonic()
        answer = await self.insist(f"/api/workflows/{one.pipeline}", one.body, one.key)
        one.report_id = answer.json()["workflow_id"]
        await self.follow(one)

    async def resume(self, one: Asked) -> None:
        """Resume a failed report, and follow it from its last end to the next one."""
        await self.insist(f"/api/workflows/{one.report_id}/resume", {}, f"{one.key}-resumed")
        one.ended_at = None
        await self.follow(one)

    async def follow(self, one: Asked) -> None:
        """Follow the report from the last event seen to its end."""
        while one.ended_at is None:
            try:
                await self._watch(one)
            except AWAY as error:
                self.answers[type(error).__name__] += 1
            await asyncio.sleep(0 if one.ended_at else _TRY_AGAIN_SECONDS)

    async def insist(self, path: str, body: Any, key: str, settling: Collection[int] = (202,)) -> httpx.Response:
        """Post the body with one key until an answer settles it; return that answer."""
        while True:
            answer = await self._tried("POST", path, json=body, headers={"Idempotency-Key": key})
            if answer is not None and answer.status_code in settling:
                return answer
            await asyncio.sleep(_TRY_AGAIN_SECONDS)

    async def status(self, one: Asked) -> dict[str, Any]:
        """The report's status body, as soon as the API is available."""
        while True:
            answer = await self._tried("GET", f"/api/workflows/{one.report_id}/status")
            if answer is not None and answer.status_code == httpx.codes.OK:
                body: dict[str, Any] = answer.json()
                return body
            await asyncio.sleep(_TRY_AGAIN_SECONDS)

    async def _tried(self, method: str, path: str, **more: Any) -> httpx.Response | None:
        """Send the request and record its answer; None while the API is unavailable."""
        try:
            answer = await self._http.request(method, path, **more)
        except AWAY as error:
            self.answers[type(error).__name__] += 1
            return None
        self._note(answer)
        return answer

    async def _watch(self, one: Asked) -> None:
        """Follow the stream from the last event seen until either side ends it."""
        headers = {"Last-Event-ID": str(one.numbers[-1])} if one.numbers else {}
        async with self._http.stream("GET", f"/api/workflows/{one.report_id}/events", headers=headers) as stream:
            if stream.status_code != httpx.codes.OK:
                await stream.aread()
                self._note(stream)
                return
            self.answers["200"] += 1
            parser = EventParser()
            async for chunk in stream.aiter_bytes():
                for message in parser.feed(chunk):
                    if message.id is not None:
                        one.numbers.append(int(message.id))
                    if message.event == "closed":
                        one.ended_at = time.monotonic()

    def _note(self, answer: httpx.Response) -> None:
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
