"""The child process that typesets: a crash, a hang or a document too large affects it alone and not the worker.

It reads one framed document from standard input, writes one framed answer to standard output, and ends with its input.
It has no secrets in its environment, fetches nothing, and reads nothing but the template and the fonts beside it.
"""

import json
import os
import re
import resource
import signal
import sys
import unicodedata
from itertools import chain
from pathlib import Path
from typing import cast

import psutil
import typst

from durable_research.adapters.documents.fitting import FILES_BYTES, MEMORY_BYTES, budget_of, fitted
from durable_research.adapters.documents.typst_data import Data, template_data
from durable_research.adapters.documents.typst_frames import (
    EXITS,
    LENGTH,
    OUT_OF_MEMORY,
    PDF,
    READY,
    REFUSED,
    STAYS,
    receive,
    send,
)
from durable_research.domain.documents.tree import Document, Paragraph, Text, plain_text
from durable_research.domain.errors import DocumentError
from durable_research.launch import tie_to_parent

_FOLDER = Path(__file__).parent
_OPEN_FILES = 64
_GROWN = 0.6
_MISSING_GLYPH = re.compile(r'the text `"((?:[^"`\\]|\\.)*)"` could not be displayed')
_CHARACTERS_AT_ONCE = 500
_TRIES = 3
_ESCAPED = re.compile(r"\\u\{([0-9a-f]+)\}")
# The page tree is the first object in every file that Typst writes, before any text of the document.
_PAGE_COUNT = re.compile(rb"/Type\s*/Pages\s*/Count\s+(\d+)")


def main(memory_bytes: int, try_seconds: float, parent: int) -> None:
    """Warm up, report ready, then answer requests until the input ends."""
    # On other systems than Linux only the end of the input ends the child.
    tie_to_parent(parent, signal.SIGKILL)
    # The limit is for written memory; programs and fonts are mapped files.
    _limit(resource.RLIMIT_DATA, memory_bytes - FILES_BYTES)
    _limit(resource.RLIMIT_NOFILE, _OPEN_FILES)
    _limit(resource.RLIMIT_CORE, 0)
    # Frames alone may go to standard output; a stray print must not break them.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    typesetter = Typesetter(memory_bytes)
    typesetter.typeset(_warm_up())
    send(answers, STAYS + READY)
    state = STAYS
    while state == STAYS and (request := receive(sys.stdin.buffer)) is not None:
        _allow_cpu(try_seconds)
        answer = _answer(typesetter, request)
        # Typst caches what it has typeset; a child that has grown too large is replaced by a new one.
        state = EXITS if _resident_bytes() > memory_bytes * _GROWN else STAYS
        send(answers, state + answer)


class Typesetter:
    """Typst with its fonts loaded."""

    def __init__(self, memory_bytes: int = MEMORY_BYTES) -> None:
        self._budget = budget_of(memory_bytes)
        fonts = [str(_FOLDER / "fonts")]
        self._compiler = typst.Compiler(
            str(_FOLDER / "template.typ"), root=str(_FOLDER), font_paths=fonts, ignore_system_fonts=True
        )
        self._shown = dict.fromkeys(map(chr, (9, 10, *range(32, 127))), True)

    def typeset(self, document: Document) -> tuple[int, bytes]:
        """Return the number of pages and the file, the same bytes for the same document.

        Raises:
            DocumentError: Typst refuses the document.
        """
        pdf = self._compiled_somehow(document)
        count = _PAGE_COUNT.search(pdf)
        return int(count[1]) if count else 0, pdf

    def _compiled_somehow(self, document: Document) -> bytes:
        """Compile; characters that cannot be shown are replaced by their code points.

        A character is missing by itself, or only beside another: no one font has both a letter and the accent on it.
        """
        text = _all_text(document)
        missing = self._without_glyph(text)
        # The last resort shows every character that is not plain ASCII as its code point.
        for last_resort in (set[str](), {char for char in set(text) if not char.isascii()}):
            for _ in range(_TRIES):
                try:
                    missing |= last_resort
                    return self._compile(template_data(fitted(document, self._budget, missing), missing))
                except typst.TypstError as refusal:
                    refused, found = refusal, _accents_or_all(_missing_in(refusal))
                    if not found - missing:
                        break
                    missing |= found
        raise DocumentError(f"this document cannot be typeset: {refused.message[:200]}") from refused

    def _without_glyph(self, text: str) -> set[str]:
        """The characters that no font has: each is checked once, by typesetting a small document."""
        unknown = sorted(set(text) - self._shown.keys())
        for start in range(0, len(unknown), _CHARACTERS_AT_ONCE):
            batch = unknown[start : start + _CHARACTERS_AT_ONCE]
            words = " ".join(f"a{char}b" for char in batch)
            try:
                self._compile(template_data(Document(title="a", blocks=(Paragraph(inlines=(Text(text=words),)),))))
                missing = set[str]()
            except typst.TypstError as refusal:
                missing = _missing_in(refusal)
            # A private character has no defined meaning, even if a font has a glyph for it.
            self._shown |= {char: char not in missing and unicodedata.category(char) != "Co" for char in batch}
        return {char for char in set(text) if not self._shown[char]}

    def _compile(self, data: Data) -> bytes:
        inputs = {"document": json.dumps(data)}
        return cast(bytes, self._compiler.compile(format="pdf", sys_inputs=inputs, pdf_standards=["ua-1"], timestamp=0))


def _answer(typesetter: Typesetter, request: bytes) -> bytes:
    try:
        pages, pdf = typesetter.typeset(Document.model_validate_json(request))
    except DocumentError as refusal:
        return REFUSED + str(refusal).encode()
    return PDF + LENGTH.pack(pages) + pdf


def _missing_in(refusal: typst.TypstError) -> set[str]:
    """The characters without a glyph: PDF/UA forbids the replacement box, so Typst reports each."""
    return set("".join(map(_unescaped, _MISSING_GLYPH.findall(refusal.diagnostic))))


def _accents_or_all(missing: set[str]) -> set[str]:
    """Drop letters from the reported ones: Typst reports a letter with an accent that its font lacks."""
    return {char for char in missing if unicodedata.category(char)[0] == "M"} or missing


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)


def _all_text(document: Document) -> str:
    return "\n".join([plain_text(document), document.footer_label or "", *chain.from_iterable(document.facts)])


def _warm_up() -> Document:
    """Touch the fonts that nearly every document needs."""
    return Document(title="Warm", blocks=(Paragraph(inlines=(Text(text="Latin, 中文, 한국어, ✓, 😀"),)),))


def _limit(kind: int, most: int) -> None:
    resource.setrlimit(kind, (most, most))


def _allow_cpu(seconds: float) -> None:
    """Grant one document's processor time; the parent's clock acts first unless the parent is stopped."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    threads = int(os.environ.get("RAYON_NUM_THREADS", "1"))
    soft = int(used.ru_utime + used.ru_stime + seconds * threads) + 2
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


def _resident_bytes() -> int:
    return psutil.Process().memory_info().rss


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
    except MemoryError:
        # Any other error ends in 1: a smaller part of the document would not help.
        raise SystemExit(OUT_OF_MEMORY) from None
