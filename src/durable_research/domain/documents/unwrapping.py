"""Takes off what models put around a report: a fence of code around the whole of it, and a line end too few."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_OPENING = re.compile(r"^[ ]{0,3}(`{3,}|~{3,})[ ]*(markdown|md|gfm|mdx)?[ ]*$", re.IGNORECASE)
# A greeting before the fence, and an offer of more behind it.
_LINES_AROUND = 4
_BOLD_LINE = re.compile(r"\A(\s*(\*\*|__)(?=\S)[^\n]*?(?<=\S)\2[:\uff1a]?[ \t]*)\n(?=[^\n])")


def unwrap(text: str) -> str:
    """Return the Markdown alone; a first line in bold type is parted from what follows, so that it can be a title."""
    return _BOLD_LINE.sub(r"\1\n\n", _without_fence(text))


def _without_fence(text: str) -> str:
    lines = text.split("\n")
    said = [number for number, line in enumerate(lines) if line.strip()]
    fence = next((found for number in said[: _LINES_AROUND + 1] if (found := _fence(lines, number))), None)
    if fence is None or any(lines[number].lstrip().startswith("#") for number in said if number < fence.line):
        return text
    inside = [number for number in said if number > fence.line]
    begins_as_report = bool(inside) and lines[inside[0]].lstrip().startswith("#")
    if not begins_as_report and not (fence.is_markdown and fence.line == said[0]):
        return text
    before, after = lines[: fence.line], lines[fence.line + 1 :]
    closing = next((number for number in reversed(inside) if lines[number].strip() == fence.marks), None)
    if closing is None:
        # The answer was cut: what is left of the fence would make all of it code.
        return "\n".join([*before, *after]) if fence.is_markdown else text
    behind = [number for number in said if number > closing]
    # A heading out there is the report's, and the fence a piece of code in it.
    if len(behind) > _LINES_AROUND or any(lines[number].lstrip().startswith("#") for number in behind):
        return text
    end = closing - fence.line - 1
    return "\n".join([*before, "", *after[:end], "", *after[end + 1 :]]).strip("\n") + "\n"


@dataclass(frozen=True)
class _Fence:
    line: int
    marks: str
    is_markdown: bool


def _fence(lines: Sequence[str], number: int) -> _Fence | None:
    found = _OPENING.match(lines[number])
    return _Fence(number, found[1], bool(found[2])) if found else None
