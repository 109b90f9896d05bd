"""What every request for a text has in common, and what text of a person may be."""

import re
import unicodedata
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from durable_research.domain.patterns import LINE_PATTERN, TEXT_PATTERN, described

PROMPT_LONGEST = 20_000
TITLE_LONGEST = 200
NAME_LONGEST = 100
_ALLOWED_CONTROLS = "\n\t"


def _clean_text(text: str) -> str:
    """Normalise to NFC and refuse what no font can show: control characters, lone surrogates, nothing but blanks."""
    if any(0xD800 <= ord(char) <= 0xDFFF for char in text):
        raise PydanticCustomError("invalid_unicode", "must be valid Unicode without lone surrogates")
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n"))
    if any(unicodedata.category(char) == "Cc" and char not in _ALLOWED_CONTROLS for char in text):
        raise PydanticCustomError("control_character", "must not contain control characters other than newline and tab")
    if all(char.isspace() or unicodedata.category(char) in {"Zs", "Cf"} for char in text):
        raise PydanticCustomError("blank", "must contain something to read")
    return text


def _one_line(text: str) -> str:
    if "\n" in text or "\t" in text:
        raise PydanticCustomError("control_character", "must be one line")
    return text


def shorter_than(longest: int) -> AfterValidator:
    """At most so many code points after NFC."""

    def check(text: str) -> str:
        if len(text) > longest:
            raise PydanticCustomError("too_long", "must have at most {longest} characters", {"longest": longest})
        return text

    return AfterValidator(check)


_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,6})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)


def _time_with_offset(value: object) -> object:
    if not isinstance(value, str):
        raise PydanticCustomError("string_type", "must be a string")
    try:
        if _TIME.fullmatch(value):
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise PydanticCustomError("invalid_time", "must be a time with its offset, such as 2026-11-22T09:00:00+01:00")


# RFC 3339: a time without its offset would mean another moment in each place.
Moment = Annotated[datetime, BeforeValidator(_time_with_offset)]
Text = Annotated[str, AfterValidator(_clean_text), described(pattern=TEXT_PATTERN, minLength=1)]
Line = Annotated[Text, AfterValidator(_one_line), described(pattern=LINE_PATTERN, minLength=1)]


class WritingRequest(BaseModel):
    """What a person asks a model to write. Lengths are counted in code points after NFC."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    prompt: Annotated[Text, shorter_than(PROMPT_LONGEST), described(maxLength=PROMPT_LONGEST)]
    title: Annotated[Line, shorter_than(TITLE_LONGEST), described(maxLength=TITLE_LONGEST)] | None = None
    user: Annotated[Line, shorter_than(NAME_LONGEST), described(maxLength=NAME_LONGEST)] | None = None
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$")] | None = None

    @property
    def language_rule(self) -> str:
        """What a model is told about the language to write in."""
        if self.language:
            return f"Write in the language with the tag {self.language}."
        return "Write in the language of the question."

    @property
    def named_channels(self) -> dict[str, str]:
        """The channels and addresses to be told that the request itself names, by JSON pointer."""
        return {}

    @property
    def begins_at(self) -> datetime | None:
        """When the work is to begin; at once without."""
        return None

    @property
    def shown_title(self) -> str:
        """The given title, or the beginning of the prompt's first line."""
        if self.title:
            return self.title
        first = self.prompt.strip().split("\n")[0].strip()
        return first if len(first) <= 80 else first[:79].rstrip() + "…"
