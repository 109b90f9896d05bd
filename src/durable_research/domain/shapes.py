"""The shape of a failure, in stored events and in every answer."""

from typing_extensions import TypedDict  # pydantic describes this one only, below Python 3.12


class FailureBody(TypedDict):
    """Why something failed: a stable code, and words."""

    code: str
    detail: str
