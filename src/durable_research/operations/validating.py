"""Checking what was sent against a model of ours, with one entry for each field that is wrong."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from durable_research.domain.errors import FieldError, InvalidInput

Model = TypeVar("Model", bound=BaseModel)

_CODES = {
    "missing": "required",
    "extra_forbidden": "unknown_field",
    "literal_error": "enum",
    "string_pattern_mismatch": "pattern",
    "string_unicode": "invalid_unicode",
    "greater_than_equal": "out_of_range",
    "less_than_equal": "out_of_range",
}

_DETAILS = {
    "extra_forbidden": "is not a field of this request",
    "missing": "is required",
    "string_type": "must be a string",
    "tuple_type": "must be an array",
    "model_type": "must be an object",
    "string_pattern_mismatch": "has not the form that this field needs",
}

_FORMS = {
    "language": "such as en or pt-BR",
    "draft_sha256": "64 hexadecimal digits, as the status shows them",
}


def validated(model: type[Model], body: Mapping[str, Any]) -> Model:
    """The body as a value of the model.

    Raises:
        InvalidInput: fields break their rules.
    """
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise InvalidInput([_field_error(dict(one)) for one in error.errors()]) from None


def _field_error(error: Mapping[str, Any]) -> FieldError:
    pointer = "".join("/" + str(part).replace("~", "~0").replace("/", "~1")[:64] for part in error["loc"])
    kind = str(error["type"])
    code = _CODES.get(kind, "type" if kind.endswith("_type") else kind)
    detail = _DETAILS.get(kind) or str(error["msg"]).replace("Input should", "must", 1)
    form = _FORMS.get(str(error["loc"][-1])) if code == "pattern" and error["loc"] else None
    return FieldError(pointer, code, f"{detail}: {form}" if form else detail)
