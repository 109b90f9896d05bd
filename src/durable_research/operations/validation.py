"""Checking what was sent against a model of ours, with one entry for each field that is wrong."""

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

# What a field whose form is a pattern must be, by its name.
_FORMS = {
    "draft_sha256": "64 hexadecimal digits, as the status shows them",
    "decision_id": "1 to 255 visible ASCII characters",
}

# Refusals that say it themselves, or that are not of the field's value.
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
    # Whatever else is wrong with a name, tag or address: what cannot be seen in it is what has to be told.
    given = error["input"]
    if code not in _CONTROLS_BESIDE and isinstance(given, str) and (found := control_in(given, allowed="\n\t")):
        code, detail = "control_character", f"holds the control character {found}"
    return FieldError(pointer, code, detail)
