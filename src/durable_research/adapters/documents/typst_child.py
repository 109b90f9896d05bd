"""The child process that typesets: a crash, a hang or a greedy document ends here and not in the worker.

It reads one framed document from standard input, writes one framed answer to standard output, and ends with its input.
It has no secrets in its environment, fetches nothing, and reads nothing but the template and the fonts beside it.
"""

import ctypes
import json
import os
import re
import resource
import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import cast

import typst

from durable_research.adapters.documents.typst_data import template_data
from durable_research.adapters.documents.typst_frames import (
    LEAVING,
    LENGTH,
    PDF,
    READY,
    REFUSED,
    STAYING,
    receive,
    send,
)
from durable_research.domain.document import Document, Paragraph, Text, block_text, plain_text
from durable_research.domain.errors import DocumentError

MOST_PAGES = 500
# The densest prose measured has 3,300 characters a page; more than this cannot fit and would only cost memory.
MOST_CHARACTERS = 4_000 * MOST_PAGES

_FOLDER = Path(__file__).parent
_OPEN_FILES = 64
_GROWN = 0.4
_PR_SET_PDEATHSIG = 1
_MISSING_GLYPH = re.compile(r'the text `"((?:[^"`\\]|\\.)*)"` could not be displayed')
_ESCAPED = re.compile(r"\\u\{([0-9a-f]+)\}")
# The page tree is the first object in every file that Typst writes, before any text of the document.
_PAGE_COUNT = re.compile(rb"/Type\s*/Pages\s*/Count\s+(\d+)")


def main(memory_bytes: int, try_seconds: float, parent: int) -> None:
    """Warm up, say so, then answer until the input ends."""
    _die_with(parent)
    _limit(resource.RLIMIT_AS, memory_bytes)
    _limit(resource.RLIMIT_NOFILE, _OPEN_FILES)
    _limit(resource.RLIMIT_CORE, 0)
    # Frames alone may go to standard output; a stray print must not break them.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    typesetter = Typesetter()
    typesetter.typeset(_warm_up())
    send(answers, STAYING + READY)
    fate = STAYING
    while fate == STAYING and (request := receive(sys.stdin.buffer)) is not None:
        _allow_cpu(try_seconds)
        answer = _answer(typesetter, request)
        # Typst keeps what it has set for the next time; a child that has grown large makes room for a fresh one.
        fate = LEAVING if _peak_bytes() > memory_bytes * _GROWN else STAYING
        send(answers, fate + answer)


class Typesetter:
    """Typst with its fonts loaded."""

    def __init__(self) -> None:
        fonts = [str(_FOLDER / "fonts")]
        self._compiler = typst.Compiler(
            str(_FOLDER / "template.typ"), root=str(_FOLDER), font_paths=fonts, ignore_system_fonts=True
        )

    def typeset(self, document: Document) -> tuple[int, bytes]:
        """Return the number of pages and the file, the same bytes for the same document.

        Raises:
            DocumentError: a character has no glyph, the file would be too long, or Typst refuses the document.
        """
        characters = len(plain_text(document))
        if characters > MOST_CHARACTERS:
            raise DocumentError(f"the text has {characters:,} characters; {MOST_PAGES} pages hold {MOST_CHARACTERS:,}")
        inputs = {"document": json.dumps(template_data(document))}
        try:
            compiled = self._compiler.compile(format="pdf", sys_inputs=inputs, pdf_standards=["ua-1"], timestamp=0)
        except typst.TypstError as refusal:
            raise _explained(refusal, document) from refusal
        pdf = cast(bytes, compiled)
        count = _PAGE_COUNT.search(pdf)
        pages = int(count[1]) if count else 0
        if pages > MOST_PAGES:
            raise DocumentError(f"the document has {pages:,} pages; at most {MOST_PAGES} can be typeset")
        return pages, pdf


def _answer(typesetter: Typesetter, request: bytes) -> bytes:
    try:
        pages, pdf = typesetter.typeset(Document.model_validate_json(request))
    except DocumentError as refusal:
        return REFUSED + str(refusal).encode()
    return PDF + LENGTH.pack(pages) + pdf


def _explained(refusal: typst.TypstError, document: Document) -> DocumentError:
    # PDF/UA forbids the box that stands for a missing glyph, so Typst reports each one.
    missing = [_unescaped(found) for found in _MISSING_GLYPH.findall(refusal.diagnostic)]
    if not missing:
        return DocumentError(f"this document cannot be typeset: {refusal.message[:200]}")
    chars = list(dict.fromkeys("".join(missing)))[:5]
    names = ", ".join(f"{char!r} (U+{ord(char):04X})" for char in chars)
    return DocumentError(f"no font that ships with the project can show {names}{_where(chars[0], document)}")


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)


def _where(char: str, document: Document) -> str:
    texts = _texts([("the title", document.title), ("the footer", document.footer_label or "")], document)
    place, text, at = next(((place, text, text.find(char)) for place, text in texts if char in text), ("", "", 0))
    return f" in {place}, near {text[max(0, at - 20) : at + 20]!r}" if place else ""


def _texts(named: list[tuple[str, str]], document: Document) -> Iterable[tuple[str, str]]:
    yield from named
    for number, block in enumerate(document.blocks, start=1):
        yield f"block {number} ({block.kind.replace('_', ' ')})", block_text(block)
    yield from (("the facts", f"{name} {value}") for name, value in document.facts)


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


def _die_with(parent: int) -> None:
    """Ask Linux to kill this process when the worker dies; elsewhere the end of the input has to do."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        # The worker may have died before the request above.
        if os.getppid() != parent:
            raise SystemExit(1)


def _peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
