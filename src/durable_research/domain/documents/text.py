"""A text that a model wrote: where it lies and what it took."""

import unicodedata

from durable_research.domain.documents.object_keys import Suffix, content_hash
from durable_research.domain.ledger.usage import TokenUsage
from durable_research.domain.values import Value

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
        return self.key.endswith(Suffix.EDITED_TEXT)

    @property
    def is_cut(self) -> bool:
        """Whether the model ended it at its longest, and going on added nothing; told by the name in the same way."""
        return self.key.endswith(Suffix.CUT_TEXT)


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


def text_bytes(text: str) -> bytes:
    """The bytes under which a text is stored: a lone surrogate of a model is no reason to lose an answer."""
    return text.encode(errors="replace")


def text_hash(text: str) -> str:
    """The hash of a text as it is stored."""
    return content_hash(text_bytes(text))


def has_visible_text(text: str) -> bool:
    """Whether there is anything to read: blanks, controls, joining and lone combining characters are nothing."""
    return any(one not in _FILLERS and unicodedata.category(one)[0] not in "CZM" for one in text)
