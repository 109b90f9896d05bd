"""A text that a model wrote: where it lies and what it took."""

import unicodedata

from pydantic import BaseModel, ConfigDict

from durable_research.domain.usage import TokenUsage

EDITED_SUFFIX = ".edited.md"


class TextReference(BaseModel):
    """A text kept in the object store; histories hold this and never the text (history limits, canaries)."""

    model_config = ConfigDict(frozen=True)

    key: str
    sha256: str
    size_bytes: int

    @property
    def is_edited(self) -> bool:
        """Whether a person changed it; the object's name says so, wherever it is read from."""
        return self.key.endswith(EDITED_SUFFIX)


class WrittenText(BaseModel):
    """A text, by reference, and what it took; one that is not whole was cut by the model and is gone on with.

    `is_cut` marks a finished text that the model ended at its longest, as going on added nothing.
    """

    model_config = ConfigDict(frozen=True)

    text: TextReference
    model: str
    provider: str
    is_demo: bool
    usage: TokenUsage
    is_whole: bool = True
    is_cut: bool = False


# Letters and signs by their category that show nothing all the same: fillers of Hangul, the empty Braille pattern.
_FILLERS = frozenset("\u115f\u1160\u3164\uffa0\u2800")


def has_visible_text(text: str) -> bool:
    """Whether there is anything to read: blanks, controls, joining and lone combining characters are nothing."""
    return any(one not in _FILLERS and unicodedata.category(one)[0] not in "CZM" for one in text)
