"""Removes what models put around a report, a code fence around all of it, and adds a line end that they leave out."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_OPENING = re.compile(r"^[ ]{0,3}(`{3,}|~{3,})[ ]*(markdown|md|gfm|mdx)?[ ]*$", re.IGNORECASE)
# A greeting before the fence, and an offer of more text after it.
_LINES_AROUND = 4
_BOLD_LINE = re.compile(r"\A(\s*(\*\*|__)(?=\S)[^\n]*?(?<=\S)\2[:\uff1a]?[ \t]*)\n(?=[^\n])")


def unwrap(text: str) -> str:
    """Return the Markdown alone; a first line in bold type becomes a paragraph of its own, so that it can be a title."""
    return _BOLD_LINE.sub(r"\1\n\n", _without_fence(text))


def _without_fence(text: str) -> str:
    lines = text.split("\n")
    written = [number for number, line in enumerate(lines) if line.strip()]
    fence = next((found for number in written[: _LINES_AROUND + 1] if (found := _fence(lines, number))), None)
    if fence is None or any(lines[number].lstrip().startswith("#") for number in written if number < fence.line):
        return text
    inside = [number for number in written if number > fence.line]
    begins_as_report = bool(inside) and lines[inside[0]].lstrip().startswith("#")
    if not begins_as_report and not (fence.is_markdown and fence.line == written[0]):
        return text
    before, after = lines[: fence.line], lines[fence.line + 1 :]
    closing = next((number for number in reversed(inside) if lines[number].strip() == fence.marks), None)
    if closing is None:
        # The answer was cut: the opening fence alone would make all of it code.
        return "\n".join([*before, *after]) if fence.is_markdown else text
    behind = [number for number in written if number > closing]
    # A heading outside the fence belongs to the report, and the fence is a piece of code in it.
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
