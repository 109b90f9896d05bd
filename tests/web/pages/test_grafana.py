"""Grafana below /grafana, by a stand-in that answers as Grafana's own server does behind a proxy."""

import gzip
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from quart import Quart, Response, request
from quart.testing import QuartClient

from durable_research.adapters.monitoring.grafana import Grafana
from tests.adapters.models.serving import serving
from tests.web.harness import Harness
from tests.web.pages.test_pages import page

Scope = dict[str, Any]
HERE: Scope = {"client": ("127.0.0.1", 5)}
ELSEWHERE: Scope = {"client": ("192.0.2.7", 5)}
PRODUCT = "/grafana/d/durable-research-product?kiosk"
POLICY = "script-src 'self' 'unsafe-eval'; frame-ancestors 'none'; object-src 'none'"
SCRIPT = gzip.compress(b"grafana()")


@dataclass
class StandIn:
    """What Grafana would answer, and the requests that it got."""

    frame_options: str | None = None
    health: bytes = b'{"commit": "0", "database": "ok", "version": "13.0.0"}'
    seen: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    def app(self) -> Quart:
        app = Quart(__name__)

        async def answer(path: str) -> Response:
            query = request.query_string.decode()
            self.seen.append((request.method, f"{path}?{query}", dict(request.headers), bytes(await request.body)))
            response = self._answer(path)
            if self.frame_options:
                response.headers["X-Frame-Options"] = self.frame_options
            return response

        methods = ["GET", "POST", "PUT", "DELETE"]
        app.add_url_rule("/grafana/<path:path>", view_func=answer, methods=methods)
        app.add_url_rule("/<path:path>", endpoint="outside", view_func=answer, methods=methods)
        return app

    def _answer(self, path: str) -> Response:
        if path == "api/health":
            return Response(self.health, content_type="application/json")
        if path == "public/build/app.js":
            return Response(SCRIPT, headers={"Content-Encoding": "gzip", "Cache-Control": "public, max-age=31536000"})
        if path == "login":
            return Response(b"", 302, {"Location": "/grafana/d/durable-research-product"})
        if path.startswith("d/"):
            response = Response(b"<html>Product</html>", headers={"Content-Security-Policy": POLICY})
            response.headers.add("Set-Cookie", "grafana_session=a; Path=/grafana")
            response.headers.add("Set-Cookie", "grafana_session_expiry=1; Path=/grafana")
            return response
        return Response(b"{}", content_type="application/json")


@pytest.fixture
def grafana() -> StandIn:
    return StandIn()


@pytest.fixture
async def connected(harness: Harness, grafana: StandIn) -> AsyncIterator[QuartClient]:
    """The application with this Grafana."""
    async with serving(grafana.app()) as address:
        adapter = Grafana(address)
        harness.world.dashboards = adapter
        harness.rebuild()
        yield QuartClient(harness.app)
        await adapter.close()


async def get(client: QuartClient, path: str, scope: Scope = HERE, **headers: str) -> Response:
    answer = await client.get(path, headers=headers, scope_base=scope)
    assert isinstance(answer, Response)
    return answer


async def metrics(client: QuartClient, scope: Scope = HERE) -> str:
    response = await get(client, "/metrics-ui", scope)
    assert response.status_code == 200
    return str(await response.get_data(as_text=True))


async def test_a_dashboard_is_framed_by_our_pages_and_by_no_other(connected: QuartClient) -> None:
    answer = await get(connected, PRODUCT)

    assert (answer.status_code, await answer.get_data()) == (200, b"<html>Product</html>")
    assert answer.headers["Content-Security-Policy"] == (
        "script-src 'self' 'unsafe-eval'; object-src 'none'; frame-ancestors 'self'"
    )
    assert answer.headers.getlist("Set-Cookie") == [
        "grafana_session=a; Path=/grafana",
        "grafana_session_expiry=1; Path=/grafana",
    ]


async def test_an_answer_without_a_policy_gets_one_about_frames_alone(connected: QuartClient) -> None:
    answer = await get(connected, "/grafana/api/annotations")

    assert answer.headers["Content-Security-Policy"] == "frame-ancestors 'self'"
    assert answer.headers["Referrer-Policy"] == "same-origin"


async def test_a_request_is_passed_on_with_its_path_query_and_body(connected: QuartClient, grafana: StandIn) -> None:
    await connected.post(
        "/grafana/api/ds/query?ds_type=prometheus&x=%2F",
        data=b'{"queries": []}',
        headers={"Content-Type": "application/json", "Host": "localhost:8000", "Cookie": "grafana_session=a"},
        scope_base=HERE,
    )

    method, target, headers, body = grafana.seen[-1]
    assert (method, target, body) == ("POST", "api/ds/query?ds_type=prometheus&x=%2F", b'{"queries": []}')
    # Grafana compares the Origin with the Host.
    assert (headers["Host"], headers["Cookie"]) == ("localhost:8000", "grafana_session=a")


async def test_who_a_client_says_that_it_is_is_not_passed_on(connected: QuartClient, grafana: StandIn) -> None:
    said = {"X-WEBAUTH-USER": "admin", "X-JWT-Assertion": "e30", "Authorization": "Bearer canary"}

    await get(connected, PRODUCT, HERE, **said)

    assert set(grafana.seen[-1][2]) & {name.title() for name in said} == set()
    assert "canary" not in str(grafana.seen[-1])


