"""The Dashboards port on Grafana, which is served from the sub-path /grafana (`serve_from_sub_path`).

Source: Grafana's documentation, "Run Grafana behind a reverse proxy", and its conf/defaults.ini.
"""

import json
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from durable_research.domain.errors import InfrastructureDown
from durable_research.ports.dashboards import ForwardedAnswer, ForwardedRequest

_SECONDS = 10.0
# Panels' data and Grafana's own scripts are a few megabytes.
_LARGEST_ANSWER = 32 << 20
_HEALTH = "/grafana/api/health"
# Of one connection, and never of the other one (RFC 9110, 7.6.1); lengths are counted anew.
_OF_A_CONNECTION = frozenset(
    {
        "connection", "content-length", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te",
        "trailer", "transfer-encoding", "upgrade",
    }
)  # fmt: skip
# By these a proxy says who somebody is: what a client says so is never passed on. Our own credentials are not Grafana's.
_OF_A_PROXY = ("authorization", "forwarded", "x-forwarded-", "x-jwt", "x-real-ip", "x-webauth-")


class Grafana:
    """Forwards requests to one address; their path is kept, and so is the Host, which Grafana compares with the Origin."""

    name = "grafana"

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/").removesuffix("/grafana")
        # Cookies are their clients': kept here, one session would be everybody's. For their sake no proxy either.
        nobodys = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        self._client = httpx.AsyncClient(timeout=_SECONDS, follow_redirects=False, cookies=nobodys, trust_env=False)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def check(self) -> None:
        """Return when it answers and may be embedded."""
        answer = await self.forward(ForwardedRequest((("accept", "application/json"),), b"", "GET", _HEALTH))
        headers = {name.lower(): value.lower() for name, value in answer.headers}
        if answer.status != 200 or not _is_grafana(answer.body):
            raise InfrastructureDown(
                f"what answers at its address is not Grafana below /grafana (HTTP {answer.status}); "
                "set root_url and serve_from_sub_path in its [server]"
            )
        if headers.get("x-frame-options") in {"deny", "sameorigin"}:
            raise InfrastructureDown("Grafana refuses to be embedded; set allow_embedding = true in its [security]")

    async def forward(self, request: ForwardedRequest) -> ForwardedAnswer:
        passed = [
            (name.encode("latin-1"), value.encode("latin-1"))
            for name, value in request.headers
            if name.lower() not in _OF_A_CONNECTION and not name.lower().startswith(_OF_A_PROXY)
        ]
        try:
            built = self._client.build_request(
                request.method, self._url + request.target, headers=passed, content=request.body or None
            )
            if b"accept-encoding" not in {name.lower() for name, _ in passed}:
                built.headers["accept-encoding"] = "identity"
            answer = await self._client.send(built, stream=True)
            try:
                body = await _whole(answer)
            finally:
                await answer.aclose()
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as cause:
            raise InfrastructureDown(f"Grafana cannot be reached ({type(cause).__name__})") from None
        sent = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers.raw]
        headers = [(name, value) for name, value in sent if name.lower() not in _OF_A_CONNECTION]
        return ForwardedAnswer(headers, body, answer.status_code)


async def _whole(answer: httpx.Response) -> bytes:
    """The body as it was sent, perhaps compressed."""
    body = bytearray()
    async for piece in answer.aiter_raw():
        body += piece
        if len(body) > _LARGEST_ANSWER:
            raise InfrastructureDown("Grafana's answer does not come to an end")
    return bytes(body)


def _is_grafana(body: bytes) -> bool:
    try:
        found = json.loads(body)
    except ValueError:
        return False
    return isinstance(found, dict) and "database" in found
