"""The headers and the body of a request: its origin, content type, accepted types and idempotency key."""

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from quart import Request

from durable_research.domain.caller import LOCAL_CALLER, Caller
from durable_research.domain.errors import FieldError, InvalidInput
from durable_research.web.http import strict_json
from durable_research.web.http.problems import Problem

SAFE_METHODS = frozenset({"GET", "HEAD"})
_KEY = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


def caller_of(_: Request) -> Caller:
    """The request's caller: always the same one until there is a login, and never read from what a client sends."""
    return LOCAL_CALLER


def request_id_of(request: Request) -> str:
    """The id that the middleware gave to this request."""
    return str(request.scope.get("request_id", "")) if request.scope else ""


def check_origin(request: Request, public_url: str | None) -> None:
    """Refuse a change that another site's page requests. Programs send neither header and pass."""
    if request.method in SAFE_METHODS:
        return
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None and site not in {"same-origin", "none"}:
        raise _foreign()
    origin = request.headers.get("Origin")
    if origin is None:
        return
    if origin == "null":
        # Browsers send this for our own forms too, because of our referrer policy; then Sec-Fetch-Site decides.
        if site is None:
            raise _foreign()
        return
    own = {request.headers.get("Host", "").lower()}
    if public_url:
        own.add(urlsplit(public_url).netloc.lower())
    try:
        host = urlsplit(origin).netloc.lower()
    except ValueError:
        raise _foreign() from None
    if host not in own:
        raise _foreign()


def _foreign() -> Problem:
    return Problem(403, "csrf_failed", "another site may not change anything here")


def check_content_type(request: Request, expected: str) -> None:
    """Refuse a body of another type, charset or encoding than the supported one."""
    content_type, _, rest = request.headers.get("Content-Type", "").partition(";")
    charset = re.fullmatch(r'\s*charset\s*=\s*"?utf-8"?\s*', rest, re.IGNORECASE)
    encoded = request.headers.get("Content-Encoding", "identity").lower() != "identity"
    if content_type.strip().lower() != expected or (rest and not charset) or encoded:
        raise Problem(415, "unsupported_media_type", f"send {expected} in UTF-8, not compressed")


def check_accept(request: Request, offered: str) -> None:
    """Refuse a request that accepts no type of this address."""
    if request.headers.get("Accept") and request.accept_mimetypes.best_match([offered]) is None:
        raise Problem(406, "not_acceptable", f"this address gives {offered}")


def wants_html(request: Request) -> bool:
    """Whether a browser sent the request: only browsers accept HTML by name."""
    return not request.path.startswith("/api") and "text/html" in request.headers.get("Accept", "")


def idempotency_key_of(request: Request) -> str | None:
    """The request's Idempotency-Key, if it has one."""
    keys = request.headers.getlist("Idempotency-Key")
    if not keys:
        return None
    if len(keys) > 1 or not _KEY.fullmatch(keys[0]):
        raise Problem(400, "invalid_idempotency_key", "Idempotency-Key must be 1 to 255 visible ASCII characters")
    return keys[0]


async def bytes_of(request: Request) -> bytes:
    """The body's bytes; the middleware has limited them."""
    return bytes(await request.body)


async def json_object_of(request: Request) -> dict[str, Any]:
    """The body as a JSON object."""
    body = strict_json.parse(await bytes_of(request))
    if not isinstance(body, dict):
        errors: Sequence[FieldError] = [FieldError("", "not_an_object", "must be a JSON object")]
        raise Problem(422, "not_an_object", "the body must be a JSON object", errors=errors)
    return body


async def check_no_fields(request: Request) -> None:
    """Refuse a body with content, for addresses that need none; an empty JSON object is allowed."""
    if await bytes_of(request):
        check_content_type(request, JSON)
        unknown = await json_object_of(request)
        if unknown:
            raise InvalidInput(
                [FieldError(f"/{name}", "unknown_field", "is not a field of this request") for name in unknown]
            )
