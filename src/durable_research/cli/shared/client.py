"""The REST client of the user commands: common options, and every failure as a cause, the next command and an exit code."""

import functools
import re
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

import click

from durable_research.cli.shared.command import Exit, stop
from durable_research.cli.shared.installation import DEFAULT_SERVER, default_server, running
from durable_research.cli.shared.terminal import clean, say

if TYPE_CHECKING:
    import httpx

CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 30.0
# An API that was killed is restarted within seconds; its answer to a POST may be lost.
_RETRY_AFTER_SECONDS = (0.5, 1.0, 2.0, 4.0)

_EXIT_BY_STATUS = {
    401: Exit.REFUSED,
    403: Exit.REFUSED,
    409: Exit.REFUSED,
    429: Exit.REFUSED,
    500: Exit.FAILED,
    503: Exit.UNREACHABLE,
}
_HINTS = {
    "not_found": "see what there is: durable-research list",
    "unknown_pipeline": "name one of them: durable-research submit … --pipeline NAME",
    "not_ready": "wait for it: durable-research watch {id}",
    "invalid_state": "look at it: durable-research show {id}",
    "too_many_schedules": "delete one: durable-research schedule delete ID",
    "already_decided": "see what became of it: durable-research show {id}",
    "idempotency_key_reused": "choose another --key; this one was used for another request",
    "dependency_unavailable": "see what is missing: durable-research doctor",
}
_HINT_BY_EXIT = {
    Exit.USAGE: "correct it and try again; --help shows what is possible",
    Exit.REFUSED: "ask whoever runs this installation, or name another by --server URL",
    Exit.UNREACHABLE: "see what is missing: durable-research doctor",
    Exit.FAILED: "this is a bug of the installation; its log has more under request id {request_id}",
}


