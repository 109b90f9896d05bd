"""How log lines look: one JSON object a line, or words for a person at a terminal; ours and those of libraries alike.

Exceptions are written by kind and place, without their words: those may quote a prompt, or an address with its password.
Libraries' messages are cut to their first line (what follows is a `repr` of anything), and in every text a known secret, what
looks like a token, and all of an address but its host are masked.
"""

import json
import logging
import re
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, TextIO

from durable_research.telemetry.logs import LIBRARY_MESSAGE, LOGGER, Level, Value, current_context

_MASK = "…"
_LONGEST_TEXT = 1000
_DEEPEST_CAUSE = 8
_FRAMES_OF_EACH = 30
_SHORTEST_SECRET = 6
# The user, the path and the query of an address may each hold a credential.
_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]*://)(?:[^\s/?#]*@)?([^\s/?#@\"'<>,;)\]]*)([/?#][^\s\"'<>]*)?", re.IGNORECASE)
_TOKEN = re.compile(r"\b(?:bearer|basic)\s+\S+|\b(?:sk-|xox[a-z]-|whsec_|gh[a-z]_)[\w-]{4,}", re.IGNORECASE)


class LogFormat(StrEnum):
    """How lines are written; `auto` is for people where standard error is a terminal, and JSON elsewhere."""

    AUTO = "auto"
    JSON = "json"
    CONSOLE = "console"


class Masking:
    """Masks secrets in texts."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # The longest first: one secret may be a part of another.
        self._secrets = sorted({one for one in secrets if len(one) >= _SHORTEST_SECRET}, key=len, reverse=True)

    def text(self, text: str) -> str:
        """The text without secrets, at a bounded length."""
        for secret in self._secrets:
            text = text.replace(secret, _MASK)
        text = _TOKEN.sub(_MASK, _ADDRESS.sub(_host_alone, text))
        return text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + _MASK

    def value(self, value: Value) -> Any:
        """A field's value; one of another type than fields have is named by its type alone."""
        match value:
            case None | bool() | int() | float():
                return value
            case str():
                return self.text(value)
            case tuple() | list():
                return [self.value(one) for one in value]
            case _:
                return type(value).__name__


def _host_alone(found: re.Match[str]) -> str:
    path = found[3] or ""
    return f"{found[1]}{found[2]}{path if path in ('', '/') else '/' + _MASK}"


class Lines(logging.Formatter):
    """Makes the line of a record; `role` names the process."""

    def __init__(self, role: str = "", masking: Masking | None = None) -> None:
        super().__init__()
        self._role = role
        self._masking = masking or Masking()

    def fields_of(self, record: logging.LogRecord) -> dict[str, Any]:
        """All that a line says, by name: the event first."""
        line: Mapping[str, Any] | None = getattr(record, "of_event", None)
        fields: Mapping[str, Value]
        if line:
            name, fields = line["event"], line["fields"]
        else:
            message = record.getMessage().strip().partition("\n")[0]
            name, fields = LIBRARY_MESSAGE.name, {**current_context(), "logger": record.name, "message": message}
        said = {
            "event": name,
            "level": record.levelname.lower(),
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z"),
        }
        if self._role:
            said["role"] = self._role
        said |= {key: self._masking.value(value) for key, value in fields.items()}
        if record.exc_info and record.exc_info[1]:
            said["exception"] = "\n".join(_kinds_and_places(record.exc_info[1]))
        return said


class JsonLines(Lines):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Make the line."""
        return json.dumps(self.fields_of(record))


class ConsoleLines(Lines):
    """Words for a person: time, level, event and the fields; an exception on further lines."""

    def format(self, record: logging.LogRecord) -> str:
        """Make the line."""
        said = self.fields_of(record)
        event, level, when = said.pop("event"), said.pop("level"), said.pop("timestamp")
        exception = said.pop("exception", "")
        fields = "".join(f" {name}={json.dumps(value, ensure_ascii=True)}" for name, value in said.items())
        return f"{when[11:23]} {level:<7} {event}{fields}" + "".join(f"\n    {line}" for line in exception.splitlines())


def _kinds_and_places(error: BaseException, depth: int = 0) -> Iterator[str]:
    """An exception, its cause or context, and the members of a group: never their words."""
    yield f"{type(error).__module__}.{type(error).__qualname__}"
    for frame in traceback.extract_tb(error.__traceback__)[-_FRAMES_OF_EACH:]:
        yield f"  {'/'.join(Path(frame.filename).parts[-3:])}:{frame.lineno} in {frame.name}"
    earlier = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    members = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    for word, one in [("caused by", earlier), *(("with", member) for member in members)]:
        if one is not None and depth < _DEEPEST_CAUSE:
            yield word
            yield from _kinds_and_places(one, depth + 1)


def configure_logging(
    role: str, form: LogFormat = LogFormat.AUTO, secrets: Iterable[str] = (), stream: TextIO | None = None
) -> None:
    """Send every line of this process to standard error; what is logged later replaces what was configured before."""
    stream = stream or sys.stderr
    is_console = form is LogFormat.CONSOLE or (form is LogFormat.AUTO and stream.isatty())
    handler = logging.StreamHandler(stream)
    handler.setFormatter((ConsoleLines if is_console else JsonLines)(role, Masking(secrets)))
    root = logging.getLogger()
    for earlier in list(root.handlers):
        root.removeHandler(earlier)
    root.addHandler(handler)
    root.setLevel(LIBRARY_MESSAGE.level)
    logging.getLogger(LOGGER).setLevel(Level.INFO)
    # A record that cannot be formatted or written must not print a traceback with its arguments.
    logging.raiseExceptions = False
