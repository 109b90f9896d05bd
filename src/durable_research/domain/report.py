"""A report: what is asked for, what is kept of it, and where its text lies."""

import unicodedata
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from durable_research.domain.addresses import URL_LONGEST, is_address
from durable_research.domain.usage import TokenUsage

PROMPT_LONGEST = 20_000
TITLE_LONGEST = 200
NAME_LONGEST = 100
CHANNELS = ("log", "webhook", "email", "slack")
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


def _shorter_than(longest: int) -> AfterValidator:
    def check(text: str) -> str:
        if len(text) > longest:
            raise PydanticCustomError("too_long", "must have at most {longest} characters", {"longest": longest})
        return text

    return AfterValidator(check)


Text = Annotated[str, AfterValidator(_clean_text)]
Line = Annotated[Text, AfterValidator(_one_line)]


def _known(channel: str) -> str:
    if channel in CHANNELS or is_address(channel):
        return channel
    raise PydanticCustomError("enum", "must be {names} or an https:// address", {"names": ", ".join(CHANNELS)})


def _each_once(channels: tuple[str, ...]) -> tuple[str, ...]:
    # Two messages to one channel would be one effect: the same key.
    return tuple(dict.fromkeys(channels))


# What an address may be depends on the installation, so it is checked where a request is accepted: operations/starting.py.
Channel = Annotated[
    str,
    AfterValidator(_known),
    Field(json_schema_extra={"anyOf": [{"enum": list(CHANNELS)}, {"format": "uri", "maxLength": URL_LONGEST}]}),
]


class ReportRequest(BaseModel):
    """What a person asks for. Lengths are counted in code points after NFC."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    prompt: Annotated[Text, _shorter_than(PROMPT_LONGEST)]
    title: Annotated[Line, _shorter_than(TITLE_LONGEST)] | None = None
    user: Annotated[Line, _shorter_than(NAME_LONGEST)] | None = None
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$")] | None = None
    notify: Annotated[tuple[Channel, ...], Field(strict=False, max_length=8), AfterValidator(_each_once)] | None = None

    @property
    def shown_title(self) -> str:
        """The given title, or the beginning of the prompt's first line."""
        if self.title:
            return self.title
        first = self.prompt.strip().split("\n")[0].strip()
        return first if len(first) <= 80 else first[:79].rstrip() + "…"


class TextReference(BaseModel):
    """A text kept in the object store; histories hold this and never the text (history limits, canaries)."""

    model_config = ConfigDict(frozen=True)

    key: str
    sha256: str
    size_bytes: int


class DocumentReference(BaseModel):
    """A rendered document kept in the object store."""

    model_config = ConfigDict(frozen=True)

    key: str
    sha256: str
    size_bytes: int
    pages: int


class Report(BaseModel):
    """One finished report: what `store_report_metadata` writes and the library shows."""

    model_config = ConfigDict(frozen=True)

    report_id: str
    title: str
    prompt: str
    user: str | None = None
    language: str | None = None
    text: TextReference
    pdf: DocumentReference
    model: str
    provider: str
    is_demo: bool
    usage: TokenUsage
    asked_title: str | None = None
    asked_at: datetime
