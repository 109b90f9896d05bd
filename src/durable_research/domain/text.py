"""A text that a model wrote: where it lies and what it took."""

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
    """A text, by reference, and what it took; one that is not whole was cut by the model and is gone on with."""

    model_config = ConfigDict(frozen=True)

    text: TextReference
    model: str
    provider: str
    is_demo: bool
    usage: TokenUsage
    is_whole: bool = True