class Api:
    """The REST API of one installation. Every failure raises `click.exceptions.Exit`, after a message on stderr."""

    def __init__(self, server: str) -> None:
        self.server = server

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """The JSON at `path`."""
        return self._json(self._request("GET", path, params=params))

    def get_file(self, path: str) -> tuple[bytes, str]:
        """The bytes at `path`, and their file name."""
        from durable_research.cli.shared.files import name_in

        answer = self._request("GET", path)
        return answer.content, name_in(answer.headers.get("Content-Disposition", ""), path)

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The JSON answer to a POST, which is empty without a body."""
        return self._json(self._request("POST", path, body=body))

    def delete(self, path: str) -> None:
        """Delete the object at `path`."""
        self._request("DELETE", path)

    def submit(self, path: str, body: Mapping[str, Any], key: str) -> tuple[Any, bool]:
        """POST with an Idempotency-Key, retried while the answer is lost; True when the key had been accepted before.

        A retry is safe because the installation accepts a key once.
        """
        import httpx

        lost = False
        for wait in (*_RETRY_AFTER_SECONDS, None):
            try:
                response = self._client.post(path, json=body, headers={"Idempotency-Key": key})
            except httpx.TransportError as error:
                lost = lost or not isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout))
                if not lost:
                    self.unreachable()
                if wait is None:
                    hint = f"it may have been accepted; ask again, at no further cost, by adding: --key {key}"
                    stop(f"no answer from {self.server}", hint, Exit.UNREACHABLE)
                say(f"the answer was lost; asking again with the same Idempotency-Key ({key})")
                time.sleep(wait)
            else:
                break
        self.check(response)
        return self._json(response), not lost and response.headers.get("Idempotency-Replayed") == "true"

    def check(self, response: "httpx.Response") -> None:
        """Exit unless the answer, which must be read to its end, is a success."""
        if response.is_success:
            return
        problem = _problem(response)
        if problem is None:
            self.foreign_answer(response)
        status = response.status_code
        code = _EXIT_BY_STATUS.get(status, Exit.USAGE if status < 500 else Exit.UNREACHABLE)
        found = re.search(r"/(workflows|reports|schedules)/([a-z0-9-]+)", response.request.url.path)
        hint = _HINTS.get(str(problem.get("code")), _HINT_BY_EXIT[code])
        if status == 404 and found and found[1] == "schedules":
            hint = "see what there is: durable-research schedule list"
        if status == 429 and (seconds := response.headers.get("Retry-After")):
            hint = f"try again in {clean(seconds)} s"
        names = {"id": found[2] if found else "ID", "request_id": clean(problem.get("request_id", "unknown"))}
        is_missing = found and problem.get("code") == "not_found"
        text = f"there is no {names['id']}" if is_missing else _message(problem, status)
        stop(text, hint.format(**names), code)

    def unreachable(self) -> NoReturn:
        """Exit, because no server answers."""
        local = urlsplit(self.server).hostname in {"127.0.0.1", "localhost", "::1"}
        hint = "start it with: durable-research up" if local else "check --server and DURABLE_RESEARCH_SERVER"
        if (up := running()) and up.api == self.server:
            hint = "it should run there; try again in a moment, or see: durable-research doctor"
        stop(f"no answer from {self.server}", hint, Exit.UNREACHABLE)

    def foreign_answer(self, response: "httpx.Response") -> NoReturn:
        """Exit, because another program answers."""
        message = f"what answers at {self.server} ({response.status_code}) is not Durable AI Research"
        stop(message, "name the right address by --server URL", Exit.UNREACHABLE)

    def connection(self) -> dict[str, Any]:
        """The arguments of our httpx clients."""
        import ssl

        import httpx

        secure = self.server.startswith("https:")
        return {
            "base_url": self.server,
            "timeout": httpx.Timeout(_ANSWER_SECONDS, connect=CONNECT_SECONDS),
            "headers": {"User-Agent": "durable-research-cli"},
            # Loading the trusted certificates takes longer than the request; without TLS no certificate is trusted.
            "verify": True if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            # A proxy in the environment is for other hosts, not for a server on this machine.
            "trust_env": urlsplit(self.server).hostname not in {"127.0.0.1", "localhost", "::1"},
        }

    def close(self) -> None:
        """Close the connections, if any were opened."""
        if "_client" in self.__dict__:
            self._client.close()

    @cached_property
    def _client(self) -> "httpx.Client":
        import httpx

        return httpx.Client(**self.connection())

    def _request(
        self, method: str, path: str, params: Mapping[str, Any] | None = None, body: Mapping[str, Any] | None = None
    ) -> "httpx.Response":
        import httpx

        try:
            response = self._client.request(method, path, params=params, json=body)
        except httpx.RequestError:
            self.unreachable()
        self.check(response)
        return response

    def _json(self, response: "httpx.Response") -> Any:
        try:
            return response.json()
        except ValueError:
            self.foreign_answer(response)


def user_verb(function: Callable[..., None]) -> Callable[..., None]:
    """Add `--server` and `--output` to a command; it is called with `api` and `in_json` besides its other options."""

    @click.option(
        "--server",
        metavar="URL",
        envvar="DURABLE_RESEARCH_SERVER",
        default=default_server,
        callback=_server_address,
        show_default=f"the one that runs on ./data, else {DEFAULT_SERVER}",
        show_envvar=True,
        help="The installation to talk to.",
    )
    @click.option(
        "-o",
        "--output",
        type=click.Choice(["table", "json"]),
        default="table",
        show_default=True,
        help="Form of stdout.",
    )
    @functools.wraps(function)
    def run(server: str, output: str, **options: Any) -> None:
        api = Api(server)
        try:
            function(api=api, in_json=output == "json", **options)
        except (KeyboardInterrupt, click.Abort):
            say("\ninterrupted")
            raise click.exceptions.Exit(int(Exit.INTERRUPTED)) from None
        finally:
            api.close()

    return run


def utf8(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Refuse bytes of another encoding, which Python accepts as lone surrogates that no request can carry."""
    try:
        (value or "").encode()
    except UnicodeError:
        raise click.BadParameter("this is not UTF-8 text") from None
    return value


def _server_address(context: click.Context, parameter: click.Parameter, value: str) -> str:
    try:
        parts = urlsplit(value)
        is_valid = parts.scheme in {"http", "https"} and parts.hostname and (parts.port or True)
    except ValueError:
        is_valid = False
    if not is_valid or parts.query or parts.fragment or parts.username is not None:
        raise click.BadParameter(f"{clean(value)!r} is not an address like {DEFAULT_SERVER}")
    return value.rstrip("/")


def _problem(response: "httpx.Response") -> dict[str, Any] | None:
    """The problem+json body, or None when the answer is not our API's."""
    try:
        body = response.json()
    except ValueError:
        return None
    return body if isinstance(body, dict) and "code" in body else None


def _message(problem: Mapping[str, Any], status: int) -> str:
    fields = [one for one in problem.get("errors") or () if isinstance(one, dict)]
    if fields:
        return "; ".join(
            clean(f"{str(one.get('pointer', '')).strip('/') or 'request'}: {one.get('detail')}") for one in fields
        )
    return clean(problem.get("detail") or problem.get("title") or f"answered {status}")
