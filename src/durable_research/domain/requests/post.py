"""The request for a blog post."""

from pydantic import Field

from durable_research.domain.requests.writing import WritingRequest


class PostRequest(WritingRequest):
    """What a person asks to have written, kept and told on Slack."""

    slack: bool | None = Field(
        default=None, description="whether Slack is told; by default it is where a channel is configured"
    )

    @property
    def named_channels(self) -> dict[str, str]:
        """Slack, when it is requested."""
        return {"/slack": "slack"} if self.slack else {}
