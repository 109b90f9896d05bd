"""Validating a request against its model, with one error entry for each wrong field."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from durable_research.domain.errors import FieldError, InvalidInput
from durable_research.domain.requests.writing import control_in

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
}

# The form of a field that must match a pattern, in words, by the field's name.
_FORMS = {
    "draft_sha256": "64 hexadecimal digits, as the status shows them",
    "decision_id": "1 to 255 visible ASCII characters",
}

# Refusals that name the control character themselves, or that do not concern the field's value.
_CONTROLS_BESIDE = frozenset({"control_character", "unknown_field", "blank", "too_long", "invalid_unicode"})


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
    if kind == "string_pattern_mismatch":
        form = _FORMS.get(str(error["loc"][-1]))
        detail = f"must be {form}" if form else f"must match {error['ctx']['pattern']}"
    # An invisible control character is reported before any other mistake in a name, tag or address.
    value = error["input"]
    if code not in _CONTROLS_BESIDE and isinstance(value, str) and (found := control_in(value, allowed="\n\t")):
        code, detail = "control_character", f"holds the control character {found}"
    return FieldError(pointer, code, detail)
