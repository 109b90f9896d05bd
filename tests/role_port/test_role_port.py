"""The role's port answers three addresses, in threads of its own, whatever the event loop does."""

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import pytest

from durable_research.role_port.health import Health
from durable_research.role_port.server import CannotListenThere, RoleApp, RolePort
from tests.installation import PATIENCE_SECONDS

TEXT = b"# HELP a_total a\n# TYPE a_total counter\na_total 1.0\n"
Get = Callable[..., httpx.Response]


@dataclass
class Clock:
    """A clock that tests set."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock: Clock) -> Health:
    return Health(clock, hung_after=15)


@pytest.fixture
def request_of(health: Health) -> Iterator[Get]:
    with RolePort("127.0.0.1:0", RoleApp(health, lambda: TEXT)) as port:

        def request(path: str, method: str = "GET", **more: object) -> httpx.Response:
            return httpx.request(method, f"http://127.0.0.1:{port.port}{path}", timeout=30, **more)  # type: ignore[arg-type]

        yield request


def test_metrics_are_text_as_prometheus_reads_it(request_of: Get) -> None:
    answer = request_of("/metrics")

    assert (answer.status_code, answer.content) == (200, TEXT)
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


def test_a_ready_process_is_alive_and_ready(request_of: Get, health: Health) -> None:
    health.ready()

    assert [request_of(path).json() for path in ("/livez", "/readyz")] == [{"status": "ok"}] * 2


def test_a_starting_process_is_alive_and_not_ready(request_of: Get) -> None:
    assert [request_of(path).status_code for path in ("/livez", "/readyz")] == [200, 503]
    assert request_of("/readyz").json()["detail"] == "the process is starting"


def test_a_draining_process_is_alive_and_never_ready_again(request_of: Get, health: Health) -> None:
    health.ready()
    health.drain()
    health.ready()

    assert [request_of(path).status_code for path in ("/livez", "/readyz")] == [200, 503]
    assert request_of("/readyz").json()["detail"] == "the process is draining"


def test_a_process_without_a_tick_for_long_is_neither_alive_nor_ready(
    request_of: Get, health: Health, clock: Clock
) -> None:
    health.ready()
    clock.now += 15.1

    assert [request_of(path).status_code for path in ("/livez", "/readyz")] == [503, 503]
    assert request_of("/livez").json()["code"] == "not_alive"

    health.tick()

    assert [request_of(path).status_code for path in ("/livez", "/readyz")] == [200, 200]


def test_readiness_needs_its_check_and_liveness_does_not(request_of: Get, health: Health) -> None:
    health.ready()
    health.check = lambda: "the database does not answer"

    assert [request_of(path).status_code for path in ("/livez", "/readyz")] == [200, 503]
    assert request_of("/readyz").json()["detail"] == "the database does not answer"


async def test_a_hanging_event_loop_is_reported_by_the_port() -> None:
    health = Health()
    ticking = asyncio.create_task(health.tick_forever())

    def probe(port: int) -> int:
        return httpx.get(f"http://127.0.0.1:{port}/livez", timeout=30).status_code

    def probe_until_hung(port: int, done: threading.Event) -> None:
        while probe(port) != 503:
            pass
        done.set()

    with RolePort("127.0.0.1:0", RoleApp(health, lambda: TEXT)) as port:
        assert await asyncio.to_thread(probe, port.port) == 200
        health.hung_after = 2
        done = threading.Event()
        threading.Thread(target=probe_until_hung, args=(port.port, done), daemon=True).start()
        hung = done.wait(60)  # the loop stands still until the probe has seen it

        assert hung
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await asyncio.to_thread(probe, port.port) != 200:
                await asyncio.sleep(0.05)
    ticking.cancel()


@pytest.mark.parametrize("path", ["/", "/metrics/", "/health", "/livez/x", "/api/workflows"])
def test_nothing_else_is_there(request_of: Get, path: str) -> None:
    answer = request_of(path)

    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert answer.json()["code"] == "not_found"


@pytest.mark.parametrize("path", ["/metrics", "/livez", "/readyz"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"])
def test_another_method_is_refused_with_the_allowed_ones(request_of: Get, path: str, method: str) -> None:
    answer = request_of(path, method)

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert answer.json()["code"] == "method_not_allowed"


def test_head_is_get_without_its_body(request_of: Get) -> None:
    answer = request_of("/metrics", "HEAD")

    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", str(len(TEXT)))


def test_what_is_no_http_is_refused_without_an_echo(health: Health) -> None:
    with (
        RolePort("127.0.0.1:0", RoleApp(health, lambda: TEXT)) as port,
        socket.create_connection(("127.0.0.1", port.port), timeout=30) as connection,
    ):
        connection.sendall(b"GET /secret words HTTP/1.1\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(4096), b""))

    assert b"400" in answer.splitlines()[0]
    assert json.loads(answer.split(b"\r\n\r\n", 1)[1])["status"] == 400
    assert b"secret" not in answer.split(b"\r\n\r\n", 1)[1]


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (None, 401),
        ("Bearer wrong", 401),
        ("Bearer", 401),
        ("bearer s3cret", 401),
        ("Basic s3cret", 401),
        ("Bearer s3cret", 200),
        ("Bearer s3crét", 401),
    ],
)
def test_with_a_token_only_its_bearer_reads_the_metrics(health: Health, authorization: str | None, status: int) -> None:
    headers = {b"Authorization": authorization.encode()} if authorization else {}
    with RolePort("127.0.0.1:0", RoleApp(health, lambda: TEXT, "s3cret")) as port:
        url = f"http://127.0.0.1:{port.port}"
        answer = httpx.get(f"{url}/metrics", headers=headers, timeout=60)
        probe = httpx.get(f"{url}/livez", timeout=60)

    assert (answer.status_code, probe.status_code) == (status, 200)
    assert (answer.headers.get("www-authenticate") == "Bearer") == (status == 401)
    assert "s3cret" not in answer.text


def test_a_port_in_use_is_an_error_with_the_remedy(health: Health) -> None:
    app = RoleApp(health, lambda: TEXT)
    with (
        RolePort("127.0.0.1:0", app) as port,
        pytest.raises(CannotListenThere, match=rf"127\.0\.0\.1:{port.port} .*DURABLE_RESEARCH_METRICS_ADDRESS"),
    ):
        RolePort(f"127.0.0.1:{port.port}", app)


def test_it_listens_on_ipv6_too(health: Health) -> None:
    with RolePort("[::1]:0", RoleApp(health, lambda: TEXT)) as port:
        assert httpx.get(f"http://[::1]:{port.port}/livez", timeout=60).status_code == 200


def test_a_client_that_says_nothing_does_not_hold_up_the_others(health: Health) -> None:
    with (
        RolePort("127.0.0.1:0", RoleApp(health, lambda: TEXT)) as port,
        socket.create_connection(("127.0.0.1", port.port)),
    ):
        assert httpx.get(f"http://127.0.0.1:{port.port}/livez", timeout=60).status_code == 200
