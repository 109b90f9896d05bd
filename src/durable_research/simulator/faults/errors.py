"""Refusals with OpenAI's texts and fields, so that a client under test gets the same bodies as in production."""

import json
from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from quart import Response, request

from durable_research.simulator.faults.quirk_forms import Replacement

Body = TypeVar("Body", bound=BaseModel)


class ApiError(Exception):
    """An error answer: status, OpenAI's four fields, other providers' additional fields, and extra headers."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        kind: str = "invalid_request_error",
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.fields: dict[str, object] = {"message": message, "type": kind, "param": param, "code": code}
        self.fields |= extra or {}
        self.headers = dict(headers or {})


class AnswerReplaced(Exception):
    """A literal answer that replaces the requested one."""

    def __init__(self, answer: Replacement, headers: Mapping[str, str]) -> None:
        super().__init__(str(answer.status))
        self.answer = answer
        self.headers = {**answer.headers, **headers}

    def reply(self) -> Response:
        body = self.answer.body if isinstance(self.answer.body, str) else json.dumps(self.answer.body)
        return Response(body, self.answer.status, self.headers, content_type=self.answer.content_type)


def reply(payload: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with JSON."""
    return Response(json.dumps(payload), status, dict(headers or {}), content_type="application/json")


def error_reply(error: ApiError) -> Response:
    """Answer with the body of OpenAI's refusals."""
    return reply({"error": error.fields}, error.status, error.headers)


def not_found(message: str, *, param: str | None = None, code: str | None = None) -> ApiError:
    """The refusal of a request for a missing object."""
    return ApiError(404, message, param=param, code=code)


def conversation_locked() -> ApiError:
    """The refusal of every request on a conversation while one of its responses runs."""
    return ApiError(
        400,
        "Another process is currently operating on this conversation. Please retry in a few seconds.",
        param="conversation",
        code="conversation_locked",
    )


async def parse(model: type[Body]) -> Body:
    """Read the request's body as one of OpenAI's requests.

    Raises:
        ApiError: 400, as OpenAI answers an invalid body.
    """
    try:
        return model.model_validate_json(await request.get_data() or b"{}")
    except ValidationError as cause:
        raise _bad_request(cause) from cause


async def parse_control(model: type[Body]) -> Body:
    """Read the request's body as one of our own control requests; an error lists every wrong field.

    Raises:
        ApiError: 422 that names every wrong field.
    """
    try:
        return model.model_validate_json(await request.get_data() or b"{}")
    except ValidationError as cause:
        found = [f"{_path(error['loc']) or 'body'}: {error['msg']}" for error in cause.errors(include_url=False)]
        raise ApiError(422, "; ".join(found), code="invalid_control_request") from cause


def integer_argument(name: str, default: int) -> int:
    """Read a number from the query.

    Raises:
        ApiError: 400 if it is none.
    """
    text = request.args.get(name)
    if text is None:
        return default
    try:
        return int(text)
    except ValueError as cause:
        raise ApiError(400, f"Invalid '{name}': expected an integer.", code="invalid_type", param=name) from cause


def _bad_request(cause: ValidationError) -> ApiError:
    first = cause.errors(include_url=False)[0]
    path = _path(first["loc"])
    match first["type"]:
        case "json_invalid":
            return ApiError(400, "We could not parse the JSON body of your request.")
        case "missing":
            return ApiError(
                400, f"Missing required parameter: '{path}'.", code="missing_required_parameter", param=path
            )
        case "value_error":
            return ApiError(400, first["msg"].removeprefix("Value error, "), code="invalid_value", param=path or None)
    code = "invalid_type" if first["type"].endswith("_type") else "invalid_value"
    return ApiError(400, f"Invalid '{path}': {first['msg']}.", code=code, param=path or None)


def _path(location: tuple[int | str, ...]) -> str:
    # pydantic adds the tried branch of a union to the path ("input.str"), but the client sent only the field.
    return ".".join(str(part) for part in location[:1])
