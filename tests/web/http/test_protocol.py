"""Cases below the HTTP client: bodies without length, endless heads, unknown methods."""

import asyncio
import json

import pytest

from durable_research.web.http.middleware import LARGEST_BODY_BYTES
from tests.web.running_server import Reply, RunningServer

POST = b"POST /api/workflows/generate-report HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


def refusal(reply: Reply) -> tuple[int, str]:
    assert reply.headers["content-type"] == "application/problem+json"
    body = json.loads(reply.body)
    assert body["status"] == reply.status
    assert body["request_id"] == reply.headers["x-request-id"]
    return reply.status, body["code"]


async def test_a_chunked_body_is_refused_at_the_limit_and_the_connection_closed(server: RunningServer) -> None:
    size = LARGEST_BODY_BYTES + 1

    reply = await server.send(
        POST + b"Transfer-Encoding: chunked\r\n\r\n" + f"{size:x}\r\n".encode() + b"a" * size + b"\r\n0\r\n\r\n"
    )

    assert (*refusal(reply), reply.headers["connection"]) == (413, "body_too_large", "close")


async def test_an_endless_chunked_body_is_refused_before_its_end(server: RunningServer) -> None:
    reply = await server.send(
        POST + b"Transfer-Encoding: chunked\r\n\r\n" + (b"8000\r\n" + b"a" * 0x8000 + b"\r\n") * 40
    )

    assert refusal(reply) == (413, "body_too_large")


async def test_a_huge_content_length_is_refused_before_reading(server: RunningServer) -> None:
    reply = await server.send(POST + b"Content-Length: 1000000000000\r\n\r\nhello")

    assert refusal(reply) == (413, "body_too_large")


async def test_a_body_that_is_not_utf_8_is_refused(server: RunningServer) -> None:
    reply = await server.send(POST + b"Content-Length: 3\r\n\r\n\xff\xfe\x00")

    assert refusal(reply) == (400, "invalid_utf8")


@pytest.mark.parametrize("method", ["TRACE", "DELETE", "BREW", "PROPFIND", "get"])
async def test_an_unsupported_method_is_405_with_the_allowed_ones(server: RunningServer, method: str) -> None:
    reply = await server.send(
        f"{method} /api/workflows/generate-report HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n".encode()
    )

    assert (*refusal(reply), reply.headers["allow"]) == (405, "method_not_allowed", "POST")


async def test_an_unknown_method_at_an_unknown_address_is_404(server: RunningServer) -> None:
    assert refusal(await server.send(b"BREW /coffee HTTP/1.1\r\nHost: localhost\r\n\r\n")) == (404, "not_found")


async def test_ten_thousand_ranges_are_431_headers_too_large(server: RunningServer) -> None:
    report_id = await server.harness.queued()
    await server.harness.done(report_id)

    reply = await server.get(f"/api/reports/{report_id}.pdf", f"Range: bytes={','.join(['0-0'] * 10_000)}\r\n")

    assert refusal(reply) == (431, "headers_too_large")


async def test_several_ranges_are_416(server: RunningServer) -> None:
    report_id = await server.harness.queued()
    await server.harness.done(report_id)

    reply = await server.get(f"/api/reports/{report_id}.pdf", f"Range: bytes={','.join(['0-0'] * 1_000)}\r\n")

    assert refusal(reply) == (416, "range_not_satisfiable")


async def test_a_long_address_is_414(server: RunningServer) -> None:
    assert refusal(await server.get("/api/" + "a" * 5_000)) == (414, "uri_too_long")


async def test_an_endless_address_is_414(server: RunningServer) -> None:
    assert refusal(await server.send(b"GET /" + b"a" * 300_000)) == (414, "uri_too_long")


async def test_a_large_head_is_431(server: RunningServer) -> None:
    assert refusal(await server.get("/api/reports", f"X-Big: {'a' * 17_000}\r\n")) == (431, "headers_too_large")


async def test_an_endless_header_is_431(server: RunningServer) -> None:
    reply = await server.send(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Big: " + b"a" * 300_000)

    assert refusal(reply) == (431, "headers_too_large")


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: +5\r\n",
        b"Transfer-Encoding: gzip, chunked, x\r\n",
        b"X\x00Y: 1\r\n",
        b" folded: 1\r\n",
    ],
)
async def test_an_ambiguous_request_is_400(server: RunningServer, head: bytes) -> None:
    reply = await server.send(POST + head + b"\r\nhello")

    assert reply.status == 400
    assert refusal(reply)[1] in {"malformed_request", "malformed_json"}
    assert server.harness.world.workflows.rows == {}


async def test_a_request_without_a_host_is_refused(server: RunningServer) -> None:
    assert refusal(await server.send(b"GET / HTTP/1.1\r\n\r\n")) == (400, "invalid_host")


async def test_a_request_with_two_hosts_is_refused(server: RunningServer) -> None:
    reply = await server.send(b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n")

    assert refusal(reply) == (400, "invalid_host")


async def test_an_unknown_host_is_refused_and_not_echoed(server: RunningServer) -> None:
    reply = await server.send(b"GET /api/reports HTTP/1.1\r\nHost: evil.example\r\n\r\n")

    assert refusal(reply) == (400, "invalid_host")
    assert b"evil" not in reply.body


async def test_a_forwarded_host_is_ignored(server: RunningServer) -> None:
    reply = await server.get("/", "X-Forwarded-Host: evil.example\r\nForwarded: host=evil.example\r\n")

    assert reply.status == 200
    assert b"evil" not in reply.body


async def test_a_doubled_slash_is_another_address(server: RunningServer) -> None:
    assert refusal(await server.get("//api/reports")) == (404, "not_found")


@pytest.mark.parametrize("target", [b"/\xff", b"/?q=\xff", b"*", b"http://evil.example:99999/", b"/%"])
async def test_a_malformed_request_target_is_a_4xx(server: RunningServer, target: bytes) -> None:
    reply = await server.send(b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")

    assert 400 <= reply.status < 500


async def test_a_protocol_upgrade_is_ignored(server: RunningServer) -> None:
    reply = await server.get("/livez", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n")

    assert reply.status == 200


async def test_invalid_bytes_during_a_stream_end_the_connection(server: RunningServer) -> None:
    report_id = await server.harness.queued()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(f"GET /api/workflows/{report_id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    await reader.readuntil(b"event: accepted")

    writer.write(b"\x00\x01rubbish\r\n\r\n")

    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await asyncio.wait_for(reader.readuntil(b"HTTP/1.1 400"), 20)
    writer.close()
