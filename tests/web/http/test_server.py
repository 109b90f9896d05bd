"""The server as a process: a port that is in use, and a stop that breaks no stream."""

import asyncio
import os
import signal
import socket
import time

import pytest

from durable_research.role_port.health import Health
from durable_research.telemetry import logs
from durable_research.web.http import server as http_server
from durable_research.web.http.server import CannotListen, bind, serve_app
from tests.logged import captured_lines
from tests.programs import free_port
from tests.web.harness import Harness
from tests.web.running_server import RunningServer


def test_a_port_in_use_is_named_with_its_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        with pytest.raises(CannotListen, match=rf"port {port} on 127\.0\.0\.1 is in use .* DURABLE_RESEARCH_PORT"):
            bind("127.0.0.1", port)


def test_a_non_local_address_is_refused_by_name() -> None:
    with pytest.raises(CannotListen, match=r"cannot listen on 203\.0\.113\.1:8000"):
        bind("203.0.113.1", 8000)


async def test_answers_on_a_keep_alive_connection_are_sent_without_delay(server: RunningServer) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    took = []
    for _ in range(20):
        sent_at = time.monotonic()
        writer.write(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.readuntil(b'{"status":"ok"}')
        took.append(time.monotonic() - sent_at)
    writer.close()

    # A delayed segment waits for an acknowledgement, which comes after 40 ms, each time on a connection that is not new.
    assert min(took[10:]) < 0.03


@pytest.mark.parametrize("stop_signal", [signal.SIGTERM, signal.SIGINT])
async def test_a_stop_signal_ends_open_streams_at_once(
    stop_signal: signal.Signals, harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_server, "_DRAIN_SECONDS", 60)  # the test ends before it, or not at all
    report_id, port = await harness.queued(), free_port()
    with captured_lines() as lines:
        serving = asyncio.create_task(serve_app(harness.app, harness.streams, "127.0.0.1", port, Health()))
        async with asyncio.timeout(30):
            while True:
                try:
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
                    break
                except ConnectionRefusedError:
                    await asyncio.sleep(0.01)
            writer.write(f"GET /api/workflows/{report_id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            await reader.readuntil(b"event: accepted")

            os.kill(os.getpid(), stop_signal)
            rest = await reader.read()
            await serving

    writer.close()
    assert rest.endswith(b"0\r\n\r\n")
    assert [one["event"] for one in lines] == [logs.API_READY.name]


async def test_the_api_is_ready_when_it_listens_and_not_ready_before_it_stops_listening(harness: Harness) -> None:
    health, listener = Health(), bind("127.0.0.1", 0)
    server = http_server.Server(harness.app, harness.streams, "http://127.0.0.1", health)
    seen = [health.why_not_ready]
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    seen.append(health.why_not_ready)

    server.stop()
    seen.append(health.why_not_ready)
    with socket.create_connection(listener.getsockname()):  # the listener is still open
        pass
    await serving

    assert seen == ["the process is starting", None, "the process is draining"]
