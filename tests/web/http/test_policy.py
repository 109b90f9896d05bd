"""The content security policy of every answer, and the caching of static files."""

import re

import pytest
from quart.testing import QuartClient

from tests.web.harness import Harness

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; frame-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'"
)


@pytest.mark.parametrize("path", ["/", "/reports", "/schedules", "/nothing", "/api/reports", "/api/nothing"])
async def test_every_answer_has_the_strict_content_security_policy(client: QuartClient, path: str) -> None:
    headers = (await client.get(path)).headers

    assert headers["Content-Security-Policy"] == POLICY
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"


async def test_pages_hold_no_inline_style_or_script(client: QuartClient, harness: Harness) -> None:
    running, done = await harness.queued(), await harness.queued()
    await harness.done(done)
    await client.post("/api/schedules", json={"prompt": "tides", "every": "1d"})

    for path in ("/", "/reports", "/schedules", f"/reports/{running}", f"/reports/{done}"):
        text = await (await client.get(path)).get_data(as_text=True)
        assert not re.search(r"\sstyle=|<style|\son\w+=|<script(?![^>]*\ssrc=)", text)


async def test_static_files_are_immutable_under_their_versioned_address(client: QuartClient) -> None:
    link = re.search(r'href="(/static/site\.css\?v=\w+)"', await (await client.get("/")).get_data(as_text=True))
    assert link

    response = await client.get(link[1])

    assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert (await client.get(link[1], headers={"If-None-Match": response.headers["ETag"]})).status_code == 304


async def test_static_files_under_an_old_version_are_not_cached(client: QuartClient) -> None:
    assert (await client.get("/static/site.css?v=old")).headers["Cache-Control"] == "no-cache"
