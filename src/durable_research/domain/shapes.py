"""The JSON shapes that rooms of every height tell and that the API describes: one type for both, so that they cannot differ."""

from typing import Annotated

from pydantic import WithJsonSchema
from typing_extensions import TypedDict  # pydantic describes this one only, below Python 3.12

# RFC 3339 with its offset.
At = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]


class FailureBody(TypedDict):
    """Why something failed: a stable code, and words."""

    code: str
    detail: str


class RemedyBody(TypedDict):
    """What mends a failure, the settings that the words name, and whether resuming, or asking anew, helps once it is mended."""

    words: str
    settings: list[str]
    resume: bool
    ask_again: bool


class WaitBody(TypedDict):
    """A step's wait for its provider."""

    since: At
    until: At
    looks: int
    last_error: FailureBody
