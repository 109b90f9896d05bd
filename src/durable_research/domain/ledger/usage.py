"""What model calls used: tokens, and later money."""

import math

from durable_research.domain.values import Value

# The rule of thumb for English text; only used when the provider reports no usage.
_CHARACTERS_PER_TOKEN = 4


class TokenUsage(Value):
    """Tokens as the provider billed them, or our estimate where it did not tell."""

    input_tokens: int = 0
    output_tokens: int = 0
    is_estimate: bool = False

    @classmethod
    def estimate(cls, read: str, written: str) -> "TokenUsage":
        """About how many tokens these texts are."""
        read_tokens, written_tokens = (math.ceil(len(text) / _CHARACTERS_PER_TOKEN) for text in (read, written))
        return cls(input_tokens=read_tokens, output_tokens=written_tokens, is_estimate=True)

    @property
    def total_tokens(self) -> int:
        """Input and output together."""
        return self.input_tokens + self.output_tokens

    @property
    def words(self) -> str:
        """As a person reads it."""
        about = "about " if self.is_estimate else ""
        return f"{about}{self.input_tokens:,} in, {self.output_tokens:,} out"

    def __add__(self, other: "TokenUsage") -> "TokenUsage":
        return TokenUsage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            is_estimate=self.is_estimate or other.is_estimate,
        )
