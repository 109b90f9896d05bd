"""A text that a model wrote: where it lies and what it took."""

import unicodedata
from pathlib import PurePosixPath

from durable_research.domain.ledger.usage import TokenUsage
from durable_research.domain.values import Value

EDITED_SUFFIX = ".edited.md"
CUT_SUFFIX = ".cut.md"
PAGE_SUFFIX = ".html"

# Letters and signs by their category that show nothing all the same: fillers of Hangul, the empty Braille pattern.
_FILLERS = frozenset("\u115f\u1160\u3164\uffa0\u2800")


class TextReference(Value):
    """A text kept in the object store; histories hold this and never the text (history limits, canaries)."""

    key: str
    sha256: str
    size_bytes: int

    @property
    def is_edited(self) -> bool:
        """Whether a person changed it; the object's name says so, wherever it is read from."""
        return self.key.endswith(EDITED_SUFFIX)

    @property
    def is_cut(self) -> bool:
        """Whether the model ended it at its longest, and going on added nothing; told by the name in the same way."""
        return self.key.endswith(CUT_SUFFIX)


class WrittenText(Value):
    """A text, by reference, and what it took; one that is not whole was cut by the model and is gone on with."""

    text: TextReference
    model: str
    provider: str
    is_demo: bool
    usage: TokenUsage
    is_whole: bool = True

    @property
    def is_cut(self) -> bool:
        """Whether it ends where the model's longest was."""
        return self.text.is_cut


def page_key(key: str) -> str:
    """Where the page of a text or PDF with this key lies: beside it, made once, so that no view reads the Markdown again."""
    return str(PurePosixPath(key).with_suffix(PAGE_SUFFIX))


def has_visible_text(text: str) -> bool:
    """Whether there is anything to read: blanks, controls, joining and lone combining characters are nothing."""
    return any(one not in _FILLERS and unicodedata.category(one)[0] not in "CZM" for one in text)
