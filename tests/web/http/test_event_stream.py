"""Following a report: every event once and in order, the same bytes every time, and an end that comes by itself."""

import asyncio
import re

import pytest
from quart.testing import QuartClient

from durable_research.domain.caller import LOCAL_CALLER
from durable_research.domain.workflows.events import Closed, EventKind
from durable_research.domain.workflows.progress import Draft, ProgressEvent
from durable_research.domain.workflows.workflow import Status
from durable_research.web.http import event_stream
from tests.fakes import START
from tests.web.harness import Harness
from tests.web.running_server import RunningServer


async def read(client: QuartClient, report_id: str, after: int | None = None) -> bytes:
    headers = {} if after is None else {"Last-Event-ID": str(after)}
    response = await client.get(f"/api/workflows/{report_id}/events", headers=headers)
    assert response.status_code == 200
    return bytes(await response.get_data(as_text=False))


def numbers(stream: bytes) -> list[int]:
    return [int(found) for found in re.findall(rb"^id: (\d+)$", stream, re.MULTILINE)]


def test_an_event_is_serialised_from_its_row_alone() -> None:
    event = ProgressEvent("w", 3, START, EventKind.ATTEMPT_FAILED, "llm_call", 2, {"error": {"detail": "é\n\ud800"}})

    assert event_stream.frame(event).decode() == (
        "id: 3\nevent: attempt_failed\n"
        'data: {"seq":3,"at":"2026-08-01T12:00:00+00:00","kind":"attempt_failed","step":"llm_call","attempt":2,'
        '"error":{"detail":"é\\n?"}}\n\n'
    )


def test_a_draft_message_has_no_event_id() -> None:
    assert event_stream.frame(Draft("w", "llm_call", 2, "a\nid: 9")) == (
        b'event: draft\ndata: {"step":"llm_call","attempt":2,"text":"a\\nid: 9"}\n\n'
    )


def test_a_silent_stream_sends_a_comment_to_stay_alive() -> None:
    assert event_stream.frame(None) == b": keep-alive\n\n"


