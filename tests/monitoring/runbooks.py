"""The runbooks as tests read them: their headings, and the code blocks of each language."""

import re
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "docs" / "runbooks"
PAGES = {file.stem: file.read_text() for file in sorted(FOLDER.glob("*.md"))}


def blocks(language: str) -> list[str]:
    """The lines of every block of a language, each once: `promql`, `sh` (it only reads) or `console` (it changes something)."""
    lines = [
        line
        for page in PAGES.values()
        for block in re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
        for line in block.splitlines()
    ]
    return sorted(set(lines))
