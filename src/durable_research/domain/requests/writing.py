"""The common part of all requests for a text, and the rules for text from people."""

import unicodedata
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, ConfigDict
from pydantic_core import PydanticCustomError

from durable_research.domain.documents.titles import beginning_of
from durable_research.domain.language.characters import code_point
from durable_research.domain.language.languages import LanguageTag
from durable_research.domain.requests.patterns import LINE_PATTERN, TEXT_PATTERN, described
from durable_research.domain.values import Value

PROMPT_LONGEST = 20_000
TITLE_LONGEST = 200
NAME_LONGEST = 100
_ALLOWED_CONTROLS = "\n\t"


def control_in(text: str, *, allowed: str = "") -> str | None:
    """The first control character (Unicode's category Cc) by its code point, such as `U+0007`, or None."""
    found = next((char for char in text if unicodedata.category(char) == "Cc" and char not in allowed), None)
    return None if found is None else code_point(found)


def _clean_text(text: str) -> str:
    """Normalise to NFC and refuse what no font can show: control characters, lone surrogates, blanks alone."""
    if any(0xD800 <= ord(char) <= 0xDFFF for char in text):
        raise PydanticCustomError("invalid_unicode", "must be valid Unicode without lone surrogates")
    # Line ends of Windows and of old Macs; a form sends the former.
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    if found := control_in(text, allowed=_ALLOWED_CONTROLS):
        raise PydanticCustomError(
            "control_character",
            "holds the control character {found}; of these only newline and tab are allowed",
            {"found": found},
        )
    if all(char.isspace() or unicodedata.category(char) in {"Zs", "Cf"} for char in text):
        raise PydanticCustomError("blank", "must contain something to read")
    return text


def _one_line(text: str) -> str:
    if found := control_in(text):
        raise PydanticCustomError("control_character", "must be one line, and holds {found}", {"found": found})
    return text


def shorter_than(longest: int) -> AfterValidator:
    """Refuse more than `longest` code points after NFC."""

    def check(text: str) -> str:
        if len(text) > longest:
            raise PydanticCustomError("too_long", "must have at most {longest} characters", {"longest": longest})
        return text

    return AfterValidator(check)


Text = Annotated[str, AfterValidator(_clean_text), described(pattern=TEXT_PATTERN, minLength=1)]
Line = Annotated[Text, AfterValidator(_one_line), described(pattern=LINE_PATTERN, minLength=1)]


class WritingRequest(Value):
    """What a person asks a model to write. Lengths are counted in code points after NFC."""

    model_config = ConfigDict(extra="forbid", strict=True)

    prompt: Annotated[Text, shorter_than(PROMPT_LONGEST), described(maxLength=PROMPT_LONGEST)]
    title: Annotated[Line, shorter_than(TITLE_LONGEST), described(maxLength=TITLE_LONGEST)] | None = None
    user: Annotated[Line, shorter_than(NAME_LONGEST), described(maxLength=NAME_LONGEST)] | None = None
    language: LanguageTag | None = None

    @property
    def language_rule(self) -> str:
        """The instruction to the model about the language to write in."""
        if self.language:
            return f"Write in the language with the tag {self.language}."
        return "Write in the language of the question."

    @property
    def named_channels(self) -> dict[str, str]:
        """The channels and addresses to notify that the request names, by JSON pointer."""
        return {}

    @property
    def begins_at(self) -> datetime | None:
        """When the work should begin; None for at once."""
        return None

    @property
    def shown_title(self) -> str:
        """The title until the text has one: the requested title, or the question's beginning."""
        return self.title or beginning_of(self.prompt)
