"""A text that a model wrote: where it lies and what it took."""

from pydantic import BaseModel, ConfigDict

from durable_research.domain.usage import TokenUsage


class TextReference(BaseModel):
    """A text kept in the object store; histories hold this and never the text (history limits, canaries)."""

    model_config = ConfigDict(frozen=True)

    key: str
    sha256: str
    size_bytes: int


class WrittenText(BaseModel):
    """A text, by reference, and what it took; one that is not whole was cut by the model and is gone on with."""

    model_config = ConfigDict(frozen=True)

    text: TextReference
    model: str
    provider: str
    is_demo: bool
    usage: TokenUsage
    is_whole: bool = True
