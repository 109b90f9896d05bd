"""One of the answers in a chat completion, as far as it has been received; a response is read as one."""

from dataclasses import dataclass, field

from durable_research.adapters.models.answers.end_reasons import Ending, ending_of
from durable_research.adapters.models.json.split_characters import GrowingText, join_split_characters

REAL_ENDS = frozenset({Ending.WHOLE, Ending.CUT})


@dataclass
class Choice:
    """The text received, in pieces or as a message, and the reason of its end."""

    content: GrowingText = field(default_factory=GrowingText)
    # A message that came whole; some servers repeat the text in one at the end of its stream.
    message: str = ""
    refusal: str = ""
    reason: str | None = None

    @property
    def text(self) -> str:
        """Return the longer of the two texts."""
        return max(join_split_characters(self.message), self.content.whole, key=len)

    @property
    def has_a_real_end(self) -> bool:
        """Whether the model finished, or reached its length limit."""
        return self.reason is not None and ending_of(self.reason) in REAL_ENDS
