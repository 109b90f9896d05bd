"""A text that a model wrote: where it is stored, and its cost in tokens."""

import unicodedata

from durable_research.domain.documents.object_keys import Suffix, content_hash
from durable_research.domain.ledger.usage import TokenUsage
from durable_research.domain.values import Value

# Invisible characters in categories of visible ones: fillers of Hangul, the empty Braille pattern.
_FILLERS = frozenset("\u115f\u1160\u3164\uffa0\u2800")


class TextReference(Value):
    """A text in the object store; histories hold this and never the text (history limits, canaries)."""

    key: str
    sha256: str
    size_bytes: int

    @property
    def is_edited(self) -> bool:
        """Whether a person changed it, by the suffix of the object's key, which every reader has."""
        return self.key.endswith(Suffix.EDITED_TEXT)

    @property
    def is_cut(self) -> bool:
        """Whether the model reached its length limit, and a continuation added nothing; by the suffix of the key too."""
        return self.key.endswith(Suffix.CUT_TEXT)


class WrittenText(Value):
    """A text, by reference, and its token usage; one that is not whole was cut by the model and is continued."""

    text: TextReference
    model: str
    provider: str
    is_demo: bool
    usage: TokenUsage
    is_whole: bool = True

    @property
    def is_cut(self) -> bool:
        """Whether it ends at the model's length limit."""
        return self.text.is_cut


def text_bytes(text: str) -> bytes:
    """The bytes to store for a text: a lone surrogate from a model must not lose an answer."""
    return text.encode(errors="replace")


def text_hash(text: str) -> str:
    """The hash of the stored text."""
    return content_hash(text_bytes(text))


def has_visible_text(text: str) -> bool:
    """Whether there is anything to read: blanks, controls, joining and lone combining characters do not count."""
    return any(one not in _FILLERS and unicodedata.category(one)[0] not in "CZM" for one in text)