async def test_the_stream_of_a_finished_report_sends_all_events_and_ends(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.queued()
    await harness.done(report_id)

    stream = await read(client, report_id)

    assert stream.startswith(b"retry: 500\n\n")
    assert numbers(stream) == [event.seq for event in harness.world.progress.events[report_id]]
    assert b"event: closed" in stream


async def test_a_stream_resumed_at_any_event_gives_the_same_bytes(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.queued()
    await harness.done(report_id)
    whole = (await read(client, report_id)).removeprefix(b"retry: 500\n\n")
    messages = re.findall(rb"id: .*?\n\n", whole, re.DOTALL)

    for after in range(len(messages) + 1):
        rest = (await read(client, report_id, after)).removeprefix(b"retry: 500\n\n")
        assert rest == b"".join(messages[after:])


async def test_a_finished_report_is_streamed_without_temporal(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.queued()
    await harness.done(report_id)
    harness.world.engine.is_away = True

    assert b"event: closed" in await read(client, report_id)


async def test_the_last_event_id_header_takes_precedence_over_the_query(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.queued()
    await harness.done(report_id)

    response = await client.get(f"/api/workflows/{report_id}/events?after=1", headers={"Last-Event-ID": "4"})

    assert numbers(await response.get_data(as_text=False))[0] == 5


async def test_the_query_can_name_the_first_event_to_send(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.queued()
    await harness.done(report_id)

    response = await client.get(f"/api/workflows/{report_id}/events?after=3")

    assert numbers(await response.get_data(as_text=False))[0] == 4


async def test_a_last_event_id_of_zero_takes_precedence_too(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.queued()
    await harness.done(report_id)

    response = await client.get(f"/api/workflows/{report_id}/events?after=3", headers={"Last-Event-ID": "0"})

    assert numbers(await response.get_data(as_text=False))[0] == 1


async def test_events_are_streamed_when_they_happen(harness: Harness) -> None:
    report_id = await harness.queued()
    streams = event_stream.Streams()
    stream = streams.stream(harness.operations.reading.events(report_id, LOCAL_CALLER, 1))
    await anext(stream)

    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    await harness.step(report_id, "llm_call")

    assert b"event: attempt_started" in await asyncio.wait_for(waiting, 10)
    await stream.aclose()


async def test_a_draft_is_streamed_between_the_events(harness: Harness) -> None:
    report_id = await harness.queued()
    attempt = await harness.step(report_id, "llm_call")
    harness.world.drafts.show(attempt, "The sea")
    stream = event_stream.Streams().stream(harness.operations.reading.events(report_id, LOCAL_CALLER, 2))

    messages = [await anext(stream) for _ in range(2)]

    assert messages[1] == b'event: draft\ndata: {"step":"llm_call","attempt":1,"text":"The sea"}\n\n'
    await stream.aclose()


async def test_an_open_stream_ends_cleanly_when_the_process_drains(harness: Harness) -> None:
    report_id = await harness.queued()
    streams = event_stream.Streams()
    asyncio.get_running_loop().call_later(0.05, streams.drain)

    async with asyncio.timeout(10):
        sent = [
            message async for message in streams.stream(harness.operations.reading.events(report_id, LOCAL_CALLER, 0))
        ]

    assert len(sent) == 2


async def test_a_closed_stream_removes_its_watcher(harness: Harness) -> None:
    report_id = await harness.queued()
    stream = event_stream.Streams().stream(harness.operations.reading.events(report_id, LOCAL_CALLER, 0))
    await anext(stream)
    await anext(stream)

    await stream.aclose()

    assert not harness.world.changes.watchers[report_id]


async def test_a_database_outage_ends_the_stream_without_an_error(harness: Harness) -> None:
    report_id = await harness.queued()
    stream = event_stream.Streams().stream(harness.operations.reading.events(report_id, LOCAL_CALLER, 0))
    await anext(stream)
    harness.world.database.is_away = True

    assert [message async for message in stream] == []


async def test_streams_beyond_the_limit_are_refused(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.queued()
    harness.streams.most = 0

    response = await client.get(f"/api/workflows/{report_id}/events")

    assert (response.status_code, (await response.get_json())["code"]) == (429, "too_many_streams")
    assert response.headers["Retry-After"] == "5"


async def test_a_head_request_opens_no_stream(client: QuartClient, harness: Harness) -> None:
    response = await asyncio.wait_for(client.head(f"/api/workflows/{await harness.queued()}/events"), 10)

    assert response.headers["Content-Type"] == "text/event-stream"
    assert response.headers["X-Accel-Buffering"] == "no"


async def test_a_disconnected_reader_frees_its_place(server: RunningServer) -> None:
    report_id = await server.harness.queued()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(f"GET /api/workflows/{report_id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    await reader.readuntil(b"event: accepted")

    writer.close()

    async with asyncio.timeout(20):
        while server.harness.world.changes.watchers[report_id]:
            await asyncio.sleep(0.01)


async def test_a_reader_that_never_reads_buffers_a_bounded_number_of_events(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    report_id = await server.harness.queued()
    sent = 0

    async def flood(*_: object) -> object:
        nonlocal sent
        while True:
            sent += 1
            yield ProgressEvent(report_id, sent, START, EventKind.ACCEPTED, data={"title": "x" * 10_000})
            await asyncio.sleep(0)

    monkeypatch.setattr(server.harness.operations.reading, "events", flood)
    _, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
    writer.write(f"GET /api/workflows/{report_id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    before = -1
    async with asyncio.timeout(10):
        while sent != before or sent == 0:
            before = sent
            await asyncio.sleep(0.3)

    assert sent * 10_000 < 16 * 1024 * 1024
    writer.close()


async def test_a_stalled_reader_is_disconnected(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("durable_research.web.http.middleware._STALLED_SECONDS", 0.3)
    report_id = await server.harness.queued()
    ended = asyncio.Event()

    async def flood(*_: object) -> object:
        try:
            while True:
                yield ProgressEvent(report_id, 1, START, EventKind.ACCEPTED, data={"title": "x" * 100_000})
        finally:
            ended.set()

    monkeypatch.setattr(server.harness.operations.reading, "events", flood)
    _, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
    writer.write(f"GET /api/workflows/{report_id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())

    await asyncio.wait_for(ended.wait(), 10)
    async with asyncio.timeout(20):
        while server.server.server_state.connections:
            await asyncio.sleep(0.01)
    writer.close()


async def test_the_closed_event_is_the_last_message_of_a_stream(harness: Harness) -> None:
    report_id = await harness.queued()
    stream = event_stream.Streams().stream(harness.operations.reading.events(report_id, LOCAL_CALLER, 0))
    await anext(stream)

    await harness.world.progress.close(report_id, Status.CANCELLED, Closed())

    sent = [message async for message in stream]
    assert b"event: closed" in sent[-1]
