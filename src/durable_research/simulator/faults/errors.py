"""Refusals in OpenAI's own words, so that a client under test meets the bodies it will meet in production."""

import json
from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from quart import Response, request

from durable_research.simulator.faults.quirk_forms import Instead

Body = TypeVar("Body", bound=BaseModel)


class ApiError(Exception):
    """An answer that is an error: status, OpenAI's four fields, what others add to them, and extra headers."""

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


class AnsweredInstead(Exception):
    """An answer that is given word by word in the place of what was asked for."""

    def __init__(self, answer: Instead, headers: Mapping[str, str]) -> None:
        super().__init__(str(answer.status))
        self.answer = answer
        self.headers = {**answer.headers, **headers}

    def reply(self) -> Response:
        """It, as a response."""
        body = self.answer.body if isinstance(self.answer.body, str) else json.dumps(self.answer.body)
        return Response(body, self.answer.status, self.headers, content_type=self.answer.content_type)


def reply(payload: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with JSON."""
    return Response(json.dumps(payload), status, dict(headers or {}), content_type="application/json")


def error_reply(error: ApiError) -> Response:
    """Answer with the body OpenAI gives to a refusal."""
    return reply({"error": error.fields}, error.status, error.headers)


def not_found(message: str, *, param: str | None = None, code: str | None = None) -> ApiError:
    """The refusal of something that is not there."""
    return ApiError(404, message, param=param, code=code)


def conversation_locked() -> ApiError:
    """The refusal of anything on a conversation on which a response runs."""
    return ApiError(
        400,
        "Another process is currently operating on this conversation. Please retry in a few seconds.",
        param="conversation",
        code="conversation_locked",
    )


async def parse(model: type[Body]) -> Body:
    """Read the request's body as one of OpenAI's requests.

    Raises:
        ApiError: 400, as OpenAI answers what it cannot read.
    """
    try:
        return model.model_validate_json(await request.get_data() or b"{}")
    except ValidationError as cause:
        raise _bad_request(cause) from cause


async def parse_control(model: type[Body]) -> Body:
    """Read the request's body as one of our own control requests, where a typing error deserves the whole list.

    Raises:
        ApiError: 422 that names every field at fault.
    """
    try:
        return model.model_validate_json(await request.get_data() or b"{}")
    except ValidationError as cause:
        found = [f"{_path(error['loc']) or 'body'}: {error['msg']}" for error in cause.errors(include_url=False)]
        raise ApiError(422, "; ".join(found), code="invalid_control_request") from cause


def whole_number(name: str, default: int) -> int:
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
    # pydantic adds the tried branch of a union to the path ("input.str"): a client knows the field only.
    return ".".join(str(part) for part in location[:1])
