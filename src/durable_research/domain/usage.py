"""What model calls used: tokens, and later money."""

from pydantic import BaseModel, ConfigDict


class TokenUsage(BaseModel):
    """Tokens as the provider billed them."""

    model_config = ConfigDict(frozen=True)

    input_tokens: int = 0
    output_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        """Input and output together."""
        return self.input_tokens + self.output_tokens