async def test_a_compressed_file_and_a_redirect_come_as_they_are(connected: QuartClient) -> None:
    script = await get(connected, "/grafana/public/build/app.js", HERE, **{"Accept-Encoding": "gzip"})
    redirect = await get(connected, "/grafana/login")

    assert (await script.get_data(), script.headers["Content-Encoding"]) == (SCRIPT, "gzip")
    assert script.headers["Cache-Control"] == "public, max-age=31536000"
    assert (redirect.status_code, redirect.headers["Location"]) == (302, "/grafana/d/durable-research-product")


PUBLIC, LOCAL = "https://research.example", "http://127.0.0.1:8000"


@pytest.mark.parametrize(
    ("scope", "headers", "public_url"),
    [
        (ELSEWHERE, {}, LOCAL),
        ({}, {}, LOCAL),
        (HERE, {"Host": "research.example"}, PUBLIC),
        (HERE, {}, PUBLIC),  # as through a proxy that adds nothing and names us as it calls us
        (HERE, {"X-Forwarded-For": "192.0.2.7"}, LOCAL),
        (HERE, {"X-Forwarded-Host": "research.example"}, LOCAL),
        (HERE, {"X-Real-IP": "192.0.2.7"}, LOCAL),
        (HERE, {"Forwarded": "for=192.0.2.7"}, LOCAL),
        (HERE, {"Via": "1.1 gateway"}, LOCAL),
    ],
)
async def test_it_is_not_found_outside_this_machine(
    harness: Harness, connected: QuartClient, grafana: StandIn, scope: Scope, headers: dict[str, str], public_url: str
) -> None:
    harness.settings = harness.settings.model_copy(update={"public_url": public_url})
    harness.rebuild()

    answer = await get(QuartClient(harness.app), PRODUCT, scope, **headers)

    assert answer.status_code == 404
    assert grafana.seen == []


async def test_the_page_outside_this_machine_has_a_sentence_and_no_frame(connected: QuartClient) -> None:
    text = await metrics(connected, ELSEWHERE)

    assert "Grafana is shown on this machine alone until there is a login." in text
    assert "<iframe" not in text


@pytest.mark.parametrize("path", ["/grafana/../api/system", "/grafana/%2e%2e/api/system", "/grafana/d/../../x"])
async def test_no_path_leads_out_of_it(connected: QuartClient, grafana: StandIn, path: str) -> None:
    assert (await get(connected, path)).status_code == 404
    assert grafana.seen == []


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_a_viewer_changes_nothing(connected: QuartClient, grafana: StandIn, method: str) -> None:
    answer = await connected.open("/grafana/api/dashboards/uid/x", method=method, scope_base=HERE)

    assert (answer.status_code, grafana.seen) == (405, [])


async def test_another_sites_page_posts_nothing_through_it(connected: QuartClient, grafana: StandIn) -> None:
    headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}

    answer = await connected.post("/grafana/api/ds/query", headers=headers, scope_base=HERE)

    assert (answer.status_code, grafana.seen) == (403, [])


async def test_the_page_embeds_it_sandboxed_when_it_answers(connected: QuartClient) -> None:
    (frame,) = re.findall(r"<iframe[^>]*>", await metrics(connected))

    assert frame == (
        f'<iframe title="Grafana\'s dashboard of the product" src="{PRODUCT}" loading="lazy" '
        'sandbox="allow-scripts allow-same-origin">'
    )


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"frame_options": "deny"}, "refuses to be embedded; set allow_embedding = true in its [security]"),
        ({"health": b"<html>"}, "is not Grafana below /grafana (HTTP 200); set root_url and serve_from_sub_path"),
    ],
)
async def test_the_page_says_what_grafana_lacks(
    connected: QuartClient, grafana: StandIn, changed: dict[str, str | bytes], sentence: str
) -> None:
    for name, value in changed.items():
        setattr(grafana, name, value)

    text = await metrics(connected)

    assert sentence in text
    assert "<iframe" not in text


async def test_a_grafana_that_is_away_is_a_sentence_and_its_address_a_503(harness: Harness) -> None:
    harness.world.dashboards = Grafana("http://user:canary@127.0.0.1:1")
    harness.rebuild()
    client = QuartClient(harness.app)

    text = await metrics(client)
    answer = await get(client, PRODUCT)

    assert "Grafana cannot be reached (ConnectError)." in text
    assert "canary" not in text
    assert answer.status_code == 503


async def test_without_an_address_the_page_says_how_to_connect_one_and_grafana_is_not_found(
    client: QuartClient,
) -> None:
    assert "Grafana is not connected; set DURABLE_RESEARCH_GRAFANA_URL." in await page(client, "/metrics-ui")
    assert (await get(client, PRODUCT)).status_code == 404


async def test_a_session_belongs_to_the_client_that_has_it(connected: QuartClient, grafana: StandIn) -> None:
    given = await get(connected, PRODUCT)
    assert given.headers.getlist("Set-Cookie")

    await get(QuartClient(connected.app), PRODUCT)

    assert "Cookie" not in grafana.seen[-1][2]


async def test_a_header_that_is_not_ascii_is_passed_on(connected: QuartClient, grafana: StandIn) -> None:
    answer = await get(connected, PRODUCT, HERE, **{"User-Agent": "caf\xe9", "Cookie": "other=\xe9"})

    assert answer.status_code == 200
    assert grafana.seen[-1][2]["User-Agent"].encode("latin-1").decode() == "caf\xe9"  # the bytes as they came
